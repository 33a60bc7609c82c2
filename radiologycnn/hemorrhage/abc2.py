"""ABC/2: the bedside estimate of a bleed's volume (Kothari 1996, Stroke 27:1304), computed from a mask.

On the axial slice where the bleed is largest, A is the longest diameter and B the longest one at right angles to it;
C is the number of slices times their distance, where a slice counts 1 if its area exceeds 75 % of the largest, 0.5
from 25 to 75 %, and 0 below. The volume is A * B * C / 2.

Of an ideal ellipsoid, A * B * C / 2 with C its full height is 3/pi = 95.5 % of the true volume (-4.5 %). The slice
weighting lowers C further: over slices that are thin against the bleed it tends to 1.366 of 2 half-heights, so that
ABC/2 tends to 65 % of an ellipsoid's volume. Kothari weighted 10 mm slices, where few end slices are left out. Both
are therefore given: the weighted C, and the simplified one in which every slice counts 1.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError, distance

from radiologycnn.hemorrhage.results import AbcHalf
from radiologycnn.images.affine import transform_vectors

FULL_SLICE_ABOVE = 0.75
HALF_SLICE_FROM = 0.25

# More samples than this along a diameter would not change B noticeably.
MOST_SAMPLES = 400


def abc_half(mask: np.ndarray, ijk_to_lps: np.ndarray) -> AbcHalf:
    """ABC/2 of a mask, taken as one bleed.

    Slices are those along the grid axis that runs most along the patient's long axis; their distance is measured
    at right angles to them, so that a sheared grid (gantry tilt) is right.

    Args:
        mask: bool, shape (K, J, I); all zero where nothing of it is to be measured.
        ijk_to_lps: 4x4 of the grid.
    """
    if not mask.any():
        return AbcHalf(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    steps = np.asarray(ijk_to_lps, float)[:3, :3]
    slice_axis = int(np.argmax(abs(steps[2]) / np.linalg.norm(steps, axis=0)))
    row_axis, column_axis = (axis for axis in (2, 1, 0) if axis != slice_axis)
    # Array axes run k, j, i, the matrix's columns i, j, k.
    stack = mask.transpose(2 - slice_axis, 2 - row_axis, 2 - column_axis)
    plane = steps[:, (row_axis, column_axis)]
    normal = np.cross(plane[:, 0], plane[:, 1])
    normal /= np.linalg.norm(normal)
    slice_distance = abs(normal @ steps[:, slice_axis])

    areas = np.count_nonzero(stack.reshape(len(stack), -1), axis=1)
    largest = stack[int(np.argmax(areas))]
    share = areas / areas.max()
    weights = np.where(share > FULL_SLICE_ABOVE, 1.0, np.where(share >= HALF_SLICE_FROM, 0.5, 0.0))
    c_mm = float(weights.sum() * slice_distance)
    simplified_c_mm = float(np.count_nonzero(areas) * slice_distance)

    points = transform_vectors(plane, row_ends(largest[None])[:, 1:])
    a_mm, along_a = longest_diameter(points, plane)
    b_mm = _longest_chord(largest, plane, np.cross(normal, along_a), along_a)
    return AbcHalf(a_mm, b_mm, c_mm, a_mm * b_mm * c_mm / 2000, simplified_c_mm, a_mm * b_mm * simplified_c_mm / 2000)


def row_ends(mask: np.ndarray) -> np.ndarray:
    """Indices (axis order of the mask), shape (n, 3), of the first and last voxel of each row of a 3D mask.

    No other voxel can be an end of the mask's longest diameter.
    """
    firsts, seconds = np.nonzero(mask.any(axis=2))
    rows = mask[firsts, seconds]
    first = rows.argmax(axis=1)
    last = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    one = np.column_stack((firsts, seconds, first))
    several = last > first
    return np.concatenate((one, np.column_stack((firsts, seconds, last))[several]))


def longest_diameter(points_mm: np.ndarray, steps: np.ndarray) -> tuple[float, np.ndarray]:
    """Longest diameter in mm of the voxels with centres at ``points_mm``, and its unit direction.

    The distance of the two farthest centres, and a voxel's own length in that direction: measured between corners,
    thick slices would add their whole edge to bleeds that end inside a slice.

    Args:
        points_mm: shape (n, 3).
        steps: one voxel's step along each grid axis as columns, shape (3, 2) in a plane or (3, 3).
    """
    best, direction = 0.0, np.zeros(3)
    if len(points_mm) > 1:
        candidates = _hull(points_mm)
        distances = distance.cdist(candidates, candidates, "sqeuclidean")
        one, other = np.unravel_index(int(np.argmax(distances)), distances.shape)
        difference = candidates[one] - candidates[other]
        best = float(np.linalg.norm(difference))
        direction = difference / best if best else direction
    if best == 0:
        lengths = np.linalg.norm(steps, axis=0)
        longest = int(np.argmax(lengths))
        return float(lengths[longest]), steps[:, longest] / lengths[longest]
    in_steps = np.linalg.lstsq(steps, direction, rcond=None)[0]
    return best + float(1 / abs(in_steps).max()), direction


def _hull(points: np.ndarray) -> np.ndarray:
    """Corners of the convex hull, or all points where they are few."""
    if len(points) < 150:
        return points
    # A flat set (one slice) has no hull in 3D, so it is looked at in its own dimensions.
    centred = points - points.mean(axis=0)
    spreads, axes = np.linalg.eigh(np.einsum("na,nb->ab", centred, centred))
    flat = transform_vectors(axes.T[spreads > 1e-10 * spreads[-1]], centred)
    if flat.shape[1] == 1:
        return points[[int(flat.argmin()), int(flat.argmax())]]
    try:
        return points[ConvexHull(flat).vertices]
    except QhullError:
        return points[ConvexHull(flat, qhull_options="QJ").vertices]


def _longest_chord(mask: np.ndarray, plane: np.ndarray, along: np.ndarray, across: np.ndarray) -> float:
    """Longest unbroken line, in mm, through a 2D mask in the direction ``along``; at least one pixel's length."""
    steps_of = np.linalg.pinv(plane)
    own_length = float(1 / abs(steps_of @ along).max())
    points = transform_vectors(plane, row_ends(mask[None])[:, 1:])
    half_pixel = float(np.linalg.norm(plane, axis=0).max()) / 2
    ranges = []
    for direction in (across, along):
        place = transform_vectors(direction[None], points)[:, 0]
        low, high = place.min() - 2 * half_pixel, place.max() + 2 * half_pixel
        step = max(half_pixel / 2, (high - low) / MOST_SAMPLES)
        ranges.append((np.arange(low, high + step, step), step))
    (t, _), (s, step) = ranges
    index_t, index_s = np.outer(t, steps_of @ across), np.outer(s, steps_of @ along)
    rows = np.rint(index_t[:, None, 0] + index_s[None, :, 0]).astype(np.int32)
    columns = np.rint(index_t[:, None, 1] + index_s[None, :, 1]).astype(np.int32)
    padded = np.pad(mask, 1)
    np.clip(rows + 1, 0, padded.shape[0] - 1, out=rows)
    np.clip(columns + 1, 0, padded.shape[1] - 1, out=columns)
    inside = padded[rows, columns]
    count = np.arange(inside.shape[1])
    last_outside = np.maximum.accumulate(np.where(inside, -1, count), axis=1)
    return max(float((count - last_outside).max() * step), own_length)
