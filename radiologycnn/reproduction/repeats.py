"""How the 60 repeats of Shim 2020's test are made, and what they say with intervals.

A network without randomness answers the same 60 times. What varies here is named: slightly changed copies of the scan
("tta"), dropout left on ("mc_dropout"), the weights after each of the last epochs ("checkpoints", what the authors'
own code scored), or networks trained from other seeds ("seeds"). Only the last tells how another training would do;
and none of them replaces other cases, so intervals are drawn over cases and repeats together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from radiologycnn.evaluation.hypothesis_tests import Interval
from radiologycnn.reproduction import shim2020 as paper
from radiologycnn.reproduction.shim2020_run import MAIN, ShimResults
from radiologycnn.reproduction.tables import Row, Table, mean_sd, median_quartiles, number

if TYPE_CHECKING:
    from radiologycnn.reproduction.settings import ReproductionSettings

WAYS = {
    "tta": "slightly shifted, turned and brightened copies of each scan",
    "mc_dropout": "dropout left on at test time",
    "checkpoints": "the weights after each of the last epochs",
    "seeds": "networks trained from other seeds",
}
FIGURES = {
    "accuracy": "Binary accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
    "top1": "Top-1 accuracy",
    "top1_within_one": "Top-1±1 accuracy",
}
#: Why a figure does not exist, where it does not.
WITHOUT = {
    "sensitivity": "no test case with a tear",
    "specificity": "no test case without a tear",
    "precision": "nothing was called a tear",
}
_PERCENT = ("accuracy", "top1", "top1_within_one")
_RESAMPLES = 2000


def repeat_words(settings: ReproductionSettings) -> str:
    """How the test is repeated, for the report."""
    return f"{settings.repeats} repeats by {WAYS[settings.repeat_method]}"


def figures_by_repeat(
    truth: ArrayLike, predicted: np.ndarray, weights: np.ndarray | None = None
) -> Mapping[str, np.ndarray]:
    """Each of :data:`FIGURES` for each repeat, shape (repeats,); NaN for a share of nothing.

    Args:
        truth: classes 0-4, one a case.
        predicted: classes, shape (repeats, cases).
        weights: how often each case counts, shape (cases,); once each where None.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    weights = np.ones(len(truth)) if weights is None else np.asarray(weights, float)
    is_tear, called = truth > 0, predicted > 0
    far = np.abs(predicted - truth)
    hits, false = called @ (weights * is_tear), called @ (weights * ~is_tear)
    tears, others, total = (weights * is_tear).sum(), (weights * ~is_tear).sum(), weights.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": (hits + others - false) / total,
            "sensitivity": hits / tears,
            "specificity": (others - false) / others,
            "precision": hits / (hits + false),
            "f1": 2 * hits / (hits + false + tears),
            "top1": (far == 0) @ weights / total,
            "top1_within_one": (far <= 1) @ weights / total,
        }


def repeat_intervals(truth: ArrayLike, predicted: np.ndarray, over_cases: bool, seed: int = 0) -> dict[str, Interval]:
    """95 % percentile intervals of the mean over repeats, for each of :data:`FIGURES`.

    Args:
        truth, predicted: as in :func:`figures_by_repeat`.
        over_cases: draw cases too, the same ones for every repeat; else repeats alone, as if these very cases were all
            that there will ever be.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    repeats, cases = np.asarray(predicted).shape
    whole = figures_by_repeat(truth, predicted)
    draws: dict[str, list[float]] = {name: [] for name in FIGURES}
    for _ in range(_RESAMPLES):
        chosen = generator.integers(0, repeats, repeats)
        found = whole
        if over_cases:
            weights = np.bincount(generator.integers(0, cases, cases), minlength=cases)
            found = figures_by_repeat(truth, predicted, weights)
        for name in FIGURES:
            draws[name].append(float(found[name][chosen].mean()))
    result = {}
    for name, values in draws.items():
        finite = np.array([value for value in values if np.isfinite(value)])
        low, high = np.quantile(finite, (0.025, 0.975)) if len(finite) else (np.nan, np.nan)
        result[name] = Interval(float(whole[name].mean()), float(low), float(high))
    return result


def repeats_table(results: ShimResults, run: str) -> Table:
    """Both of the paper's aggregations of the same repeats, and what they leave open."""
    runs = results.answers[MAIN].runs.argmax(axis=2)
    whole = figures_by_repeat(results.truth, runs)
    over_repeats, over_both = (repeat_intervals(results.truth, runs, over_cases) for over_cases in (False, True))
    rows = []
    for name, title in FIGURES.items():
        percent = name in _PERCENT
        factor, digits = (100, 1) if percent else (1, 2)
        values = [float(value) for value in whole[name] if np.isfinite(value)]
        median = paper.GROUPS[name][0] if name in paper.GROUPS else ""
        why = "" if values else WITHOUT.get(name, "")
        rows.append(Row(f"{title}: mean ± SD", paper.BINARY.get(name, ""), mean_sd(values, digits, percent), why))
        rows.append(Row(f"{title}: median (quartiles)", median, median_quartiles(values, digits, percent), why))
        for words, one in (("repeats", over_repeats[name]), ("cases and repeats", over_both[name])):
            low, high = (number(edge * factor, digits) for edge in one.ends or (np.nan, np.nan))
            value = f"{low} to {high}{' %' if percent else ''}" if low else ""
            rows.append(Row(f"{title}: 95 % of the mean, over {words}", "", value, "not in the paper"))
    notes = [
        f"{len(runs)} repeats by {WAYS[results.workspace.settings.repeat_method]}.",
        "Over repeats: as if there were no patients but these. Over cases and repeats: other patients, too.",
    ]
    return Table("repeats", "Repeats of the test, with intervals", rows, run, notes)
