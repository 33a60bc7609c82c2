"""A simulated volume as the slices that a scanner would store: even, with uneven gaps, or with a slice lost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from radiologycnn.images.volume import Volume


@dataclass(frozen=True)
class AcquiredSlices:
    """Parallel slices in the order of their place along the normal.

    Attributes:
        array: voxels in modality units, shape (slices, rows, columns).
        row, column: unit vectors along a row (i) and down a column (j), LPS.
        pixel_mm: distance between columns and between rows.
        origins_lps_mm: centre of the first pixel of each slice, shape (slices, 3).
        thickness_mm: of each slice along its normal, shape (slices,).
    """

    array: np.ndarray
    row: np.ndarray
    column: np.ndarray
    pixel_mm: tuple[float, float]
    origins_lps_mm: np.ndarray
    thickness_mm: np.ndarray

    @classmethod
    def of(cls, volume: Volume, gap_mm: float = 0.0) -> AcquiredSlices:
        """The slices of a volume (K, J, I), sheared or not; ``gap_mm`` is what lies unscanned between two."""
        matrix = np.asarray(volume.ijk_to_lps, float)
        spacing = volume.spacing_mm
        row, column = matrix[:3, 0] / spacing[0], matrix[:3, 1] / spacing[1]
        step = float(np.cross(row, column) @ matrix[:3, 2])
        count = len(volume.array)
        origins = matrix[:3, 3] + np.arange(count)[:, None] * matrix[:3, 2]
        return cls(
            volume.array, row, column, (float(spacing[0]), float(spacing[1])), origins,
            np.full(count, abs(step) - gap_mm),
        )  # fmt: skip

    @property
    def positions_mm(self) -> np.ndarray:
        """Places along the normal, shape (slices,)."""
        return self.origins_lps_mm @ np.cross(self.row, self.column)

    @property
    def tilt_degrees(self) -> float:
        """How far the line through the slices' origins leans from their normal, about the row axis: gantry tilt.

        Positive where the rows sink towards the back of a patient who lies head first, as scanners write it.
        """
        along = self.origins_lps_mm[-1] - self.origins_lps_mm[0]
        normal = np.cross(self.row, self.column)
        return float(np.degrees(np.arctan2(-along @ self.column, abs(along @ normal))))

    def joined_above(self, first: int) -> AcquiredSlices:
        """From slice ``first`` on, two slices become one of twice the thickness, as where a protocol scans the skull
        base in thinner slices than the vault; what pairs with nothing at the end is left out.

        The mean of two neighbours is what a slice of their joint thickness shows.
        """
        pairs = (len(self.array) - first) // 2
        if first < 1 or pairs < 1:
            raise ValueError(f"{len(self.array)} slices cannot be joined from slice {first} on")

        def joined(values: np.ndarray) -> np.ndarray:
            upper = values[first : first + 2 * pairs]
            mean = upper.reshape(pairs, 2, *values.shape[1:]).mean(axis=1)
            if values.dtype.kind in "iu":
                mean = np.rint(mean)
            return np.concatenate([values[:first], mean.astype(values.dtype)])

        thickness = np.concatenate([self.thickness_mm[:first], np.repeat(2 * self.thickness_mm[first], pairs)])
        return replace(
            self, array=joined(self.array), origins_lps_mm=joined(self.origins_lps_mm), thickness_mm=thickness
        )

    def without(self, number: int) -> AcquiredSlices:
        """The series without its slice ``number`` (from 0), as when one was lost on the way to the archive."""
        return replace(
            self,
            array=np.delete(self.array, number, axis=0),
            origins_lps_mm=np.delete(self.origins_lps_mm, number, axis=0),
            thickness_mm=np.delete(self.thickness_mm, number),
        )
