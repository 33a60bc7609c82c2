"""Where the slices of a series lie: their order, step, tilt, gaps and what is missing.

Only positions and directions of the headers count (DICOM PS3.3 C.7.6.2), never file names, instance numbers or the
nominal spacing: they are wrong often enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SAME_POSITION_MM = 0.01
MAXIMUM_GAP_MM = 15.0  # beyond it, what lies between two slices is guessed, not interpolated
_MAXIMUM_OFF_STEP_MM = 0.15  # a slice this near to its place in a regular stack is a rounded header, not a gap
_MAXIMUM_OFF_STEP = 0.1  # the same, as a fraction of the step, for thin slices
_MOST_GRID_SLICES = 4  # for one acquired slice
_MAXIMUM_DRIFT_PIXELS = 0.25  # a shift in the plane, from first to last slice, that is not called a tilt


@dataclass(frozen=True)
class SliceStack:
    """Parallel slices, ordered along their normal.

    Attributes:
        order: indices into the frames that were given, by position.
        axes: 3x3, columns are the unit vectors along i (a row), j (down a column) and k (the normal), LPS.
        pixel_spacing_ij_mm: distances between columns and between rows.
        origins_lps_mm: shape (n, 3), centre of the first pixel of each slice, in order.
        positions_mm: shape (n,), along the normal, the first at 0.
        shifts_mm: shape (n, 2), movement of the slices in their own plane along i and j, the first at 0.
        step_mm: distance of regular slices; for an uneven stack the distance of the grid to resample to.
        even: the positions lie on a regular grid within what header rounding explains.
        sheared: the slices move within their plane, as with a tilted gantry.
        tilt_degrees: angle between the normal and the line from the first to the last slice.
        missing: (after this slice, counted from 1; how many) where a rare gap is a whole multiple of the step.
    """

    order: tuple[int, ...]
    axes: np.ndarray
    pixel_spacing_ij_mm: tuple[float, float]
    origins_lps_mm: np.ndarray
    positions_mm: np.ndarray
    shifts_mm: np.ndarray
    step_mm: float
    even: bool
    sheared: bool
    tilt_degrees: float
    missing: tuple[tuple[int, int], ...]

    @property
    def gaps_mm(self) -> np.ndarray:
        """Distances in mm between neighbouring slices along the normal; one fewer than there are slices."""
        return np.diff(self.positions_mm)

    def slice_matrices(self) -> np.ndarray:
        """shape (n, 4, 4): pixel (i, j, 0, 1) of each slice to LPS in mm."""
        matrices = np.tile(np.eye(4), (len(self.order), 1, 1))
        spacing = np.array([*self.pixel_spacing_ij_mm, self.step_mm])
        matrices[:, :3, :3] = self.axes * spacing
        matrices[:, :3, 3] = self.origins_lps_mm
        return matrices


def common_step(gaps_mm: np.ndarray) -> float:
    """The slice distance in mm that a series was (mostly) made with, from the distances between its slices, shape (n,).

    The smallest gap that at least a quarter of the gaps share within 2 %; where no gap is common, the median. The
    smallest, because sampling a thin-sliced part too coarsely loses what was seen, the reverse does not.
    """
    gaps = np.sort(np.asarray(gaps_mm, float))
    for gap in gaps:
        alike = _alike(gap, gaps)
        if _is_common(alike, gaps):
            return float(np.median(alike))
    smallest, median = float(gaps[0]), float(np.median(gaps))
    multiples = gaps / smallest
    return smallest if np.abs(multiples - np.round(multiples)).max() < 0.05 and median <= 4 * smallest else median


def _alike(gap: float, gaps: np.ndarray) -> np.ndarray:
    return gaps[np.abs(gaps - gap) <= max(0.02 * gap, 0.02)]


def _is_common(alike: np.ndarray, gaps: np.ndarray) -> bool:
    return len(alike) >= max(2, len(gaps) / 4)


def analyse_stack(
    positions_lps_mm: np.ndarray, orientation: tuple[float, ...], pixel_spacing_ij_mm: tuple[float, float]
) -> SliceStack:
    """Orders slices by position and says how regular they are.

    Args:
        positions_lps_mm: shape (n, 3), n >= 2, all at different places along the normal.
        orientation: six direction cosines (along a row, down a column) that all slices share.
        pixel_spacing_ij_mm: distances between columns and between rows.
    """
    along_row, down_column = np.asarray(orientation[:3], float), np.asarray(orientation[3:], float)
    along_row = along_row / np.linalg.norm(along_row)
    down_column = down_column - along_row * (down_column @ along_row)  # headers are rounded to a few digits
    down_column = down_column / np.linalg.norm(down_column)
    axes = np.stack([along_row, down_column, np.cross(along_row, down_column)], axis=1)
    local = np.asarray(positions_lps_mm, float) @ axes
    order = np.argsort(local[:, 2], kind="stable")
    local = local[order] - local[order[0]]
    positions, shifts = local[:, 2], local[:, :2]
    gaps = np.diff(positions)
    count = len(positions)

    mean_step, start = np.polyfit(np.arange(count), positions, 1)
    off_step = np.abs(positions - start - np.arange(count) * mean_step).max()
    even = bool(off_step <= min(_MAXIMUM_OFF_STEP_MM, _MAXIMUM_OFF_STEP * mean_step))
    # A few slices almost on top of each other must not make a grid of thousands.
    step = float(mean_step) if even else max(common_step(gaps), float(positions[-1]) / (_MOST_GRID_SLICES * count))
    sheared = bool((np.abs(shifts) / pixel_spacing_ij_mm).max() > _MAXIMUM_DRIFT_PIXELS)
    tilt = float(np.degrees(np.arctan2(np.linalg.norm(shifts[-1]), positions[-1])))
    missing = []
    for number, gap in enumerate(gaps):
        steps = gap / step
        multiple = round(steps) >= 2 and abs(steps - round(steps)) < 0.05
        # Often the skull base is scanned at half the distance: a gap that many share was meant so.
        if not even and multiple and not _is_common(_alike(gap, gaps), gaps):
            missing.append((number + 1, round(steps) - 1))
    return SliceStack(
        order=tuple(int(index) for index in order),
        axes=axes,
        pixel_spacing_ij_mm=(float(pixel_spacing_ij_mm[0]), float(pixel_spacing_ij_mm[1])),
        origins_lps_mm=np.asarray(positions_lps_mm, float)[order],
        positions_mm=positions,
        shifts_mm=shifts,
        step_mm=step,
        even=even,
        sheared=sheared,
        tilt_degrees=tilt,
        missing=tuple(missing),
    )
