"""Cases whose reference holds something and cases whose reference is empty, kept apart where metrics are averaged.

An overlap says how well something was outlined. Where there was nothing to outline it is 1 or 0, so that a mean over
both kinds of cases tells how many of them were empty. Of those the volume that was invented tells more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Row = TypeVar("Row", bound=Mapping[str, Any])

FITS = (
    "dice", "precision", "recall", "f1", "hausdorff_95_mm", "mean_surface_distance_mm", "surface_dice", "lesion_f1",
)  # fmt: skip
"""Metrics of :class:`.segmentation_metrics.CaseMetrics` that need a reference to fit."""


def with_reference(rows: Sequence[Row]) -> list[Row]:
    """Rows of metrics of the cases whose reference is not empty."""
    return [row for row in rows if row["reference_ml"] > 0]


def without_reference(rows: Sequence[Row]) -> list[Row]:
    """Rows of metrics of the cases whose reference is empty; ``found_ml`` of them is invented."""
    return [row for row in rows if row["reference_ml"] == 0]


def averaged_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of metrics of which each may be averaged over the cases that have it.

    :data:`FITS` of cases with an empty reference are None; ``invented_ml`` is the volume found in these, and None in
    others. Where no reference is empty, there is no such column.
    """
    if not without_reference(rows):
        return [dict(row) for row in rows]
    empty = dict.fromkeys(FITS)
    return [
        {**row, "invented_ml": None} if row["reference_ml"] > 0 else {**row, **empty, "invented_ml": row["found_ml"]}
        for row in rows
    ]
