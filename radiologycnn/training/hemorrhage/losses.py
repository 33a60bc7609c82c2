"""Losses of the segmentation: Dice, alone or with a loss of single voxels, and of which type of bleed a voxel is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from radiologycnn.networks.dice_loss import dice_loss

PAPER_SMOOTHING = 1e-5
# Voxels; about 0.2 mL on the default grid over a cropped head. Keeps the Dice of scans with hardly any blood steady.
SMOOTHING = 100.0
VOXEL_LOSS_WEIGHT = 8.0
HARD_VOXEL_WEIGHT = 0.5
# Voxels without blood that count in a scan with less blood than this, or none.
FEWEST_HARD_VOXELS = 500
TYPE_WEIGHT = 0.3
# Voxels; blood of fewer counts less than that of other scans or types, as its outline decides most of them.
FEW_VOXELS = 50.0


def focal_loss(logits: Tensor, truth: Tensor, gamma: float, positive_weight: float = 1.0) -> Tensor:
    """Mean focal loss of voxels (Lin 2017, eq. 5): cross-entropy times (1 - p_t)^gamma.

    Args:
        logits, truth: of the same shape; p_t is the probability given to what is true.
        gamma: 0 is cross-entropy.
        positive_weight: of voxels whose truth is 1.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    weight = 1 + (positive_weight - 1) * truth
    if gamma:
        # 1 - p_t from the entropy itself, -log p_t, keeps its digits where p_t is near 1.
        weight = weight * (-(-entropy).expm1()).clamp_min(1e-12) ** gamma
    return (weight * entropy).mean()


def hard_voxel_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy in blood plus that of as many voxels outside it, those most taken for blood; mean over the batch.

    The hardest examples of a case are chosen anew each time (online hard example mining, Shrivastava 2016). A bleed
    that is missed wholly hardly moves the other losses: Dice's slope vanishes with its probabilities, and in a mean
    over all voxels a small bleed is outweighed. Here a case's blood counts the same, however little it is.

    Args:
        logits, truth: shape (batch, labels, K, J, I); truth is 0 or 1.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return torch.stack([_hard_voxel_loss(*case) for case in zip(entropy, truth)]).mean()


def _hard_voxel_loss(entropy: Tensor, truth: Tensor) -> Tensor:
    """Of one case; entropy and truth of the same shape."""
    blood = truth.sum()
    outside = (entropy * (1 - truth)).flatten()
    hardest = outside.topk(min(max(int(blood), FEWEST_HARD_VOXELS), len(outside))).values
    return (entropy * truth).sum() / (blood + FEW_VOXELS) + hardest.mean()


def segmentation_loss(
    logits: Tensor, truth: Tensor, kind: str, gamma: float = 2.0, blood_weight: float = 8.0
) -> Tensor:
    """One of :data:`radiologycnn.training.hemorrhage.settings.LOSSES`, the mean over the batch.

    Args:
        logits, truth: shape (batch, labels, K, J, I); truth is 0 or 1.
        gamma: of "dice_focal".
        blood_weight: of a voxel of blood in "dice_ce" and "dice_focal", where any other voxel has 1.
    """
    if kind == "dice":
        return dice_loss(logits, truth, PAPER_SMOOTHING)
    if kind == "dice_hard":
        return dice_loss(logits, truth, SMOOTHING) + HARD_VOXEL_WEIGHT * hard_voxel_loss(logits, truth)
    voxels = focal_loss(logits, truth, gamma if kind == "dice_focal" else 0.0, blood_weight)
    return dice_loss(logits, truth, SMOOTHING) + VOXEL_LOSS_WEIGHT * voxels


def types_loss(logits: Tensor, truth: Tensor, kind: str, gamma: float = 2.0, blood_weight: float = 8.0) -> Tensor:
    """Where there is blood, as :func:`segmentation_loss`, and, within true blood, of which type it is.

    A voxel's highest logit says whether it is blood. Dice of each type would ask a rare type's few voxels to outweigh
    all others, and in a scan without that type would teach nothing but its absence.

    Args:
        logits, truth, kind, gamma, blood_weight: as of :func:`segmentation_loss`, a label for each type.
    """
    any_blood = logits.amax(dim=1, keepdim=True), truth.amax(dim=1, keepdim=True)
    extent = segmentation_loss(*any_blood, kind, gamma, blood_weight)
    named = torch.stack([_type_loss(*case) for case in zip(logits, truth)]).mean()
    return extent + TYPE_WEIGHT * named


def _type_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy over the types in one case's blood, each type that it holds weighing the same.

    Args:
        logits, truth: shape (labels, K, J, I).
    """
    blood = truth.amax(dim=0) > 0
    if not blood.any():
        return logits.new_zeros(())
    weight = 1 / truth.sum(dim=(1, 2, 3)).clamp_min(FEW_VOXELS)
    return functional.cross_entropy(logits[:, blood].t(), truth[:, blood].argmax(dim=0), weight)
