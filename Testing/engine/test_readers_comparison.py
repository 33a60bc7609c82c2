"""The comparison of readers and network: every number against SciPy or a computation by hand."""

import csv
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from engine.hand_made_shoulder import plain_scan, random_package
from scipy import stats

from radiologycnn.cli import main
from radiologycnn.errors import InputError
from radiologycnn.evaluation.words import p_words
from radiologycnn.images import write_image
from radiologycnn.models.package import SIMULATED_NOTE
from radiologycnn.readers.answers import Answer, write_answers
from radiologycnn.readers.comparison import compare
from radiologycnn.readers.comparison_page import comparison_page
from radiologycnn.readers.mark_checks import check_marks
from radiologycnn.readers.marks import TearMark
from radiologycnn.readers.members import Member, members_of
from radiologycnn.readers.network_run import classify_study
from radiologycnn.readers.outputs import write_comparison
from radiologycnn.readers.study import StudySettings, open_study, write_settings
from radiologycnn.readers.tables import Predictions
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES

CASES = [f"c{number:02d}" for number in range(30)]
TRUTH = dict(zip(CASES, [0] * 10 + [1] * 4 + [2] * 5 + [3] * 6 + [4] * 5))


def reader(name: str, group: str, seed: int, spread: float) -> Member:
    generator = np.random.default_rng(seed)
    said = np.clip(np.round(np.array(list(TRUTH.values())) + generator.normal(0, spread, len(CASES))), 0, 4)
    return Member(
        name, group, dict(zip(CASES, said.astype(int).tolist())), dict(zip(CASES, generator.uniform(5, 60, len(CASES))))
    )


def network(seed: int = 9) -> Member:
    generator = np.random.default_rng(seed)
    tear = {
        case: float(np.clip(0.2 + 0.5 * (value > 0) + generator.normal(0, 0.2), 0, 1)) for case, value in TRUTH.items()
    }
    classes = {case: (TRUTH[case] if value > 0.5 else 0) for case, value in tear.items()}
    return Member("Network", "Network", classes, dict.fromkeys(CASES, 0.05), tear, is_network=True)


@pytest.fixture(scope="module")
def members() -> list[Member]:
    specialists = [reader(f"S{number}", "Specialists", number, 0.6) for number in range(4)]
    generalists = [reader(f"G{number}", "Generalists", 20 + number, 1.4) for number in range(6)]
    return [network(), *specialists, *generalists]


@pytest.fixture(scope="module")
def result(members: list[Member]) -> dict:
    return compare(TRUTH, members)


def by_group(result: dict, measure: str) -> dict[str, list[float]]:
    return {
        name: [row[measure] for row in result["members"] if row["name"] in group]
        for name, group in result["groups"].items()
    }


def test_figures_of_one_reader_by_hand() -> None:
    truth = {"a": 0, "b": 0, "c": 1, "d": 2, "e": 4, "f": 3}
    said = {"a": 0, "b": 1, "c": 0, "d": 3, "e": 4, "f": 1}
    seconds = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 10.0}
    (row,) = compare(truth, [Member("R", "Readers", said, seconds)])["members"]
    assert row["top1"] == 2 / 6
    assert row["top1_within_one"] == 5 / 6
    assert row["top1_within_one_strict"] == 3 / 6
    assert (row["sensitivity"], row["specificity"], row["accuracy"]) == (3 / 4, 1 / 2, 4 / 6)
    assert (row["precision"], row["f1"]) == (3 / 4, 3 / 4)
    assert (row["seconds_first_quartile"], row["seconds"], row["seconds_third_quartile"]) == (1.75, 2.5, 4.75)


def test_cases_without_truth_or_answer_are_left_out() -> None:
    result = compare({"a": 0, "b": 3, "c": 1}, [Member("R", "Readers", {"a": 0, "b": 3, "x": 2}, {})])
    assert (result["members"][0]["cases"], result["members"][0]["top1"]) == (2, 1.0)
    assert result["members"][0]["seconds"] is None
    assert "R answered 2 of 3 cases" in result["notes"][0]
    with pytest.raises(InputError, match="no answers"):
        compare({"a": 0}, [Member("R", "Readers", {"x": 2}, {})])


