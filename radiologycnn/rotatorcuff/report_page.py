"""One page about a classification, to read or print: HTML that holds its pictures itself and needs nothing else.

Light on purpose (standard library only): the command line and the panel make the same page, each with its own pictures.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from radiologycnn.evaluation.words import performance_texts
from radiologycnn.html_page import RESEARCH_USE, html_page
from radiologycnn.models.package import SIMULATED_NOTE
from radiologycnn.rotatorcuff.probability_bars import probability_bars
from radiologycnn.rotatorcuff.results import CamEvidence, Classification, percent, place_text
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES

NOT_A_MEASUREMENT = (
    "Where the network looked, from its class activation map: the peak, and the connected region above half of it."
    " This is not a measurement of the tear."
)

_REPEAT_WORDS = {
    "mc_dropout": "runs with dropout drawn as in training",
    "tta": "runs on shifted, turned and brightened copies",
    "models": "models",
}


@dataclass(frozen=True)
class Picture:
    """One picture of the page.

    Attributes:
        png: content of a PNG file.
        caption: one line below it; also read to those who cannot see it.
        edges: letters of the patient's sides at the left, right, top and bottom edge; None where the picture has its
            own.
    """

    png: bytes
    caption: str
    edges: tuple[str, str, str, str] | None = None


def html_report(
    classification: Classification,
    *,
    model_card: Mapping[str, Any],
    provenance: Mapping[str, Any],
    notes: Sequence[str] = (),
    caution: str = "",
    pictures: Sequence[Picture] = (),
    scan_name: str = "",
    made_at: datetime | None = None,
) -> str:
    """The page as text, to be written as UTF-8.

    Args:
        classification: what the network said.
        model_card: of the model package (``ModelPackage.card()``): id, title, intended_use, training_data, licence,
            performance, simulated, weights_sha256; what is absent is left out.
        provenance: of the result: radiologycnn, device_name, precision and so on; what is absent is left out.
        notes: sentences for the reader.
        caution: why the answer is out of date or not to be relied on, for the box at the top; "" where it is neither.
        pictures: shown in a row; three fit well.
        scan_name: what to call the scan; never a patient's name.
        made_at: date and time on the page; now where None.
    """
    made_at = made_at or datetime.now().astimezone()
    mirrored = "mirrored for the network; all places are the patient's own"
    side = {"left": "left", "right": "right"}.get(classification.side, "unknown")
    warnings = [caution, SIMULATED_NOTE if model_card.get("simulated") else ""]
    heading = f"Rotator cuff tear: {classification.words}"
    facts = [
        ("Scan", scan_name),
        ("Side", f"{side} ({mirrored})" if classification.mirrored else side),
        ("Series", f"{classification.plane} plane, {_weighting(classification)}"),
        ("Region", _region_words(classification)),
        ("Made", made_at.strftime("%Y-%m-%d %H:%M %Z").strip()),
    ]
    parts = [
        f"<header><h1>Rotator cuff tear classification</h1><p class='research'>{escape(RESEARCH_USE)}</p></header>",
        *(f'<p class="warning">{escape(one)}</p>' for one in warnings if one),
        "<section class='answer'>",
        f"<div><p class='verdict'>{escape(classification.words)}</p>",
        f"<p class='tear'>Tear of any size: <b>{_percent(classification.tear_probability)}</b></p>",
        f"{_facts(facts)}</div>",
        f"<div>{probability_bars(classification)}{_repeats_line(classification)}</div>",
        "</section>",
        _notes(notes),
        _pictures(pictures),
        _classes_table(classification),
        _evidence_table(classification),
        _card(model_card, provenance),
        f"<footer>{escape(RESEARCH_USE)}</footer>",
    ]
    return html_page(heading, _STYLE, "\n".join(part for part in parts if part))


def _percent(share: float) -> str:
    return f"{escape(percent(share))} %"


def _weighting(classification: Classification) -> str:
    return "weighting unknown" if classification.weighting == "unknown" else f"{classification.weighting}-weighted"


def _region_words(classification: Classification) -> str:
    roi = classification.roi
    left, posterior, superior = roi.centre_lps_mm
    how = f"found automatically, confidence {roi.confidence:.2f}" if roi.automatic else "placed by a person"
    return f"cube of {roi.edge_mm:.0f} mm around {place_text((-left, -posterior, superior))}; {how}"


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in facts if value)
    return f"<dl>{rows}</dl>"


def _repeats_line(classification: Classification) -> str:
    repeats = classification.repeats
    if repeats is None:
        return ""
    low, median, high = repeats.tear_quartiles
    words = _REPEAT_WORDS.get(repeats.method, repeats.method)
    most = max(range(len(repeats.predicted_counts)), key=repeats.predicted_counts.__getitem__)
    return (
        f"<p class='small'>Dots and whiskers: median and quartiles of {repeats.count} {escape(words)}."
        f" Tear of any size: {_percent(median)} ({_percent(low)} to {_percent(high)});"
        f" {escape(TEAR_CLASSES[most].name)} in {repeats.predicted_counts[most]} of {repeats.count}.</p>"
    )


def _notes(notes: Sequence[str]) -> str:
    shown = [note for note in notes if note != SIMULATED_NOTE]
    if not shown:
        return ""
    return "<section class='notes'><ul>" + "".join(f"<li>{escape(note)}</li>" for note in shown) + "</ul></section>"


def _pictures(pictures: Sequence[Picture]) -> str:
    if not pictures:
        return ""
    figures = "".join(
        f'<figure><div class="frame"><img alt="{escape(picture.caption, quote=True)}"'
        f' src="data:image/png;base64,{base64.b64encode(picture.png).decode("ascii")}">{_edges(picture)}</div>'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
        for picture in pictures
    )
    return f"<section class='pictures'>{figures}</section>"


def _edges(picture: Picture) -> str:
    places = ("left", "right", "top", "bottom")
    return "".join(
        f'<span class="{place}">{escape(letter)}</span>' for place, letter in zip(places, picture.edges or ())
    )


def _table(caption: str, heading: Sequence[str], rows: Sequence[Sequence[str]], chosen: int | None = None) -> str:
    """A table of cells that are HTML already; all columns but the first hold numbers."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in heading)
    body = "".join(
        f"<tr{' class=chosen' if number == chosen else ''}>"
        + f'<th scope="row">{row[0]}</th>'
        + "".join(f"<td>{cell}</td>" for cell in row[1:])
        + "</tr>"
        for number, row in enumerate(rows)
    )
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _classes_table(classification: Classification) -> str:
    repeats = classification.repeats
    heading = ["Class", "Definition", "Probability"]
    if repeats:
        heading += ["Median (quartiles)", f"Most probable, of {repeats.count}"]
    rows = []
    for tear_class, probability in zip(TEAR_CLASSES, classification.probabilities, strict=True):
        row = [escape(tear_class.name), escape(tear_class.definition), _percent(probability)]
        if repeats:
            low, median, high = repeats.class_quartiles[tear_class.index]
            row.append(f"{_percent(median)} ({_percent(low)} to {_percent(high)})")
            row.append(str(repeats.predicted_counts[tear_class.index]))
        rows.append(row)
    return _table("Classes", heading, rows, classification.predicted)


