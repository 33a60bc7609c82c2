"""How far a network trusts its own outline: the Dice that it expects, and the threshold that makes the most of it.

A network whose probabilities are true, one voxel in three at a third, says with them how much of an outline will turn
out to be blood. The outline with the largest expected Dice takes the voxels from half of that Dice on (Lipton, Elkan
and Naryanaswamy 2014, of F1, which is the same number): where blood can be told from its neighbours that is nearly
0.5, and where it can hardly be told a fixed threshold finds nothing of what is most likely there.
"""

from __future__ import annotations

import numpy as np

from radiologycnn.hemorrhage.probability_map import PROBABILITY_FLOOR

#: An outline that the network itself expects to overlap less than this is told to be doubtful.
DOUBTFUL_DICE = 0.6

_DIGITS = 3


def expected_dice(probability: np.ndarray) -> float:
    """The largest Dice, 0-1, that an outline by a threshold is expected to have; 0 where nothing may be blood.

    The expectation of the ratio is taken as the ratio of the expectations, which for thousands of voxels is the same.

    Args:
        probability: of blood, any shape, on a grid of equal voxels.
    """
    likely = np.sort(probability[probability > PROBABILITY_FLOOR].astype(np.float64))[::-1]
    if likely.size == 0:
        return 0.0
    within = np.cumsum(likely)  # blood expected among the first 1, 2 … voxels
    return float((2 * within / (np.arange(1, likely.size + 1) + within[-1])).max())


def threshold_of_scan(operating: float, lowest: float, expected: float) -> float:
    """The probability from which a voxel of this scan is in the mask.

    Half of the expected Dice where that is below the model's operating threshold, but not where it is below ``lowest``:
    there the network hardly believes in blood at all, and a lower threshold would invent some in every scan.

    Args:
        operating, lowest: of the model.
        expected: of the scan, see :func:`expected_dice`.
    """
    best = round(expected / 2, _DIGITS)
    return best if lowest <= best < operating else operating


def doubt_note(expected: float, threshold: float, operating: float) -> str:
    """A sentence for the person where the outline is doubtful; "" where it is not.

    Args:
        threshold: at which the outline was made.
        operating: of the model.
    """
    if expected >= DOUBTFUL_DICE:
        return ""
    lowered = f" Its threshold was lowered to {threshold:.2f} for this scan." if threshold < operating else ""
    return f"Doubtful: the network itself expects this outline to reach a Dice of {expected:.2f} only.{lowered}"
