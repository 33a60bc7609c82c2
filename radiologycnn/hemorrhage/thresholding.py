"""From probability maps to a label map: the one rule of engine, slider and training. Light: numpy alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mask_from_probability(probability: np.ndarray | Sequence[np.ndarray], threshold: float) -> np.ndarray:
    """The most probable label of each voxel where its probability reaches the threshold, else 0.

    Small pieces of one type within another's bleed were settled before: :mod:`radiologycnn.hemorrhage.type_pieces`.

    Args:
        probability: 0-1, shape (K, J, I) of one label, or (labels, K, J, I), also as a list of each label's (K, J, I).
        threshold: a voxel belongs to a label where its probability is at least this.

    Returns:
        uint8, shape (K, J, I): 0 for none, n for the n-th label (from 1), the first of equally probable ones.
    """
    threshold = float(threshold)
    is_single = isinstance(probability, np.ndarray) and probability.ndim == 3
    first, *others = [probability] if is_single else probability
    if not others:
        return (first >= threshold).view(np.uint8)
    numbers, highest = np.ones(first.shape, np.uint8), first.copy()
    for number, other in enumerate(others, start=2):
        np.copyto(numbers, np.uint8(number), where=other > highest)
        np.maximum(highest, other, out=highest)
    numbers *= highest >= threshold
    return numbers