def _evidence_table(classification: Classification) -> str:
    # On the last features of the usual head both methods give one map, so that one row a target says all.
    methods = [one.method for one in classification.evidence]
    method = "cam" if "cam" in methods else next(iter(methods), "")
    shown = [one for one in classification.evidence if one.method == method]
    if not shown:
        return ""
    heading = ["Evidence for", "Score", "Peak", "Extent R–L × A–P × S–I", "Volume"]
    chosen = next((number for number, one in enumerate(shown) if one.target == classification.predicted), None)
    return _table(escape(NOT_A_MEASUREMENT), heading, [_evidence_row(one) for one in shown], chosen)


def _evidence_row(one: CamEvidence) -> list[str]:
    if one.peak_ras_mm is None:
        return [escape(one.target_name), f"{one.score:.2f}", "no place speaks for it", "-", "-"]
    extent = " × ".join(f"{size:.0f}" for size in one.extent_mm)
    place = escape(place_text(one.peak_ras_mm))
    return [escape(one.target_name), f"{one.score:.2f}", place, f"{extent} mm", f"{one.volume_ml:.1f} mL"]


def _card(card: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    performance = card.get("performance") or {}
    # there is room for one set of scans: that by which nothing was chosen
    tested = {"test": performance["test"]} if performance.get("test") else performance
    rows = [
        ("Model", " · ".join(str(card[name]) for name in ("title", "id") if card.get(name))),
        ("Intended use", card.get("intended_use")),
        ("Training data", card.get("training_data")),
        *((f"Performance, {scans}" if scans else "Performance", text) for scans, text in performance_texts(tested)),
        ("Licence", card.get("licence")),
        ("Weights (SHA-256)", card.get("weights_sha256")),
        ("Computed on", _computed_on(provenance)),
    ]
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>' for name, value in rows if value
    )
    return f"<table class='card'><caption>Model card</caption><tbody>{cells}</tbody></table>" if cells else ""


