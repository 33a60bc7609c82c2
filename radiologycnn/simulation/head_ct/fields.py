"""Smooth fields on a head-centred grid: the small tools that anatomy, bleeds and confounders are made of.

The head frame is LPS in mm (x to the patient's left, y to the back, z up), its origin the middle of the cranial cavity.
Shapes are drawn as signed distances on a coarse grid and brought to the fine grid by linear interpolation, where they
become *fractions* of a voxel, so that partial volume is right from the start. Arrays are (K, J, I) = (z, y, x).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from radiologycnn.images.boxes import Box, bounding_box, box_start, moved_box
from radiologycnn.simulation.shapes import (
    blend,
    ellipsoid,
    everywhere,
    fraction,
    interpolate_at,
    sheet_fraction,
    smooth_step,
    soft_minimum,
    tube,
    unit_distance,
)

BOX_LOW_MM = (-92.0, -118.0, -100.0)  # x, y, z
BOX_HIGH_MM = (92.0, 112.0, 92.0)


@dataclass(frozen=True)
class HeadGrid:
    """A coarse and a fine isotropic grid over the same box in the head frame."""

    fine_mm: float
    coarse_mm: float = 2.0

    def axis(self, axis_xyz: int, step_mm: float) -> np.ndarray:
        """Places along x (0), y (1) or z (2) of the box, mm, float32."""
        low, high = BOX_LOW_MM[axis_xyz], BOX_HIGH_MM[axis_xyz]
        return (low + step_mm * np.arange(int((high - low) / step_mm) + 1)).astype(np.float32)

    @cached_property
    def coarse(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y, z of the coarse voxels, each of full shape (K, J, I), mm."""
        z, y, x = np.meshgrid(*(self.axis(a, self.coarse_mm) for a in (2, 1, 0)), indexing="ij")
        return x, y, z

    @cached_property
    def fine_shape(self) -> tuple[int, int, int]:
        """(K, J, I)."""
        return tuple(len(self.axis(a, self.fine_mm)) for a in (2, 1, 0))

    @cached_property
    def fine_axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x (1, 1, I), y (1, J, 1), z (K, 1, 1) of the fine voxels, mm."""
        x, y, z = (self.axis(a, self.fine_mm) for a in (0, 1, 2))
        return x[None, None, :], y[None, :, None], z[:, None, None]

    @property
    def coarse_voxel_ml(self) -> float:
        return self.coarse_mm**3 / 1000

    @property
    def fine_voxel_ml(self) -> float:
        return self.fine_mm**3 / 1000

    def slabs(self, slices: int = 16) -> Iterator[Slab]:
        """The fine grid in slabs of so many slices, from below. What is drawn voxel by voxel needs little memory so."""
        for first in range(0, self.fine_shape[0], slices):
            last = min(first + slices, self.fine_shape[0])
            yield Slab(self, (slice(first, last), slice(0, self.fine_shape[1]), slice(0, self.fine_shape[2])))

    def to_fine(self, field: np.ndarray) -> np.ndarray:
        """Linear interpolation of a coarse field onto the fine grid, float32."""
        return interpolate(np.asarray(field, np.float32), self.fine_shape, self.fine_mm / self.coarse_mm)

    def noise(self, rng: np.random.Generator, smoothness_mm: float) -> np.ndarray:
        """Gaussian random field on the coarse grid: mean 0, sd 1, Gaussian-smoothed by ``smoothness_mm``."""
        shape, sigma = self.coarse[0].shape, smoothness_mm / self.coarse_mm
        # Very smooth ones need not be drawn voxel by voxel.
        step = 2 if sigma >= 3.5 else 1
        drawn = tuple(-(-n // step) + 1 for n in shape)
        field = rng.standard_normal(drawn, dtype=np.float32)
        field = ndimage.gaussian_filter(field, sigma / step, mode="wrap", truncate=3.0)
        field /= field.std()
        if step == 1:
            return field[tuple(slice(n) for n in shape)]
        return interpolate(field, shape, 1 / step)

    def look_up(self, field: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """A coarse field at other places (mm), linear."""
        places = [(c - low) / self.coarse_mm for c, low in zip((z, y, x), BOX_LOW_MM[::-1])]
        return ndimage.map_coordinates(field, places, order=1, mode="nearest", output=np.float32)


@dataclass(frozen=True)
class Slab:
    """Some neighbouring slices of a grid's fine voxels, or a box in them; it gives what the grid gives, cut to that.

    Attributes:
        window: slices, rows and columns of the grid's fine voxels.
    """

    grid: HeadGrid
    window: Box

    @property
    def fine_mm(self) -> float:
        return self.grid.fine_mm

    @property
    def fine_axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As :attr:`HeadGrid.fine_axes`."""
        x, y, z = self.grid.fine_axes
        return x[:, :, self.window[2]], y[:, self.window[1]], z[self.window[0]]

    def to_fine(self, field: np.ndarray) -> np.ndarray:
        """As :meth:`HeadGrid.to_fine`."""
        step = self.grid.fine_mm / self.grid.coarse_mm
        part, positions = [], []
        for length, count, window in zip(field.shape, self.grid.fine_shape, self.window):
            wanted = (np.arange(count) * step)[window]
            first = min(int(wanted[0]), length - 2)
            part.append(slice(first, int(wanted[-1]) + 2))
            positions.append(wanted - first)
        return interpolate_at(np.asarray(field[tuple(part)], np.float32), positions)

    def around(self, wanted: np.ndarray) -> tuple[Slab, Box] | None:
        """The smallest box that holds all voxels of the slab that are wanted, and where it lies in the slab."""
        local = bounding_box(wanted)
        if local is None:
            return None
        return Slab(self.grid, moved_box(local, box_start(self.window))), local


def interpolate(field: np.ndarray, shape: tuple[int, int, int], step: float) -> np.ndarray:
    """Linear interpolation at 0, ``step``, 2 ``step`` ... voxels along each axis; float32 of ``shape``."""
    return interpolate_at(field, [np.arange(n) * step for n in shape])


__all__ = [
    "BOX_HIGH_MM",
    "BOX_LOW_MM",
    "HeadGrid",
    "Slab",
    "blend",
    "ellipsoid",
    "everywhere",
    "fraction",
    "interpolate",
    "sheet_fraction",
    "smooth_step",
    "soft_minimum",
    "tube",
    "unit_distance",
]
