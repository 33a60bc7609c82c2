"""The inside of the skull on head CT without a template, for methods that need to know where blood can be."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

_BONE_HU = 200
_CLOSE_GAPS_MM = 6.0  # foramina and sutures of the skull
_FROM_BONE_MM = 1.0  # its partial volume; more would hide thin subdural blood


def intracranial(hu: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """Voxels inside the skull, slice by slice: what bone surrounds once small gaps are closed. bool (K, J, I).

    Args:
        hu: (K, J, I), axial slices.
        spacing_mm: along i, j, k.
    """
    inside = np.zeros(hu.shape, bool)
    pixel = float(spacing_mm[0])
    for k, image in enumerate(hu):
        bone = image > _BONE_HU
        if not bone.any():
            continue
        gap = _CLOSE_GAPS_MM / pixel
        padded = np.pad(bone, int(gap) + 2)
        near = ndimage.distance_transform_edt(~padded) <= gap
        filled = ndimage.binary_fill_holes(near)
        closed = ndimage.distance_transform_edt(filled) > gap  # filled ring, pulled back to where bone was
        closed = closed[tuple(slice(int(gap) + 2, -int(gap) - 2) for _ in range(2))]
        inside[k] = closed & (ndimage.distance_transform_edt(~bone) * pixel > _FROM_BONE_MM)
    return largest_part(inside)


def largest_part(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask (faces connect)."""
    parts, count = ndimage.label(mask)
    if count < 2:
        return mask
    return parts == np.bincount(parts.ravel())[1:].argmax() + 1
