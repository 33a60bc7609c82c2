"""Random changes of training cubes: what a shoulder MR may look like without being another one.

MONAI resamples and changes grey values. No flips: left shoulders are mirrored to right ones before, and a flipped
shoulder exists in no one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from radiologycnn.networks.installed import start_monai
from radiologycnn.training.random_changes import IMAGE, changed, turned, uniform

LARGEST_SHIFT = 0.10
"""Share of the cube's edge (8 mm of 80): as far as the search for the humeral head may err."""
LARGEST_TURN_DEGREES = 12.0
SCALE_RANGE = (0.9, 1.1)


def cut_cubes(wide: Tensor, shape: Sequence[int]) -> Tensor:
    """The middle, of ``shape`` (K, J, I), of cubes with margin, shape (batch, 1, K, J, I)."""
    middle = [slice((side - size) // 2, (side + size) // 2) for side, size in zip(wide.shape[2:], shape)]
    return wide[:, :, middle[0], middle[1], middle[2]]


def moved(wide: Tensor, mask: Tensor, shape: Sequence[int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each cube turned, scaled and shifted, cut out of the one with margin; its mask with it.

    Args:
        wide: grey values, shape (batch, 1, K, J, I), with margin.
        mask: share of tear, the same shape.
        shape: (K, J, I) of the cubes that are cut out.

    Returns:
        Cubes and masks, shape (batch, 1, K, J, I).
    """
    spacing = [1 / side for side in shape]  # edges of the cube, which has as long ones along every axis
    cubes, masks = [], []
    for cube, tear in zip(wide, mask):
        turn = _small_turn(generator)
        shift_voxels = [uniform(generator, -LARGEST_SHIFT, LARGEST_SHIFT) * side for side in shape]
        change = (turn, shift_voxels, spacing, shape)
        cubes.append(turned(cube, *change))
        # Resampling takes most of the time, and nothing stays nothing.
        masks.append(turned(tear, *change) if tear.any() else tear.new_zeros((len(tear), *shape)))
    return torch.stack(cubes), torch.stack(masks)


def changed_grey(cubes: Tensor, generator: torch.Generator) -> Tensor:
    """Grey values 0-255 with another contrast, brightness, coil sensitivity, sharpness and noise; each on its own."""
    monai = start_monai("transforms")
    changes = [
        monai.RandAdjustContrastd(IMAGE, prob=1.0, gamma=(math.exp(-0.3), math.exp(0.3))),
        monai.RandScaleIntensityd(IMAGE, factors=(-0.2, 0.25), prob=1.0),
        monai.RandShiftIntensityd(IMAGE, offsets=0.04, prob=1.0),
        # Surface coils brighten what is near them: smooth over the cube, some 30 % either way in its corners.
        monai.RandBiasFieldd(IMAGE, prob=0.5, degree=2, coeff_range=(-0.16, 0.16)),
        monai.RandGaussianSmoothd(IMAGE, prob=0.2, sigma_x=(0.5, 1.0), sigma_y=(0.5, 1.0), sigma_z=(0.5, 1.0)),
        monai.RandGaussianNoised(IMAGE, prob=1.0, std=0.05),
    ]
    results = [changed(changes, generator, image=cube / 255)[IMAGE] for cube in cubes.clamp(0, 255)]
    return torch.stack(results).clamp(0, 1) * 255


def _small_turn(generator: torch.Generator) -> np.ndarray:
    """3x3, a random small rotation about any axis, times a scaling."""
    limit = math.radians(LARGEST_TURN_DEGREES)
    turn = Rotation.from_euler("xyz", [uniform(generator, -limit, limit) for _ in range(3)]).as_matrix()
    return turn * uniform(generator, *SCALE_RANGE)
