"""How well each label of label maps was found, such as each type of bleed: overlap in the cases that hold it.

A label that is in neither map of a case says nothing of it, so means are taken over the cases whose reference holds it;
cases that do not, but in which it was found, are counted beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from radiologycnn.evaluation.segmentation_metrics import Overlap, overlap

FIGURES = ("dice", "precision", "recall", "f1")


def label_overlaps(found: np.ndarray, reference: np.ndarray, values: Mapping[str, int]) -> dict[str, Overlap]:
    """Overlap of each label by itself: a voxel of another label is wrong.

    Args:
        found, reference: label maps of the same shape.
        values: of the labels, by name.

    Raises:
        ValueError: different shapes.
    """
    return {name: overlap(found == value, reference == value) for name, value in values.items()}


def score_labels(cases: Sequence[Mapping[str, Overlap]]) -> dict[str, dict[str, Any]]:
    """By label: ``cases`` that hold it, means of :data:`FIGURES` over them (None without any), cases ``found_wrongly``.

    Args:
        cases: of :func:`label_overlaps`, the same labels in each.
    """
    scores = {}
    for name in cases[0] if cases else ():
        held = [case[name] for case in cases if case[name].true_positive + case[name].false_negative]
        others = [case[name] for case in cases if not case[name].true_positive + case[name].false_negative]
        scores[name] = {
            "cases": len(held),
            **{figure: float(np.mean([getattr(one, figure) for one in held])) if held else None for figure in FIGURES},
            "found_wrongly": sum(one.false_positive > 0 for one in others),
        }
    return scores


def rounded_scores(scores: Mapping[str, Mapping[str, Any]], digits: int = 3) -> dict[str, dict[str, Any]]:
    """The same for a model's card."""
    return {
        name: {key: round(value, digits) if isinstance(value, float) else value for key, value in one.items()}
        for name, one in scores.items()
    }
