"""A newcomer's data folders: what is wrong in them is said before anything is computed; what was mended counts."""

import csv
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from engine.head_folder import TINY_HEADS, write_head_folder
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.images import read_volume, write_image
from radiologycnn.models.catalog import find_model
from radiologycnn.models.package import SIMULATED_NOTE
from radiologycnn.simulation.population import SETTINGS_NAME
from radiologycnn.terminal import TimeLeft
from radiologycnn.training.case_files import simulate_files
from radiologycnn.training.folds import cross_validate
from radiologycnn.training.grid_search import search
from radiologycnn.training.hemorrhage.cases import load_case, prepare_folder
from radiologycnn.training.hemorrhage.run import HemorrhageTask, preprocessing_of
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.task import ModelName

SETTINGS = TrainingSettings.from_preset("default", {**TINY_HEADS, "grid_shape_ijk": (32, 32, 16), "epochs": 1})
GRID = preprocessing_of(SETTINGS)


@pytest.fixture(scope="module")
def heads(tmp_path_factory) -> Path:
    return write_head_folder(tmp_path_factory.mktemp("newcomer") / "heads", ("a", "b", "c"))


@pytest.fixture
def own(heads, tmp_path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(heads, tmp_path / "heads"))


def rewrite(folder: Path, before: str, after: str, encoding: str = "utf-8") -> None:
    path = folder / "cases.csv"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_bytes(text.replace(before, after).encode(encoding))


@pytest.mark.parametrize(
    ("before", "after", "encoding", "says"),
    [
        ("id,", "case,", "utf-8", "has no column id; it has case, image, mask, patient, split"),
        (",mask,", ",masks,", "utf-8", "has no column mask; it has id, image, masks"),
        ("scan-1.nii", "scan-9.nii", "utf-8", "line 3: the image “scan-9.nii” does not exist"),
        ("mask-1.nii", "", "utf-8", "line 3: no mask is named"),
        ("head-0", "tête-0", "latin-1", "not a text in UTF-8"),
    ],
)
def test_mistakes_in_the_table_are_named(own, tmp_path, before, after, encoding, says) -> None:
    rewrite(own, before, after, encoding)
    with pytest.raises(InputError, match=says):
        prepare_folder(own, tmp_path / "cache", GRID)
    assert not (tmp_path / "cache").exists()


def test_semicolons_are_read_too(own, tmp_path) -> None:
    rewrite(own, ",", ";")
    assert len(prepare_folder(own, tmp_path / "cache", GRID)[""]) == 3


def test_rows_of_empty_cells_are_no_cases_and_a_mistake_is_named_by_its_own_line(own, tmp_path) -> None:
    rewrite(own, "head-1,", "\n,,,,\nhead-1,")
    with (own / "cases.csv").open("a") as file:
        file.write(",,,,\n , ,,,\n")
    found = prepare_folder(own, tmp_path / "cache", GRID)
    assert [path.stem for path in found[""]] == ["head-0", "head-1", "head-2"]
    rewrite(own, "scan-2.nii", "scan-9.nii")
    with pytest.raises(InputError, match=r"line 6: the image “scan-9\.nii” does not exist"):
        prepare_folder(own, tmp_path / "cache", GRID)
    rewrite(own, "scan-9.nii,mask-2.nii,c,", "scan-2.nii,mask-2.nii,a,test")
    rewrite(own, "mask-0.nii,a,", "mask-0.nii,a,train")
    with pytest.raises(InputError, match="line 6: patient “a” stands in train and in test"):
        prepare_folder(own, tmp_path / "cache", GRID)


def test_a_mask_in_the_images_place_is_no_ct(own, tmp_path) -> None:
    rewrite(own, "scan-1.nii,mask-1.nii", "mask-1.nii,scan-1.nii")
    says = "image of case head-1 cannot be used. This scan is not a CT in Hounsfield units: its values run from 0 to 1,"
    with pytest.raises(InputError, match=says):
        prepare_folder(own, tmp_path / "cache", GRID)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda hu: hu + 1024, "scanner stores them before its offset is applied"),
        (lambda hu: np.where(hu < 0, 0, 400 - hu // 4), "no air"),  # as an MRI: air and bone are dark
        (lambda hu: np.clip(hu, 0, 80), "no air"),
    ],
    ids=["stored values", "MRI", "windowed"],
)
def test_what_segment_refuses_by_its_values_is_not_learned_from(own, tmp_path, change, says) -> None:
    volume = read_volume(own / "scan-1.nii")
    write_image(own / "scan-1.nii", change(volume.array).astype(np.int16), volume.ijk_to_lps)
    with pytest.raises(InputError, match=f"The image of case head-1 cannot be used.*{says}"):
        prepare_folder(own, tmp_path / "cache", GRID)


