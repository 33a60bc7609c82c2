"""Soft Dice loss of Arab 2020 (Methods, eq. 1): the mean over background and foreground, per sample."""

from __future__ import annotations

import torch
from torch import Tensor


def dice_loss(logits: Tensor, truth: Tensor, smoothing: float = 1e-5, include_background: bool = True) -> Tensor:
    """Minus the mean soft Dice over L = {0, 1}, over labels and over samples; between -1 (perfect) and 0.

    For each sample and label, with p = sigmoid(logit), p_0 = 1 - p and the truth likewise::

        Dice_l = (2 * sum(y_l * p_l) + s) / (sum(y_l) + sum(p_l) + s)

    The reduction is per sample, as in ellisdg/3DUnetCNN, so that a scan without a bleed weighs as much as any other:
    there the smoothing alone decides the foreground term, which reaches 1 once the predicted volume falls below s.

    Args:
        logits: shape (batch, labels, K, J, I).
        truth: 0 or 1, same shape.
        smoothing: s above; 1e-5 in ellisdg.
        include_background: False leaves L = {1}.
    """
    # Sums over a million voxels lose digits in half precision.
    probability = torch.sigmoid(logits.float())
    truth = truth.to(probability.dtype)
    dice = _dice(probability, truth, smoothing)
    if include_background:
        dice = (dice + _dice(1 - probability, 1 - truth, smoothing)) / 2
    return -dice.mean()


def _dice(probability: Tensor, truth: Tensor, smoothing: float) -> Tensor:
    """Soft Dice, shape (batch, labels)."""
    axes = (2, 3, 4)
    overlap = (probability * truth).sum(axes)
    return (2 * overlap + smoothing) / (probability.sum(axes) + truth.sum(axes) + smoothing)
