"""Losses of the tear classifier: cross-entropy with ordinal labels, and where the activation map should lie."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from radiologycnn.networks.gap_classifier import GapClassifier

Total = Callable[[Tensor], Tensor]


def itself(value: Tensor) -> Tensor:
    """The total of a batch that is not shared."""
    return value


def ordinal_targets(classes: Tensor, count: int, smoothing: float) -> Tensor:
    """Labels as probabilities, shape (batch, count): a share goes to the neighbours in the order of severity.

    Args:
        classes: shape (batch).
        smoothing: share that leaves the label, half to each side; a class at the end has one neighbour and gives half.
    """
    targets = functional.one_hot(classes, count).float()
    if smoothing:
        side = smoothing / 2
        up = functional.pad(targets[:, :-1], (1, 0)) * side
        down = functional.pad(targets[:, 1:], (0, 1)) * side
        targets = targets + up + down - targets * (up.sum(1) + down.sum(1))[:, None]
    return targets


def class_loss(
    logits: Tensor, targets: Tensor, weights: Tensor | None = None, gamma: float = 0.0, total: Total = itself
) -> Tensor:
    """Mean cross-entropy, or mean focal loss (Lin 2017): each class's part of it times (1 - p)^gamma.

    Args:
        logits, targets: shape (batch, classes); targets are probabilities.
        weights: of the cases, shape (batch).
        gamma: 0 is cross-entropy.
        total: what the sum of the weights comes to in all processes that share the batch.
    """
    logs = torch.log_softmax(logits, dim=1)
    if gamma:
        logs = logs * (-logs.expm1()).clamp_min(1e-12) ** gamma
    losses = -(targets * logs).sum(dim=1)
    if weights is None:
        weights = torch.ones_like(losses)
    return (losses * weights).sum() / total(weights.sum())


def tear_maps(network: GapClassifier, features: Tensor, logits: Tensor) -> Tensor:
    """The activation maps of tear versus none with gradients, shape (batch, k, j, i).

    As :func:`radiologycnn.networks.cam.activation_maps` gives them at test time: with the running statistics of the
    normalization in the head, and the share of each tear class as it is.
    """
    weights = network.classifier.weight
    norm = network.head_norm
    if isinstance(norm, nn.modules.batchnorm._BatchNorm):
        weights = weights * (norm.weight / (norm.running_var + norm.eps).sqrt())
    share = torch.softmax(logits.detach()[:, 1:], dim=1)
    combined = share @ weights[1:] - weights[0]
    return torch.einsum("bc,bckji->bkji", combined, features)


def tear_targets(mask: Tensor, stride: int, offset: float = 0.0) -> Tensor:
    """How well each map voxel lies in the tear, 0-1, shape (batch, k, j, i).

    The mask is averaged over about one map voxel, at the map voxels' centres, and its largest value becomes 1: a thin
    tear between two centres still names the nearest ones.

    Args:
        mask: share of tear, shape (batch, 1, K, J, I).
        stride: input voxels between two map voxels.
        offset: of the first map voxel's centre from input voxel 0.
    """
    width = stride // 2 * 2 + 1  # odd, so that nothing moves
    smooth = functional.avg_pool3d(mask, width, 1, width // 2)
    start = round(offset)
    smooth = smooth[:, 0, start::stride, start::stride, start::stride]
    return smooth / smooth.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)


def localization_loss(maps: Tensor, targets: Tensor, total: Total = itself) -> Tensor:
    """How little of the map's strongest evidence lies in the tear; 0 for a map whose peaks all do.

    The map in units of its own spread goes through a softmax over all places, which asks for the share of the peaks and
    not for a size of the map. Cases without target count nothing.

    Args:
        maps, targets: shape (batch, k, j, i).
        total: what the number of cases with target comes to in all processes that share the batch.
    """
    known = targets.amax(dim=(1, 2, 3)) > 0
    count = total(known.sum())
    if not bool(known.any()):
        return maps.sum() * 0
    flat = maps[known].flatten(1)
    spread = flat.std(dim=1, keepdim=True).clamp_min(1e-6)
    share = torch.softmax((flat - flat.mean(dim=1, keepdim=True)) / spread, dim=1)
    return -torch.log((share * targets[known].flatten(1)).sum(dim=1).clamp_min(1e-8)).sum() / count
