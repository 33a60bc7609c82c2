"""Records, tables and the page of a classification: complete, escaped, self-contained, and in the right place."""

import csv
import html.parser
import json
import re
import tempfile
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from engine.hand_made_shoulder import block_scan, make_package, plain_scan, random_package

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.html_page import RESEARCH_USE
from radiologycnn.images.png import png_bytes
from radiologycnn.models.package import SIMULATED_NOTE
from radiologycnn.rotatorcuff.caution import CAUTIONS, caution_code
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.pictures import colors, slice_pictures
from radiologycnn.rotatorcuff.report import resolve_target, write_result
from radiologycnn.rotatorcuff.report_page import Picture, html_report
from radiologycnn.rotatorcuff.results import Classification, csv_rows, evidence_rows, place_text
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES


@pytest.fixture(scope="module")
def volume():
    return plain_scan()


@pytest.fixture(scope="module")
def result(volume, tmp_path_factory):
    package = random_package(tmp_path_factory.mktemp("model") / "random")
    return RotatorCuffClassifier(package, "cpu").classify(volume, repeats={"method": "tta", "count": 4})


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


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("seed", range(2))
def test_maps_read_back_by_another_program_peak_on_the_block(tmp_path, side, seed):
    volume, block, middle = block_scan(np.random.default_rng(40 + seed), side)
    classifier = RotatorCuffClassifier(make_package(tmp_path / "model"), "cpu")
    found = classifier.classify(volume, roi={"centre_lps_mm": middle.tolist()})
    write_result(tmp_path / "out", found, volume)
    for name in ("cam.nii.gz", "cam_raw.nii.gz", "cam_on_scan.nii.gz"):
        image = sitk.ReadImage(str(tmp_path / "out" / name))
        array = sitk.GetArrayFromImage(image)
        k, j, i = (int(x) for x in np.unravel_index(array.argmax(), array.shape))
        peak = np.array(image.TransformIndexToPhysicalPoint((i, j, k)))
        # Within one voxel of the map (80 mm / 16), along each of its axes.
        axes = np.array(found.classification.roi.directions_lps)
        assert np.abs(axes.T @ (peak - block)).max() <= 5.0, name
    on_scan = sitk.ReadImage(str(tmp_path / "out" / "cam_on_scan.nii.gz"))
    assert on_scan.GetSize() == volume.array.shape[::-1]
    assert np.allclose(on_scan.GetSpacing(), volume.spacing_mm, atol=1e-4)
    values = sitk.GetArrayFromImage(on_scan)
    assert 0.5 < values.max() <= 1 and values.min() >= 0
    # Outside the cube nothing is claimed.
    assert values[0, 0, 0] == values[-1, -1, -1] == 0


def test_all_files_are_written_and_the_record_gives_the_classification_back(result, volume, tmp_path):
    files = write_result(tmp_path, result, volume)
    names = {path.name for path in files}
    assert names == {path.name for path in tmp_path.iterdir()}
    record = json.loads((tmp_path / "classification.json").read_text("utf-8"))
    assert set(record["files"]) == names - {"classification.json"}
    assert Classification.from_dict(record["classification"]) == result.classification
    assert record["classification"] == json.loads(json.dumps(asdict(result.classification)))
    assert record["classification"] == result.classification.to_dict(), "lists, as JSON gives them back"
    assert record["answer"] == result.classification.words
    assert record["provenance"]["repeats"]["count"] == 4
    assert record["model_card"]["id"] == "random-1.0.0"
    for name, rows in (("classification.csv", csv_rows), ("evidence.csv", evidence_rows)):
        with (tmp_path / name).open(newline="", encoding="utf-8") as file:
            assert list(csv.reader(file)) == rows(result.classification)