@pytest.mark.parametrize("measure", ["top1", "top1_within_one", "sensitivity", "specificity", "seconds"])
def test_table_3_is_scipys(result: dict, measure: str) -> None:
    values = by_group(result, measure)
    row = next(one for one in result["table3"] if one["measure"] == measure)
    for name, found in values.items():
        low, median, high = np.quantile(found, [0.25, 0.5, 0.75])
        figures = row["groups"][name]
        assert (figures["first_quartile"], figures["median"], figures["third_quartile"]) == pytest.approx(
            (low, median, high)
        )
    overall = stats.kruskal(*values.values())
    assert (row["statistic"], row["p"]) == pytest.approx((overall.statistic, overall.pvalue))
    pairs = [one for one in result["pairs"] if one["measure"] == measure]
    assert len(pairs) == 3
    for pair in pairs:
        test = stats.mannwhitneyu(values[pair["first"]], values[pair["second"]], alternative="two-sided")
        assert pair["mann_whitney_p"] == pytest.approx(test.pvalue)
        assert pair["mann_whitney_p_bonferroni"] == pytest.approx(min(3 * test.pvalue, 1))
        assert pair["significant"] == (3 * test.pvalue < 0.05)


def test_dunn_by_hand(result: dict) -> None:
    """z = difference of mean ranks / sqrt((N (N + 1) / 12 - sum(t^3 - t) / (12 (N - 1))) (1 / n1 + 1 / n2))."""
    values = by_group(result, "top1")
    everything = [value for found in values.values() for value in found]
    ranks = dict(zip(values, np.split(stats.rankdata(everything), np.cumsum([len(v) for v in values.values()])[:-1])))
    count = len(everything)
    ties = sum(everything.count(value) ** 3 - everything.count(value) for value in set(everything))
    variance = count * (count + 1) / 12 - ties / (12 * (count - 1))
    pair = next(
        one
        for one in result["pairs"]
        if (one["measure"], one["first"], one["second"]) == ("top1", "Specialists", "Generalists")
    )
    z = (ranks["Specialists"].mean() - ranks["Generalists"].mean()) / np.sqrt(variance * (1 / 4 + 1 / 6))
    assert pair["dunn_z"] == pytest.approx(z)
    assert pair["dunn_p"] == pytest.approx(2 * stats.norm.sf(abs(z)))


def test_table_2_by_hand(result: dict) -> None:
    values = by_group(result, "f1")["Generalists"]
    row = next(one for one in result["table2"] if one["measure"] == "f1")["groups"]["Generalists"]
    assert row["mean"] == pytest.approx(sum(values) / 6)
    assert row["sd"] == pytest.approx(np.sqrt(sum((v - sum(values) / 6) ** 2 for v in values) / 5))
    alone = next(one for one in result["table2"] if one["measure"] == "f1")["groups"]["Network"]
    assert (alone["members"], alone["sd"]) == (1, None)


def test_same_cases_by_hand(result: dict, members: list[Member]) -> None:
    row = next(one for one in result["paired"] if one["second"] == "G0")
    network, other = members[0], next(one for one in members if one.name == "G0")
    first = [(network.classes[c] > 0) == (TRUTH[c] > 0) for c in CASES]
    second = [(other.classes[c] > 0) == (TRUTH[c] > 0) for c in CASES]
    only_first = sum(a and not b for a, b in zip(first, second))
    only_second = sum(b and not a for a, b in zip(first, second))
    test = stats.binomtest(only_first, only_first + only_second, 0.5)
    assert row["accuracy_mcnemar_p"] == pytest.approx(test.pvalue)

    def area(score: dict[str, float]) -> float:
        tears, rest = [c for c in CASES if TRUTH[c]], [c for c in CASES if not TRUTH[c]]
        wins = sum((score[t] > score[r]) + 0.5 * (score[t] == score[r]) for t in tears for r in rest)
        return wins / (len(tears) * len(rest))

    assert row["auc_difference"] == pytest.approx(area(network.tear_probability) - area(other.classes))
    assert 0 <= row["auc_delong_p"] <= 1
    assert {one["second"] for one in result["paired"]} == {one.name for one in members[1:]}


def test_readers_below_the_curve_by_hand() -> None:
    truth = {"a": 0, "b": 0, "c": 3, "d": 3}
    score = {"a": 0.1, "b": 0.6, "c": 0.5, "d": 0.9}  # curve: (0, 0) (0, .5) (.5, .5) (.5, 1) (1, 1)
    network = Member("Network", "Network", {c: int(s > 0.5) for c, s in score.items()}, {}, score, is_network=True)
    above = Member("above", "Readers", {"a": 0, "b": 0, "c": 1, "d": 1}, {})
    below = Member("below", "Readers", {"a": 1, "b": 0, "c": 0, "d": 0}, {})
    (curve,) = compare(truth, [network, above, below])["roc"]
    assert curve["auc"] == 0.75
    assert (curve["readers_below"], curve["readers"]) == (1, 2)


