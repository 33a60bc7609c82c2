"""Boxes of voxels: the smallest one around what matters, so that the rest need not be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

#: Slices along K, J and I, with a start and a stop.
Box = tuple[slice, slice, slice]


def bounding_box(mask: np.ndarray) -> Box | None:
    """Smallest box of the True or non-zero voxels of a 3D mask, as slices K, J, I; None where there are none."""
    in_slice = mask.any(axis=(1, 2))
    if not in_slice.any():
        return None
    slices = _extent(in_slice)
    flat = mask[slices].any(axis=0)
    return slices, _extent(flat.any(axis=1)), _extent(flat.any(axis=0))


def whole_box(shape_kji: Sequence[int]) -> Box:
    """All of a grid."""
    return cast(Box, tuple(slice(0, size) for size in shape_kji))


def box_shape(box: Box) -> tuple[int, int, int]:
    """Numbers of voxels (K, J, I)."""
    k, j, i = (part.stop - part.start for part in box)
    return k, j, i


def moved_box(box: Box, by_kji: Sequence[int]) -> Box:
    """The box so many voxels further along each axis."""
    return cast(Box, tuple(slice(part.start + step, part.stop + step) for part, step in zip(box, by_kji, strict=True)))


def common_box(first: Box, second: Box) -> Box | None:
    """What lies in both; None where they share no voxel."""
    parts = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(first, second)]
    return cast(Box, tuple(parts)) if all(part.start < part.stop for part in parts) else None


def union_box(boxes: Sequence[Box]) -> Box:
    """Smallest box that holds these, one or more."""
    parts = (slice(min(p.start for p in axis), max(p.stop for p in axis)) for axis in zip(*boxes))
    return cast(Box, tuple(parts))


def grown_box(box: Box, by_kji: Sequence[int], shape_kji: Sequence[int]) -> Box:
    """The box with so many voxels more on both sides of each axis, as far as the grid reaches."""
    grown = (
        slice(max(part.start - step, 0), min(part.stop + step, size))
        for part, step, size in zip(box, by_kji, shape_kji, strict=True)
    )
    return cast(Box, tuple(grown))


def box_within(box: Box, outer: Box) -> Box:
    """The box, counted from the first voxel of another one."""
    return moved_box(box, [-start for start in box_start(outer)])


def box_start(box: Box) -> tuple[int, int, int]:
    """The first voxel (K, J, I)."""
    k, j, i = (part.start for part in box)
    return k, j, i


def _extent(holds: np.ndarray) -> slice:
    return slice(int(holds.argmax()), len(holds) - int(holds[::-1].argmax()))
