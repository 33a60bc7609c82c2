"""Readers, groups of readers and the network on the same scans: Shim 2020, Tables 2 and 3, Figures 3, 4 and 6.

Readings of what the paper leaves open:

* Every reader gives one value a measure, over the cases that he or she answered; a group's median and quartiles are
  over its readers. A reader's diagnostic time is the median over the cases, which one forgotten scan does not move.
* The groups are compared by Kruskal-Wallis, pairs by Mann-Whitney; p times the number of pairs is the Bonferroni
  adjustment (the paper compares the raw p with 0.05 / 3). Dunn's test stands beside it.
* Repeats of one network (several tables of predictions) are no independent readers. So the network is also compared
  with each reader on the same cases: McNemar's exact test, and DeLong's for the areas under the ROC curves, where a
  reader's five classes count as a rating of severity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.evaluation.classification_metrics import (
    TearClassMetrics,
    delong_auc,
    delong_test,
    roc_curve,
    tear_class_metrics,
)
from radiologycnn.evaluation.hypothesis_tests import (
    HypothesisTest,
    bootstrap,
    dunn,
    kruskal_wallis,
    mcnemar,
    pairwise_mann_whitney,
)
from radiologycnn.readers.answers import readers_of
from radiologycnn.readers.study import Study
from radiologycnn.readers.tables import Predictions

NETWORK_GROUP = "Network"
READERS_GROUP = "Readers"
SIGNIFICANCE = 0.05
#: Measures of Table 3, with the words of its rows.
TABLE_3 = {
    "top1": "Top-1 accuracy",
    "top1_within_one": "Top-1 ± 1 accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "seconds": "Diagnostic time (s)",
}
#: Measures of Table 2.
TABLE_2 = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1-score",
}


@dataclass(frozen=True)
class Member:
    """A reader, or one run of a network: what he, she or it said of the cases.

    Attributes:
        tear_probability: of a tear of any size, by case; empty for readers and for networks that only name a class.
    """

    name: str
    group: str
    classes: Mapping[str, int]
    seconds: Mapping[str, float]
    tear_probability: Mapping[str, float] = field(default_factory=dict)
    is_network: bool = False


def members_of(study: Study, groups: Mapping[str, str], networks: Sequence[Predictions]) -> list[Member]:
    """Network first, then the readers; groups as in the table, else all readers in one.

    Args:
        study: with the readers' answers.
        groups: reader's id in small letters to group; empty for one group.
        networks: the network's tables.
    """
    members = []
    for one in networks:
        tear = {case: 1.0 - values[0] for case, values in one.probabilities.items()}
        members.append(Member(one.name, NETWORK_GROUP, one.classes, one.seconds, tear, is_network=True))
    for reader, answers in readers_of(study).items():
        group = groups.get(reader.casefold(), "Without a group" if groups else READERS_GROUP)
        members.append(
            Member(
                reader,
                f"{group} (readers)" if group == NETWORK_GROUP else group,
                {case: one.tear_class for case, one in answers.items()},
                {case: one.seconds for case, one in answers.items() if one.seconds is not None},
            )
        )
    return members


def compare(truth: Mapping[str, int], members: Sequence[Member]) -> dict[str, Any]:
    """All figures, JSON-able: members, groups, table2, table3, pairs, paired, roc, notes.

    Args:
        truth: class by case.
        members: readers and networks, as from :func:`members_of`.

    Raises:
        InputError: nobody has answered a case whose truth is known.
    """
    notes: list[str] = []
    rated = [one for one in members if one.classes.keys() & truth.keys()]
    notes += [f"{one.name} has no case whose truth is known, and is left out." for one in members if one not in rated]
    if not rated:
        raise InputError(
            "no-answers", "There are no answers to compare.", "Read some cases first, or import a reader's table."
        )
    rows = [_member_row(truth, one, notes) for one in rated]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    table3, pairs = _table_3(groups, notes)
    return {
        "cases": len(truth),
        "tears": sum(value > 0 for value in truth.values()),
        "members": rows,
        "groups": {name: [row["name"] for row in group] for name, group in groups.items()},
        "table2": _table_2(groups),
        "table3": table3,
        "pairs": pairs,
        "paired": _paired_tests(truth, rated),
        "roc": _roc(truth, rated),
        "notes": notes,
    }


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median, third quartile, by linear interpolation."""
    first, median, third = np.percentile(np.asarray(values, float), [25, 50, 75])
    return float(first), float(median), float(third)


