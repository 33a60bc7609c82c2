"""``radiologycnn evaluate``: which files belong together, what is printed, and what is refused."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.commands.evaluate import _metric_line
from radiologycnn.errors import InputError
from radiologycnn.evaluation.table_files import read_table
from radiologycnn.images import write_image

MATRIX = np.diag([1.0, 1.0, 2.0, 1.0])


def run(*arguments: object) -> str:
    finished = CliRunner().invoke(
        app, ["evaluate", *map(str, arguments)], catch_exceptions=False, standalone_mode=False
    )
    return finished.output


def box(first: int) -> np.ndarray:
    mask = np.zeros((6, 12, 12), np.uint8)
    mask[1:4, 2:8, first : first + 4] = 1
    return mask


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


def table(path: Path, heading: str, *lines: str) -> Path:
    path.write_text("\n".join((heading, *lines)) + "\n", encoding="utf-8")
    return path


def test_classes_by_name_number_and_probability(tmp_path) -> None:
    truth = table(tmp_path / "truth.csv", "case,tear_class", "a,None", "b,Medium", "c,large-to-massive", "d,0", "e,1")
    found = table(
        tmp_path / "found.csv",
        "id,p_none,p_partial,p_small,p_medium,p_large_to_massive",
        "a,0.7,0.1,0.1,0.1,0",
        "b,0.1,0.1,0.5,0.2,0.1",
        "c,0,0,0.1,0.2,0.7",
        "d,0.4,0.6,0,0,0",
        "e,0.2,0.8,0,0,0",
        "x,1,0,0,0,0",
    )
    printed = run("classes", found, truth, "-o", tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["top1"] == pytest.approx(0.6) and summary["top1_within_one"] == 1.0
    assert summary["top1_within_one_strict"] == pytest.approx(0.8)
    assert summary["tear_sensitivity"] == 1.0 and summary["tear_specificity"] == 0.5
    assert summary["tear_auc"] == 1.0 and summary["left_out"] == ["x"]
    assert summary["confusion"][3] == [0, 0, 1, 0, 0]
    assert re.search(r"top-1 +0\.600  \(95 % 0\.231 to 0\.882\)", printed)  # Wilson
    assert "tear_auc_95" not in summary and re.search(r"tear AUC +1\.000\n", printed)
    assert summary["kappa"] == pytest.approx(0.5) and re.search(r"\nkappa +0\.500  \(95 %", printed)
    assert "1 case in one table only: x" in printed and "0.600" in printed


def test_tables_with_semicolons_are_read_too(tmp_path) -> None:
    truth = table(tmp_path / "truth.csv", "\ufeffCase;tear_class;notes", "a;None;", "b;Medium;1, 2, 3", "", "c;1")
    found = table(tmp_path / "found.csv", "case,predicted,note", "a,0,x;y", "b,2,", "c,1,")
    run("classes", found, truth, "-o", tmp_path / "out", "-q")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["top1"] == pytest.approx(2 / 3)


def test_rows_of_empty_cells_are_no_rows_and_lines_are_those_of_the_file(tmp_path) -> None:
    """Spreadsheet programs append them."""
    truth = table(
        tmp_path / "truth.csv", ",,", "case,tear_class,notes", "a,None,", ",,", '"b",Medium,"two\nlines"', ", ,"
    )
    found = table(tmp_path / "found.csv", "", "case;predicted", "", "a;0", "b;3", ";")
    run("classes", found, truth, "-o", tmp_path / "out", "-q")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["top1"] == 1.0
    assert [(row["case"], row.line) for row in read_table(found)[1]] == [("a", 4), ("b", 5)]
    with truth.open("a") as file:
        file.write("c,1\n")
    heading, rows = read_table(truth)
    assert heading == ["case", "tear_class", "notes"]
    assert [(row["case"], row["notes"], row.line) for row in rows] == [
        ("a", "", 3),
        ("b", "two\nlines", 5),
        ("c", "", 8),
    ]


def test_codes_of_the_paper(tmp_path) -> None:
    """There 4 is Partial, and 1 to 3 are the sizes."""
    truth = table(tmp_path / "truth.csv", "case,class", "a,Partial", "b,Small", "c,Large-to-Massive")
    found = table(tmp_path / "found.csv", "case,predicted", "a,4", "b,1", "c,3")
    run("classes", found, truth, "-o", tmp_path / "out", "--codes", "paper", "-q")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["top1"] == 1.0


@pytest.mark.parametrize(
    ("heading", "line", "words"),
    [
        ("case,size", "a,Medium", "no column"),
        ("case,class", "a,Huge", "“Huge” is no tear class"),
        ("case,class", ",Medium", "names no case"),
        ("case,class", "a,Medium\na,Small", "names the case “a” again"),
        ("case,p_none,p_partial,p_small,p_medium,p_large_to_massive", "a,1,1,0,0,0", "of sum 1"),
        ("case,class", "", "no cases"),
    ],
)
def test_bad_tables_are_refused_with_their_line(tmp_path, heading, line, words) -> None:
    truth = table(tmp_path / "truth.csv", "case,class", "a,None")
    with pytest.raises(InputError, match=words):
        run("classes", table(tmp_path / "found.csv", heading, line), truth, "-o", tmp_path / "out")


def test_tables_that_are_not_there_are_folders_or_may_not_be_read_say_so(tmp_path, monkeypatch) -> None:
    truth = table(tmp_path / "truth.csv", "case,class", "a,None")
    with pytest.raises(InputError, match=r"There is no file .*nope\.csv"):
        run("classes", tmp_path / "nope.csv", truth, "-o", tmp_path / "out")
    with pytest.raises(InputError, match=r"is a folder, not a CSV table. Give the table in it: .*truth\.csv\."):
        run("classes", tmp_path, truth, "-o", tmp_path / "out")
    (tmp_path / "bare").mkdir()
    with pytest.raises(InputError, match=r"is a folder, not a CSV table. Give a CSV file\."):
        run("classes", tmp_path / "bare", truth, "-o", tmp_path / "out")
    truth.write_bytes("case,class\na,Größe\n".encode("latin-1"))
    with pytest.raises(InputError, match="Export it as CSV in UTF-8"):
        read_table(truth)

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(InputError, match=r"truth\.csv may not be read: there is no permission"):
        read_table(truth)


# Two methods on the same cases


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


def test_two_methods_classes_are_compared_on_the_cases_of_both(tmp_path) -> None:
    rng = np.random.default_rng(0)
    true = np.arange(40) % 5
    tables = []
    for name, noise in (("first", 0.3), ("second", 1.5)):
        guess = np.clip(true + noise * rng.standard_normal(40), 0, 4)
        chances = np.exp(-((np.arange(5)[None] - guess[:, None]) ** 2))
        chances /= chances.sum(axis=1, keepdims=True)
        lines = [f"{case}," + ",".join(f"{one:.9f}" for one in row) for case, row in enumerate(chances)]
        heading = "case,p_none,p_partial,p_small,p_medium,p_large_to_massive"
        tables.append((table(tmp_path / f"{name}.csv", heading, *lines), chances))
    truth = table(tmp_path / "truth.csv", "case,tear_class", *(f"{case},{one}" for case, one in enumerate(true)))
    printed = run("classes", tables[0][0], truth, "-o", tmp_path / "out", "--against", tables[1][0])
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    right = [chances.argmax(axis=1) == true for _, chances in tables]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    assert found["top1_mcnemar_p"] == pytest.approx(stats.binomtest(min(only), sum(only)).pvalue)
    areas = [roc_auc_score(true > 0, 1 - chances[:, 0]) for _, chances in tables]
    assert found["auc_difference"] == pytest.approx(areas[0] - areas[1], abs=1e-6)
    assert "(McNemar)" in printed and "(DeLong)" in printed


# Activation maps


def test_maps_are_scored_on_grids_of_their_own(tmp_path) -> None:
    """Of a map of 4 mm voxels whose peak lies in the lesion of case a, and three voxels (12 mm) away from b's."""
    maps, masks = tmp_path / "maps", tmp_path / "masks"
    coarse = np.diag([4.0, 4.0, 4.0, 1.0])
    coarse[:3, 3] = 1.5  # the coarse voxels' centres, above fine ones of 1 mm
    masks.mkdir()
    for case, place in (("a", 2), ("b", 5), ("c", None)):
        (maps / case).mkdir(parents=True)
        raw = np.zeros((8, 8, 8), np.float32)
        raw[3, 3, 2] = 1
        write_image(maps / case / "cam_raw.nii.gz", raw, coarse)
        lesion = np.zeros((32, 32, 32), np.uint8)
        if place is not None:
            lesion[12:16, 12:16, 4 * place : 4 * place + 4] = 1
        write_image(masks / f"{case}-mask.nii.gz", lesion, np.eye(4))
    printed = run("maps", maps, masks, "-o", tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["tears"], summary["peak_in_tear"], summary["peak_within_5_mm"]) == (2, 0.5, 0.5)
    with (tmp_path / "out" / "cases.csv").open(newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert [float(rows[case]["distance_mm"]) for case in "ab"] == [0, pytest.approx(10.0)]
    assert float(rows["a"]["energy_inside"]) == 1
    assert summary["peak_in_tear_95"] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    assert re.search(r"peak in tear +0\.5  \(95 % 0\.0945 to 0\.9055\)", printed)
    assert "Left out, as the mask is empty (1): c." in printed
    write_image(maps / "a" / "cam_raw.nii.gz", np.zeros((70, 70, 70), np.float32), np.eye(4))
    with pytest.raises(InputError, match="343,000 voxels"):
        run("maps", maps, masks, "-o", tmp_path / "out")


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_maps_of_a_few_large_voxels_are_scored(ending, tmp_path) -> None:
    """Of a network of four blocks, which leave 4 x 4 x 4 voxels of 20 mm of its cube."""
    raw, lesion = np.zeros((4, 4, 4), np.float32), np.zeros((80, 80, 80), np.uint8)
    raw[1, 2, 3] = 1
    lesion[20:40, 40:60, 60:80] = 1
    matrix = np.diag([20.0, 20.0, 20.0, 1.0])
    matrix[:3, 3] = 9.5
    write_image(tmp_path / f"map{ending}", raw, matrix)
    write_image(tmp_path / "mask.nii.gz", lesion, np.eye(4))
    run("maps", tmp_path / f"map{ending}", tmp_path / "mask.nii.gz", "-o", tmp_path / "out", "-q")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["tears"], summary["peak_in_tear"], summary["energy_inside"]) == (1, 1.0, 1.0)


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
