"""MONAI's random transforms for augmentation, loaded where a training needs them, seeded by the case's generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from radiologycnn.networks.installed import start_monai

IMAGE, MASK = "image", "mask"
KEYS = (IMAGE, MASK)

_LARGEST_SEED = 2**31 - 1


def changed(changes: Sequence[object], generator: torch.Generator, **images: Tensor) -> dict[str, Tensor]:
    """Images after MONAI's random dictionary transforms, made anew for each case, so that threads share none.

    Args:
        changes: of the images by their names.
        generator: decides all choices.
        images: each of shape (channels, K, J, I).
    """
    compose = start_monai("transforms").Compose(list(changes))
    compose.set_random_state(int(torch.randint(_LARGEST_SEED, (), generator=generator)))
    return {name: plain(value) for name, value in compose(dict(images)).items()}


def uniform(generator: torch.Generator, low: float, high: float) -> float:
    """A number between these."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def plain(image: Tensor) -> Tensor:
    """Without the record of changes that MONAI adds."""
    return image.as_tensor() if hasattr(image, "as_tensor") else image


def turned(
    image: Tensor, turn: np.ndarray, shift_voxels: Sequence[float], spacing: Sequence[float], shape: Sequence[int]
) -> Tensor:
    """An image whose voxels are read elsewhere, linearly; zero outside.

    Args:
        image: shape (channels, K, J, I).
        turn: 3x3, from a place in the new image to that in the old one, both from the middle, in mm, axes KJI.
        shift_voxels: along K, J, I of the old image, added to that.
        spacing: of the voxels along K, J, I, in mm, or in any unit that they share.
        shape: (K, J, I) of the new image.
    """
    voxels = np.diag(np.asarray(spacing, float))
    matrix = np.eye(4)
    matrix[:3, :3] = np.linalg.inv(voxels) @ turn @ voxels
    matrix[:3, 3] = shift_voxels
    resample = start_monai("transforms").Affine(
        affine=matrix,
        spatial_size=tuple(shape),
        mode="bilinear",
        padding_mode="zeros",
        dtype=np.float32,
        image_only=True,
    )
    return plain(resample(image))
