"""``radiologycnn segment`` of one scan: files, exit codes, sentences."""

import csv
import json

import nibabel
import numpy as np
import pytest
from engine.hand_made import head_phantom

from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.hemorrhage.results import csv_rows
from radiologycnn.images import list_series, read_volume, write_image
from radiologycnn.images.checks import SIZE_LOST


def test_segment_writes_mask_probability_table_and_report(process, workplace):
    finished = process("segment", "head.nii.gz", "-o", "out", "--model", "hand-made", "--device", "cpu")
    assert finished.returncode == 0, finished.stderr
    out = workplace / "out"
    files = {"mask.nii.gz", "mask.seg.nrrd", "probability.nii.gz", "lesions.csv", "report.json"}
    assert {path.name for path in out.iterdir()} == files
    assert "Running the network" in finished.stderr
    assert "Not for patients" in finished.stdout

    scan, mask = nibabel.load(workplace / "head.nii.gz"), nibabel.load(out / "mask.nii.gz")
    assert np.allclose(scan.affine, mask.affine)
    report = json.loads((out / "report.json").read_text("utf-8"))
    voxel_ml = abs(np.linalg.det(mask.affine[:3, :3])) / 1000
    counted_ml = np.count_nonzero(mask.get_fdata()) * voxel_ml
    assert report["measurements"]["total_volume_ml"] == pytest.approx(counted_ml, rel=1e-6)
    probability = nibabel.load(out / "probability.nii.gz").get_fdata(dtype=np.float32)
    assert np.array_equal(probability >= report["threshold"], mask.get_fdata() > 0)
    assert set(report["files"]) == files - {"report.json"}
    assert report["provenance"]["model"] == "hand-made-1.0.0"

    # The same digits as from the engine itself, which the panel's worker calls.
    volume = read_volume(workplace / "head.nii.gz")
    from radiologycnn.models.package import load_package

    direct = HemorrhageSegmenter(load_package(workplace / "hand-made"), "cpu").segment(volume)
    assert report["measurements"] == json.loads(json.dumps(direct.measurements.to_dict()))
    with (out / "lesions.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == csv_rows(direct.measurements)


def test_threshold_and_quiet(command, workplace):
    finished = command("segment", "head.nii.gz", "-o", "strict", "-m", "hand-made", "-t", "0.9", "--quiet")
    assert finished.stdout == finished.stderr == ""
    report = json.loads((workplace / "strict" / "report.json").read_text("utf-8"))
    assert report["threshold"] == report["provenance"]["threshold"] == 0.9


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("head.nii.gz", "-o", "x", "-m", "nonsense"), "no model nonsense"),
        (("head.nii.gz", "-o", "x", "-m", "hand-made", "-d", "cuda:77"), "no device cuda:77"),
        (("head.nii.gz", "-o", "x", "-m", "hand-made", "-t", "7"), "threshold"),
        (("head.nii.gz", "-o", "head.nii.gz/x", "-m", "hand-made"), "A folder is needed"),
        (("hand-made/model.json", "-o", "x", "-m", "hand-made"), ""),
    ],
)
def test_a_refusal_is_a_sentence_and_exit_code_1(command, workplace, arguments, sentence):
    finished = command("segment", *arguments, expect=1)
    assert "Error: " in finished.stderr
    assert sentence in finished.stderr
    assert not (workplace / "x").exists()


def test_wrong_usage_is_exit_code_2_and_a_refusal_1_without_a_traceback(process):
    assert process("segment", "head.nii.gz").returncode == 2
    refused = process("segment", "absent.nii.gz", "-o", "x", "-m", "hand-made")
    assert refused.returncode == 1
    assert refused.stderr.startswith("[") and "Error: " in refused.stderr and "Traceback" not in refused.stderr


def test_the_real_tilted_uneven_series_is_segmented_on_its_true_grid(command, workplace, shared_data):
    finished = command("segment", shared_data / "head-ct-ge-tilt-uneven", "-o", "real", "-m", "hand-made")
    assert "18.5" in finished.stdout and "unevenly spaced" in finished.stdout
    report = json.loads((workplace / "real" / "report.json").read_text("utf-8"))
    assert report["grid"]["spacing_mm"][0] == pytest.approx(0.488, abs=0.001)
    assert report["grid"]["voxel_volume_mm3"] == pytest.approx(np.prod(report["grid"]["spacing_mm"]), rel=1e-6)
    with np.load(workplace / "real" / "source_slices.npz") as on_slices:
        assert on_slices["mask"].shape == on_slices["probability"].shape == (28, 512, 512)
        assert on_slices["ijk_to_lps"].shape == (28, 4, 4)
        assert on_slices["mask"].any()


def test_a_real_abdomen_is_refused(command, shared_data):
    abdomen = shared_data / "not-a-head-volume" / "ct-abdomen.nii.gz"
    assert "No skull" in command("segment", abdomen, "-o", "x", "-m", "hand-made", expect=1).stderr


def test_a_chosen_series_that_a_file_has_not_is_said(command, workplace, shared_data):
    options = ("-m", "hand-made", "-d", "cpu", "--series")
    said = command("segment", "head.nii.gz", "-o", "a", *options, "3").stdout
    assert "Note: The chosen series was left aside" in said
    report = json.loads((workplace / "a" / "report.json").read_text("utf-8"))
    assert any("only DICOM has series" in note for note in report["notes"])
    tilted = shared_data / "head-ct-ge-tilt-uneven"
    said = command("segment", tilted, "-o", "b", *options, list_series(tilted)[0].uid)
    assert "left aside" not in said.stdout


def test_a_lost_voxel_size_is_said_where_the_scan_is_refused_for_it(command, workplace):
    volume, _ = head_phantom((26, 96, 96), np.diag([2.3, 2.6, 7.0]))
    write_image(workplace / "lost.nii.gz", volume.array, np.eye(4))
    finished = command("segment", "lost.nii.gz", "-o", "lost", "-m", "hand-made", expect=1)
    assert "Error: " in finished.stderr and SIZE_LOST in finished.stderr
