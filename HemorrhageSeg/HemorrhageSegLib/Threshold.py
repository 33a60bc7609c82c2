"""From a probability map to a label map: the one rule that the slider and the engine share, in numpy alone."""

import numpy as np


def labelNumbers(probabilities: list, threshold: float) -> np.ndarray:
    """Which label each voxel gets at a threshold.

    Args:
        probabilities: float32 in 0-1, shape (K, J, I), of each label.
        threshold: a voxel belongs to a label where its probability is at least this.

    Returns:
        uint8, shape (K, J, I): 0 for none, n for the n-th label (from 1); of several labels the likeliest wins, the
        first of equal ones. The engine has settled small pieces of one type in another's bleed before
        (``radiologycnn.hemorrhage.type_pieces``).
    """
    first, *others = probabilities
    if not others:
        return (first >= np.float32(threshold)).view(np.uint8)
    numbers, highest = np.ones(first.shape, np.uint8), first.copy()
    for number, probability in enumerate(others, start=2):
        np.copyto(numbers, np.uint8(number), where=probability > highest)
        np.maximum(highest, probability, out=highest)
    numbers *= highest >= np.float32(threshold)
    return numbers
