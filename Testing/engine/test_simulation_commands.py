"""The simulate commands' kinds of output: DICOM series, pairs, raters; each fits the masks that lie beside it."""

import csv
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.errors import InputError, ResourceError
from radiologycnn.evaluation.mask_files import pair_cases
from radiologycnn.images import read_volume
from radiologycnn.images.volume import Volume
from radiologycnn.simulation.head_ct import HeadCtConfig
from radiologycnn.simulation.population import Population, write_population

COARSE = '{"scanner": {"coarse_mm": 4.0, "fine_mm": 4.0}, "bleeds": {"bleed_free": 0.0}}'


@pytest.fixture
def simulate(tmp_path):
    """Runs a simulate command on coarse heads and returns its output folder."""
    (tmp_path / "coarse.json").write_text(COARSE)

    def run(command: str, *options: str):
        folder = tmp_path / "out"
        coarse = ["--config", str(tmp_path / "coarse.json"), "--matrix", "64"] if command.startswith("head") else []
        done = CliRunner().invoke(app, ["simulate", command, "-o", str(folder), *coarse, *options])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return folder

    return run


@pytest.mark.parametrize(
    "options",
    [
        ("--gantry-tilt", "0"),
        ("--gantry-tilt", "15", "--transfer-syntax", "rle"),
        ("--thick-vault", "--lost-slice", "--gantry-tilt", "0", "--transfer-syntax", "deflated"),
    ],
)
def test_dicom_series_fit_the_masks_beside_them(simulate, options) -> None:
    folder = simulate("head-ct", "--format", "dicom", "--seed", "15", *options)
    with (folder / "cases.csv").open() as file:
        (case,) = csv.DictReader(file)
    scan, mask = read_volume(folder / case["image"]), read_volume(folder / case["mask"])
    assert scan.modality == "CT" and mask.array.shape == scan.array.shape
    np.testing.assert_allclose(mask.ijk_to_lps, scan.ijk_to_lps, atol=1e-3)
    truth = json.loads((folder / f"{case['id']}.json").read_text())
    mask_ml = (mask.array > 0).sum() * scan.voxel_volume_mm3 / 1000
    assert mask_ml == pytest.approx(truth["mask_ml"], rel=0.15, abs=0.5)
    assert scan.array[mask.array > 0].mean() > scan.array[(scan.array > 0) & (scan.array < 80)].mean()
    notes = " ".join(scan.notes)
    assert ("tilted" in notes) == ("15" in options)
    assert ("unevenly" in notes) == ("--thick-vault" in options)


def test_two_series_of_one_shoulder_are_one_study_and_no_image_stands_for_another(simulate, tmp_path) -> None:
    quick = tmp_path / "quick.json"
    quick.write_text('{"scanner": {"coarse_mm": 4.0, "fine_mm": 3.0, "slices": [4, 4]}}')
    series = []
    for options in (("--weighting", "T2"), ("--weighting", "T1"), ("--plane", "axial", "--weighting", "T1")):
        folder = simulate("shoulder-mr", "--config", str(quick), "--matrix", "64", "--format", "dicom", *options)
        series.append(pydicom.dcmread(next(folder.glob("*/slice-0001.dcm")), stop_before_pixels=True))
        shutil.rmtree(folder)
    for same in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert len({str(header[same].value) for header in series}) == 1
    for own in ("SeriesInstanceUID", "SOPInstanceUID", "SeriesNumber", "SeriesDescription"):
        assert len({str(header[own].value) for header in series}) == 3


def test_raters_masks_lie_on_the_truths_grid_and_pair_with_it(simulate) -> None:
    folder = simulate("head-ct", "--raters", "2", "--seed", "6", "--matrix", "192", "--format", "dicom")
    ours = pair_cases(folder / "rater-1", folder / "rater-2")[0]
    assert [case for case, _, _ in ours] == ["head-ct-6-00000"]
    truth = read_volume(folder / "head-ct-6-00000-mask.nii.gz")
    masks = [read_volume(path) for path in ours[0][1:]]
    for mask in masks:
        np.testing.assert_allclose(mask.ijk_to_lps, truth.ijk_to_lps, atol=1e-4)
        assert mask.array.shape == truth.array.shape and (mask.array != truth.array).any()
    assert (masks[0].array != masks[1].array).any()
    assert 0 < json.loads((folder / "rater-2" / "rater.json").read_text())["skill"] < 1


