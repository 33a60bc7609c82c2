"""SourceSlices: the slices as the scanner made them, kept beside a volume that was resampled from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SourceSlices:
    """The slices that the person sees, in the order of their position.

    Attributes:
        array: stored slices in modality units, shape (slices, rows, columns).
        ijk_to_lps: shape (slices, 4, 4); the n-th matrix takes pixel (i, j, 0, 1) of slice n to LPS in mm.
    """

    array: np.ndarray
    ijk_to_lps: np.ndarray

    def sample(
        self, array: np.ndarray, ijk_to_lps: np.ndarray, interpolation: str = "nearest", fill: float = 0.0
    ) -> np.ndarray:
        """Samples a result at the pixels of every slice.

        Args:
            array: shape (K, J, I), any grid.
            ijk_to_lps: 4x4 of that grid.
            interpolation: ``"nearest"`` or ``"linear"``.
            fill: value where a slice's pixel lies outside the grid.

        Returns:
            shape (slices, rows, columns): float32 for linear, the type of ``array`` for nearest.

        Raises:
            ValueError: another interpolation.
        """
        from radiologycnn.images.grid import as_image, sample_image

        if interpolation not in ("linear", "nearest"):
            raise ValueError(f"interpolation is 'linear' or 'nearest', not {interpolation!r}")
        image = as_image(array)
        lps_to_ijk = np.linalg.inv(np.asarray(ijk_to_lps, float))
        shape = (1, *self.array.shape[1:])
        dtype = np.float32 if interpolation == "linear" else np.asarray(array).dtype
        sampled = np.empty(self.array.shape, dtype)
        for number, slice_matrix in enumerate(self.ijk_to_lps):
            sampled[number] = sample_image(image, lps_to_ijk @ slice_matrix, shape, interpolation, fill)[0]
        return sampled
