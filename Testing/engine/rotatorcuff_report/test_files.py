"""Records, tables and maps of a classification: complete, with all their digits, and in the right place."""

import csv
import json
from dataclasses import asdict

import numpy as np
import pytest
import SimpleITK as sitk
from engine.hand_made_shoulder import block_scan, make_package

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.report import resolve_target, write_result
from radiologycnn.rotatorcuff.results import Classification, csv_rows, evidence_rows
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES


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
    with pytest.raises(ResourceError, match="A folder is needed"):
        write_result(tmp_path / "file" / "b", result, volume)
    (tmp_path / "link").symlink_to(tmp_path / "unplugged")
    with pytest.raises(ResourceError, match=r"A folder is needed .* is a link that leads nowhere"):
        write_result(tmp_path / "link" / "c", result, volume)