def test_a_reader_who_is_always_right_may_err_on_other_cases() -> None:
    score = {case: 0.2 + 0.6 * (value > 0) for case, value in TRUTH.items()}
    network = Member("Network", "Network", TRUTH, {}, score, is_network=True)
    result = compare(TRUTH, [network, Member("R", "Readers", TRUTH, {})])
    for row in result["members"]:
        for name in ("top1", "top1_within_one", "accuracy"):
            assert row[name] == 1.0 and row[f"{name}_95"] == pytest.approx([0.8865, 1.0], abs=1e-4)
    # All areas are 1: no case tells how they vary.
    assert result["roc"][0]["auc"] == 1.0 and result["roc"][0]["auc_95"] == [None, None]
    assert result["paired"][0]["auc_difference"] == 0.0 and result["paired"][0]["auc_delong_p"] is None
    page = comparison_page(result | {"marks": None}, "Right")
    assert "area 1.000 (95 % –)" in page and "(89–100)" in page and "Wilson" in page


def test_equal_values_are_no_difference() -> None:
    members = [Member(f"R{n}", f"G{n % 2}", {"a": 0, "b": 3}, {"a": 2.0, "b": 2.0}) for n in range(6)]
    result = compare({"a": 0, "b": 3}, members)
    assert [row["p"] for row in result["table3"]] == [1.0] * 5
    assert not any(pair["significant"] for pair in result["pairs"])


def test_several_runs_of_a_network_are_one_group_and_a_readers_group_keeps_its_own_name(tmp_path: Path) -> None:
    folder = written_study(tmp_path, {"R1": dict.fromkeys(CASES, 1), "R2": dict.fromkeys(CASES, 0)})
    runs = [Predictions(f"run {n}", TRUTH, {}, {}) for n in range(3)]
    members = members_of(open_study(folder), {"r1": "Network"}, runs)
    assert [(one.name, one.group) for one in members] == [
        ("run 0", "Network"), ("run 1", "Network"), ("run 2", "Network"),
        ("R1", "Network (readers)"), ("R2", "Without a group"),
    ]  # fmt: skip


def test_p_values_in_words() -> None:
    words = [p_words(p) for p in (None, math.nan, 0.0009, 0.001, 0.05, 1.0)]
    assert words == ["–", "–", "< 0.001", "0.001", "0.050", "1.000"]


# ---- from a folder to files ----------------------------------------------------------------------------------------