@pytest.mark.parametrize("file_format", ["nifti", "dicom"])
def test_pairs_hold_both_scans_and_the_growth(simulate, file_format) -> None:
    folder = simulate("head-ct-pairs", "--seed", "6", "--format", file_format)
    with (folder / "truth.csv").open() as file:
        (row,) = csv.DictReader(file)
    ending = ".nii.gz" if file_format == "nifti" else ""
    volumes = {}
    for part in ("baseline", "follow-up"):
        scan = read_volume(folder / f"{row['id']}-{part}{ending}")
        mask = read_volume(folder / f"{row['id']}-{part}-mask.nii.gz")
        assert mask.array.shape == scan.array.shape
        volumes[part] = (mask.array > 0).sum() * scan.voxel_volume_mm3 / 1000
    assert volumes["baseline"] == pytest.approx(float(row["baseline_mask_ml"]), rel=0.05, abs=0.1)
    assert float(row["growth_ml"]) == pytest.approx(float(row["follow_up_ml"]) - float(row["baseline_ml"]), abs=0.01)
    motion = np.array(json.loads((folder / f"{row['id']}.json").read_text())["baseline_to_follow_up_lps"])
    np.testing.assert_allclose(motion[:3, :3] @ motion[:3, :3].T, np.eye(3), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--format", "tiff"), "unknown-format"),
        (("--lost-slice",), "unknown-format"),
        (("--format", "dicom", "--transfer-syntax", "zip"), "transfer-syntax"),
        (("--gantry-tilt", "80"), "gantry-tilt"),
        (("--preset", "plain"), "simulation-preset"),  # with a settings file
    ],
)
def test_options_that_cannot_be_are_refused(simulate, options, code) -> None:
    with pytest.raises(InputError) as refused:
        simulate("head-ct", *options)
    assert refused.value.code == code


def test_presets_are_known_by_name() -> None:
    assert HeadCtConfig.preset("default") == HeadCtConfig()
    plain, usual = HeadCtConfig.preset("plain"), HeadCtConfig()
    assert plain.artefacts.motion == 0 and plain.scanner.thick_slices == 0
    assert usual.artefacts.motion > 0 and usual.scanner.thick_slices > 0
    assert plain.bleeds.clot_hu["iph"][0] > usual.bleeds.clot_hu["iph"][0]
    with pytest.raises(InputError, match="plain"):
        HeadCtConfig.preset("hard")


def killed(index: int, seed: int, config: HeadCtConfig) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows ends processes in another way")
def test_process_that_the_system_ends_is_told_with_what_to_do(tmp_path) -> None:
    population = Population("killed", "1", killed, dict, (), np.asarray)
    with pytest.raises(ResourceError, match="memory") as told:
        write_population(population, tmp_path, 2, 0, HeadCtConfig(), jobs=2)
    assert told.value.code == "simulation-process" and "--jobs" in told.value.hint


def small_scan(index: int, seed: int, config: HeadCtConfig) -> SimpleNamespace:
    volume = Volume(np.zeros((2, 4, 4), np.int16), np.eye(4), "CT")
    return SimpleNamespace(volume=volume, labels=np.zeros((2, 4, 4), np.uint8), truth={"seed": seed, "index": index})


def small_preview(scan: SimpleNamespace) -> np.ndarray:
    return np.full((2, 4, 3), scan.truth["index"], np.uint8)


def small_population(simulate=small_scan, **fields) -> Population:
    return Population("small", "1", simulate, dict, ("index",), small_preview, **fields)


