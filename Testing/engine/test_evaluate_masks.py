"""``radiologycnn evaluate masks``: which files belong together, what is printed, and what is refused."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from engine.evaluate_command import MATRIX, box, run, table
from scipy import stats

from radiologycnn.commands.evaluate import _metric_line
from radiologycnn.errors import InputError
from radiologycnn.evaluation.table_files import read_table
from radiologycnn.images import write_image


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three cases, each in another of the layouts that are understood; one reference has no prediction."""
    found, reference = tmp_path / "found", tmp_path / "reference"
    for folder in (found / "c", reference):
        folder.mkdir(parents=True)
    for case, first in (("a", 3), ("b", 5), ("c", 3), ("d", 3)):
        write_image(reference / f"{case}-labels.nii.gz", 2 * box(3), MATRIX)
        if case == "c":
            write_image(found / "c" / "mask.nii.gz", box(first), MATRIX)
        elif case != "d":
            write_image(found / f"{case}.nii.gz", box(first), MATRIX)
    return found, reference


def test_masks_are_paired_and_measured(folders, tmp_path) -> None:
    output = tmp_path / "out"
    printed = run("masks", *folders, "-o", output)
    with (output / "cases.csv").open(newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["a", "b", "c"]
    assert float(rows["a"]["dice"]) == float(rows["c"]["dice"]) == 1.0
    assert float(rows["b"]["dice"]) == pytest.approx(0.5)
    assert float(rows["b"]["reference_ml"]) == pytest.approx(3 * 6 * 4 * 2 / 1000)
    summary = json.loads((output / "summary.json").read_text())
    dice = summary["metrics"]["dice"]
    assert dice["mean"] == pytest.approx(2.5 / 3) and dice["cases"] == 3
    assert 0.5 <= dice["mean_lower_95"] <= dice["mean"] <= dice["mean_upper_95"] <= 1
    assert "Left out, as there is no prediction (1): d." in printed
    assert "0.833" in printed


def test_what_macos_lays_beside_files_is_no_mask(folders, tmp_path) -> None:
    for folder in folders:
        (folder / "._a.nii.gz").write_bytes(b"\x00\x05\x16\x07" + bytes(4092))
    run("masks", *folders, "-o", tmp_path / "out")
    assert [row["case"] for row in read_table(tmp_path / "out" / "cases.csv")[1]] == ["a", "b", "c"]


def test_a_single_case_has_no_spread(folders, tmp_path) -> None:
    found, reference = folders
    files = (found / "b.nii.gz", reference / "b-labels.nii.gz")
    printed = run("masks", *files, "-o", tmp_path / "out", "--against", found / "a.nii.gz")
    dice = json.loads((tmp_path / "out" / "summary.json").read_text())["metrics"]["dice"]
    assert dice["mean"] == pytest.approx(0.5) and dice["sd"] is dice["mean_lower_95"] is dice["mean_upper_95"] is None
    compared = json.loads((tmp_path / "out" / "comparison.json").read_text())["dice"]
    assert compared["difference"] == pytest.approx(-0.5) and compared["difference_95"] is None
    lines = [line.split() for line in printed.splitlines() if line.startswith("Dice ")]
    assert lines == [
        ["Dice", "1", "0.500", "–", "0.500", "0.500", "to", "0.500", "–"],
        ["Dice", "1", "-0.500", "–", "1.000"],
    ]


def test_figures_of_large_volumes_stay_apart() -> None:
    figures = dict.fromkeys(("mean", "median", "lower_quartile", "upper_quartile"), 1132.092)
    line = _metric_line("found_ml", {"cases": 1, "sd": None, **figures})
    assert line.endswith("  1132.092 to 1132.092  –")


def test_how_empty_masks_count_is_said(tmp_path) -> None:
    found, reference = tmp_path / "found", tmp_path / "reference"
    for case, (ours, theirs) in {"a": (0, 0), "b": (0, 1), "c": (1, 0), "d": (1, 1)}.items():
        for folder, holds in ((found, ours), (reference, theirs)):
            folder.mkdir(exist_ok=True)
            write_image(folder / f"{case}.nii.gz", holds * box(3), MATRIX)
    printed = run("masks", found, reference, "-o", tmp_path / "out")
    words = "with an empty reference: in the means of volumes only; in 1 nothing was found"
    assert f"Note: 2 cases {words}\n" in printed
    assert "Note: 1 case with an empty prediction of something: overlap 0, no distance\n" in printed
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["settings"]["notes"]) == 2 and summary["metrics"]["dice"]["mean"] == 0.5
    assert summary["metrics"]["hausdorff_95_mm"]["cases"] == 1


