"""Readers, groups of readers and the network on the same scans: Shim 2020, Tables 2 and 3, Figures 3, 4 and 6.

Readings of what the paper leaves open:

* Every reader gives one value a measure, over the cases that he or she answered; a group's median and quartiles are
  over its readers. A reader's diagnostic time is the median over the cases, which one forgotten scan does not move.
* The groups are compared by Kruskal-Wallis, pairs by Mann-Whitney; p times the number of pairs is the Bonferroni
  adjustment (the paper compares the raw p with 0.05 / 3). Dunn's test stands beside it.
* Repeats of one network (several tables of predictions) are no independent readers. So the network is also compared
  with each reader on the same cases (:mod:`radiologycnn.readers.network_comparison`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.evaluation.classification_metrics import tear_class_metrics
from radiologycnn.evaluation.hypothesis_tests import (
    dunn,
    kruskal_wallis,
    pairwise_mann_whitney,
    wilson,
)
from radiologycnn.readers.members import Member, classes_of
from radiologycnn.readers.network_comparison import paired_tests, roc_curves

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
        "paired": paired_tests(truth, rated),
        "roc": roc_curves(truth, rated),
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
    true, said = classes_of(truth, cases), classes_of(member.classes, cases)
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
        # Over the cases: how much the figure depends on which there are.
        row[f"{name}_95"] = wilson(round(row[name] * len(cases)), len(cases)).ends
    return row


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
            test = kruskal_wallis(filled)
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
