"""Boxes of voxels: the smallest one around what matters, so that the rest need not be looked at."""

from __future__ import annotations

import numpy as np

Box = tuple[slice, slice, slice]


def bounding_box(mask: np.ndarray) -> Box | None:
    """Smallest box of the True or non-zero voxels of a 3D mask, as slices K, J, I; None where there are none."""
    in_slice = mask.any(axis=(1, 2))
    if not in_slice.any():
        return None
    slices = _extent(in_slice)
    flat = mask[slices].any(axis=0)
    return slices, _extent(flat.any(axis=1)), _extent(flat.any(axis=0))


def _extent(holds: np.ndarray) -> slice:
    return slice(int(holds.argmax()), len(holds) - int(holds[::-1].argmax()))