def test_nothing_to_outline_is_no_overlap(tmp_path) -> None:
    """Right negatives do not raise a Dice of 0.5 on the other scans."""
    found, reference = tmp_path / "found", tmp_path / "reference"
    for folder in (found, reference):
        folder.mkdir()
    for number in range(8):
        empty = number < 4
        write_image(found / f"{number}.nii.gz", box(5) * (not empty or number == 0), MATRIX)
        write_image(reference / f"{number}.nii.gz", box(3) * (not empty), MATRIX)
    printed = run("masks", found, reference, "-o", tmp_path / "out", "--against", found)
    metrics = json.loads((tmp_path / "out" / "summary.json").read_text())["metrics"]
    for name in ("dice", "precision", "recall", "f1", "surface_dice", "lesion_f1", "hausdorff_95_mm"):
        assert metrics[name]["cases"] == 4, name
    assert metrics["dice"]["mean"] == pytest.approx(0.5)
    assert metrics["found_ml"]["cases"] == 8 and metrics["invented_ml"]["cases"] == 4
    assert metrics["invented_ml"]["mean"] == pytest.approx(metrics["found_ml"]["mean"] * 2 / 5)
    assert [line.split()[:4] for line in printed.splitlines() if line.startswith("invented")] == [
        ["invented", "(mL)", "4", f"{metrics['invented_ml']['mean']:.3f}"],
        ["invented", "(mL)", "4", "+0.000"],
    ]
    assert json.loads((tmp_path / "out" / "comparison.json").read_text())["dice"]["cases"] == 4


def test_cases_of_one_value_have_no_interval(tmp_path) -> None:
    for case in "ab":
        for folder in ("found", "reference"):
            (tmp_path / folder).mkdir(exist_ok=True)
            write_image(tmp_path / folder / f"{case}.nii.gz", box(3), MATRIX)
    printed = run("masks", tmp_path / "found", tmp_path / "reference", "-o", tmp_path / "out")
    dice = json.loads((tmp_path / "out" / "summary.json").read_text())["metrics"]["dice"]
    assert (dice["mean"], dice["sd"]) == (1.0, 0.0) and dice["mean_lower_95"] is dice["mean_upper_95"] is None
    assert re.search(r"Dice +2 +1\.000 .* –\n", printed)


def test_one_label_of_two_single_files(folders, tmp_path) -> None:
    _, reference = folders
    labels = 2 * box(3) + box(8)
    write_image(tmp_path / "labels.nii.gz", labels, MATRIX)
    run("masks", tmp_path / "labels.nii.gz", reference / "a-labels.nii.gz", "-o", tmp_path / "out", "--label", 2, "-q")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["metrics"]["dice"]["mean"] == 1.0