def test_tables_hold_every_number_with_all_its_digits(result):
    answer = result.classification
    rows = csv_rows(answer)
    assert len({len(row) for row in rows}) == 1
    by_name = {row[0]: row[1:] for row in rows[1:]}
    for tear_class in TEAR_CLASSES:
        cells = by_name[f"probability_{tear_class.key}"]
        assert float(cells[0]) == answer.probabilities[tear_class.index]
        assert tuple(map(float, cells[2:])) == answer.repeats.class_quartiles[tear_class.index]
    assert float(by_name["probability_tear"][0]) == answer.tear_probability
    right, anterior, superior = (float(by_name[f"roi_centre_{axis}"][0]) for axis in "ras")
    assert (-right, -anterior, superior) == answer.roi.centre_lps_mm
    heading, *lines = evidence_rows(answer)
    assert len(lines) == 12
    for line, one in zip(lines, answer.evidence):
        cells = dict(zip(heading, line))
        assert (cells["target"], cells["method"]) == (one.target_name, one.method)
        if one.peak_ras_mm:
            assert tuple(float(cells[f"peak_{axis}_mm"]) for axis in "ras") == one.peak_ras_mm
        assert float(cells["extent_ap_mm"]) == one.extent_mm[1]


@pytest.mark.parametrize(
    ("word", "target"),
    [("none", 0), ("Small", 2), ("Large-to-Massive", 4), ("large_to_massive", 4), ("3", 3),
     ("tear_versus_none", "tear_versus_none"), ("tear-versus-none", "tear_versus_none")],
)  # fmt: skip
def test_targets_by_word(word, target):
    assert resolve_target(word, 1) == target


def test_predicted_is_the_class_and_without_a_tear_the_evidence_for_one():
    assert (resolve_target("predicted", 2), resolve_target("predicted", 0)) == (2, "tear_versus_none")
    with pytest.raises(InputError, match="no target 'huge'"):
        resolve_target("huge", 1)


def test_an_unknown_target_or_a_folder_that_cannot_be_made_writes_nothing(result, volume, tmp_path):
    with pytest.raises(InputError):
        write_result(tmp_path / "a", result, volume, target="huge")
    with pytest.raises(InputError, match="no map by 'saliency'"):
        write_result(tmp_path / "a", result, volume, method="saliency")
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResourceError, match="cannot be made"):
        write_result(tmp_path / "file" / "b", result, volume)


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


def test_pictures_show_the_peak_in_the_middle_and_the_anatomy_around_it(volume):
    grid = np.eye(4)
    centre = (volume.ijk_to_ras @ [*((np.array(volume.array.shape[::-1]) - 1) / 2), 1])[:3]
    grid[:3, :3] *= 5
    grid[:3, 3] = centre * [-1, -1, 1] - 5 * 7
    one = np.zeros((15, 15, 15), np.float32)
    one[7, 7, 7] = 1
    pictures = slice_pictures(volume, one, grid, tuple(centre), "Medium")
    assert [picture.edges for picture in pictures] == [tuple("RLSI"), tuple("APSI"), tuple("RLAP")]
    for picture in pictures:
        assert "Medium" in picture.caption
        pixels = decoded(picture.png)
        colorful = np.ptp(pixels[:, :300].astype(int), axis=2) > 40
        rows, columns = np.nonzero(colorful)
        assert abs(rows.mean() - 149.5) < 3 and abs(columns.mean() - 149.5) < 3
        grey = pixels[150, 60:110].mean(), pixels[150, 110:130].mean()
        assert grey[0] < grey[1]  # the ball is brighter than what lies around it


def test_png_is_read_by_another_program_as_it_was_written():
    generator = np.random.default_rng(3)
    for shape in ((5, 7), (4, 6, 3)):
        picture = generator.integers(0, 256, size=shape).astype(np.uint8)
        assert np.array_equal(decoded(png_bytes(picture)), picture)
    with pytest.raises(ValueError, match="uint8"):
        png_bytes(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="uint8"):
        png_bytes(np.zeros((4, 4, 4), np.uint8))


def test_the_colours_become_lighter_all_the_way():
    lightness = colors(np.linspace(0, 1, 100)) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()
    classes = np.array([tear_class.color_rgb for tear_class in TEAR_CLASSES[1:]]) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(classes) < -0.1).all()


def decoded(png):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        path.write_bytes(png)
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
