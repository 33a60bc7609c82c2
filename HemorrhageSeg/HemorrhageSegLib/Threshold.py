"""From a probability map to a label map: the one rule that the slider and the engine share, in numpy alone."""

import numpy as np


def labelNumbers(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Which label each voxel gets at a threshold.

    Args:
        probability: float32 in 0-1, shape (K, J, I) for one label or (labels, K, J, I) for several.
        threshold: a voxel belongs to a label where its probability is at least this.

    Returns:
        uint8, shape (K, J, I): 0 for none, n for the n-th label (from 1); of several labels the likeliest wins. The
        engine has settled small pieces of one type in another's bleed before (``radiologycnn.hemorrhage.type_pieces``).
    """
    if probability.ndim == 3:
        return (probability >= np.float32(threshold)).view(np.uint8)
    likeliest = np.argmax(probability, axis=0).astype(np.uint8)
    highest = np.max(probability, axis=0)
    return np.where(highest >= np.float32(threshold), likeliest + np.uint8(1), np.uint8(0))


def boundingBox(mask: np.ndarray) -> tuple[slice, slice, slice] | None:
    """Smallest box of index ranges (k, j, i) that holds all voxels that are not 0; None where there is none."""
    ranges = []
    for axis in range(3):
        occupied = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        if occupied.size == 0:
            return None
        ranges.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return tuple(ranges)