@pytest.mark.parametrize("problem", ["moved", "other size", "nothing in common", "two of a case", "no folder", "empty"])
def test_what_cannot_be_compared_is_refused(folders, tmp_path, problem) -> None:
    found, reference = folders
    words = {
        "moved": "1.00 mm apart",
        "other size": "12 x 12 x 5",
        "nothing in common": "No prediction has the name",
        "two of a case": "has two masks",
        "no folder": "no folder",
        "empty": "no mask",
    }[problem]
    if problem == "moved":
        moved = MATRIX.copy()
        moved[0, 3] = 1.0
        write_image(found / "a.nii.gz", box(3), moved)
    elif problem == "other size":
        write_image(found / "a.nii.gz", box(3)[1:], MATRIX)
    elif problem == "nothing in common":
        reference = tmp_path / "others"
        reference.mkdir()
        write_image(reference / "x.nii.gz", box(3), MATRIX)
    elif problem == "two of a case":
        write_image(found / "a-mask.nii.gz", box(3), MATRIX)
    elif problem == "no folder":
        found = tmp_path / "nowhere"
    else:
        found = tmp_path / "bare"
        found.mkdir()
    with pytest.raises(InputError, match=words):
        run("masks", found, reference, "-o", tmp_path / "out")


def test_two_methods_masks_are_compared_on_the_cases_of_both(tmp_path) -> None:
    first, second, reference = (tmp_path / name for name in ("first", "second", "reference"))
    for folder in (first, second, reference):
        folder.mkdir()
    for number in range(6):
        write_image(reference / f"{number}.nii.gz", box(3), MATRIX)
        write_image(first / f"{number}.nii.gz", box(3 + number % 2), MATRIX)
        if number < 5:
            write_image(second / f"{number}.nii.gz", box(5), MATRIX)
    printed = run("masks", first, reference, "-o", tmp_path / "out", "--against", second)
    dice = json.loads((tmp_path / "out" / "comparison.json").read_text())["dice"]
    apart = np.array([1, 0.75, 1, 0.75, 1]) - 0.5
    assert (dice["cases"], dice["difference"]) == (5, pytest.approx(apart.mean()))
    assert dice["difference_95"][0] < apart.mean() < dice["difference_95"][1]
    assert dice["wilcoxon_p"] == pytest.approx(stats.wilcoxon(apart).pvalue)
    assert "second: Left out, as there is no prediction (1): 5." in printed and "Wilcoxon p" in printed


def test_masks_of_a_folder_to_train_on_are_those_of_its_manifest(folders, tmp_path) -> None:
    """Its scans lie beside its masks, and are none."""
    found, _ = folders
    data = tmp_path / "data"
    data.mkdir()
    for case in ("a", "b"):
        write_image(data / f"{case}.nii.gz", 40 * box(3), MATRIX)
        write_image(data / f"{case}-mask.nii.gz", box(3), MATRIX)
    table(data / "cases.csv", "id,image,mask", "a,a.nii.gz,a-mask.nii.gz", "b,b.nii.gz,b-mask.nii.gz")
    run("masks", found, data, "-o", tmp_path / "out", "-q")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["metrics"]["dice"]["mean"] == pytest.approx(0.75)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("is_tilted", [False, True])
def test_one_grid_in_another_order_of_voxels_is_compared_voxel_by_voxel(folders, tmp_path, order, is_tilted) -> None:
    """Other programs store the same voxels from the other side, or slices of another plane first."""
    found, reference = folders
    matrix = MATRIX.copy()
    if is_tilted:
        matrix[:3, :3] = np.array([[0.96, 0, 0.28], [0, 1, 0], [-0.28, 0, 0.96]]) @ matrix[:3, :3]
    truth, mask = (np.pad(box(first), ((2, 2), (0, 0), (0, 0))) for first in (3, 5))
    turned = np.eye(4)
    turned[:3, :3] = np.diag([-1.0, 1.0, -1.0])[:, order]
    turned[[0, 2], 3] = np.array(mask.shape)[[2, 0]] - 1.0
    stored = mask[::-1, :, ::-1].transpose([2 - order[2 - axis] for axis in range(3)])
    write_image(reference / "a-labels.nii.gz", truth, matrix)
    write_image(found / "a.nii.gz", stored, matrix @ turned)
    run("masks", found / "a.nii.gz", reference / "a-labels.nii.gz", "-o", tmp_path / "out", "-q")
    (row,) = read_table(tmp_path / "out" / "cases.csv")[1]
    assert float(row["dice"]) == pytest.approx(0.5)