def written_study(folder: Path, readers: dict[str, dict[str, int]], marks: dict[str, TearMark] | None = None) -> Path:
    for case in CASES:
        (folder / f"{case}.nii.gz").write_bytes(b"")
    rows = "".join(f"{case},{TEAR_CLASSES[value].name}\n" for case, value in TRUTH.items())
    (folder / "truth.csv").write_text("case,tear_class\n" + rows)
    for name, said in readers.items():
        answers = [
            Answer(case, order, said[case], 10.0 + order, mark=(marks or {}).get(case))
            for order, case in enumerate(CASES, start=1)
        ]
        write_answers(folder / "readers" / f"{name}.csv", answers)
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two readers with marks on the first three cases, a network with maps of two of them."""
    box = TearMark("box", (0.0, 0.0, 0.0), (6.0, 6.0, 6.0))
    point = TearMark("point", (0.0, 0.0, 0.0))
    marks = {"c00": box, "c01": box, "c02": point, "c03": box}
    tmp_path = tmp_path / "A <b>& study"
    tmp_path.mkdir()
    folder = written_study(tmp_path, {"R1": TRUTH, "R2": dict.fromkeys(CASES, 2)}, marks)
    matrix = np.diag([4.0, 4.0, 4.0, 1.0])
    matrix[:3, 3] = -20
    for case, peak in (("c00", (5, 5, 5)), ("c01", (5, 5, 8)), ("c02", (5, 6, 5))):
        raw = np.zeros((11, 11, 11), np.float32)
        raw[peak] = 1
        (folder / "network" / case).mkdir(parents=True)
        write_image(folder / "network" / case / "cam_raw.nii.gz", raw, matrix)
    (folder / "groups.csv").write_text("reader,group\nR1,Experts\nr2,Others\n")
    header = ",".join(f"p_{one.key}" for one in TEAR_CLASSES)
    rows = "".join(
        f"{case},{'0.8,0.05' if not value else '0.1,0.75'},0.05,0.05,0.05,0.02\n" for case, value in TRUTH.items()
    )
    (folder / "network" / "predictions.csv").write_text(f"case,{header},seconds\n{rows}")
    return folder


def test_marks_against_maps_with_their_chance(study: Path) -> None:
    """Voxels of 4 mm with centres at multiples of 4: one of 11^3 centres lies in a box of 6 mm."""
    found = check_marks(open_study(study), tolerance_mm=5.0)
    rows = {(row["reader"], row["case"]): row for row in found["rows"]}
    assert rows["R1", "c00"]["peak_inside"] is True
    assert rows["R1", "c00"]["chance_inside"] == pytest.approx(1 / 11**3)
    assert rows["R1", "c01"]["distance_mm"] == pytest.approx(12 - 3)
    assert not rows["R1", "c01"]["within_tolerance"]
    assert rows["R1", "c02"]["peak_inside"] is None
    assert rows["R1", "c02"]["distance_mm"] == pytest.approx(4, abs=0.01)
    assert rows["R1", "c02"]["chance_within_tolerance"] == pytest.approx(7 / 11**3)
    assert found["summary"]["All"]["tears"] == 4
    assert found["summary"]["R1"]["peak_in_tear"] == 0.5
    assert found["summary"]["R1"]["distance_mm_median"] == 4.5
    assert found["notes"] == [
        "2 marks are of cases without a map of the network; the command “radiologycnn readers network” makes the maps."
    ]


def test_marks_against_a_map_that_is_coarser_than_any_scan(study: Path) -> None:
    """As of four blocks: 4 x 4 x 4 voxels of 20 mm, and the peak's centre 10 mm from the box's middle on each axis."""
    matrix = np.diag([20.0, 20.0, 20.0, 1.0])
    matrix[:3, 3] = -30
    raw = np.zeros((4, 4, 4), np.float32)
    raw[2, 2, 2] = 1
    for case in ("c00", "c01", "c02"):
        write_image(study / "network" / case / "cam_raw.nii.gz", raw, matrix)
    rows = {(row["reader"], row["case"]): row for row in check_marks(open_study(study), tolerance_mm=20.0)["rows"]}
    assert rows["R1", "c00"]["peak_inside"] is False and rows["R1", "c00"]["within_tolerance"]
    assert rows["R1", "c00"]["distance_mm"] == pytest.approx(math.sqrt(3) * (10 - 3), abs=0.01)


def test_compare_writes_tables_record_and_a_page_that_needs_nothing(study: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    record = write_comparison(study, output)
    assert record["groups"] == {"Network": ["Network"], "Experts": ["R1"], "Others": ["R2"]}
    assert json.loads((output / "comparison.json").read_text())["members"][1]["top1"] == 1.0
    with (output / "readers.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert float(rows["R2"]["top1"]) == 5 / 30
    assert float(rows["R1"]["seconds"]) == 25.5
    assert float(rows["Network"]["seconds"]) == 0.02
    names = {path.name for path in output.iterdir()}
    assert names >= {"table2.csv", "table3.csv", "pairs.csv", "same_cases.csv", "roc.csv", "marks.csv", "report.html"}
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "A &lt;b&gt;&amp; study" in page and "<b>& study" not in page
    assert not re.search(r"(src|href)=|https?://|<script", page)
    assert page.count('<svg class="chart"') == 4
    assert "Not for diagnosis" in page


def test_page_says_which_network_it_is_and_whether_readers_see_its_map(study: Path, tmp_path: Path) -> None:
    """A model of real scans, a table of an earlier version, and one that ``classify`` wrote."""
    older = study / "network" / "predictions.csv"
    heading, *rows = older.read_text().splitlines()
    newer, scans = tmp_path / "newer.csv", tmp_path / "scans.csv"
    newer.write_text("\n".join([f"{heading},model,simulated", *(f"{row},cuff-2.0.0,no" for row in rows)]))
    scans.write_text("\n".join([f"{heading},model,notes", *(f'{row},demo-1.0.0,"{SIMULATED_NOTE}"' for row in rows)]))
    write_settings(study, StudySettings(show_map=True))
    record = write_comparison(study, tmp_path / "out", [older, newer, scans])
    assert record["networks"] == [
        {"name": "Network", "model": "", "simulated": False},
        {"name": "newer", "model": "cuff-2.0.0", "simulated": False},
        {"name": "scans", "model": "demo-1.0.0", "simulated": True},
    ]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<p class='facts'>Network: its table does not name the model.</p>" in page
    assert "<p class='facts'>newer: model cuff-2.0.0.</p>" in page
    assert f"<p class='warning'>scans: model demo-1.0.0. {SIMULATED_NOTE}</p>" in page
    assert "an aided reading" in page


def test_page_of_one_group_has_no_tests() -> None:
    page = comparison_page(compare(TRUTH, [Member("R", "Readers", TRUTH, {})]) | {"marks": None}, "One")
    assert "Kruskal-Wallis)" not in page.split("How it is computed")[0]
    assert "Pairs of groups" not in page
    assert page.count('<svg class="chart"') == 3  # nobody has taken the time


def test_study_without_truth_says_what_to_do(study: Path, tmp_path: Path) -> None:
    (study / "truth.csv").unlink()
    with pytest.raises(InputError, match=r"truth\.csv"):
        write_comparison(study, tmp_path / "out")


# ---- commands ------------------------------------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object, expect: int = 0) -> None:
    monkeypatch.setattr(sys, "argv", ["radiologycnn", "readers", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0) == expect


def test_commands_from_scans_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """New study, an outside reader, the network with real files, the comparison."""
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(tmp_path / "models"))
    package = random_package(tmp_path / "random").path
    folder = tmp_path / "study"
    folder.mkdir()
    for number in range(2):
        volume = plain_scan(seed=number)
        write_image(folder / f"s{number}.nii.gz", volume.array, volume.ijk_to_lps)
    (folder / "broken.nii.gz").write_bytes(b"no image")
    earlier, own = (folder / "network" / "broken" / name for name in ("cam_raw.nii.gz", "remarks.txt"))
    earlier.parent.mkdir(parents=True)
    for path in (earlier, own):
        path.write_bytes(b"of another model")
    (folder / "truth.csv").write_text("id,tear_class\ns0,None\ns1,Small\n")
    (tmp_path / "R7.csv").write_text("case,tear_class,seconds\ns0,None,10\ns1,Medium,20\n")
    run(monkeypatch, "new", folder, "--title", "Two", "--seed", "5")
    said = capsys.readouterr().out
    assert "3 scans, the truth of 2" in said and "Note" not in said
    run(monkeypatch, "import", folder, tmp_path / "R7.csv")
    (tmp_path / "R8.csv").write_text("case,tear_class\ns0,None\n")
    run(monkeypatch, "import", folder, tmp_path / "R8.csv")
    said = capsys.readouterr().out
    assert "R7: 2 answers taken in." in said and "R8: 1 answer taken in." in said
    (folder / "readers" / "R8.csv").unlink()
    run(monkeypatch, "network", folder, "-m", package, "-d", "cpu", "-q")
    assert "Refused: broken" in capsys.readouterr().out
    assert own.exists() and not earlier.exists()
    assert (folder / "network" / "s1" / "cam_raw.nii.gz").is_file()
    run(monkeypatch, "status", folder)
    assert re.search(r"R7\s+2 answered", capsys.readouterr().out)
    run(monkeypatch, "compare", folder, "-o", tmp_path / "out")
    said = capsys.readouterr().out
    assert re.search(r"Diagnostic time \(s\)\s+\d+\.\d+\s+15\.0\s", said)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Two" in page
    who = "Network: model random-1.0.0. Demonstration model, trained on simulated scans. Not for patients."
    assert who in said and f"<p class='warning'>{who}</p>" in page
    assert "Readers in this program do not see the network&#x27;s map." in page
    run(monkeypatch, "compare", tmp_path / "nowhere", "-o", tmp_path / "out", expect=1)
    assert "no folder" in capsys.readouterr().err


def test_network_that_can_read_no_scan_leaves_no_answers_of_another_one(study: Path) -> None:
    path, refused = classify_study(open_study(study), classifier=None)  # all files are empty
    assert len(refused) == len(CASES) and not path.exists()
    assert not list((study / "network").rglob("*.nii.gz"))