def _computed_on(provenance: Mapping[str, Any]) -> str:
    parts = [
        f"RadiologyCNN {provenance['radiologycnn']}" if provenance.get("radiologycnn") else "",
        str(provenance.get("device_name") or ""),
        f"{provenance['precision']} precision" if provenance.get("precision") else "",
    ]
    return ", ".join(part for part in parts if part)


# Sizes in mm and pt, so that the screen shows what A4 paper gets.
_STYLE = """
@page { size: A4; margin: 9mm 11mm; }
* { box-sizing: border-box; }
body { font: 9.5pt/1.35 "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif; color: #1a1a1a;
  max-width: 188mm; margin: 6mm auto; background: #fff;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
header { display: flex; justify-content: space-between; align-items: baseline; border-bottom: 1.5pt solid #1a1a1a; }
h1 { font-size: 13pt; margin: 0 0 1mm; }
.research { margin: 0; font-weight: bold; }
.warning { background: #fff3cd; border: 1pt solid #b58105; padding: 1.5mm 3mm; margin: 3mm 0 0; font-weight: bold; }
.answer { display: flex; gap: 6mm; justify-content: space-between; margin: 3mm 0; }
.answer > div:first-child { flex: 1; }
.answer > div:last-child { max-width: 100mm; }
svg { display: block; max-width: 100%; height: auto; }
.verdict { font-size: 19pt; line-height: 1.15; margin: 0 0 1mm; font-weight: bold; }
.tear { font-size: 12pt; margin: 0 0 2mm; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 3mm; margin: 0; font-size: 8.5pt; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
.small { font-size: 8pt; color: #333; margin: 1mm 0 0; }
.notes ul { margin: 0 0 3mm; padding: 1.5mm 3mm 1.5mm 7mm; background: #f4f5f7; font-size: 8.5pt; }
.pictures { display: flex; gap: 3mm; align-items: flex-start; break-inside: avoid; }
figure { margin: 0; flex: 1 1 0; min-width: 0; }
img { width: 100%; max-height: 62mm; object-fit: contain; background: #000; display: block; }
.frame { position: relative; }
.frame span { position: absolute; color: #fff; font-size: 9pt; font-weight: bold;
  text-shadow: 0 0 2px #000, 0 0 2px #000; }
.frame .left { left: 1.5mm; top: 47%; } .frame .right { right: 9%; top: 47%; }
.frame .top { left: 46%; top: 0.5mm; } .frame .bottom { left: 46%; bottom: 0.5mm; }
figcaption { font-size: 8pt; color: #333; }
table { border-collapse: collapse; width: 100%; margin-top: 3mm; font-size: 8.5pt; break-inside: avoid; }
caption { text-align: left; font-weight: bold; padding-bottom: 0.7mm; }
th, td { text-align: left; padding: 0.4mm 2mm; border-bottom: 0.5pt solid #ccc; vertical-align: top; }
thead th { border-bottom: 1pt solid #555; } tbody th { font-weight: normal; white-space: nowrap; }
tr.chosen th, tr.chosen td { font-weight: bold; }
.card td { overflow-wrap: anywhere; } .card th { color: #555; }
footer { margin-top: 3mm; border-top: 0.5pt solid #999; padding-top: 1mm; font-size: 8pt; color: #333; }
@media print { body { margin: 0; max-width: none; zoom: 0.84; } }
"""
