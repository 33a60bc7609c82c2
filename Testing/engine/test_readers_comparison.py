"""The comparison of readers and network: every number against SciPy or a computation by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
from engine.compared_study import CASES, TRUTH, written_study
from scipy import stats

from radiologycnn.errors import InputError
from radiologycnn.evaluation.words import p_words
from radiologycnn.readers.comparison import compare
from radiologycnn.readers.comparison_page import comparison_page
from radiologycnn.readers.members import Member, members_of
from radiologycnn.readers.study import open_study
from radiologycnn.readers.tables import Predictions


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
