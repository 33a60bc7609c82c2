"""The probability from which a voxel counts as blood: one rule for every method that learns, so that none is favoured.

It is the one with the best mean Dice on the validation cases, taken as the comparison itself takes Dice: on the scan's
own grid, 1 where both masks are empty, 0 where one of them is. Models for use get theirs otherwise, by
:func:`radiologycnn.training.hemorrhage.assess.choose_threshold`: from prepared cases alone, as the scans of simulated
ones are not kept, and by the mL that would be invented in a scan without blood, which Dice cannot tell apart.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from radiologycnn.baselines.interface import Learning, ScanCase
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.hemorrhage.thresholding import mask_from_probability
from radiologycnn.images.volume import Volume
from radiologycnn.training.hemorrhage.assess import PAPER_THRESHOLD
from radiologycnn.training.hemorrhage.settings import TrainingSettings

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))

MaskAt = Callable[[float], np.ndarray]
"""From a threshold to a scan's mask, bool (K, J, I), on its own grid; the probability behind it is computed once."""


def operating_threshold(
    settings: TrainingSettings, learning: Learning[ScanCase], outlined: Callable[[Volume], MaskAt]
) -> float:
    """Of a network: :func:`best_threshold`; the papers' 0.5 with their own training settings."""
    return PAPER_THRESHOLD if settings.preset == "paper" else best_threshold(learning, outlined)


def best_threshold(learning: Learning[ScanCase], outlined: Callable[[Volume], MaskAt]) -> float:
    """One of :data:`THRESHOLDS`: the best on the validation cases, of equally good ones the nearest to 0.5.

    Args:
        outlined: what the method makes of a scan.

    Returns:
        0.5 where there is no validation case.

    Raises:
        Cancelled: as ``learning`` was told.
    """
    scores = []
    for case in learning.each(learning.validation, "Operating point:"):
        volume, mask = case.read()
        mask_at = outlined(volume)
        scores.append([overlap(mask_at(threshold), mask).dice for threshold in THRESHOLDS])
    if not scores:
        return PAPER_THRESHOLD
    # Sums in another order may differ in the last digit, which is no better Dice.
    mean = np.mean(scores, axis=0).round(9)
    return max(zip(mean, THRESHOLDS), key=lambda pair: (pair[0], -abs(pair[1] - PAPER_THRESHOLD)))[1]


@torch.no_grad()
def outlined_on_grid(network: nn.Module, preprocessing: Preprocessing, volume: Volume, device: str) -> MaskAt:
    """What a network that sees the whole grid at once makes of a scan."""
    ready = preprocessing.prepare(volume)
    logits = network(torch.from_numpy(ready.array)[None, None].to(device))
    probability = ready.to_scan(torch.sigmoid(logits.float())[0, 0].cpu().numpy())
    return lambda threshold: mask_from_probability(probability, threshold) > 0
