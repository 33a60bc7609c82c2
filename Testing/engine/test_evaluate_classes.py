"""``radiologycnn evaluate classes``: how tables of tear classes are read, scored, compared and refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from engine.evaluate_command import run, table
from scipy import stats
from sklearn.metrics import roc_auc_score

from radiologycnn.errors import InputError
from radiologycnn.evaluation.table_files import read_table


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


def test_numbers_of_tables_with_semicolons_may_have_a_decimal_comma(tmp_path) -> None:
    heading = "case;p_none;p_partial;p_small;p_medium;p_large_to_massive"
    found = table(tmp_path / "found.csv", heading, "a;0,6;0,1;0,1;0,1;0,1", "b;0,2;0,5;0.1;0,1;0,1")
    truth = table(tmp_path / "truth.csv", "case;tear_class", "a;None", "b;Partial")
    run("classes", found, truth, "-o", tmp_path / "out", "-q")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["top1"] == 1.0 and summary["tear_brier"] == pytest.approx((0.4**2 + 0.2**2) / 2)


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


def test_whole_numbers_may_be_written_as_programs_write_them_beside_gaps(tmp_path) -> None:
    truth = table(tmp_path / "truth.csv", "case;tear_class", "a;0,0", "b;3,0", "c;4")
    found = table(tmp_path / "found.csv", "case,predicted", "a,0.0", "b,3.0", "c,4.0")
    run("classes", found, truth, "-o", tmp_path / "out", "-q")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["top1"] == 1.0 and [row[n] for n, row in enumerate(summary["confusion"])] == [1, 0, 0, 1, 1]


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
        ("case,class", "a,", "Line 2 of found.csv gives no class. Take the line out .* For no tear write 0"),
        ("case,class", "a,NaN", "gives no class"),
        ("case,class,class", "a,Medium,None", "Two columns of found.csv are called class"),
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


def test_probabilities_of_two_decimals_need_not_add_up_to_one(tmp_path) -> None:
    heading = "case,p_none,p_partial,p_small,p_medium,p_large_to_massive"
    found = table(tmp_path / "found.csv", heading, "a,0.33,0.33,0.33,0.00,0.00", "b,0.13,0.22,0.22,0.22,0.23")
    truth = table(tmp_path / "truth.csv", "case,class", "a,None", "b,Large-to-Massive")
    run("classes", found, truth, "-o", tmp_path / "out", "-q")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["top1"] == 1.0
