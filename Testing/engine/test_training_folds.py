"""Cross-validation: patients stay together, kinds are shared out, every case is tried once, and figures are right."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from engine.head_folder import TINY_HEADS, write_head_folder
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.models.package import load_package
from radiologycnn.reproduction.data_cases import split_rows
from radiologycnn.training.case_files import read_manifest
from radiologycnn.training.case_set import CaseSet, split_cases
from radiologycnn.training.folds import assign_folds, cross_validate, read_rows, table_of
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.rotatorcuff.cases import PreparedCase, save_case
from radiologycnn.training.rotatorcuff.run import RotatorCuffTask
from radiologycnn.training.rotatorcuff.settings import TrainingSettings as TearSettings
from radiologycnn.training.task import ModelName

MODEL = ModelName("tiny")
PATIENTS = ("p1", "p1", "p2", "p3", "p4", "p5", "p6")


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("folds", [2, 3, 5])
def test_patients_stay_together_and_kinds_are_shared_out(seed: int, folds: int) -> None:
    rng = np.random.default_rng(100 + seed)
    patients = {f"c{n:02d}": f"p{int(rng.integers(0, 40))}" for n in range(60)}
    kind_of = {
        patient: str(rng.choice(["none", "small", "large"], p=[0.6, 0.25, 0.15])) for patient in patients.values()
    }
    strata = {case: kind_of[patient] for case, patient in patients.items()}
    found = assign_folds(patients, strata, folds, seed)
    assert set(found) == set(patients) and set(found.values()) == set(range(1, folds + 1))
    for patient in set(patients.values()):
        assert len({found[case] for case in patients if patients[case] == patient}) == 1
    largest = max(Counter(patients.values()).values())
    for kind in ("none", "small", "large"):
        counts = [sum(found[c] == fold and strata[c] == kind for c in patients) for fold in range(1, folds + 1)]
        assert max(counts) - min(counts) <= largest
    shuffled = dict(sorted(patients.items(), key=lambda item: item[0][::-1]))
    assert assign_folds(shuffled, strata, folds, seed) == found  # whatever the order of the manifest


def test_folds_depend_on_the_seed_and_are_even_where_each_case_is_a_patient() -> None:
    patients = {f"c{n}": f"c{n}" for n in range(20)}
    strata = {f"c{n}": "bleed" if n % 4 else "none" for n in range(20)}
    folds = [assign_folds(patients, strata, 5, seed) for seed in range(3)]
    assert folds[0] != folds[1] != folds[2]
    for found in folds:
        assert set(Counter(found.values()).values()) == {4}
        assert set(Counter(fold for case, fold in found.items() if strata[case] == "none").values()) == {1}


def test_too_few_patients_or_folds_are_refused() -> None:
    patients = {"a": "p", "b": "p", "c": "q"}
    with pytest.raises(InputError, match="2 patients are too few for 3 folds"):
        assign_folds(patients, dict.fromkeys(patients, "x"), 3, 0)
    with pytest.raises(InputError, match="Give at least 2"):
        assign_folds(patients, dict.fromkeys(patients, "x"), 1, 0)


def test_too_few_patients_are_refused_before_any_scan_is_read(tmp_path) -> None:
    data, output = tmp_path / "heads", tmp_path / "run"
    data.mkdir()
    (data / "scan.nii.gz").write_text("no scan")
    lines = [f"{name},scan.nii.gz,scan.nii.gz,{patient},{split}" for name, patient, split in (
        ("a", "p", ""), ("b", "p", ""), ("c", "q", "train"), ("d", "r", "test"),
    )]  # fmt: skip
    (data / "cases.csv").write_text("\n".join(["id,image,mask,patient,split", *lines]))
    for task in (head_task(data), HemorrhageTask(TrainingSettings(), simulate=2, device="cpu")):
        with pytest.raises(InputError, match="2 patients are too few for 3 folds"):
            cross_validate(task, output, 3, MODEL)
    assert not output.exists()


def test_validation_cases_are_other_patients() -> None:
    paths = [Path(f"c{n}.npz") for n in range(12)]
    patients = {f"c{n}": f"p{n // 3}" for n in range(12)}
    for seed in range(6):
        training, validation = split_cases(paths, 0.25, seed, patients)
        assert sorted(training + validation) == sorted(paths) and len(validation) == 3
        assert not {patients[p.stem] for p in training} & {patients[p.stem] for p in validation}
    with pytest.raises(InputError, match="one patient"):
        split_cases(paths[:3], 0.25, 0, patients)


def test_manifest_keeps_a_patients_scans_in_one_split(tmp_path) -> None:
    (tmp_path / "here").write_text("")
    head = "id,image,mask,split,patient\n"
    (tmp_path / "cases.csv").write_text(head + "a,here,here,train,p\nb,here,here,,p\nc,here,here,,\n")
    rows = read_manifest(tmp_path, ("image", "mask"))
    assert [(row["patient"], row["split"]) for row in rows] == [("p", "train"), ("p", "train"), ("c", "")]
    (tmp_path / "cases.csv").write_text(head + "a,here,here,train,p\nb,here,here,test,p\n")
    with pytest.raises(InputError, match="line 3: patient “p” stands in train and in test"):
        read_manifest(tmp_path, ("image", "mask"))


@pytest.fixture(scope="module")
def heads(tmp_path_factory) -> Path:
    return write_head_folder(tmp_path_factory.mktemp("folds") / "heads", PATIENTS, without_bleed=(3, 5))


def head_task(heads: Path, **changes) -> HemorrhageTask:
    values = {**TINY_HEADS, "grid_shape_ijk": (32, 32, 16), **changes}
    return HemorrhageTask(TrainingSettings.from_preset("default", values), heads, device="cpu")


@pytest.fixture(scope="module")
def whole(heads, tmp_path_factory) -> Path:
    """A run by the command that was not interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    settings = folder / "tiny.json"
    settings.write_text(json.dumps({"task": HemorrhageTask.name, "settings": TINY_HEADS}))
    options = ["--data", str(heads), "--settings", str(settings), "--folds", "3", "--name", "tiny", "--device", "cpu"]
    done = CliRunner().invoke(app, ["train", "hemorrhage", "-o", str(folder / "run"), *options])
    assert done.exit_code == 0, done.output + str(done.exception)
    assert "pooled" in done.output and "mean of folds" in done.output and "Dice" in done.output
    return folder / "run"


