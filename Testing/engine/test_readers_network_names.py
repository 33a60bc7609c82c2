"""Several tables of predictions in one comparison: each network has a name of its own that says which one it is."""

import csv
from pathlib import Path

import pytest
from engine.compared_study import CASES, TRUTH, written_study

from radiologycnn.errors import InputError
from radiologycnn.readers.outputs import write_comparison


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "study").mkdir()
    return written_study(tmp_path / "study", {"R1": TRUTH})


def predictions(path: Path, model: str = "", wrong: int = 0) -> Path:
    """A table of predictions, wrong in so many cases."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{case},{0 if number < wrong else TRUTH[case]},{model}" for number, case in enumerate(CASES[10:])]
    path.write_text("\n".join(["case,tear_class,model", *rows]) + "\n")
    return path


def names_in(study: Path, *tables: Path) -> list[str]:
    """What the networks are called, in the record and in the tables."""
    record = write_comparison(study, study.parent / "out", list(tables))
    with (study.parent / "out" / "readers.csv").open(newline="") as file:
        listed = [row["name"] for row in csv.DictReader(file)]
    assert len({name.casefold() for name in listed}) == len(listed) == len(tables) + 1
    assert [name for name in listed if name != "R1"] == record["groups"]["Network"]
    return [network["name"] for network in record["networks"]]


def test_one_network_is_called_so(study, tmp_path) -> None:
    assert names_in(study, predictions(tmp_path / "a" / "predictions.csv", "cuff-1.0.0")) == ["Network"]


def test_networks_are_told_apart_by_their_models(study, tmp_path) -> None:
    tables = [predictions(tmp_path / f"run{n}" / "predictions.csv", f"cuff-{n}.0.0", wrong=n) for n in range(2)]
    assert names_in(study, *tables) == ["Network (cuff-0.0.0)", "Network (cuff-1.0.0)"]


@pytest.mark.parametrize("models", [("", ""), ("cuff-1.0.0", "cuff-1.0.0"), ("cuff-1.0.0", "")])
def test_networks_of_one_model_or_of_none_are_told_apart_by_their_folders(study, tmp_path, models) -> None:
    tables = [
        predictions(tmp_path / f"run{number}" / "network" / "predictions.csv", model, wrong=number)
        for number, model in enumerate(models)
    ]
    assert names_in(study, *tables) == ["Network (run0/network)", "Network (run1/network)"]


def test_tables_with_names_of_their_own_keep_them(study, tmp_path) -> None:
    tables = [predictions(tmp_path / name, wrong=n) for n, name in enumerate(("first.csv", "second.csv"))]
    assert names_in(study, *tables, predictions(tmp_path / "predictions.csv")) == ["first", "second", "Network"]


def test_no_network_is_called_as_a_reader(study, tmp_path) -> None:
    assert names_in(study, predictions(tmp_path / "r1.csv")) == ["r1 2"]


def test_a_table_that_is_given_twice_is_refused(study, tmp_path) -> None:
    table = predictions(tmp_path / "predictions.csv")
    with pytest.raises(InputError, match="twice"):
        write_comparison(study, tmp_path / "out", [table, tmp_path / "study" / ".." / "predictions.csv"])
