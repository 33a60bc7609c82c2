"""``radiologycnn evaluate masks --by COLUMN``: figures by what the table of the cases says of them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from engine.evaluate_command import MATRIX, box, run, table

from radiologycnn.errors import InputError
from radiologycnn.images import write_image

#: How far each prediction is moved: overlaps of 1, 1/2 and 0.
MOVED = {"a": 0, "b": 2, "c": 0, "d": 4, "e": 2}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Predictions and references of five cases; there is nothing to find in the last one, and something is found."""
    found, reference = tmp_path / "found", tmp_path / "reference"
    for folder in (found, reference):
        folder.mkdir()
    for case, moved in MOVED.items():
        write_image(found / f"{case}.nii.gz", box(3 + moved), MATRIX)
        write_image(reference / f"{case}.nii.gz", box(3) if case != "e" else np.zeros_like(box(3)), MATRIX)
    return found, reference


def in_groups(folders, tmp_path, *by: str) -> tuple[str, dict]:
    """What is printed, and the groups in the summary."""
    words = [word for column in by for word in ("--by", column)]
    printed = run("masks", *folders, "-o", tmp_path / "out", *words)
    return printed, json.loads((tmp_path / "out" / "summary.json").read_text())["groups"]


def test_figures_by_a_column_of_the_manifest(folders, tmp_path) -> None:
    table(folders[1] / "cases.csv", "id,Scanner,site", "a,GE,x", "b,GE,y", "c,Siemens,x", "d,Siemens,", "e,Siemens,")
    printed, groups = in_groups(folders, tmp_path, "scanner", "Site")
    assert list(groups) == ["scanner", "site"] and list(groups["scanner"]) == ["GE", "Siemens"]
    ge, siemens = groups["scanner"].values()
    assert (ge["cases"], ge["with_reference"], ge["metrics"]["dice"]["mean"]) == (2, 2, pytest.approx(0.75))
    assert (siemens["cases"], siemens["with_reference"]) == (3, 2)
    assert siemens["metrics"]["dice"]["mean"] == pytest.approx(0.5), "of the cases with something to find"
    assert siemens["metrics"]["invented_ml"]["cases"] == 1
    assert {name: one["cases"] for name, one in groups["site"].items()} == {"x": 2, "y": 1, "not stated": 2}
    (line,) = (line for line in printed.splitlines() if line.startswith("Siemens"))
    assert line.split()[1:4] == ["3", "1", "0.500"]
    with (tmp_path / "out" / "groups.csv").open(newline="") as file:
        rows = {(row["column"], row["group"], row["metric"]): row for row in csv.DictReader(file)}
    assert float(rows["scanner", "GE", "dice"]["mean"]) == pytest.approx(0.75)
    assert rows["site", "y", "dice"]["cases"] == "1" and not rows["site", "y", "dice"]["sd"]


def test_a_case_of_several_values_is_in_the_group_of_each(folders, tmp_path) -> None:
    table(folders[1] / "cases.csv", "id;types", "a;iph+sdh", "b;iph", "c;sdh + ", "d;none", "e;")
    _printed, groups = in_groups(folders, tmp_path, "types")
    assert {name: one["cases"] for name, one in groups["types"].items()} == {
        "iph": 2, "none": 1, "sdh": 2, "not stated": 1
    }  # fmt: skip


def test_the_table_may_lie_with_the_predictions(folders, tmp_path) -> None:
    table(folders[0] / "cases.csv", "case,model", *(f"{case},m{number % 2}" for number, case in enumerate(MOVED)))
    assert set(in_groups(folders, tmp_path, "model")[1]["model"]) == {"m0", "m1"}


def test_without_the_option_nothing_is_added(folders, tmp_path) -> None:
    run("masks", *folders, "-o", tmp_path / "out")
    assert "groups" not in json.loads((tmp_path / "out" / "summary.json").read_text())
    assert not (tmp_path / "out" / "groups.csv").exists()


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        (None, "no-manifest", "scanner"),
        (["id,site,side", "a,x,left"], "no-column", "id, site, side"),
        (["id,scanner", "z,GE"], "no-groups", "called a"),
        (["id,scanner", "a,"], "no-groups", "called a"),
        (["scanner,type", "GE,iph"], "no-manifest", "id and scanner"),
    ],
)
def test_what_says_nothing_of_groups_is_refused_before_anything_is_measured(
    folders, tmp_path, monkeypatch, lines, code, words
) -> None:
    if lines:
        table(folders[1] / "cases.csv", *lines)
    monkeypatch.setattr("radiologycnn.evaluation.mask_files.evaluate_masks", None)
    with pytest.raises(InputError) as refused:
        in_groups(folders, tmp_path, "scanner")
    assert refused.value.code == code and words in refused.value.hint
    assert not (tmp_path / "out").exists()


def test_a_column_in_which_hardly_two_cases_are_alike_is_refused(tmp_path) -> None:
    from radiologycnn.evaluation.case_groups import groups_of_column

    cases = [f"c{number}" for number in range(60)]
    table(tmp_path / "cases.csv", "id,age", *(f"{case},{number}.5" for number, case in enumerate(cases)))
    with pytest.raises(InputError, match="60 different values"):
        groups_of_column([tmp_path], "age", cases)


def test_a_case_that_the_table_puts_into_two_groups_is_refused(folders, tmp_path) -> None:
    table(folders[1] / "cases.csv", "id,scanner,types", "a,GE,iph", "a,GE,sdh", "b,GE,iph")
    _printed, groups = in_groups(folders, tmp_path, "scanner")
    assert groups["scanner"]["GE"]["cases"] == 2
    with pytest.raises(InputError, match=r"Line 3 of cases\.csv says of case “a” .* “sdh”, .* says “iph”"):
        in_groups(folders, tmp_path, "types")
