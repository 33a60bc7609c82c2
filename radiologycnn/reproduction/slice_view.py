"""Slices of a scan as radiologists look at them, in whatever order and direction its voxels are stored.

Many programs store NIfTI files upside down for a picture: rows from the back to the front, or slices of the side.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from radiologycnn.images.grid import reorient_to_lps
from radiologycnn.images.volume import Volume

# Of an array (S, P, L): the order of its axes as (slice, row, column), and which of them run downwards.
_PICTURES = {
    "sagittal": ((2, 0, 1), (0,)),  # front at the left, head at the top
    "coronal": ((1, 0, 2), (0,)),  # the patient's right at the left, head at the top
    "axial": ((0, 1, 2), ()),  # the patient's right at the left, front at the top
}


class SliceView:
    """How pictures are cut from a scan, and from whatever lies on its grid.

    Args:
        volume: the scan.
        plane: "axial", "coronal", "sagittal", or "" for the plane in which it was acquired, across its largest spacing.

    Attributes:
        aspect: height of a pixel over its width.
    """

    def __init__(self, volume: Volume, plane: str = "") -> None:
        self._volume = volume
        spacing_spl = reorient_to_lps(volume).spacing_mm[::-1]
        by_slice_axis = {axes[0]: name for name, (axes, _) in _PICTURES.items()}
        self._axes, self._downwards = _PICTURES[plane or by_slice_axis[int(np.argmax(spacing_spl))]]
        self.aspect = float(spacing_spl[self._axes[1]] / spacing_spl[self._axes[2]])

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Pictures, shape (slices, rows, columns), of an array on the scan's grid, shape (K, J, I)."""
        upright = reorient_to_lps(replace(self._volume, array=array)).array
        return np.flip(upright, self._downwards).transpose(self._axes)