def test_a_scan_in_the_masks_place_is_no_mask(own, tmp_path) -> None:
    rewrite(own, "mask-1.nii", "scan-1.nii")
    with pytest.raises(InputError, match="The mask of case head-1 is no label map: its values run from -1000 to 1000"):
        prepare_folder(own, tmp_path / "cache", GRID)
    rewrite(own, "scan-1.nii,scan-1.nii", "scan-1.nii,mask-1.nii")
    volume = read_volume(own / "mask-1.nii")
    values = np.arange(volume.array.size).reshape(volume.array.shape)
    write_image(own / "mask-1.nii", (values % 257).astype(np.int16), volume.ijk_to_lps)
    with pytest.raises(InputError, match="no label map: its values run from 0 to 256"):
        prepare_folder(own, tmp_path / "cache", GRID)
    # As files with a scale keep a mask of labels to 255: nearly whole numbers, nearly 0 where nothing is marked.
    write_image(own / "mask-1.nii", (values % 256 - 0.004).astype(np.float32), volume.ijk_to_lps)
    assert load_case(prepare_folder(own, tmp_path / "cache", GRID)[""][1]).mask.any()


def test_no_case_is_prepared_after_the_wish_to_stop(own, tmp_path) -> None:
    task = HemorrhageTask(SETTINGS, own, device="cpu")
    for number, begin in enumerate(
        (
            lambda folder, stop: task.run(folder, ModelName("tiny"), cancelled=stop),
            lambda folder, stop: cross_validate(task, folder, 3, ModelName("tiny"), cancelled=stop),
            lambda folder, stop: search(task, folder, {"dropout": (0.0, 0.1)}, cancelled=stop),
        )
    ):
        output = tmp_path / str(number)
        with pytest.raises(Cancelled):
            begin(output, lambda output=output: any(output.rglob("*.npz")))
        assert [path.stem for path in output.rglob("*.npz")] == ["head-0"]


def test_no_scan_is_simulated_after_the_wish_to_stop(tmp_path) -> None:
    def simulated(folder: Path, item: tuple) -> None:
        (folder / f"sim-7-{item[0]:05d}.npz").touch()

    def stop_after(count: int) -> bool:
        return len(list(tmp_path.glob("*.npz"))) >= count

    for count in (0, 2):
        with pytest.raises(Cancelled):
            simulate_files(tmp_path, 0, 4, 7, partial(simulated, tmp_path), (), cancelled=partial(stop_after, count))
        assert len(list(tmp_path.glob("*.npz"))) == count
    # What is whole is not taken back.
    assert (
        len(simulate_files(tmp_path, 0, 3, 7, partial(simulated, tmp_path), (), cancelled=partial(stop_after, 3))) == 3
    )


def test_a_model_of_scans_that_simulate_wrote_says_so(own, tmp_path) -> None:
    (own / SETTINGS_NAME).write_text("{}")
    HemorrhageTask(SETTINGS, own, device="cpu").run(tmp_path / "run", ModelName("tiny"))
    card = find_model(str(tmp_path / "run" / "tiny-0.1.0"), HemorrhageTask.name)
    assert card.simulated and card.intended_use == SIMULATED_NOTE
    assert card.title == "Hemorrhage, simulated scans" and card.training_data == "2 simulated scans of heads"
    assert card.performance["validation"]["data"].startswith("1 simulated scan, ")


def test_a_mask_beside_its_image_is_refused_with_the_distance(own, tmp_path) -> None:
    volume = read_volume(own / "mask-1.nii")
    moved = volume.ijk_to_lps.copy()
    moved[0, 3] += 30
    write_image(own / "mask-1.nii", volume.array, moved)
    with pytest.raises(InputError, match="case head-1 is not on its image's grid: they lie up to 30"):
        prepare_folder(own, tmp_path / "cache", GRID)
    write_image(own / "mask-1.nii", volume.array[1:], volume.ijk_to_lps)
    with pytest.raises(InputError, match="it has 52 x 52 x 31 voxels, the image 52 x 52 x 32"):
        prepare_folder(own, tmp_path / "cache", GRID)


@pytest.mark.parametrize(("name", "column"), [("scan-1.nii", "image"), ("mask-1.nii", "mask")])
def test_what_is_wrong_in_a_file_is_said_with_its_case(own, tmp_path, name: str, column: str) -> None:
    volume = read_volume(own / name)
    values = volume.array.astype(np.float32)
    values[3, 4:9, 5] = np.nan
    write_image(own / name, values, volume.ijk_to_lps)
    says = f"The {column} of case head-1 cannot be used. 5 of 86528 voxels .* are not numbers"
    with pytest.raises(InputError, match=says) as told:
        prepare_folder(own, tmp_path / "cache", GRID)
    assert "Replace them" in told.value.hint


