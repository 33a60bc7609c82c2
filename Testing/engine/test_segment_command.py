"""``radiologycnn segment`` and ``radiologycnn models``: files, exit codes, sentences."""

import csv
import json
import os
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from engine.hand_made import head_phantom, make_package

from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.hemorrhage.results import csv_rows
from radiologycnn.images import read_volume, write_image


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a scan and a model; its commands see no other models."""
    folder = tmp_path_factory.mktemp("workplace")
    volume, _ = head_phantom()
    write_image(folder / "head.nii.gz", volume.array, volume.ijk_to_lps)
    make_package(folder / "hand-made")
    return folder


@pytest.fixture(scope="module")
def command(workplace, repository):
    def run(*arguments, expect=0):
        environment = {
            **os.environ,
            "PYTHONPATH": str(repository),
            "RADIOLOGYCNN_MODELS": str(workplace / "models"),
            "COLUMNS": "200",
        }
        finished = subprocess.run(
            [sys.executable, "-m", "radiologycnn.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment,
            cwd=workplace,
        )
        assert finished.returncode == expect, finished.stderr
        assert "Traceback" not in finished.stderr
        return finished

    return run


def test_segment_writes_mask_probability_table_and_report(command, workplace):
    finished = command("segment", "head.nii.gz", "-o", "out", "--model", "hand-made", "--device", "cpu")
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
        (("absent.nii.gz", "-o", "x", "-m", "hand-made"), "absent.nii.gz"),
        (("head.nii.gz", "-o", "x", "-m", "nonsense"), "no model nonsense"),
        (("head.nii.gz", "-o", "x", "-m", "hand-made", "-d", "cuda:77"), "no device cuda:77"),
        (("head.nii.gz", "-o", "x", "-m", "hand-made", "-t", "7"), "threshold"),
        (("head.nii.gz", "-o", "head.nii.gz/x", "-m", "hand-made"), "cannot be made"),
        (("hand-made/model.json", "-o", "x", "-m", "hand-made"), ""),
    ],
)
def test_a_refusal_is_a_sentence_and_exit_code_1(command, workplace, arguments, sentence):
    finished = command("segment", *arguments, expect=1)
    assert "Error: " in finished.stderr
    assert sentence in finished.stderr
    assert not (workplace / "x").exists()


def test_wrong_usage_is_exit_code_2(command):
    command("segment", "head.nii.gz", expect=2)


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


def test_models_are_installed_listed_shown_and_removed(command):
    assert "Installed hand-made-1.0.0" in command("models", "install", "hand-made").stdout
    assert "trained on simulated scans" in command("models", "list").stdout
    listed = json.loads(command("models", "list", "--json").stdout)
    assert [model["id"] for model in listed if model["name"] == "hand-made"] == ["hand-made-1.0.0"]
    assert "Not for patients" in command("models", "show", "hand-made").stdout
    assert "Removed" in command("models", "remove", "hand-made-1.0.0").stdout
    assert "No model" in command("models", "remove", "hand-made-1.0.0", expect=1).stderr
