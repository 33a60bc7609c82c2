"""The network against each reader on the same cases: McNemar's and DeLong's tests, and its ROC curve.

A reader's five classes count as a rating of severity, so that readers have an area under the ROC curve, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from radiologycnn.evaluation.classification_metrics import delong_auc, delong_test, roc_curve, tear_class_metrics
from radiologycnn.evaluation.hypothesis_tests import mcnemar
from radiologycnn.readers.members import Member, classes_of


def paired_tests(truth: Mapping[str, int], members: Sequence[Member]) -> list[dict[str, Any]]:
    """The network (the first where there are several) against each other member, JSON-able."""
    network = next((one for one in members if one.is_network), None)
    if network is None:
        return []
    rows = []
    for other in members:
        cases = sorted(truth.keys() & network.classes.keys() & other.classes.keys())
        if other is network or not cases:
            continue
        true, first, second = (classes_of(table, cases) for table in (truth, network.classes, other.classes))
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


def roc_curves(truth: Mapping[str, int], members: Sequence[Member]) -> list[dict[str, Any]]:
    """Each network's curve (Figure 3A), its area, and how many readers lie below it, JSON-able."""
    curves = []
    for network in members:
        cases = sorted(truth.keys() & network.tear_probability.keys())
        tears = classes_of(truth, cases) > 0
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
    metrics = tear_class_metrics(classes_of(truth, cases), classes_of(member.classes, cases))
    if metrics.tear.sensitivity is None or metrics.tear.specificity is None:
        return None
    return 1 - metrics.tear.specificity, metrics.tear.sensitivity
