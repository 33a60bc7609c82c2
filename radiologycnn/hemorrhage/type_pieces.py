"""Which type of bleed a voxel is where a model tells several apart: the likeliest one, without specks of another.

Each type has a probability of its own, and a voxel belongs to one type at most: it is blood where the highest of them
reaches the threshold, and of the type with the highest. Voxel by voxel this speckles a bleed with other types. So a
small piece of one type within a bleed of another takes the type that lies beside it: one that makes up less than a
tenth of its bleed (all blood connected with it) and less than 1 mL. A larger one stays, such as blood in a ventricle
that an intraparenchymal bleed has broken into, and so does what stands alone.

Blood stays blood at every threshold: the two types' probabilities change places, and the highest remains what it was.
On 23 simulated validation scans of the default population, by a network of five types early in its training, pieces
beyond one a bleed became 27 instead of 237, blood of the wrong type 23 % instead of 26 %, Dice by type 0.59 instead of
0.57; which type most of a lesion got was the same in all. Voting in each whole bleed, or limits of 20 to 50 % or 2 mL,
cost intraventricular and subarachnoid blood.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from radiologycnn.images.boxes import bounding_box

SMALL_SHARE, SMALL_ML = 0.1, 1.0
_NEIGHBOURS = np.ones((3, 3, 3))


def settle_types(probability: np.ndarray, threshold: float, voxel_ml: float) -> np.ndarray:
    """The same probabilities, exchanged between two types where a small piece takes the type beside it.

    Args:
        probability: float32, shape (types, K, J, I); it is not changed.
        threshold: from which a voxel is blood, for what a bleed and its pieces are.
        voxel_ml: volume of a voxel.
    """
    if len(probability) == 1:
        return probability
    blood = probability.max(axis=0) >= threshold
    box = bounding_box(blood)
    if box is None:
        return probability
    crop, blood = probability[(..., *box)], blood[box]
    types = np.where(blood, crop.argmax(axis=0) + 1, 0)
    bleeds, count = ndimage.label(blood, _NEIGHBOURS)
    small = _small_pieces(types, bleeds, np.bincount(bleeds.ravel(), minlength=count + 1), voxel_ml)
    kept = blood & ~small
    if not small.any() or not kept.any():
        return probability
    nearest = ndimage.distance_transform_edt(~kept, return_distances=False, return_indices=True)
    beside = tuple(axis[small] for axis in nearest)
    new = np.where(bleeds[beside] == bleeds[small], types[beside], types[small]) - 1

    k, j, i = np.nonzero(small)
    old = types[small] - 1
    result = probability.copy()
    target = result[(..., *box)]
    target[old, k, j, i], target[new, k, j, i] = crop[new, k, j, i], crop[old, k, j, i]
    return result


def _small_pieces(types: np.ndarray, bleeds: np.ndarray, bleed_sizes: np.ndarray, voxel_ml: float) -> np.ndarray:
    """Mask of the voxels in pieces of one type that are small within their bleed."""
    small = np.zeros(types.shape, bool)
    for value in np.unique(types[types > 0]):
        pieces, count = ndimage.label(types == value, _NEIGHBOURS)
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        whole = np.zeros(count + 1, np.int64)
        whole[pieces.ravel()] = bleed_sizes[bleeds.ravel()]
        is_small = (sizes < SMALL_SHARE * whole) & (sizes * voxel_ml < SMALL_ML)
        is_small[0] = False
        small |= is_small[pieces]
    return small
