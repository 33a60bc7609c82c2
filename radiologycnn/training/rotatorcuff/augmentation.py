"""Random changes of training cubes: what a shoulder MR may look like without being another one.

No flips: left shoulders are mirrored to right ones before, and a flipped shoulder exists in no one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

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
    share = shape[-1] / wide.shape[-1]
    matrices = torch.stack([_matrix(share, generator) for _ in range(len(wide))]).to(wide.device)
    grid = functional.affine_grid(matrices, [len(wide), 1, *shape], align_corners=False)
    cubes = functional.grid_sample(wide, grid, align_corners=False)
    return cubes, functional.grid_sample(mask, grid, align_corners=False)


def changed_grey(cubes: Tensor, generator: torch.Generator) -> Tensor:
    """Grey values 0-255 with another contrast, brightness, coil sensitivity, sharpness and noise; each on its own."""

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    results = []
    for cube in cubes / 255:
        cube = cube.clamp(0, 1) ** math.exp(uniform(-0.3, 0.3)) * uniform(0.8, 1.25) + uniform(-0.04, 0.04)
        if uniform(0, 1) < 0.5:
            # Surface coils brighten what is near them: smooth over the cube, some 30 % either way.
            corners = torch.exp(0.3 * torch.randn((1, 1, 2, 2, 2), generator=generator)).to(cube.device)
            cube = cube * functional.interpolate(corners, cube.shape[1:], mode="trilinear", align_corners=True)[0]
        if uniform(0, 1) < 0.2:
            cube = functional.avg_pool3d(cube[None], 3, 1, 1, count_include_pad=False)[0]
        noise = torch.randn(cube.shape, generator=generator).to(cube.device)
        results.append((cube + noise * (0.05 * uniform(0, 1))).clamp(0, 1))
    return torch.stack(results) * 255


def _matrix(share: float, generator: torch.Generator) -> Tensor:
    """3x4 of ``affine_grid``: a random small rotation about any axis, scaling and shift.

    Args:
        share: edge of the cube as a share of the edge with margin.
    """
    draw = 2 * torch.rand(7, generator=generator) - 1
    a, b, c = (math.radians(LARGEST_TURN_DEGREES) * float(value) for value in draw[:3])
    turn_x = torch.tensor([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    turn_y = torch.tensor([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    turn_z = torch.tensor([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    low, high = SCALE_RANGE
    scale = low + (high - low) * (float(draw[3]) + 1) / 2
    # Coordinates run from -1 to 1 over the edge with margin.
    shift = draw[4:7] * (2 * LARGEST_SHIFT * share)
    return torch.cat([turn_x @ turn_y @ turn_z * (share * scale), shift[:, None]], dim=1)
