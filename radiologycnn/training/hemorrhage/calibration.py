"""Expectations that mean what they say: the scale of the logits with which the outlines that are doubted are poor.

What a network expects of its outlines (:mod:`radiologycnn.hemorrhage.expected_overlap`) hangs on how it was trained:
after the loss "dice_hard" it takes every voxel of the brain for a little suspicious and doubts good outlines, after
plain Dice it hardly doubts poor ones. One factor moves all logits away from that of the operating threshold, or towards
it. On the network's grid no outline at the threshold changes, only what is expected of it; between its voxels, where
probabilities are interpolated, a boundary may move by a fraction of a voxel. The factor is multiplied into the
segmentation layers, so that the package's network gives the scaled logits itself.

The shoulder's rule (least negative log-likelihood, Guo 2017) would leave the choice to the many voxels that are far
from any bleed; this one asks of outlines what the person is told of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from radiologycnn.hemorrhage.expected_overlap import DOUBTFUL_DICE, expected_dice
from radiologycnn.training.hemorrhage.assess import FEWEST_BLEEDS, THRESHOLDS, choose_threshold, outlined_cases
from radiologycnn.training.hemorrhage.cases import label_sizes
from radiologycnn.training.packages import OperatingPoint
from radiologycnn.training.settings import AUTOMATIC_THREADS

SCALES = tuple(round(0.05 * step, 2) for step in range(10, 41))
"""Factors to choose from, the smallest first: the smaller, the more is doubted."""


def calibrated_point(
    network: nn.Module,
    paths: Sequence[Path],
    device: str = "cpu",
    threads: int = AUTOMATIC_THREADS,
    among: Sequence[float] = THRESHOLDS,
    follow: bool = True,
) -> OperatingPoint:
    """The threshold by :func:`.choose_threshold`, the scale of the logits at it, and whether scans may lower it then.

    Where there is a scale the model tells its doubt, also where its threshold follows nothing: then ``lowest`` is the
    threshold itself. Where there is none, nothing speaks for what it expects, and nothing follows that.

    Args:
        network: with one label; gets the weights that are scaled.
        among, follow, threads: as there.
    """
    plain = choose_threshold(network, paths, device, threads, among, follow=False)
    scale = doubt_scale(network, paths, plain.threshold, device, threads)
    if scale is None:
        return plain
    network.load_state_dict(with_scaled_logits(network.state_dict(), scale, plain.threshold))
    point = choose_threshold(network, paths, device, threads, (plain.threshold,), follow)
    return replace(point, lowest=plain.threshold if point.lowest is None else point.lowest, logit_scale=scale)


def doubt_scale(
    network: nn.Module,
    paths: Sequence[Path],
    threshold: float,
    device: str = "cpu",
    threads: int = AUTOMATIC_THREADS,
) -> float | None:
    """The smallest of :data:`SCALES` with which outlines called doubtful are, on average, and the others are not.

    Args:
        network: with one label, its logits not yet scaled.
        paths: prepared cases; those with a bleed of which something is outlined count, by the Dice that
            :func:`.choose_threshold` takes.
        threshold: of the outlines, and the probability that no scale changes.
        threads: that read the cases ahead, as the setting ``loading_threads``.

    Returns:
        None where no scale does that, and where fewer than 30 cases bleed.
    """
    bleeding = [path for path in paths if label_sizes(path)[1:].any()]
    if len(bleeding) < FEWEST_BLEEDS:
        return None
    centre = _logit(threshold)
    dice, expected = [], []
    for case in outlined_cases(network, bleeding, device, threads):
        if (case.probability < threshold).all():
            continue
        dice.append(case.figure(threshold))
        distance = (case.logits - centre).flatten().sort().values  # once: what is sorted is sorted sooner each time
        expected.append([expected_dice(torch.sigmoid(centre + scale * distance).cpu().numpy()) for scale in SCALES])
    for scale, doubtful in zip(SCALES, np.less(expected, DOUBTFUL_DICE).T):
        if 0 < doubtful.sum() < len(dice) and (
            np.mean(dice, where=doubtful) < DOUBTFUL_DICE <= np.mean(dice, where=~doubtful)
        ):
            return scale
    return None


def with_scaled_logits(state_dict: Mapping[str, Tensor], scale: float, threshold: float) -> dict[str, Tensor]:
    """Weights of the same network whose logits are so many times as far from that of the threshold.

    Args:
        state_dict: of a :class:`radiologycnn.networks.cnn_ds.CnnDs` with one label, with or without deep supervision:
            its logits are the sum of what its segmentation layers give.
    """
    scaled = {
        name: tensor * scale if name.startswith("segmentations.") else tensor for name, tensor in state_dict.items()
    }
    scaled["segmentations.0.bias"] = scaled["segmentations.0.bias"] + _logit(threshold) * (1 - scale)
    return scaled


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
