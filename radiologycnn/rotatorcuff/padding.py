"""Takes what is no picture out of a scan: the empty frame that an archive puts around it, and marked empty voxels.

Such voxels are no part of what was measured: counted with the others, they shift the grey values that become black and
white, and the picture's middle, which the search for the humeral head and the side go by.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radiologycnn.images.volume import Volume

_LEAST_WIDTH_MM = 40.0  # what remains must be able to hold a shoulder; else it is no frame, but a mask
_EMPTY_BELOW = -100.0
# Of all voxels; so few come to lie between the mark and the picture where the scan was resampled with its mark. Fat,
# lung and the air around a patient are many more of a CT, and an inversion recovery's real part has values all along.
_MOST_BETWEEN = 0.03


def without_padding(volume: Volume) -> Volume:
    """The part of a scan within its frame: outermost planes whose voxels all have the value of a corner.

    Voxels that a value far below zero marks as empty (-1024, say), in an otherwise positive scan, become zero before.

    Args:
        volume: shape (K, J, I).

    Returns:
        the scan itself where it has no such voxels (or is no volume); else another one, whose array may be a view of
        the scan's, with the matrix moved to the new first voxel.
    """
    if volume.array.ndim != 3 or volume.array.size == 0:
        return volume
    volume = _without_marks(volume)
    box = [slice(0, size) for size in volume.array.shape]
    for corner in (volume.array[0, 0, 0], volume.array[-1, -1, -1]):
        if corner < 0 and not volume.modality:
            continue  # perhaps the air of a CT, by which a CT without a header is known
        box = _tightened(volume.array, box, corner)
    first = np.array([part.start for part in box])
    size = np.array([part.stop for part in box]) - first
    if tuple(size) == volume.array.shape or (size * volume.spacing_mm[::-1]).min() < _LEAST_WIDTH_MM:
        return volume
    matrix = np.array(volume.ijk_to_lps, float)
    matrix[:3, 3] += matrix[:3, :3] @ first[::-1]
    return replace(volume, array=volume.array[tuple(box)], ijk_to_lps=matrix, source_slices=None)


def _without_marks(volume: Volume) -> Volume:
    """The scan with its marked empty voxels at zero; itself where there are none, or where it may be a CT."""
    array = volume.array
    low = array.min()
    if not _EMPTY_BELOW > low > -np.inf or volume.modality not in ("", "MR"):
        return volume
    between = np.count_nonzero(array < 0) - np.count_nonzero(array == low)
    if between > _MOST_BETWEEN * array.size:
        return volume
    return replace(volume, array=np.maximum(array, array.dtype.type(0)))


def _tightened(array: np.ndarray, box: list[slice], value: float) -> list[slice]:
    """The box without outer planes that hold nothing but the value; unchanged where they hold nothing else at all."""
    box = list(box)
    for axis in range(3):
        inner = np.moveaxis(array[tuple(box)], axis, 0)
        count = len(inner)
        low = next((n for n in range(count) if (inner[n] != value).any()), None)
        if low is None:
            return box
        high = next(n for n in range(count, low, -1) if (inner[n - 1] != value).any())
        box[axis] = slice(box[axis].start + low, box[axis].start + high)
    return box
