"""Summaries over cases: mean, spread, quartiles and a bootstrap interval of each metric; CSV and JSON files of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from radiologycnn.evaluation.classification_metrics import calibration, delong_auc, tear_class_metrics
from radiologycnn.evaluation.hypothesis_tests import bootstrap
from radiologycnn.images.write import write_atomically
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES


def summarize_metrics(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float | int | None]]:
    """By metric: cases with a value, mean, sd (n - 1), median, quartiles, 95 % bootstrap interval of the mean.

    Cases for which a metric does not exist (None) are left out of it; ``cases`` tells how many are in. A single case
    has no spread, so that sd and interval are None.
    """
    names = [name for name, value in rows[0].items() if not isinstance(value, str)] if rows else []
    summary: dict[str, dict[str, float | int | None]] = {}
    for name in names:
        values = np.array([row[name] for row in rows if row[name] is not None], float)
        if not len(values):
            summary[name] = {"cases": 0, "mean": None}
            continue
        lower_quartile, median, upper_quartile = np.percentile(values, [25, 50, 75])
        several = len(values) > 1
        interval = bootstrap(lambda drawn: float(drawn.mean()), values) if several else None
        summary[name] = {
            "cases": len(values),
            "mean": float(values.mean()),
            "sd": float(values.std(ddof=1)) if several else None,
            "median": float(median),
            "lower_quartile": float(lower_quartile),
            "upper_quartile": float(upper_quartile),
            "mean_lower_95": interval and interval.lower,
            "mean_upper_95": interval and interval.upper,
        }
    return summary


def summarize_classes(
    truth: ArrayLike, predicted: ArrayLike, tear_probability: ArrayLike | None = None
) -> dict[str, Any]:
    """The figures of Shim 2020 and those that it lacks, with 95 % bootstrap intervals over cases.

    Args:
        truth, predicted: classes 0-4, one entry a case.
        tear_probability: for ROC and calibration; left out where None or where all cases are of one kind.
    """
    metrics = tear_class_metrics(truth, predicted)
    arrays = (np.asarray(truth), np.asarray(predicted))

    def interval(name: str) -> list[float]:
        def figure(drawn_truth: np.ndarray, drawn: np.ndarray) -> float:
            found = tear_class_metrics(drawn_truth, drawn)
            value = (
                getattr(found.tear, name.removeprefix("tear_")) if name.startswith("tear_") else getattr(found, name)
            )
            return np.nan if value is None else value

        found = bootstrap(figure, *arrays, resamples=1000)
        return [found.lower, found.upper]

    figures: dict[str, Any] = {"cases": len(arrays[0])}
    for name in ("top1", "top1_within_one", "top1_within_one_strict", "quadratic_kappa"):
        figures[name] = getattr(metrics, name)
        figures[f"{name}_95"] = interval(name)
    for name in ("accuracy", "sensitivity", "specificity", "precision", "f1"):
        figures[f"tear_{name}"] = getattr(metrics.tear, name)
        figures[f"tear_{name}_95"] = interval(f"tear_{name}")
    figures["recall_by_class"] = {one.name: metrics.recall[one.index] for one in TEAR_CLASSES}
    figures["confusion"] = metrics.confusion.tolist()
    is_tear = arrays[0] > 0
    if tear_probability is not None and is_tear.any() and not is_tear.all():
        area = delong_auc(is_tear, tear_probability)
        reliability = calibration(is_tear, tear_probability)
        figures["tear_auc"], figures["tear_auc_95"] = area.value, [area.lower, area.upper]
        figures["tear_calibration_error"], figures["tear_brier"] = reliability.expected_error, reliability.brier
    return figures


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A CSV file with a heading; None, and what only other rows have, becomes an empty cell."""
    buffer = io.StringIO()
    names = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(buffer, list(names), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, buffer.getvalue().encode("utf-8"))


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """A JSON file; what is not a number becomes null."""
    text = json.dumps(plain_record(record), indent=2) + "\n"
    write_atomically(path, text.encode("utf-8"))


def plain_record(value: Any) -> Any:
    """A record as JSON knows it; what is not a number becomes null."""
    if isinstance(value, Mapping):
        return {key: plain_record(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_record(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