#: Python with Ctrl-C heard, also where the tests were started with it ignored, as scripts do in the background.
HEARS_INTERRUPTS = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
    sys.executable,
)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_interrupt_begins_no_further_scan_and_keeps_those_under_way(tmp_path) -> None:
    """In a session of its own, all of which hears Ctrl-C, as in a terminal."""
    (tmp_path / "coarse.json").write_text(COARSE)
    out = tmp_path / "out"
    words = ["simulate", "head-ct", "-o", out, "--config", tmp_path / "coarse.json", "--matrix", "64", "--count", "200"]
    with subprocess.Popen(
        [*HEARS_INTERRUPTS, "-m", "radiologycnn", *map(str, words), "--jobs", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        end = time.monotonic() + 120
        while len(list(out.glob("head-ct-*.json"))) < 3:
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "Stopping after what is under way" in said and "Traceback" not in said
    made = {path.name.removesuffix(".json") for path in out.glob("head-ct-*.json")}
    assert 3 <= len(made) < 200
    assert made == {path.name.removesuffix("-mask.nii.gz") for path in out.glob("head-ct-*-mask.nii.gz")}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_process_of_the_pool_passes_over_one_interrupt_only() -> None:
    program = """
import signal
from radiologycnn.simulation.population import _let_the_scan_end
_let_the_scan_end()
signal.raise_signal(signal.SIGINT)
assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
signal.signal(signal.SIGINT, signal.SIG_IGN)
_let_the_scan_end()
assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
print("went on")
"""
    done = subprocess.run([*HEARS_INTERRUPTS, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "went on\n", done.stderr


@pytest.mark.parametrize("options", [("--weighting", "pdw"), ("--plane", "foo")])
def test_mistyped_option_leaves_nothing_that_refuses_the_right_one(simulate, tmp_path, options) -> None:
    quick = tmp_path / "quick.json"
    quick.write_text('{"scanner": {"coarse_mm": 4.0, "fine_mm": 3.0, "slices": [4, 4]}}')
    with pytest.raises(InputError, match="Choose one of"):
        simulate("shoulder-mr", "--config", str(quick), "--matrix", "64", *options)
    assert not (tmp_path / "out").exists()
    folder = simulate(
        "shoulder-mr", "--config", str(quick), "--matrix", "64", "--weighting", "pd", "--plane", "Coronal"
    )
    assert json.loads((folder / "shoulder-mr-0-00000.json").read_text())["protocol"]["weighting"] == "PD"
    assert json.loads((folder / "simulation.json").read_text())["weighting"] == "PD"


def test_settings_that_the_first_scan_refuses_do_not_bind_the_folder(tmp_path) -> None:
    def refused(index: int, seed: int, config: HeadCtConfig) -> None:
        raise InputError("simulation-config", "There is no such head.", "Change the settings.")

    with pytest.raises(InputError, match="no such head"):
        write_population(small_population(refused), tmp_path, 1, 0, HeadCtConfig())
    assert list(tmp_path.iterdir()) == []
    assert write_population(small_population(), tmp_path, 1, 1, HeadCtConfig()) == 1
    with pytest.raises(InputError, match="no such head"):
        write_population(small_population(refused), tmp_path, 2, 1, HeadCtConfig())
    assert (tmp_path / "simulation.json").exists()


@pytest.mark.parametrize("below", ["", "further"])
def test_file_in_the_folders_place_is_told(tmp_path, below) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ResourceError, match=r"taken is a file\. Choose another folder"):
        write_population(small_population(), tmp_path / "taken" / below, 1, 0, HeadCtConfig())


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.EACCES, InputError, "no permission to write to .*Choose another folder"),
        (errno.ENOSPC, ResourceError, "no space left .*Free some space"),
        (errno.EIO, ResourceError, "error.*Check the folder"),
    ],
)
def test_each_reason_for_not_writing_has_its_own_advice(tmp_path, number, kind, words) -> None:
    def write(*_) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(kind, match=words):
        write_population(small_population(write=write), tmp_path, 1, 0, HeadCtConfig())


def test_command_says_what_it_made_and_how_much_of_it_is_shown(simulate, monkeypatch, capsys) -> None:
    monkeypatch.setattr(
        "radiologycnn.simulation.head_ct.pair_writer.head_ct_pair_population",
        lambda *_: small_population(unit="pair"),
    )
    shown = []
    monkeypatch.setattr("radiologycnn.commands.simulate.typer.echo", lambda text, **_: shown.append(text))
    for count, words in (
        ("24", ("24 new pairs of 24 ", " pictures in the")),
        ("25", ("1 new pairs", " the first 24 ")),
    ):
        folder = simulate("head-ct-pairs", "--count", count)
        assert all(word in shown[-1] for word in words)
        assert f"Pair {count} of {count}" in shown[-2]
    # The sheet's rows are those of the table, in its order.
    with (folder / "truth.csv").open() as file:
        indices = [int(row["index"]) for row in csv.DictReader(file)]
    assert read_picture(folder / "contact-sheet.png")[::2, 0, 0].tolist() == indices[:24]
    told = len(shown)
    simulate("head-ct-pairs", "--count", "26", "--quiet")
    assert len(shown) == told + 1 and shown[-1].startswith("1 new pairs")


def read_picture(path) -> np.ndarray:
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_interrupted_command_says_that_it_goes_on(tmp_path, monkeypatch) -> None:
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("radiologycnn.simulation.population.write_population", interrupted)
    done = CliRunner().invoke(app, ["simulate", "head-ct", "-o", str(tmp_path)])
    assert done.exit_code == 130 and "same command" in done.stderr