# ---- one member ----------------------------------------------------------------------------------------------------


def _member_row(truth: Mapping[str, int], member: Member, notes: list[str]) -> dict[str, Any]:
    cases = sorted(truth.keys() & member.classes.keys())
    if len(cases) < len(truth):
        notes.append(f"{member.name} answered {len(cases)} of {len(truth)} cases; its figures are over these.")
    true, said = _classes(truth, cases), _classes(member.classes, cases)
    metrics = tear_class_metrics(true, said)
    times = [member.seconds[case] for case in cases if case in member.seconds]
    low, median, high = quartiles(times) if times else (None, None, None)
    tear = metrics.tear
    row = {
        "name": member.name,
        "group": member.group,
        "cases": len(cases),
        "top1": metrics.top1,
        "top1_within_one": metrics.top1_within_one,
        "top1_within_one_strict": metrics.top1_within_one_strict,
        "accuracy": tear.accuracy,
        "sensitivity": tear.sensitivity,
        "specificity": tear.specificity,
        "precision": tear.precision,
        "f1": tear.f1,
        "quadratic_kappa": metrics.quadratic_kappa,
        "seconds": median,
        "seconds_first_quartile": low,
        "seconds_third_quartile": high,
        "confusion": metrics.confusion.tolist(),
    }
    for name in ("top1", "top1_within_one", "accuracy"):
        row[f"{name}_95"] = _interval(name, true, said)
    return row


def _interval(name: str, true: np.ndarray, said: np.ndarray) -> list[float]:
    """95 % by bootstrap over cases: how much the figure depends on which cases there are."""
    right = {
        "top1": true == said,
        "top1_within_one": np.abs(true - said) <= 1,
        "accuracy": (true > 0) == (said > 0),
    }[name]
    found = bootstrap(lambda drawn: float(drawn.mean()), right.astype(float), resamples=1000)
    return [found.lower, found.upper]


def _classes(table: Mapping[str, int], cases: Sequence[str]) -> np.ndarray:
    return np.array([table[case] for case in cases], int)


# ---- groups --------------------------------------------------------------------------------------------------------


def _values(group: Sequence[Mapping[str, Any]], measure: str) -> list[float]:
    return [row[measure] for row in group if row[measure] is not None]