@pytest.mark.parametrize(
    ("splits", "patients", "says"),
    [
        (("test", "test", "test"), "abc", "no case to train on: the column split has 3 for test"),
        (("train", "train", "test"), "abc", "no case to validate on: the column split has 2 for train, 1 for test"),
        (("", "", "test"), "aab", "Cases of one patient are too few to train and validate"),
    ],
)
def test_too_few_cases_are_refused_before_any_scan_is_read(own, tmp_path, splits, patients, says) -> None:
    lines = [f"head-{n},scan-{n}.nii,mask-{n}.nii,{patients[n]},{split}" for n, split in enumerate(splits)]
    (own / "cases.csv").write_text("\n".join(["id,image,mask,patient,split", *lines]))
    for path in own.glob("*.nii"):
        path.write_bytes(b"not a scan")
    with pytest.raises(InputError, match=says):
        HemorrhageTask(SETTINGS, own, device="cpu").run(tmp_path / "run", ModelName("tiny"))
    assert not (tmp_path / "run").exists()


def test_nothing_is_learned_from_empty_masks(own, tmp_path) -> None:
    for number in range(3):
        volume = read_volume(own / f"mask-{number}.nii")
        write_image(own / f"mask-{number}.nii", np.zeros_like(volume.array), volume.ijk_to_lps)
    with pytest.raises(InputError, match="All 2 cases to train on are “no bleed”"):
        HemorrhageTask(SETTINGS, own, device="cpu").run(tmp_path / "run", ModelName("empty"))


def test_a_mask_that_was_corrected_is_prepared_anew(own, tmp_path) -> None:
    first = prepare_folder(own, tmp_path / "cache", GRID)[""]
    stamps = [path.stat().st_mtime_ns for path in first]
    volume = read_volume(own / "mask-1.nii")
    write_image(own / "mask-1.nii", np.zeros_like(volume.array), volume.ijk_to_lps)
    later = first[1].stat().st_mtime + 5
    os.utime(own / "mask-1.nii", (later, later))
    again = prepare_folder(own, tmp_path / "cache", GRID)[""]
    assert [load_case(path).mask.any() for path in again] == [True, False, True]
    assert again[0].stat().st_mtime_ns == stamps[0]


def test_a_line_that_names_an_older_file_is_prepared_anew(own, tmp_path) -> None:
    empty = read_volume(own / "mask-1.nii")
    write_image(own / "empty.nii", np.zeros_like(empty.array), empty.ijk_to_lps)
    os.utime(own / "empty.nii", (1e9, 1e9))
    prepare_folder(own, tmp_path / "cache", GRID)
    rewrite(own, "mask-1.nii", "empty.nii")
    found = prepare_folder(own, tmp_path / "cache", GRID)[""]
    assert [load_case(path).mask.any() for path in found] == [True, False, True]


def test_voxels_beside_their_header_are_looked_at_too(own, tmp_path) -> None:
    mask = sitk.ReadImage(str(own / "mask-1.nii"))
    sitk.WriteImage(mask, str(own / "mask-1.mhd"))  # and mask-1.raw
    rewrite(own, "mask-1.nii", "mask-1.mhd")
    assert load_case(prepare_folder(own, tmp_path / "cache", GRID)[""][1]).mask.any()
    (own / "mask-1.raw").write_bytes(bytes((own / "mask-1.raw").stat().st_size))
    assert not load_case(prepare_folder(own, tmp_path / "cache", GRID)[""][1]).mask.any()


def test_cases_without_a_note_of_what_they_were_made_from_are_prepared_anew(own, tmp_path, monkeypatch) -> None:
    """As versions before the note left them, and those of which the first preparation was killed."""
    first = prepare_folder(own, tmp_path / "cache", GRID)[""]
    arrays = [load_case(path) for path in first]
    for path in (tmp_path / "cache").glob("*.made-from"):
        path.unlink()
    stamps = [path.stat().st_mtime_ns for path in first]
    monkeypatch.chdir(tmp_path)
    again = prepare_folder(Path("heads"), Path("cache"), GRID)[""]
    assert all(path.stat().st_mtime_ns > stamp for path, stamp in zip(again, stamps))
    for before, path in zip(arrays, again):  # to the bit, so that a training that is gone on with does not change
        after = load_case(path)
        assert np.array_equal(before.image, after.image) and np.array_equal(before.labels, after.labels)
    stamps = [path.stat().st_mtime_ns for path in again]
    assert [path.stat().st_mtime_ns for path in prepare_folder(own, tmp_path / "cache", GRID)[""]] == stamps


