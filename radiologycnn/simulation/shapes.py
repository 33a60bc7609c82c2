"""Signed distances and what is made of them: the small tools that every simulated anatomy is built with.

Distances are in mm and positive inside. Arrays of coordinates may be full or broadcast against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def interpolate_at(field: np.ndarray, positions_kji: Sequence[np.ndarray]) -> np.ndarray:
    """Linear interpolation on the grid that three lists of (fractional) indices span; outside, the edge's value.

    Args:
        field: shape (K, J, I), float32.
        positions_kji: one array of indices into ``field`` for each axis.
    """
    for axis in (2, 1, 0):
        position = np.clip(np.asarray(positions_kji[axis], np.float64), 0, field.shape[axis] - 1)
        low = np.minimum(position.astype(int), max(field.shape[axis] - 2, 0))
        weight = (position - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        lower = np.take(field, low, axis=axis)
        upper = np.take(field, np.minimum(low + 1, field.shape[axis] - 1), axis=axis)
        upper -= lower
        upper *= weight
        lower += upper
        field = lower
    return field


def everywhere(function, *values):
    """A transcendental function in double precision, rounded to float32.

    numpy's own float32 ones differ in the last bit from processor to processor.
    """
    return function(*(np.asarray(value, np.float64) for value in values)).astype(np.float32)


def unit_distance(level: np.ndarray, step_mm: float | Sequence[float], floor: float = 1e-3) -> np.ndarray:
    """A level function as signed distance near its zero: level / |gradient|, mm."""
    steps = (step_mm,) if isinstance(step_mm, (int, float)) else tuple(step_mm)
    gz, gy, gx = np.gradient(level, *steps)
    return level / np.maximum(np.sqrt(gx * gx + gy * gy + gz * gz), floor)


def smooth_step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.asarray((value - low) * (1 / (high - low)))
    np.clip(t, 0, 1, out=t)
    rest = 3 - 2 * t
    t *= t
    t *= rest
    return t


def soft_minimum(a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
    """The smaller of two distances with a rounded edge (polynomial blend over ``radius`` mm)."""
    h = np.maximum(radius - np.abs(a - b), 0) / radius
    return np.minimum(a, b) - h * h * radius * 0.25


def soft_maximum(a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
    """The larger of two distances (a union) with a rounded crease."""
    return -soft_minimum(-a, -b, radius)


def ellipsoid(x: np.ndarray, y: np.ndarray, z: np.ndarray, centre: tuple, radii: tuple) -> np.ndarray:
    """Signed distance (approximate, mm), positive inside."""
    u, v, w = ((c - m) / r for c, m, r in zip((x, y, z), centre, radii))
    return (1 - np.sqrt(u * u + v * v + w * w)) * float(np.cbrt(radii[0] * radii[1] * radii[2]))


def tube(x: np.ndarray, y: np.ndarray, z: np.ndarray, points: Sequence[Sequence[float]]) -> np.ndarray:
    """Signed distance to a bent tube, positive inside; points are (x, y, z, radius) in mm."""
    best = np.full(x.shape, -1e3, np.float32)
    # Plain floats, for numpy's own would turn float32 coordinates into float64.
    plain = [tuple(float(c) for c in point) for point in points]
    for (ax, ay, az, ar), (bx, by, bz, br) in pairwise(plain):
        dx, dy, dz = bx - ax, by - ay, bz - az
        length = (dx * dx + dy * dy + dz * dz) or 1e-6
        px, py, pz = x - ax, y - ay, z - az
        t = px * (dx / length)
        t += py * (dy / length)
        t += pz * (dz / length)
        np.clip(t, 0, 1, out=t)
        px -= t * dx
        py -= t * dy
        pz -= t * dz
        px *= px
        py *= py
        pz *= pz
        px += py
        px += pz
        np.sqrt(px, out=px)
        t *= br - ar
        t += ar
        t -= px
        np.maximum(best, t, out=best)
    return best


def tube_box(points: Sequence[Sequence[float]], margin_mm: float = 8.0) -> tuple[tuple, tuple]:
    """Low and high corner of a box that holds a tube (also one that is flattened by up to 1.3)."""
    places = np.array([point[:3] for point in points])
    radius = max(point[3] for point in points) * 1.3 + margin_mm
    return tuple(places.min(axis=0) - radius), tuple(places.max(axis=0) + radius)


def fraction(distance: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Share of a voxel that lies inside a surface at signed ``distance`` (positive inside)."""
    share = distance * (1 / voxel_mm)
    share += 0.5
    return np.clip(share, 0, 1, out=share)


def sheet_fraction(distance: np.ndarray, half_thickness: np.ndarray | float, voxel_mm: float) -> np.ndarray:
    """Share of a voxel that a thin sheet fills; ``distance`` is from its middle surface."""
    full = np.minimum(2 * half_thickness / voxel_mm, 1)
    return np.clip((half_thickness + voxel_mm / 2 - np.abs(distance)) / voxel_mm, 0, full)


def blend(values: np.ndarray, share: np.ndarray, value: np.ndarray | float) -> None:
    """Replace a share of each voxel by another tissue, in place."""
    if isinstance(value, float) and value == 0:
        values -= share * values
        return
    change = value - values
    change *= share
    values += change