def _table_2(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Binary measures, mean and SD (n - 1) over a group's members."""
    rows = []
    for measure, words in TABLE_2.items():
        row: dict[str, Any] = {"measure": measure, "words": words, "groups": {}}
        for name, group in groups.items():
            values = _values(group, measure)
            spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
            row["groups"][name] = {
                "members": len(values),
                "mean": float(np.mean(values)) if values else None,
                "sd": spread,
            }
        rows.append(row)
    return rows


def _table_3(
    groups: Mapping[str, Sequence[Mapping[str, Any]]], notes: list[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of Table 3a, and the pairs of 3b-f."""
    rows, pairs = [], []
    for measure, words in TABLE_3.items():
        values = {name: _values(group, measure) for name, group in groups.items()}
        filled = {name: found for name, found in values.items() if found}
        row: dict[str, Any] = {"measure": measure, "words": words, "groups": {}, "p": None, "statistic": None}
        for name, found in values.items():
            low, median, high = quartiles(found) if found else (None, None, None)
            row["groups"][name] = {
                "members": len(found),
                "median": median,
                "first_quartile": low,
                "third_quartile": high,
            }
        if len(filled) > 1:
            test = _kruskal_wallis(filled)
            row["p"], row["statistic"] = test.p, test.statistic
            by_ranks = {(one.first, one.second): one for one in dunn(filled)}
            for one in pairwise_mann_whitney(filled):
                beside = by_ranks[one.first, one.second]
                pairs.append(
                    {
                        "measure": measure,
                        "words": words,
                        "first": one.first,
                        "second": one.second,
                        "mann_whitney_u": one.statistic,
                        "mann_whitney_p": one.p,
                        "mann_whitney_p_bonferroni": one.p_adjusted,
                        "dunn_z": beside.statistic,
                        "dunn_p": beside.p,
                        "dunn_p_bonferroni": beside.p_adjusted,
                        "significant": one.p_adjusted < SIGNIFICANCE,
                    }
                )
        rows.append(row)
    small = [name for name, group in groups.items() if len(group) < 3]
    if small and len(groups) > 1:
        notes.append(
            f"Fewer than three in {', '.join(small)}: tests between groups can hardly show a difference there. "
            "The tests on the same cases can."
        )
    return rows, pairs


def _kruskal_wallis(groups: Mapping[str, Sequence[float]]) -> HypothesisTest:
    """As SciPy; 1 where all values are equal, for which SciPy gives no number."""
    if len({value for values in groups.values() for value in values}) == 1:
        return HypothesisTest("Kruskal-Wallis", 0.0, 1.0)
    return kruskal_wallis(groups)


# ---- the network against each reader, on the same cases ------------------------------------------------------------


def _paired_tests(truth: Mapping[str, int], members: Sequence[Member]) -> list[dict[str, Any]]:
    """Each network (the first where there are several) against each other member."""
    network = next((one for one in members if one.is_network), None)
    if network is None:
        return []
    rows = []
    for other in members:
        cases = sorted(truth.keys() & network.classes.keys() & other.classes.keys())
        if other is network or not cases:
            continue
        true, first, second = (_classes(table, cases) for table in (truth, network.classes, other.classes))
        tears = true > 0
        top1 = mcnemar(first == true, second == true)
        binary = mcnemar((first > 0) == tears, (second > 0) == tears)
        row: dict[str, Any] = {
            "first": network.name,
            "second": other.name,
            "cases": len(cases),
            "top1_first": float((first == true).mean()),
            "top1_second": float((second == true).mean()),
            "top1_mcnemar_p": top1.p,
            "accuracy_first": float(((first > 0) == tears).mean()),
            "accuracy_second": float(((second > 0) == tears).mean()),
            "accuracy_mcnemar_p": binary.p,
            "auc_difference": None,
            "auc_delong_p": None,
        }
        if tears.any() and not tears.all() and all(case in network.tear_probability for case in cases):
            score = [network.tear_probability[case] for case in cases]
            has_scores = all(case in other.tear_probability for case in cases)
            rating = [other.tear_probability[case] for case in cases] if has_scores else second
            row["auc_difference"], _z, row["auc_delong_p"] = delong_test(tears, score, rating)
        rows.append(row)
    return rows


def _roc(truth: Mapping[str, int], members: Sequence[Member]) -> list[dict[str, Any]]:
    """Each network's curve (Figure 3A), its area, and how many readers lie below it."""
    curves = []
    for network in members:
        cases = sorted(truth.keys() & network.tear_probability.keys())
        tears = _classes(truth, cases) > 0
        if not network.is_network or not cases or tears.all() or not tears.any():
            continue
        score = [network.tear_probability[case] for case in cases]
        curve, area = roc_curve(tears, score), delong_auc(tears, score)
        below = 0
        readers = [one for one in members if not one.is_network]
        points = [_point(truth, one) for one in readers]
        for point in points:
            if point is not None:
                below += point[1] < np.interp(point[0], curve.false_positive_rate, curve.true_positive_rate)
        curves.append(
            {
                "name": network.name,
                "auc": area.value,
                "auc_95": [area.lower, area.upper],
                "false_positive_rate": curve.false_positive_rate.tolist(),
                "true_positive_rate": curve.true_positive_rate.tolist(),
                "thresholds": [float(one) if np.isfinite(one) else None for one in curve.thresholds],
                "readers_below": int(below),
                "readers": sum(point is not None for point in points),
            }
        )
    return curves


def _point(truth: Mapping[str, int], member: Member) -> tuple[float, float] | None:
    """A member's (1 - specificity, sensitivity); None where its cases are all of one kind."""
    cases = sorted(truth.keys() & member.classes.keys())
    metrics: TearClassMetrics = tear_class_metrics(_classes(truth, cases), _classes(member.classes, cases))
    if metrics.tear.sensitivity is None or metrics.tear.specificity is None:
        return None
    return 1 - metrics.tear.specificity, metrics.tear.sensitivity