def test_a_training_is_not_overwritten_and_says_what_it_does(own, tmp_path) -> None:
    said = []
    task = HemorrhageTask(SETTINGS, own, device="cpu")
    task.run(tmp_path / "run", ModelName("first"), progress=lambda part, text: said.append((part, text)))
    warned, begun, trained = said[-3:]
    assert warned == (0, warned[1]) and warned[1].startswith("Only 1 case to validate on: chance decides")
    assert begun[0] == 0 and begun[1].startswith("Cases: 2 to train on, 1 to validate on; ")
    assert trained[0] == 1 and trained[1].startswith("Epoch 1 of 1: ")
    before = (tmp_path / "run" / "log.csv").read_text()
    with pytest.raises(InputError, match="holds a training already"):
        task.run(tmp_path / "run", ModelName("second"))
    assert (tmp_path / "run" / "log.csv").read_text() == before
    shutil.rmtree(tmp_path / "run" / "cases")
    with pytest.raises(InputError, match=r"no checkpoint\.pt"):
        task.run(tmp_path / "other", ModelName("third"), resume=True)
    assert not (tmp_path / "other").exists()  # nothing was prepared for it


def test_an_output_that_cannot_be_made_is_said_in_words(own, tmp_path) -> None:
    (tmp_path / "file").write_text("no folder")
    command = [sys.executable, "-m", "radiologycnn", "train", "hemorrhage", "--data", str(own), "--device", "cpu"]
    done = subprocess.run([*command, "-o", str(tmp_path / "file")], capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "Error:" in done.stderr and "Check the path, your rights on it" in done.stderr


def test_time_left_is_that_of_the_work_since_its_first_report() -> None:
    now = 0.0
    left = TimeLeft(lambda: now)
    assert left.words(0.5) == ""  # what was done before an interruption took no time
    now = 60.0
    assert left.words(0.75) == ", about 60 s left"
    now = 70.0
    assert left.words(0.0) == ""  # something new
    now = 670.0
    assert left.words(0.1) == ", about 90 min left"
    now = 7270.0
    assert left.words(0.99) == ", about 73 s left"
    assert left.words(0.999) == left.words(1.0) == ""


def test_semicolons_within_a_comma_table_are_text(own, tmp_path) -> None:
    with (own / "cases.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    with (own / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*row, note] for row, note in zip(rows, ("notes", "a; b; c", "d;e", ""))])
    assert len(prepare_folder(own, tmp_path / "cache", GRID)[""]) == 3


@pytest.mark.parametrize(
    "command", [("train", "hemorrhage"), ("train", "rotator-cuff"), ("improve", "annotations"), ("simulate", "head-ct")]
)
def test_a_negative_seed_is_refused_as_it_is_written(command, tmp_path) -> None:
    done = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "out"), "--seed", "-1"])
    assert done.exit_code == 2 and "seed" in done.output
    assert not (tmp_path / "out").exists()


def test_mistakes_on_the_command_line_are_told_before_anything_is_written(own, tmp_path) -> None:
    small = ("--grid", "64,64,32", "--base-filters", "4", "--device", "cpu")
    fixed = tmp_path / "fixed.json"
    fixed.write_text('{"settings": {"frozen": "features"}}')
    for words, message in (
        (("--settings", str(fixed)), "can only stay fixed in a model"),
        (("--settings", str(fixed), "--folds", "2"), "can only stay fixed in a model"),
        (("--search", "frozen=none,features"), "can only stay fixed in a model"),
        (("--start-from", "hemorrhage-demo"), r"hemorrhage-demo-.* is another network \(.*base filters"),
        (("--start-from", "no-such-model"), "no-such-model"),
        (("--folds", "1"), "1 is no number of folds"),
    ):
        command = ["train", "hemorrhage", "--data", str(own), "-o", str(tmp_path / "run"), *small, *words]
        with pytest.raises(InputError, match=message):
            CliRunner().invoke(app, command, catch_exceptions=False, standalone_mode=False)
        assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="There is no folder"):
        HemorrhageTask(SETTINGS, tmp_path / "nowhere", device="cpu").prepare(tmp_path / "run")


def test_a_quote_that_is_never_closed_is_no_table(own, tmp_path) -> None:
    path = own / "cases.csv"
    path.write_text(path.read_text() + 'x,"' + 200_000 * "y")
    with pytest.raises(InputError, match=r"cases\.csv is no CSV table"):
        prepare_folder(own, tmp_path / "cache", GRID)
