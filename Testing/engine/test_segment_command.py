"""``radiologycnn segment`` and ``radiologycnn models``: files, exit codes, sentences."""

import csv
import errno
import json
import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
from engine.hand_made import head_phantom, make_package
from engine.improvable import untrained_model_of_types
from engine.model_files import change_description

from radiologycnn.cli import app, main
from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.hemorrhage.results import csv_rows
from radiologycnn.images import list_series, read_volume, write_image
from radiologycnn.images.checks import SIZE_LOST
from radiologycnn.scan_command import scan_names


def write_head(path: Path) -> None:
    """A head with a ball of blood, of few voxels: what is tested here is what becomes of an answer."""
    volume, _ = head_phantom((64, 80, 80), np.diag([2.8, 3.2, 2.8]))
    write_image(path, volume.array, volume.ijk_to_lps)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a scan and a model; its commands see no other models."""
    folder = tmp_path_factory.mktemp("workplace")
    write_head(folder / "head.nii.gz")
    make_package(folder / "hand-made", preprocessing=Preprocessing(grid_shape_ijk=(64, 64, 32)).to_dict())
    return folder


@pytest.fixture
def command(workplace, monkeypatch, capfd):
    """Runs the command as the terminal does, in this process: it need not import everything each time."""

    def run(*arguments, expect=0):
        monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(workplace / "models"))
        monkeypatch.chdir(workplace)
        monkeypatch.setattr(sys, "argv", ["radiologycnn", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        stdout, stderr = capfd.readouterr()
        assert code == expect, stderr
        return SimpleNamespace(stdout=stdout, stderr=stderr)

    return run


@pytest.fixture
def process(workplace, repository):
    """Runs the command in a process of its own."""

    def run(*arguments):
        models = {"RADIOLOGYCNN_MODELS": str(workplace / "models"), "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, "-m", "radiologycnn.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(repository), **models},
            cwd=workplace,
        )

    return run


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
        (("head.nii.gz", "-o", "head.nii.gz/x", "-m", "hand-made"), "cannot be made"),
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


def test_models_are_installed_listed_shown_and_removed(command, workplace):
    assert "Installed hand-made-1.0.0" in command("models", "install", "hand-made").stdout
    listed = command("models", "list").stdout
    assert "trained on simulated scans" in listed
    assert listed.endswith(f"Models that you install are kept in {workplace / 'models'}.\n")
    listed = json.loads(command("models", "list", "--json").stdout)
    assert [model["id"] for model in listed if model["name"] == "hand-made"] == ["hand-made-1.0.0"]
    assert "Not for patients" in command("models", "show", "hand-made").stdout
    assert "Removed" in command("models", "remove", "hand-made-1.0.0").stdout
    assert "No model" in command("models", "remove", "hand-made-1.0.0", expect=1).stderr


def test_install_says_which_model_is_the_default_now(command, package_folder, models_folder, monkeypatch):
    monkeypatch.setattr("radiologycnn.models.catalog.user_models_folder", lambda: models_folder)
    monkeypatch.setattr("radiologycnn.models.install.user_models_folder", lambda: models_folder)
    assert command("models", "list").stdout.startswith("No models.\n")
    assert "segment takes hand-made-1.0.0 now" in command("models", "install", package_folder).stdout
    change_description(package_folder, version="0.9.0")
    assert "takes" not in command("models", "install", package_folder, "--replace").stdout
    change_description(package_folder, version="1.1.0")
    said = command("models", "install", package_folder).stdout
    assert "segment takes hand-made-1.1.0 now" in said and "classify" not in said


def test_help_fills_the_lines_of_the_terminal():
    """Typer breaks a paragraph after the first where its source does."""

    def texts(application):
        for group in application.registered_groups:
            yield from texts(group.typer_instance)
        yield from (command.help for command in application.registered_commands)

    found = list(texts(app))
    assert len(found) > 20 and not any("\n" in text.replace("\n\n", "") for text in found)


def test_several_scans_have_a_folder_each_and_a_bad_one_is_no_obstacle(command, workplace):
    write_head(workplace / "second.nrrd")
    write_image(workplace / "empty.nii.gz", np.zeros((20, 30, 30), np.int16), np.eye(4))
    scans = ("head.nii.gz", "empty.nii.gz", "absent.nii.gz", "second.nrrd")
    finished = command("segment", *scans, "-o", "many", "-m", "hand-made", expect=1)
    assert "2 of 4 scans gave no result" in finished.stderr and "refused.csv" in finished.stderr
    assert finished.stdout.count("Note: Demonstration") == 1
    assert finished.stdout.count("mL in") == 2 and finished.stdout.count("no result") == 2
    out = workplace / "many"
    assert {path.name for path in out.iterdir()} == {"head", "second", "scans.csv", "refused.csv"}
    with (out / "scans.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == ["head", "second"]
    for row in rows:
        report = json.loads((out / row["case"] / "report.json").read_text("utf-8"))
        assert float(row["volume_ml"]) == report["measurements"]["total_volume_ml"]
        assert int(row["lesions"]) == len(report["measurements"]["lesions"])
        assert row["model"] == "hand-made-1.0.0" and "Not for patients" in row["notes"]
    with (out / "refused.csv").open(newline="", encoding="utf-8") as file:
        assert [(row["case"], row["code"]) for row in csv.DictReader(file)] == [
            ("empty", "constant-volume"),
            ("absent", "no-such-file"),
        ]
    command("segment", "head.nii.gz", "second.nrrd", "-o", "many", "-m", "hand-made", "-q")
    assert not (out / "refused.csv").exists(), "of an earlier run"


def test_of_several_scans_each_has_its_own_notes_below_its_line(command, workplace):
    volume, _ = head_phantom((26, 96, 96), np.diag([2.3, 2.6, 7.0]))
    write_image(workplace / "thick.nii.gz", volume.array, volume.ijk_to_lps)
    options = ("-m", "hand-made", "-d", "cpu")
    said = command("segment", "head.nii.gz", "thick.nii.gz", "-o", "notes", *options).stdout
    above, below = said.split("head: ")
    assert above.count("Note: ") == 2 and "Note: Demonstration" in above, "what both have in common"
    own, thick = below.split("thick: ")
    assert "Note: " not in own and "\n  Note: The slices are 7.0 mm apart" in thick
    said = command("segment", "absent.nii.gz", "thick.nii.gz", "-o", "notes", *options, expect=1).stdout
    above, thick = said.split("thick: ")
    assert "Note: " not in above and thick.count("\n  Note: ") == 3, "a single one's notes are its own"
    said = command("segment", "absent.nii.gz", "gone.nii.gz", "-o", "notes", *options, expect=1).stdout
    assert "Model: " not in said and said.count("no result. ") == 2


def test_a_chosen_series_that_a_file_has_not_is_said(command, workplace, shared_data):
    options = ("-m", "hand-made", "-d", "cpu", "--series")
    said = command("segment", "head.nii.gz", "-o", "a", *options, "3").stdout
    assert "Note: The chosen series was left aside" in said
    report = json.loads((workplace / "a" / "report.json").read_text("utf-8"))
    assert any("only DICOM has series" in note for note in report["notes"])
    tilted = shared_data / "head-ct-ge-tilt-uneven"
    said = command("segment", tilted, "-o", "b", *options, list_series(tilted)[0].uid)
    assert "left aside" not in said.stdout


def test_a_rerun_leaves_nothing_of_an_earlier_model(command, workplace, tmp_path, monkeypatch):
    typed, out = untrained_model_of_types(tmp_path), workplace / "again"
    out.mkdir()
    for name in ("probability.txt", "probability-left.nii.gz"):
        (out / name).write_bytes(b"not of this program")
    own = {path.name for path in out.iterdir()}
    one = {"mask.nii.gz", "mask.seg.nrrd", "probability.nii.gz", "lesions.csv", "report.json"}
    several = one - {"probability.nii.gz"} | {f"probability-{value}.nii.gz" for value in range(1, 6)}
    for model, files in ((typed, several), ("hand-made", one), (typed, several)):
        command("segment", "head.nii.gz", "-o", out, "-m", model, "-d", "cpu", "-q")
        assert {path.name for path in out.iterdir()} == files | own
    (out / "source_slices.npz").write_bytes(b"of a tilted scan")

    def held(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", held)
        said = command("segment", "head.nii.gz", "-o", out, "-m", "hand-made", "-q", expect=1).stderr
    assert "of an earlier run cannot be removed" in said and "holds files of an earlier run" in said
    command("segment", "head.nii.gz", "-o", out, "-m", "hand-made", "-q")
    assert {path.name for path in out.iterdir()} == one | own


def test_a_scan_that_is_refused_now_keeps_no_earlier_result(command, workplace, monkeypatch):
    for name in ("left", "right"):
        write_head(workplace / f"{name}.nii.gz")
    scans = ("head.nii.gz", "left.nii.gz", "right.nii.gz")
    command("segment", *scans, "-o", "rerun", "-m", "hand-made", "-q")
    out = workplace / "rerun"
    (out / "left" / "remarks.txt").write_text("mine")
    for name in ("left", "right"):
        (workplace / f"{name}.nii.gz").write_bytes(b"damaged on the way")
    before, unlink = sorted(path.name for path in (out / "left").iterdir()), Path.unlink

    def held(path, missing_ok=False):
        if path.parent.name == "left":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", held)
        finished = command("segment", *scans, "-o", "rerun", "-m", "hand-made", expect=1)
    assert finished.stdout.count("result was removed") == 1 == finished.stdout.count("still in its folder: Permission")
    assert sorted(path.name for path in (out / "left").iterdir()) == before
    assert not (out / "right").exists() and (out / "head" / "mask.nii.gz").exists()
    command("segment", *scans, "-o", "rerun", "-m", "hand-made", "-q", expect=1)
    assert [path.name for path in (out / "left").iterdir()] == ["remarks.txt"]
    with (out / "refused.csv").open(newline="", encoding="utf-8") as file:
        problems = {row["case"]: row["problem"] for row in csv.DictReader(file)}
    assert "result was removed" in problems["left"] and "result was" not in problems["right"]


def test_a_single_scan_that_is_refused_empties_no_folder(command, workplace):
    command("segment", "head.nii.gz", "-o", "single", "-m", "hand-made", "-q")
    before = {path.name: path.read_bytes() for path in (workplace / "single").iterdir()}
    finished = command("segment", "hed.nii.gz", "-o", "single", "-m", "hand-made", "-q", expect=1)
    assert "Note: single holds files of an earlier run." in finished.stderr
    assert {path.name: path.read_bytes() for path in (workplace / "single").iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("head.nii.gz", "./head.nii.gz"), "Two of the scans are called head"),
        (("head.nii.gz", "absent.nii.gz", "-m", "nonsense"), "no model nonsense"),
        (("head.nii.gz", "absent.nii.gz", "-m", "hand-made", "-d", "cuda:77"), "no device cuda:77"),
    ],
)
def test_what_no_scan_can_help_is_said_once_for_several(command, workplace, arguments, sentence):
    finished = command("segment", *arguments, "-o", "none", expect=1)
    assert finished.stderr.count("Error: ") == 1 and sentence in finished.stderr
    assert not (workplace / "none").exists()


def test_scans_of_equal_names_are_called_after_their_folders_too(command, workplace, tmp_path):
    for patient, series in (("p1", "DICOM"), ("p2", "DICOM"), ("p2", "1.2.840.1"), ("p2", "1.2.840.2")):
        (tmp_path / patient / series).mkdir(parents=True)
    cds = [tmp_path / "p1" / "DICOM", tmp_path / "p2" / "dicom", tmp_path / "other.nii.gz"]
    assert scan_names(map_to_text(cds)) == ["p1-DICOM", "p2-dicom", "other"]
    files = [tmp_path / "1.2.840.1", tmp_path / "1.2.840.2", tmp_path / "a.b.NII.GZ", tmp_path / "v1.2.dcm"]
    assert scan_names(map_to_text(files)) == ["1.2.840.1", "1.2.840.2", "a.b", "v1.2"]
    nested = [tmp_path / one / "s" / "DICOM" for one in "ab"]
    assert [name[-9:] for name in scan_names(map_to_text(nested))] == ["a-s-DICOM", "b-s-DICOM"]
    with pytest.raises(InputError, match="Two of the scans are called x"):
        scan_names(map_to_text([tmp_path / "x.nii", tmp_path / "x.nrrd", tmp_path / "y.nrrd"]))
    for patient in ("p1", "p2"):
        write_head(tmp_path / patient / "head.nrrd")
    command(
        "segment", tmp_path / "p1" / "head.nrrd", tmp_path / "p2" / "head.nrrd", "-o", "cds", "-m", "hand-made", "-q"
    )
    assert {path.name for path in (workplace / "cds").iterdir()} == {"p1-head", "p2-head", "scans.csv"}


def map_to_text(paths):
    return [str(path) for path in paths]


def test_a_lost_voxel_size_is_said_where_the_scan_is_refused_for_it(command, workplace):
    volume, _ = head_phantom((26, 96, 96), np.diag([2.3, 2.6, 7.0]))
    write_image(workplace / "lost.nii.gz", volume.array, np.eye(4))
    finished = command("segment", "lost.nii.gz", "-o", "lost", "-m", "hand-made", expect=1)
    assert "Error: " in finished.stderr and SIZE_LOST in finished.stderr


def test_stopped_between_two_scans_what_is_finished_stays(command, workplace, monkeypatch):
    write_head(workplace / "later.nrrd")
    segment, asked = HemorrhageSegmenter.segment, threading.Event()

    def then_ctrl_c(*arguments, **options):
        result = segment(*arguments, **options)
        asked.set()
        return result

    monkeypatch.setattr(HemorrhageSegmenter, "segment", then_ctrl_c)
    monkeypatch.setattr("radiologycnn.scan_command.stop_on_interrupt", lambda: nullcontext(asked.is_set))
    finished = command("segment", "head.nii.gz", "later.nrrd", "-o", "cut", "-m", "hand-made", expect=130)
    assert "Cancelled" in finished.stderr
    assert {path.name for path in (workplace / "cut").iterdir()} == {"head", "scans.csv"}
