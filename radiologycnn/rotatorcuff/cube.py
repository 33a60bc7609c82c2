"""The cube around the humeral head as a grid in the scan: its axes, its matrix, and the scan's values at its voxels.

The cube lies along the scan's own axes, each turned to the nearest of Left, Inferior and Posterior: slices stay slices.
A mirrored cube is the same cube with its i axis reversed; its matrix says so (negative determinant), and whatever is
computed on it returns to the right place by that matrix alone.
"""

from __future__ import annotations

import numpy as np

from radiologycnn.images.grid import axes_to_lps, resample
from radiologycnn.images.separable import inside_axis, sample_along_axes
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.results import RegionRecord
from radiologycnn.rotatorcuff.series import slice_plane, through_plane_axis

_SHEAR_SINE = 0.01

# The cube's axes i, j, k, each as (patient axis in LPS, sign).
_CUBE_AXES = ((0, 1.0), (2, -1.0), (1, 1.0))


def cube_directions(volume: Volume) -> np.ndarray:
    """3x3, columns are the cube's unit axes i, j, k in LPS: the scan's axes nearest to Left, Inferior, Posterior.

    Always right-handed and at right angles; of a sheared scan the nearest such axes.
    """
    matrix = np.asarray(volume.ijk_to_lps, float)[:3, :3]
    u, _, vt = np.linalg.svd(matrix / np.linalg.norm(matrix, axis=0))
    axes = u @ vt
    order = list(axes_to_lps(volume.ijk_to_lps)[0])
    # An oblique-coronal series beyond 45 degrees stays coronal: its slices are stacked along the cube's k axis.
    through, normal_world = through_plane_axis(volume), ("sagittal", "coronal", "axial").index(slice_plane(volume)[0])
    if order[normal_world] != through:
        other = order.index(through)
        order[other], order[normal_world] = order[normal_world], through
    directions = np.column_stack(
        [axes[:, order[world]] * (sign if axes[world, order[world]] >= 0 else -sign) for world, sign in _CUBE_AXES]
    )
    if np.linalg.det(directions) < 0:
        directions[:, 2] *= -1
    return directions


def cube_matrix(region: RegionRecord, shape: tuple[int, int, int], mirrored: bool = False) -> np.ndarray:
    """4x4, index (i, j, k) of the cube's voxels, ``shape`` (K, J, I) of them, to LPS in mm.

    The cube reaches from the first voxel's outer face to the last one's. Mirrored, i runs the other way.
    """
    counts = np.array(shape[::-1])
    steps = np.asarray(region.directions_lps, float) * (region.edge_mm / counts)
    if mirrored:
        steps = steps * (-1.0, 1.0, 1.0)
    matrix = np.eye(4)
    matrix[:3, :3] = steps
    matrix[:3, 3] = np.asarray(region.centre_lps_mm, float) - steps @ ((counts - 1) / 2)
    return matrix


def sample_cube(
    volume: Volume, cube: np.ndarray, shape: tuple[int, int, int], antialias: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Values at the cube's voxels, float32, and whether they lie in the scan, both of ``shape`` (K, J, I).

    ``cube`` is 4x4, see :func:`cube_matrix`. The cube's axes are the scan's, so each can be sampled by itself; only a
    sheared scan is put straight before.
    """
    counts = np.array(shape[::-1])
    array, matrix = volume.array, np.asarray(volume.ijk_to_lps, float)
    to_index = np.linalg.inv(matrix) @ cube
    source = np.abs(to_index[:3, :3]).argmax(axis=0)  # the scan's axis along which each of the cube's runs
    aligned = np.zeros((3, 3))
    aligned[source, range(3)] = to_index[source, range(3)]
    drift = np.abs((to_index[:3, :3] - aligned) * counts).max()  # voxels, from one end of the cube to the other
    if sorted(source) != [0, 1, 2] or drift > _SHEAR_SINE * counts.min():
        return _sample_sheared(volume, cube, shape, antialias)
    positions, widths = [np.empty(0)] * 3, [1.0] * 3
    for axis in range(3):
        step = to_index[source[axis], axis]
        # The centre of the cube stays exact, whatever rounding the other axes add.
        middle = to_index[source[axis], :3] @ ((counts - 1) / 2) + to_index[source[axis], 3]
        positions[source[axis]] = middle + (np.arange(counts[axis]) - (counts[axis] - 1) / 2) * step
        if antialias:
            widths[source[axis]] = max(1.0, abs(step))
    inside = [inside_axis(length, place) for length, place in zip(array.shape[::-1], positions)]
    cut, offsets = [], []
    for axis, length in enumerate(array.shape[::-1]):
        reach = widths[axis] + 1
        start = int(np.clip(np.floor(positions[axis].min() - reach), 0, length - 1))
        stop = int(np.clip(np.ceil(positions[axis].max() + reach) + 1, start + 1, length))
        cut.append(slice(start, stop))
        offsets.append(start)
    part = array[cut[2], cut[1], cut[0]]
    # Beyond the scan the part's edge must not count as the scan's: such places are set apart by ``inside``.
    local = [np.clip(place - start, -0.5, part.shape[2 - axis] - 0.5)
             for axis, (place, start) in enumerate(zip(positions, offsets))]  # fmt: skip
    sampled = sample_along_axes(part, (local[2], local[1], local[0]), (widths[2], widths[1], widths[0]))
    mask = inside[2][:, None, None] & inside[1][:, None] & inside[0]
    order = [2 - source[2 - axis] for axis in range(3)]
    return np.ascontiguousarray(sampled.transpose(order)), np.ascontiguousarray(mask.transpose(order))


def _sample_sheared(
    volume: Volume, cube: np.ndarray, shape: tuple[int, int, int], antialias: bool
) -> tuple[np.ndarray, np.ndarray]:
    steps = np.linalg.norm(cube[:3, :3], axis=0)
    finer = np.ones(3, int)
    if antialias:
        finer = np.clip(np.ceil(steps / volume.spacing_mm.min()), 1, 3).astype(int)
    fine = cube @ np.diag([*(1 / finer), 1.0])
    fine[:3, 3] -= cube[:3, :3] @ ((finer - 1) / (2 * finer))
    # Axes K, J, I; each voxel's parts stand behind it and are averaged.
    parts = [part for pair in zip(shape, finer[::-1].tolist()) for part in pair]
    sampled = resample(
        volume.array, volume.ijk_to_lps, fine, (parts[0] * parts[1], parts[2] * parts[3], parts[4] * parts[5])
    )
    sampled = sampled.reshape(parts).mean(axis=(1, 3, 5))
    inside = resample(np.ones(volume.array.shape, np.uint8), volume.ijk_to_lps, cube, shape, "nearest") > 0
    return sampled, inside
