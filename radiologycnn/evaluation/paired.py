"""Two methods on the same cases: by how much one is ahead of the other, and whether by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from radiologycnn.evaluation.hypothesis_tests import bootstrap, wilcoxon


def paired_differences(rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By metric: first less second on the cases where both have it, with a 95 % bootstrap interval and Wilcoxon's p.

    A single case, and cases that all differ by the same, have no interval: None.

    Args:
        rows, others: a row of metrics a case, with its name in ``case``.
    """
    theirs = {row["case"]: row for row in others}
    names = (
        [name for name, value in rows[0].items() if not isinstance(value, str) and name != "reference_ml"]
        if rows
        else []
    )
    found = {}
    for name in names:
        pairs = [
            (row[name], theirs[row["case"]][name])
            for row in rows
            if row["case"] in theirs and None not in (row[name], theirs[row["case"]][name])
        ]
        if not pairs:
            continue
        first, second = np.array(pairs, float).T
        drawn = bootstrap(lambda differences: float(differences.mean()), first - second)
        found[name] = {
            "cases": len(pairs),
            "first": float(first.mean()),
            "second": float(second.mean()),
            "difference": float((first - second).mean()),
            "difference_95": drawn.ends,
            "wilcoxon_p": wilcoxon(first, second).p,
        }
    return found
