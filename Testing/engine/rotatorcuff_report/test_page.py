"""The page of a classification: says what was found and how far to rely on it, escaped, and in need of nothing."""

import html.parser
import re
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest

from radiologycnn.html_page import RESEARCH_USE
from radiologycnn.models.package import SIMULATED_NOTE
from radiologycnn.rotatorcuff.caution import CAUTIONS, caution_code
from radiologycnn.rotatorcuff.report import write_result
from radiologycnn.rotatorcuff.report_page import Picture, html_report
from radiologycnn.rotatorcuff.results import csv_rows, place_text
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES


class Page(html.parser.HTMLParser):
    """What a browser makes of a page: balanced elements, the text, and where it would load something from."""

    VOID = ("meta", "img")

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.sources, self.styles, self.tags = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.styles if self.open and self.open[-1] == "style" else self.words).append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page_of(result, **changes):
    arguments = {"model_card": result.model_card, "provenance": result.provenance, "notes": result.notes, **changes}
    return html_report(arguments.pop("classification", result.classification), **arguments)


def test_the_page_says_what_was_found_how_and_that_it_is_research(result, volume, tmp_path):
    write_result(tmp_path, result, volume, made_at=datetime(2026, 3, 4, 5, 6, tzinfo=timezone.utc))
    text = (tmp_path / "report.html").read_text("utf-8")
    page = Page(text)
    assert result.classification.words in page.text
    for words in (RESEARCH_USE, SIMULATED_NOTE, "not a measurement of the tear", "2026-03-04 05:06",
                  "Hand-made classifier", "Tests.", result.model_card["weights_sha256"], "4 runs on shifted",
                  volume.name):  # fmt: skip
        assert words in page.text
    for tear_class in TEAR_CLASSES:
        assert tear_class.definition in page.text
        assert f"{100 * result.classification.probabilities[tear_class.index]:.1f} %" in page.text
    assert page.tags.count("img") == 3 and page.tags.count("svg") == 1
    # Nothing is loaded from elsewhere, and no script runs.
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "url(" not in "".join(page.styles) and "import" not in "".join(page.styles)
    without_pictures = re.sub(r"data:image/png;base64,[^\"]*", "", text)  # their letters may spell anything
    assert "script" not in page.tags and "http" not in without_pictures


@pytest.mark.parametrize(
    ("changes", "notes", "mirrors", "code"),
    [
        ({}, ["By its name this series shows a knee, not a shoulder."], True, "not-a-shoulder"),
        ({"plane": "sagittal"}, [], True, "not-coronal"),
        ({"plane": "axial", "weighting": "T1"}, [], True, "not-coronal"),
        ({"weighting": "T1"}, [], True, "t1-weighted"),
        ({"automatic": True, "confidence": 0.2}, [], True, "head-not-found"),
        ({"automatic": False, "confidence": 0.2}, [], True, ""),
        ({"side": "unknown"}, [], True, "side-unknown"),
        ({"side": "unknown"}, [], False, ""),
        ({"plane": "unknown", "weighting": "unknown"}, ["Another note."], True, ""),
    ],
)
def test_what_an_answer_is_not_to_be_relied_on_for(result, changes, notes, mirrors, code):
    sure = {"plane": "coronal", "weighting": "T2", "side": "left", "automatic": False, "confidence": 1.0, **changes}
    place = {name: sure.pop(name) for name in ("automatic", "confidence")}
    answer = replace(result.classification, roi=replace(result.classification.roi, **place), **sure)
    provenance = {"preprocessing": {"mirror_left": mirrors}}
    assert caution_code(answer, notes, provenance) == code
    found = replace(result, classification=answer, notes=tuple(notes), provenance=provenance)
    assert found.caution == CAUTIONS.get(code, "")
    page = page_of(found, caution=found.caution)
    assert page.count("do not rely on this answer") == bool(code)
    assert ["caution", found.caution, "", "", "", ""] in csv_rows(answer, found.caution)


def test_the_bars_are_as_long_as_the_probabilities(result):
    shares = (0.1, 0.2, 0.05, 0.25, 0.4)
    answer = replace(result.classification, probabilities=shares, predicted=4, repeats=None)
    text = page_of(result, classification=answer)
    widths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', text)]
    backgrounds, bars = widths[::2], widths[1::2]
    assert [bar / background for bar, background in zip(bars, backgrounds)] == pytest.approx(shares)
    assert "None 10.0 per cent" in text  # for those who cannot see the bars
    assert "whiskers" not in text and "Median" not in text


@pytest.mark.parametrize(
    ("share", "words"), [(0.0001, "&lt; 0.1 %"), (0.9999, "&gt; 99.9 %"), (0.0, "0.0 %"), (1.0, "100.0 %")]
)
def test_a_probability_is_never_rounded_to_certainty(result, share, words):
    answer = replace(result.classification, tear_probability=share, repeats=None)
    assert f"Tear of any size: <b>{words}</b>" in page_of(result, classification=answer)


def test_a_place_names_the_side_that_it_lies_on():
    assert place_text((-20.46, 3.0, -4.0)) == "L 20.5, A 3.0, I 4.0 mm"
    assert place_text((161.6, -7.2, 0.2), digits=0) == "R 162, P 7, S 0 mm"


def test_whatever_stands_in_names_and_notes_is_text_only(result):
    nasty = "<script>alert('x')</script>\"&'"
    card = {name: nasty for name in ("title", "id", "intended_use", "training_data", "licence")}
    text = page_of(
        result,
        model_card={**card, "performance": {nasty: nasty, "auc": 0.912345}},
        provenance={"radiologycnn": nasty, "device_name": nasty, "precision": nasty},
        notes=[nasty],
        pictures=[Picture(b"x", nasty, (nasty,) * 4)],
        scan_name=nasty,
    )
    page = Page(text)
    assert "script" not in page.tags
    assert page.text.count("alert('x')") >= 10
    assert "AUC 0.912" in page.text


def test_a_page_needs_next_to_nothing(result):
    bare = replace(result.classification, evidence=(), repeats=None)
    text = Page(html_report(bare, model_card={}, provenance={})).text
    assert bare.words in text and RESEARCH_USE in text and SIMULATED_NOTE not in text


def test_a_region_without_evidence_still_gives_a_page(result, volume):
    from radiologycnn.rotatorcuff.report import page

    blind = replace(result, maps=-np.abs(result.maps) - 1)
    evidence = tuple(
        replace(one, peak_ras_mm=None, extent_mm=(0.0, 0.0, 0.0), volume_ml=0.0)
        for one in result.classification.evidence
    )
    blind = replace(blind, classification=replace(result.classification, evidence=evidence))
    assert "no place speaks for it" in Page(page(blind, volume, 2)).text
