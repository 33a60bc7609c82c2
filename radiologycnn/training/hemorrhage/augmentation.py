"""Random changes of training cases on the network's grid: what a head CT may look like without being another one.

MONAI moves and changes grey values; the haze of beam hardening, and that air and bone stay, are our own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from radiologycnn.networks.installed import start_monai
from radiologycnn.training.random_changes import IMAGE, KEYS, MASK, changed, uniform

# Blocks of about 3 mm across a grid that shows a head.
BLOCKS_A_HEAD_KJI = (32, 56, 56)
#: Grey value of brain, 35 HU.
BRAIN = 0.35


def augment(image: Tensor, mask: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Flip left-right, turn, scale, shift; HU offset, contrast, haze near bone, noise; each sample on its own.

    Args:
        image: (batch, 1, K, J, I), 0-1 for 0-100 HU. Air (0) and bone (1) stay where clamping put them.
        mask: (batch, labels, K, J, I), 0 or 1.
    """
    images, masks = [], []
    for picture, truth in zip(image, mask):
        moved = changed(_moves(picture.shape[1:]), generator, image=picture, mask=truth)
        picture, truth = moved[IMAGE], (moved[MASK] >= 0.5).to(truth.dtype)
        tissue = (picture > 0.02) & (picture < 0.98)
        # About the brain's own grey, so that contrast changes contrast alone.
        grey = changed(_grey_changes(), generator, image=picture - BRAIN)[IMAGE] + BRAIN
        if uniform(generator, 0, 1) < 0.5:
            reach = 1 + round(uniform(generator, 0.5, 2.5))
            grey = grey + uniform(generator, 0.0, 0.7) * near_bone(picture, reach)
        images.append(torch.where(tissue, grey, picture).clamp(0, 1))
        masks.append(truth)
    return torch.stack(images), torch.stack(masks)


def _moves(sides: Sequence[int]) -> list[object]:
    """Flip left-right; a small turn, mostly in the slice plane, scaling and shift; of image and mask alike.

    Args:
        sides: voxels along K, J, I.
    """
    monai = start_monai("transforms")
    return [
        monai.RandFlipd(KEYS, prob=0.5, spatial_axis=2),
        monai.RandAffined(
            KEYS,
            prob=0.6,
            rotate_range=(math.radians(12), 0.0, math.radians(4)),
            scale_range=(0.08, 0.08, 0.08),
            translate_range=[0.03 * side for side in sides],
            mode="bilinear",
            padding_mode=("border", "zeros"),
        ),
    ]


def _grey_changes() -> list[object]:
    """Contrast, HU offset and noise."""
    monai = start_monai("transforms")
    return [
        monai.RandScaleIntensityd(IMAGE, factors=0.08, prob=1.0),
        monai.RandShiftIntensityd(IMAGE, offsets=0.03, prob=1.0),
        monai.RandGaussianNoised(IMAGE, prob=1.0, std=0.02),
    ]


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
