"""What the panel says of a series, a region and a result, in words."""

import html

from slicer.i18n import tr as _

from radiologycnn.rotatorcuff.results import percent, place_text
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES, TEAR_VERSUS_NONE
from RadiologyCNNLib.PanelTexts import linesHtml
from RotatorCuffCNNLib.CuffTable import METHOD_NAMES

#: From this confidence on, a found humeral head is not asked to be looked at. Of 120 searches (40 simulated shoulders,
#: each also under two hot spots of a coil) 105 reached it, one of them off by over 5 mm (7.8); of 10 that were found
#: below it, 2 were off by 8 mm.
SURE_CONFIDENCE = 0.8


def sideText(side: str) -> str:
    """ "left", "right" or "unknown" in the person's language."""
    return {"left": _("left"), "right": _("right")}.get(side, _("not known"))


def seriesText(series: dict) -> str:
    """What kind of series it is, in a few words; "" where nothing is known. Its side stands in the list of sides."""
    planes = {"coronal": _("Coronal"), "sagittal": _("Sagittal"), "axial": _("Axial")}
    parts = [planes.get(series.get("plane"), "")]
    if series.get("weighting") in ("T1", "T2", "PD"):
        parts.append(_("{weighting}-weighted").format(weighting=series["weighting"]))
    if series.get("fat_saturated"):
        parts.append(_("fat-saturated"))
    return html.escape(", ".join(part for part in parts if part))


def confidenceText(location: dict | None) -> tuple[str, str]:
    """How the box came to its place, and what to do about it ("" for nothing).

    Args:
        location: what the search has said; None for a box that the person has placed.
    """
    if location is None:
        return _("Placed by hand"), ""
    if not location.get("found", True):
        return _("Not found"), _("Drag the box onto the humeral head.")
    if location.get("confidence", 1.0) < SURE_CONFIDENCE:
        return _("Found"), _("Please check that the box lies around the humeral head.")
    return _("Found"), ""


def centreText(request: dict) -> str:
    """Where the box is: its centre as Slicer shows places, and its size."""
    left, posterior, superior = request["centre_lps_mm"]
    place = place_text((-left, -posterior, superior), digits=0)
    return _("{place}; edge {edge} mm.").format(place=place, edge=f"{request['edge_mm']:.0f}")


def classText(classification) -> str:
    """The predicted class in words; a line that is too short breaks before the size, not within it."""
    words, bracket, size = classification.words.partition(" (")
    return f"{words}{bracket}{size.replace(' ', chr(160))}"


def tearText(classification) -> str:
    """The probability of a tear of any size, as rich text."""
    text = _("Tear of any size: {percent} %").format(percent=percent(classification.tear_probability))
    repeats = classification.repeats
    if repeats is not None:
        low, _median, high = repeats.tear_quartiles
        text += " " + _("({low}–{high})").format(low=percent(low), high=percent(high))
    threshold = _("model's threshold {threshold} %").format(threshold=f"{100 * classification.tear_threshold:.3g}")
    return f"<b>{html.escape(text)}</b>; {html.escape(threshold)}"


def repeatsText(classification) -> str:
    """What the numbers in brackets are; "" without repeats."""
    repeats = classification.repeats
    if repeats is None:
        return ""
    names = {
        "mc_dropout": _("Monte Carlo dropout"),
        "tta": _("test-time augmentation"),
        "models": _("several models"),
    }
    most = repeats.predicted_counts[classification.predicted]
    return _(
        "In brackets: quartiles of {count} runs with {method}. {most} of them found “{name}” most probable."
    ).format(
        count=repeats.count,
        method=names.get(repeats.method, repeats.method),
        most=most,
        name=TEAR_CLASSES[classification.predicted].name,
    )


def notesText(result, saidAlready=()) -> str:
    """What the person has to know about the shown result, as rich text; "" where there is nothing."""
    record, classification = result.record, result.classification
    notes = [str(note) for note in record.get("notes") or [] if note not in saidAlready]
    if classification.mirrored:
        notes.append(_("A left shoulder: mirrored for the network, and its map mirrored back."))
    if not result.canSwitch:
        notes.append(_("The raw maps are no longer in the scene, so that only the shown map is left."))
    if record.get("device_name"):
        model = record.get("model") or _("unknown")
        notes.append(_("Model {model} on {device}.").format(model=model, device=record["device_name"]))
    return linesHtml(notes)


def targetChoices(result) -> list:
    """(value, text) of what the map may explain; the first is the predicted class."""
    predicted = _("Predicted class")
    if result is not None:
        predicted = _("Predicted ({name})").format(name=TEAR_CLASSES[result.classification.predicted].name)
    choices = [("predicted", predicted)]
    choices += [(str(tearClass.index), tearClass.name) for tearClass in TEAR_CLASSES]
    return [*choices, (TEAR_VERSUS_NONE, _("Tear versus none"))]


def methodChoices(result) -> list:
    """(value, text) of how a map may be made; of a result, how its maps were."""
    return [(value, text) for value, text in METHOD_NAMES.items() if result is None or value in result.methods]


def evidenceText(evidence, peakRas) -> str:
    """Where the network looked for one target, as rich text.

    Args:
        evidence: CamEvidence, or None.
        peakRas: place of the peak now, (R, A, S) in mm, or None.
    """
    if evidence is None:
        return ""
    if evidence.peak_ras_mm is None or peakRas is None:
        return html.escape(_("No place in the box speaks for this."))
    place = _("Peak at {place}; above {share} % of it: {extent} mm.").format(
        place=place_text(peakRas, digits=0),
        share=f"{100 * evidence.threshold:.0f}",
        extent=" × ".join(f"{size:.0f}" for size in evidence.extent_mm),
    )
    return f"{html.escape(place)}<br><b>{html.escape(_('This is not a measurement of the tear.'))}</b>"
