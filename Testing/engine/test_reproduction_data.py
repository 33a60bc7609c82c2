"""A reproduction on a person's own scans: what is checked before it begins, and what a changed manifest may not do."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from engine.hand_made import description
from engine.hand_made_shoulder import plain_scan, random_package
from engine.head_folder import write_head_folder
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.images import write_image
from radiologycnn.models.weights import save_package
from radiologycnn.networks.architectures import build_network
from radiologycnn.reproduction.settings import ReproductionSettings


def reproduce(paper: str, output: Path, data: Path, *more: object) -> str:
    words = ["reproduce", paper, "--quick", "--device", "cpu", "--data", str(data), "-o", str(output)]
    done = CliRunner().invoke(app, [*words, *map(str, more)])
    if isinstance(done.exception, InputError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    return write_head_folder(tmp_path / "heads", tuple("abcdef"))


def test_a_changed_manifest_does_not_draw_new_test_cases(heads: Path, tmp_path: Path, monkeypatch) -> None:
    run = tmp_path / "run"
    reproduce("arab2020", run, heads, "--methods", "threshold")
    tested = {path.stem for path in (run / "masks" / "threshold").glob("*.json")}
    rows = rows_of(heads / "cases.csv")

    write_rows(heads / "cases.csv", [{**row, "age": "70"} for row in rows[::-1]])  # the same cases
    monkeypatch.chdir(heads.parent)
    kept = run / "reproduction.json"
    record = json.loads(kept.read_text())
    assert Path(record["sources"]["data"]).is_absolute()
    record["sources"]["data"] = heads.name  # as runs of older versions kept it
    kept.write_text(json.dumps(record))
    reproduce("arab2020", run, Path(heads.name), "--methods", "threshold")
    assert {path.stem for path in (run / "masks" / "threshold").glob("*.json")} == tested

    kept = shutil.copy2(heads / "mask-3.nii", tmp_path / "mask-3.nii")
    write_image(heads / "mask-3.nii", np.zeros((32, 52, 52), np.uint8), np.diag([4.0, 4.5, 5.8, 1.0]))
    with pytest.raises(InputError, match=r"mask that it names, is not .*\(changed: head-3\)"):
        reproduce("arab2020", run, heads, "--methods", "threshold")
    shutil.copy2(kept, heads / "mask-3.nii")
    reproduce("arab2020", run, heads, "--methods", "threshold")

    others = [{**rows[1], "patient": "z"}, *rows[2:], {**rows[0], "id": "head-9"}]
    write_rows(heads / "cases.csv", others)
    with pytest.raises(InputError) as refused:
        reproduce("arab2020", run, heads, "--methods", "threshold")
    assert "(new: head-9; gone: head-0; changed: head-1)" in refused.value.message
    shutil.copytree(heads, tmp_path / "others")
    with pytest.raises(InputError, match="other settings: data"):
        reproduce("arab2020", run, tmp_path / "others", "--methods", "threshold")


def test_scans_that_the_network_would_refuse_are_named_before_anything_is_learned(heads: Path, tmp_path: Path) -> None:
    rows = rows_of(heads / "cases.csv")
    for row in rows[:2]:
        row["split"] = "test"
    write_rows(heads / "cases.csv", rows)
    box = np.full((32, 52, 52), -1000, np.int16)
    box[8:24, 10:40, 10:40] = np.random.default_rng(0).integers(0, 80, (16, 30, 30))  # tissue without a skull
    steps = np.diag([4.0, 4.5, 5.8, 1.0])
    for number in (0, 4):  # the latter is learned from: only its mask must fit
        write_image(heads / f"scan-{number}.nii", box, steps)
        write_image(heads / f"mask-{number}.nii", (box > 60).astype(np.uint8), steps)
    with pytest.raises(InputError, match=r"^Case head-0: .*bone"):
        reproduce("arab2020", tmp_path / "run", heads, "--methods", "threshold")
    write_image(heads / "mask-5.nii", np.zeros((8, 52, 52), np.uint8), steps)
    with pytest.raises(InputError) as refused:
        reproduce("arab2020", tmp_path / "run", heads, "--methods", "threshold")
    assert refused.value.message.startswith("2 cases cannot be used. ")
    assert "Case head-0: " in refused.value.message and "mask of case head-5 is not on" in refused.value.message
    assert not (tmp_path / "run" / "methods").exists()
    # Put right, the run begins: nothing of it was kept.
    write_rows(heads / "cases.csv", rows[1:-1])
    reproduce("arab2020", tmp_path / "run", heads, "--methods", "threshold")
    assert [path.stem for path in (tmp_path / "run" / "masks" / "threshold").glob("*.json")] == ["head-1"]


def test_many_refused_cases_are_not_all_told(heads: Path, tmp_path: Path) -> None:
    for number in range(6):
        (heads / f"mask-{number}.nii").write_bytes(b"no image")
    with pytest.raises(InputError, match="6 cases cannot be used") as refused:
        reproduce("arab2020", tmp_path / "run", heads, "--methods", "threshold")
    assert refused.value.message.count("The mask of case") == 5 and refused.value.message.endswith("And 1 more.")


def test_a_finished_model_is_tested_on_all_that_is_not_kept_for_learning(heads: Path, tmp_path: Path) -> None:
    untrained = ("--models", "bundled", "--methods", "threshold", "--report", tmp_path / "report")
    reproduce("arab2020", tmp_path / "all", heads, *untrained)
    assert [row["case"] for row in rows_of(tmp_path / "report" / "cases.csv")] == [f"head-{n}" for n in range(6)]
    rows = rows_of(heads / "cases.csv")
    splits = ["train", "validation", "test", "", "train", "train"]
    write_rows(heads / "cases.csv", [{**row, "split": split} for row, split in zip(rows, splits)])
    reproduce("arab2020", tmp_path / "some", heads, *untrained)
    assert [row["case"] for row in rows_of(tmp_path / "report" / "cases.csv")] == ["head-2", "head-3"]
    write_rows(heads / "cases.csv", [{**row, "split": "train"} for row in rows])
    with pytest.raises(InputError, match="no case to test on"):
        reproduce("arab2020", tmp_path / "none", heads, *untrained)


def test_people_and_scans_without_a_bleed(tmp_path: Path) -> None:
    """No CNN-DS: the threshold's masks are those of no rater M, and tables of both kinds of scans are written."""
    heads = write_head_folder(tmp_path / "heads", tuple("abcdef"), without_bleed=(4, 5))
    rows = rows_of(heads / "cases.csv")
    for number, row in enumerate(rows):
        types = "none" if number > 3 else "iph+ivh" if number == 0 else "iph"
        row.update(age=str(60 + number), sex="Male" if number % 2 else "Female", types=types)
        row["split"] = "validation" if number == 1 else "train" if number == 2 else "test"
    write_rows(heads / "cases.csv", rows)
    run = tmp_path / "run"
    reproduce("arab2020", run, heads, "--methods", "threshold")
    assert [row["case"] for row in rows_of(run / "cases.csv")] == ["head-0", "head-3", "head-4", "head-5"]

    def figures(name: str) -> dict[str, dict[str, str]]:
        return {row["what"]: row for row in rows_of(run / "tables" / f"{name}.csv")}

    def own(name: str) -> dict[str, str]:
        return {
            what: next(row[one] for one in row if one.startswith("This run")) for what, row in figures(name).items()
        }

    people = own("table-1-demographics")
    assert people["Age (years, mean ± SD), training set"] == "61.5 ± 0.7"
    assert (
        people["Sex (male, %), testing set"] == "50" and people["Intraventricular hemorrhage (%), testing set"] == "50"
    )
    methods = figures("table-3-methods")
    title = next(what for what in methods if what.endswith("invented without a bleed (mL)"))
    assert methods[title]["note"].startswith("2 cases without a bleed")
    assert "2 cases with a bleed" in methods[title.replace("invented without a bleed (mL)", "Dice")]["note"]
    pairs = own("table-2-agreement")
    assert pairs["E1, E2: kappa"] != "–" and pairs["E1, M: kappa"] == "–"
    # Two cases have a bleed, and no line goes through the two others, which nobody outlines.
    assert figures("table-2-agreement")["E1, E2: slope"]["note"] == "too few different volumes for a line"
    text = own("text-figures")
    assert text["Kappa among experts"] != "–" and text["Age, training less testing set: t"] != "–"
    for what in ("Dice on the training set", "Kappa of expert and method", "Training time (h)"):
        assert text[what] == "–"
    assert "CNN-DS (M)" not in (run / "report.html").read_text(encoding="utf-8")


