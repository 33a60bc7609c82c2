"""Prepared cases whose tear is a bright ball, and the loss that a training has on them."""

from pathlib import Path

import numpy as np
import torch

from radiologycnn.training.loading import collate
from radiologycnn.training.rotatorcuff.cases import PreparedCase
from radiologycnn.training.rotatorcuff.trainer import ClassificationLoop


def ball(number: int, size: int = 20) -> PreparedCase:
    """A bright ball in a dim cube, larger for more severe classes; none for class 0."""
    rng = np.random.default_rng(number)
    tear_class = number % 5
    centre = rng.uniform(7, 13, 3)
    grid = np.mgrid[:size, :size, :size]
    mask = sum((axis - place) ** 2 for axis, place in zip(grid, centre)) < (tear_class and 1.5 + 0.8 * tear_class) ** 2
    grey = 60 + 120 * mask + rng.normal(0, 5, mask.shape)
    return PreparedCase(f"c{number}", np.clip(grey, 0, 255).astype(np.uint8), tear_class, mask)


def loss_of(loop: ClassificationLoop, paths: list[Path]) -> torch.Tensor:
    """Loss of a batch of these cases, each drawn with a seed of its own."""
    samples = [loop.prepare(path, torch.Generator().manual_seed(number)) for number, path in enumerate(paths)]
    return loop.batch_loss(collate(samples), len(samples))
