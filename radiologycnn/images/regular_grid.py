"""Turns a stack of uneven or tilted slices into a volume on a true regular grid.

The grid keeps the directions and the pixel size of the slices. Each of its slices is interpolated linearly between
the two acquired slices around it, along their normal, after these were moved back in their plane by what the tilt
moved them; so nothing is blurred that need not be, and a slice of the grid that lies on an acquired one is that slice.
"""

from __future__ import annotations

import numpy as np

from radiologycnn.images.slice_stack import SliceStack

_SNAP = 1e-3  # pixels, or fractions of a gap: nearer than that is the same place


def to_regular_grid(slices: np.ndarray, stack: SliceStack, fill: float) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Resamples acquired slices onto a regular grid that covers them all.

    Args:
        slices: shape (n, rows, columns), in the order of ``stack``.
        stack: where they lie.
        fill: value where no slice was acquired: beside a slice that the tilt moved sideways.

    Returns:
        (array, ijk_to_lps, guessed): array of shape (K, J, I) of the type of ``slices``, its 4x4 matrix, and the
        indices k of grid slices that lie farther than one step from any acquired slice's place.
    """
    spacing_i, spacing_j = stack.pixel_spacing_ij_mm
    shifts = stack.shifts_mm / (spacing_i, spacing_j)
    shifts = np.where(np.abs(shifts - np.round(shifts)) < _SNAP, np.round(shifts), shifts)
    if not stack.sheared:
        shifts = np.zeros_like(shifts)
    first = np.floor(shifts.min(axis=0)).astype(int)  # of the grid, in pixels of the first slice
    last = np.ceil(shifts.max(axis=0)).astype(int)
    rows, columns = slices.shape[1:]
    shape_ji = (rows + last[1] - first[1], columns + last[0] - first[0])

    extent = stack.positions_mm[-1]
    count = max(round(extent / stack.step_mm), 1) + 1
    step = extent / (count - 1)  # so that the first and the last slice both lie on the grid
    array = np.full((count, *shape_ji), fill, slices.dtype)
    guessed = []
    moved: dict[int, tuple[np.ndarray, tuple[slice, slice]]] = {}
    for k in range(count):
        before, weight = _neighbours(stack.positions_mm, k * step)
        after = before + 1 if weight > 0 else before
        for number in [number for number in moved if number < before]:
            del moved[number]
        for number in {before, after} - set(moved):
            moved[number] = _moved_slice(slices[number], shifts[number] - first)
        _blend(array[k], moved[before], moved[after], weight)
        nearest = np.abs(stack.positions_mm - k * step).min()
        if nearest > 0.75 * step:
            guessed.append(k)
    ijk_to_lps = np.eye(4)
    ijk_to_lps[:3, :3] = stack.axes * (spacing_i, spacing_j, step)
    ijk_to_lps[:3, 3] = stack.origins_lps_mm[0] + stack.axes[:, :2] @ (first * (spacing_i, spacing_j))
    return array, ijk_to_lps, guessed


def _neighbours(positions: np.ndarray, place: float) -> tuple[int, float]:
    """The slice at or before a place, and the weight of the one after it."""
    before = int(np.clip(np.searchsorted(positions, place, side="right") - 1, 0, len(positions) - 2))
    weight = (place - positions[before]) / (positions[before + 1] - positions[before])
    if weight > 1 - _SNAP:
        return before + 1, 0.0
    return before, 0.0 if weight < _SNAP else float(weight)


def _moved_slice(image: np.ndarray, shift_ij: np.ndarray) -> tuple[np.ndarray, tuple[slice, slice]]:
    """A slice moved by (columns, rows), linearly interpolated, and the part of the grid slice that it covers."""
    moved = image.astype(np.float32)
    covered = []
    for axis, shift in ((0, shift_ij[1]), (1, shift_ij[0])):
        start = int(np.ceil(shift - _SNAP))
        fraction = start - shift
        if fraction > _SNAP:
            length = moved.shape[axis] - 1
            lower = np.take(moved, range(length), axis)
            moved = lower + np.float32(fraction) * (np.take(moved, range(1, length + 1), axis) - lower)
        covered.append(slice(start, start + moved.shape[axis]))
    return moved, (covered[0], covered[1])


def _blend(target: np.ndarray, before: tuple, after: tuple, weight: float) -> None:
    """Writes the weighted mean where both slices reach, and the nearer slice alone where only that one does."""
    whole = target.dtype.kind in "iu"

    def put(where: tuple[slice, slice], values: np.ndarray) -> None:
        target[where] = np.rint(values) if whole else values

    near, far = (before, after) if weight <= 0.5 else (after, before)
    put(near[1], near[0])
    if 0 < weight < 1:
        common = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(near[1], far[1]))
        if all(part.stop > part.start for part in common):
            parts = [
                values[tuple(slice(c.start - w.start, c.stop - w.start) for c, w in zip(common, where))]
                for values, where in (before, after)
            ]
            put(common, parts[0] + np.float32(weight) * (parts[1] - parts[0]))
