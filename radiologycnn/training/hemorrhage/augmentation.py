"""Random changes of training cases on the network's grid: what a head CT may look like without being another one."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

# Blocks of about 3 mm across a grid that shows a head.
BLOCKS_A_HEAD_KJI = (32, 56, 56)


def augment(image: Tensor, mask: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Flip left-right, turn, scale, shift; HU offset, contrast, haze near bone, noise; each sample on its own.

    Args:
        image: (batch, 1, K, J, I), 0-1 for 0-100 HU. Air (0) and bone (1) stay where clamping put them.
        mask: (batch, labels, K, J, I), 0 or 1.
    """

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    images, masks = [], []
    for picture, truth in zip(image, mask):
        if uniform(0, 1) < 0.5:
            picture, truth = picture.flip(-1), truth.flip(-1)
        if uniform(0, 1) < 0.6:
            grid = _affine_grid(picture, uniform)
            picture = functional.grid_sample(picture[None], grid, align_corners=False, padding_mode="border")[0]
            truth = functional.grid_sample(truth[None], grid, align_corners=False)[0]
            truth = (truth >= 0.5).to(picture.dtype)
        tissue = (picture > 0.02) & (picture < 0.98)
        changed = (picture - 0.35) * uniform(0.92, 1.08) + 0.35 + uniform(-0.03, 0.03)
        if uniform(0, 1) < 0.5:
            changed = changed + uniform(0.0, 0.7) * near_bone(picture, 1 + round(uniform(0.5, 2.5)))
        noise = torch.randn(picture.shape, generator=generator) * (0.02 * uniform(0, 1))
        picture = torch.where(tissue, changed + noise, picture).clamp(0, 1)
        images.append(picture)
        masks.append(truth)
    return torch.stack(images), torch.stack(masks)


def near_bone(picture: Tensor, reach: int) -> Tensor:
    """How much bone there is near each voxel, 0-1, over a few blocks of about 3 mm more or less.

    Older scanners leave 10-20 HU of beam hardening there, most under the vertex, which has bone on all sides.
    """
    block = [max(2, round(side / blocks)) for side, blocks in zip(picture.shape[1:], BLOCKS_A_HEAD_KJI)]
    near = functional.avg_pool3d((picture >= 0.98).to(picture.dtype)[None], block)
    for _ in range(3):  # three boxes are nearly a Gaussian
        for axis in range(3):
            side = near.shape[1 + axis]
            length = min(2 * reach - 1, side - 1 + side % 2)  # odd, and no longer than a small grid
            width = [length if axis == other else 1 for other in range(3)]
            near = functional.avg_pool3d(near, width, 1, [n // 2 for n in width])
    return functional.interpolate(near, picture.shape[1:], mode="trilinear")[0]


def _affine_grid(picture: Tensor, uniform: Callable[[float, float], float]) -> Tensor:
    """Sampling grid of a small random rotation (mostly in the slice plane), scaling and shift."""
    turn, nod = math.radians(uniform(-12, 12)), math.radians(uniform(-4, 4))
    scale = [uniform(0.92, 1.08) for _ in range(3)]
    shift = [uniform(-0.06, 0.06) for _ in range(3)]
    c, s = math.cos(turn), math.sin(turn)
    matrix = torch.tensor(
        [
            [c * scale[0], -s * scale[1], 0.0, shift[0]],
            [s * scale[0], c * scale[1], -math.sin(nod), shift[1]],
            [0.0, math.sin(nod), scale[2], shift[2]],
        ]
    )
    return functional.affine_grid(matrix[None], [1, *picture.shape], align_corners=False)