def test_every_case_is_tried_by_the_model_that_has_not_seen_its_patient(heads, whole) -> None:
    rows = lines_of(whole / "out-of-fold.csv")
    assert sorted(row["case"] for row in rows) == [f"head-{n}" for n in range(7)]
    fold_of = {row["case"]: row["fold"] for row in lines_of(whole / "folds.csv")}
    assert fold_of["head-0"] == fold_of["head-1"]  # one patient
    assert {row["case"]: row["fold"] for row in rows} == fold_of
    assert [row["problem"] for row in rows] == [""] * 7
    assert {row["case"] for row in rows if row["bleed"] == "False"} == {"head-3", "head-5"}
    bleeding = [row for row in rows if row["bleed"] == "True"]
    assert all(float(row["reference_ml"]) == pytest.approx(44.6, rel=0.1) for row in bleeding)  # 4/3 pi 2.2^3 cm^3
    for fold in "123":
        package = load_package(whole / f"fold-{fold}" / "tiny-0.1.0")
        assert f"fold {fold} of 3 held out" in package.training_data
        held_out = sum(one == fold for one in fold_of.values())
        validated = int(package.performance["validation"]["data"].split()[0])
        assert package.training_data.startswith(f"{7 - held_out - validated} cases of heads")


def test_table_has_folds_their_spread_and_pooled_figures(whole) -> None:
    rows = lines_of(whole / "out-of-fold.csv")
    table = {(line["part"], line["figure"]): line for line in lines_of(whole / "cross-validation.csv")}
    dice = {
        fold: [float(row["dice"]) for row in rows if row["bleed"] == "True" and row["fold"] == fold] for fold in "123"
    }
    for fold, values in dice.items():
        line = table[f"fold {fold}", "dice"]
        assert int(line["cases"]) == len(values)
        if values:
            assert float(line["value"]) == pytest.approx(np.mean(values))
        if len(values) > 1:
            assert float(line["sd"]) == pytest.approx(np.std(values, ddof=1))
    means = [np.mean(values) for values in dice.values() if values]
    assert float(table["folds", "dice"]["value"]) == pytest.approx(np.mean(means))
    assert float(table["folds", "dice"]["sd"]) == pytest.approx(np.std(means, ddof=1))
    pooled = table["pooled", "dice"]
    assert int(pooled["cases"]) == 5
    every = [value for values in dice.values() for value in values]
    assert float(pooled["value"]) == pytest.approx(np.mean(every))
    if np.ptp(every):
        assert float(pooled["lower_95"]) <= float(pooled["value"]) <= float(pooled["upper_95"])
    else:  # of cases that are all alike there is none
        assert pooled["lower_95"] == pooled["upper_95"] == ""
    invented = [float(row["found_ml"]) for row in rows if row["bleed"] == "False"]
    assert float(table["pooled", "invented_ml"]["value"]) == pytest.approx(np.mean(invented))