def test_an_empty_mask_cell_of_a_rater_is_a_missing_mask(heads: Path, tmp_path: Path) -> None:
    raters = tmp_path / "raters.csv"
    lines = [f"E1,head-{n},{heads / f'mask-{n}.nii'}" for n in range(5)]
    raters.write_text("\n".join(["rater,case,mask", *lines, "E1,head-5,", "E2,head-0,"]))
    untrained = ("--models", "bundled", "--methods", "threshold", "--readers", raters)
    with pytest.raises(InputError, match=r"Rater E1 has no mask of 1 test case, such as head-5"):
        reproduce("arab2020", tmp_path / "run", heads, *untrained)


def test_shoulders_and_readers_with_the_papers_class_codes(tmp_path: Path) -> None:
    shoulders = tmp_path / "shoulders"
    shoulders.mkdir()
    for number in range(2):
        scan = plain_scan(number)
        write_image(shoulders / f"{number}.nii.gz", scan.array, scan.ijk_to_lps)
    mask = np.zeros(scan.array.shape, np.uint8)
    mask[mask.shape[0] // 2, 4:8, 4:8] = 1
    write_image(shoulders / "mask.nii.gz", mask, scan.ijk_to_lps)
    (shoulders / "cases.csv").write_text(
        "id,image,class,mask,confounders\na,0.nii.gz,4,,\nb,1.nii.gz,3,mask.nii.gz,Cysts\n"
    )
    readers = tmp_path / "readers.csv"
    readers.write_text("reader,group,case,tear_class\nA,x,a,4\nA,x,b,3\n")
    model = random_package(tmp_path / "random-1.0.0")
    words = ("--models", "bundled", "--model", model.path, "--repeats", "2", "--report", tmp_path / "report")
    reproduce("shim2020", tmp_path / "run", shoulders, *words, "--readers", readers, "--codes", "paper")
    assert [row["true_class"] for row in rows_of(tmp_path / "report" / "cases.csv")] == ["Partial", "Large-to-Massive"]
    assert [row["confounders"] for row in rows_of(tmp_path / "report" / "cases.csv")] == ["", "cysts"]
    (reader,) = json.loads((tmp_path / "run" / "summary.json").read_text())["against-readers"]
    assert reader["what"] == "A" and reader["note"].endswith("classes 0 : 100 %")
    with pytest.raises(InputError, match="other settings: codes"):
        reproduce("shim2020", tmp_path / "run", shoulders, *words, "--readers", readers)
    with pytest.raises(InputError, match="no class codes"):
        ReproductionSettings.of("shim2020", codes="roman")


def test_types_are_told_only_where_the_masks_tell_them(tmp_path: Path) -> None:
    """A model of five types on masks of blood or none: their 1 is no type, unless the folder says so."""
    heads = write_head_folder(tmp_path / "heads", ("a", "b"))
    architecture = {"name": "cnn_ds", "parameters": {"base_filters": 2, "depth": 2, "out_labels": 5}}
    labels = [label.to_dict() for label in BLEED_TYPES.values()]
    record = description(name="five", labels=labels, architecture=architecture, preprocessing={})
    model = save_package(tmp_path / "five-1.0.0", build_network(architecture).state_dict(), record)
    words = ("--models", "bundled", "--methods", "cnn_ds", "--model", model.path)
    reproduce("arab2020", tmp_path / "untold", heads, *words)
    assert not (tmp_path / "untold" / "tables" / "by-type.csv").exists()
    (heads / "dataset_description.json").write_text('{"MaskValues": {"1": "sah"}}')
    reproduce("arab2020", tmp_path / "told", heads, *words)
    rows = rows_of(tmp_path / "told" / "tables" / "by-type.csv")
    assert [row["note"] for row in rows if row["what"].endswith(f"{BLEED_TYPES['sah'].name}: Dice")] == ["2 cases"]
