"""Smooth fields on a head-centred grid: the small tools that anatomy, bleeds and confounders are made of.

The head frame is LPS in mm (x to the patient's left, y to the back, z up), its origin the middle of the cranial cavity.
Shapes are drawn as signed distances on a coarse grid and brought to the fine grid by linear interpolation, where they
become *fractions* of a voxel, so that partial volume is right from the start. Arrays are (K, J, I) = (z, y, x).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import ndimage

BOX_LOW_MM = (-92.0, -118.0, -100.0)  # x, y, z
BOX_HIGH_MM = (92.0, 112.0, 92.0)


@dataclass(frozen=True)
class HeadGrid:
    """A coarse and a fine isotropic grid over the same box in the head frame."""

    fine_mm: float
    coarse_mm: float = 2.0

    def axis(self, axis_xyz: int, step_mm: float) -> np.ndarray:
        low, high = BOX_LOW_MM[axis_xyz], BOX_HIGH_MM[axis_xyz]
        return (low + step_mm * np.arange(int((high - low) / step_mm) + 1)).astype(np.float32)

    @cached_property
    def coarse(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y, z of the coarse voxels, each of full shape (K, J, I), mm."""
        z, y, x = np.meshgrid(*(self.axis(a, self.coarse_mm) for a in (2, 1, 0)), indexing="ij")
        return x, y, z

    @cached_property
    def fine_shape(self) -> tuple[int, int, int]:
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

    def fine_noise(self, rng: np.random.Generator, smoothness_mm: float) -> np.ndarray:
        """Gaussian random field on the fine grid, mean 0, sd 1; finer grain than the coarse grid can carry."""
        field = rng.standard_normal(self.fine_shape, dtype=np.float32)
        field = ndimage.gaussian_filter(field, smoothness_mm / self.fine_mm, mode="wrap", truncate=3.0)
        return field / field.std()

    def look_up(self, field: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """A coarse field at other places (mm), linear."""
        places = [(c - low) / self.coarse_mm for c, low in zip((z, y, x), BOX_LOW_MM[::-1])]
        return ndimage.map_coordinates(field, places, order=1, mode="nearest", output=np.float32)


def interpolate(field: np.ndarray, shape: tuple[int, int, int], step: float) -> np.ndarray:
    """Linear interpolation at 0, ``step``, 2 ``step`` ... voxels along each axis; float32 of ``shape``."""
    for axis in (2, 1, 0):
        position = np.arange(shape[axis], dtype=np.float32) * step
        low = np.minimum(position.astype(int), field.shape[axis] - 2)
        weight = (position - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        lower = np.take(field, low, axis=axis)
        upper = np.take(field, low + 1, axis=axis)
        upper -= lower
        upper *= weight
        lower += upper
        field = lower
    return field


def unit_distance(level: np.ndarray, step_mm: float, floor: float = 1e-3) -> np.ndarray:
    """A level function as signed distance near its zero: level / |gradient|, mm."""
    gz, gy, gx = np.gradient(level, step_mm)
    return level / np.maximum(np.sqrt(gx * gx + gy * gy + gz * gz), floor)


def smooth_step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def soft_minimum(a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
    """The smaller of two distances with a rounded edge (polynomial blend over ``radius`` mm)."""
    h = np.maximum(radius - np.abs(a - b), 0) / radius
    return np.minimum(a, b) - h * h * radius * 0.25


def ellipsoid(x: np.ndarray, y: np.ndarray, z: np.ndarray, centre: tuple, radii: tuple) -> np.ndarray:
    """Signed distance (approximate, mm), positive inside."""
    u, v, w = ((c - m) / r for c, m, r in zip((x, y, z), centre, radii))
    return (1 - np.sqrt(u * u + v * v + w * w)) * float(np.cbrt(radii[0] * radii[1] * radii[2]))


def tube(x: np.ndarray, y: np.ndarray, z: np.ndarray, points: list[tuple[float, float, float, float]]) -> np.ndarray:
    """Signed distance to a bent tube, positive inside; points are (x, y, z, radius) in mm."""
    best = np.full(x.shape, -1e3, np.float32)
    for (ax, ay, az, ar), (bx, by, bz, br) in pairwise(points):
        dx, dy, dz = bx - ax, by - ay, bz - az
        t = np.clip(((x - ax) * dx + (y - ay) * dy + (z - az) * dz) / (dx * dx + dy * dy + dz * dz), 0, 1)
        distance = np.sqrt((x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2 + (z - az - t * dz) ** 2)
        np.maximum(best, ar + t * (br - ar) - distance, out=best)
    return best


def fraction(distance: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Share of a voxel that lies inside a surface at signed ``distance`` (positive inside)."""
    return np.clip(distance / voxel_mm + 0.5, 0, 1)


def sheet_fraction(distance: np.ndarray, half_thickness: np.ndarray | float, voxel_mm: float) -> np.ndarray:
    """Share of a voxel that a thin sheet fills; ``distance`` is from its middle surface."""
    full = np.minimum(2 * half_thickness / voxel_mm, 1)
    return np.clip((half_thickness + voxel_mm / 2 - np.abs(distance)) / voxel_mm, 0, full)


def blend(hu: np.ndarray, share: np.ndarray, value: np.ndarray | float) -> None:
    """Replace a share of each voxel by another tissue, in place."""
    hu += share * (value - hu)