def test_stopped_run_goes_on_and_gives_the_same(heads, whole, tmp_path) -> None:
    def stop_in_the_second_fold() -> bool:
        return (tmp_path / "run" / "fold-2" / "checkpoint.pt").exists()

    with pytest.raises(Cancelled):
        cross_validate(head_task(heads), tmp_path / "run", 3, MODEL, cancelled=stop_in_the_second_fold)
    assert (tmp_path / "run" / "fold-1" / "out-of-fold.json").exists()
    assert not (tmp_path / "run" / "cross-validation.csv").exists()
    with pytest.raises(InputError, match="holds a run already"):
        cross_validate(head_task(heads), tmp_path / "run", 3, MODEL)
    with pytest.raises(InputError, match="learning_rate"):
        cross_validate(head_task(heads, learning_rate=0.01), tmp_path / "run", 3, MODEL, resume=True)
    with pytest.raises(InputError, match="folds"):
        cross_validate(head_task(heads), tmp_path / "run", 2, MODEL, resume=True)
    first = (tmp_path / "run" / "fold-1" / "tiny-0.1.0" / "weights.safetensors").stat().st_mtime_ns
    cross_validate(head_task(heads), tmp_path / "run", 3, MODEL, resume=True)
    assert (tmp_path / "run" / "fold-1" / "tiny-0.1.0" / "weights.safetensors").stat().st_mtime_ns == first
    for name in ("folds.csv", "out-of-fold.csv", "cross-validation.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes(), name


def test_refused_case_is_named_and_in_no_figure(whole, heads) -> None:
    rows = [row for fold in (1, 2, 3) for row in read_rows(whole / f"fold-{fold}")]
    refused = {"case": "x", "patient": "x", "fold": 1, "bleed": True, "problem": "No skull was found."}
    task = head_task(heads)
    assert table_of(task, [*rows, refused]) == table_of(task, rows)


def test_interval_is_over_patients(heads) -> None:
    """Ten copies of each patient's scan are no more evidence than one."""
    values = [0.2, 0.5, 0.6, 0.8, 0.9]

    def rows(copies: int) -> list[dict]:
        return [
            {"case": f"{n}-{copy}", "patient": str(n), "fold": 1, "bleed": True, "problem": "", "dice": value}
            for n, value in enumerate(values)
            for copy in range(copies)
        ]

    pooled = [
        next(x for x in table_of(head_task(heads), rows(copies)) if (x["part"], x["figure"]) == ("pooled", "dice"))
        for copies in (1, 10)
    ]
    assert pooled[0]["cases"] == 5 and pooled[1]["cases"] == 50
    for name in ("value", "lower_95", "upper_95"):
        assert pooled[0][name] == pytest.approx(pooled[1][name])


class PreparedShoulders(RotatorCuffTask):
    """Shoulders that lie there prepared, two of them of one patient."""

    def listed(self) -> CaseSet:
        return self.prepare(self.data)

    def prepare(self, folder: Path, progress=None, cancelled=None) -> CaseSet:
        found = CaseSet.without_splits(sorted(self.data.glob("*.npz")))
        return CaseSet(found.found, {"c00": "twin", "c05": "twin"})


def test_folds_of_shoulders_by_class(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("radiologycnn.training.folds._RESAMPLES", 100)
    data = tmp_path / "prepared"
    rng = np.random.default_rng(0)
    for number in range(15):
        grey = np.clip(rng.normal(100, 30, (20, 20, 20)) + 20 * (number % 5), 0, 255).astype(np.uint8)
        save_case(PreparedCase(f"c{number:02d}", grey, number % 5, None), data)
    values = {"grid_size": 16, "base_filters": 4, "epochs": 1, "coarse_epochs": 0, "autocast": False}
    task = PreparedShoulders(TearSettings.from_preset("default", values), data, device="cpu")
    done = cross_validate(task, tmp_path / "run", 3, MODEL)
    folds = {row["case"]: row for row in lines_of(tmp_path / "run" / "folds.csv")}
    assert folds["c00"]["fold"] == folds["c05"]["fold"]
    assert Counter(row["kind"] for row in folds.values()) == {row["kind"]: 3 for row in folds.values()}
    table = {(line["part"], line["figure"]): line for line in done.table}
    rows = lines_of(tmp_path / "run" / "out-of-fold.csv")
    right = np.mean([row["truth"] == row["predicted"] for row in rows])
    assert table["pooled", "top1"]["value"] == pytest.approx(right) and table["pooled", "top1"]["cases"] == 15
    area = roc_auc_score([row["truth"] != "0" for row in rows], [float(row["tear_probability"]) for row in rows])
    assert table["pooled", "tear_auc"]["value"] == pytest.approx(area)
    kappa = table["pooled", "quadratic_kappa"]
    assert kappa["lower_95"] < kappa["value"] < kappa["upper_95"]
    assert not done.refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--folds", "3", "--search", "paper"], "two runs"),
        (["--folds", "3", "--test", "2"], "judged by their own cases"),
        (["--preset", "paper", "--settings", "x.json"], "cannot go together"),
    ],
)
def test_runs_that_do_not_go_together_are_refused(heads, tmp_path, options: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["train", "hemorrhage", "--data", str(heads), "-o", str(tmp_path), *options])
    assert done.exit_code and said in str(done.exception)


def test_reproductions_keep_patients_together_too() -> None:
    rows = [{"id": f"c{n}", "split": "", "patient": f"p{n // 3}"} for n in range(30)]
    for seed in range(5):
        parts = split_rows(rows, seed, 0.2, 0.2)
        assert {name: len(part) for name, part in parts.items()} == {"train": 18, "validation": 6, "test": 6}
        people = [{row["patient"] for row in part} for part in parts.values()]
        assert not (people[0] & people[1] or people[0] & people[2] or people[1] & people[2])
