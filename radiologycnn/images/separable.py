"""Resizing an array to another shape over the same extent, axis by axis: fast, because it is three sparse products.

Sparse also because a dense product would run on all cores, and such short ones crawl while another program uses a core.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import sparse

from radiologycnn.images.boxes import Box, bounding_box


def resize(
    array: np.ndarray,
    shape_kji: tuple[int, int, int],
    antialias: bool = False,
    clamp_to: tuple[float, float] | None = None,
    box: Box | None = None,
) -> np.ndarray:
    """The array on a grid of ``shape_kji`` voxels that covers the same extent, linearly interpolated, float32.

    Extent means from the outer face of the first voxel to the outer face of the last one, so voxel centre t of n'
    lies at (t + 0.5) * n / n' - 0.5 in the old indices. Outside the old centres the edge value holds.

    Args:
        array: shape (K, J, I).
        shape_kji: the new shape.
        antialias: where the grid gets coarser, average over the new voxel's neighbourhood (a triangle of twice its
            width) instead of reading only the nearest two old voxels.
        clamp_to: clamp the old values to this range first.
        box: only this part of the new grid (slices K, J, I) is computed and given, to the same last digit.
    """
    weights = [_axis_weights(old, new, antialias) for old, new in zip(array.shape, shape_kji, strict=True)]
    return _apply(weights, array, clamp_to, box)


def reached_box(mask: np.ndarray, shape_kji: tuple[int, int, int]) -> Box | None:
    """The part of :func:`resize`'s grid in which True voxels of a mask count for anything; None where none is True.

    Args:
        mask: bool, shape (K, J, I).
        shape_kji: the new shape, without antialiasing.
    """
    box = bounding_box(mask)
    if box is None:
        return None
    k, j, i = (
        _rows_that_use(_axis_weights(old, new, antialias=False), part)
        for old, new, part in zip(mask.shape, shape_kji, box, strict=True)
    )
    return k, j, i


def sample_along_axes(
    array: np.ndarray,
    positions_kji: tuple[np.ndarray, np.ndarray, np.ndarray],
    widths_kji: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> np.ndarray:
    """The array at the points of a grid whose axes run along its own, linearly interpolated, float32.

    Args:
        array: shape (K, J, I).
        positions_kji: for each axis the fractional old indices of the new grid, rising or falling, in any number.
        widths_kji: for each axis half the width of the triangle that old voxels are weighted with, in old voxels: 1 is
            plain linear interpolation; the distance of the new points, where they lie more than 1 apart, averages over
            what lies between them.

    Returns:
        shape of the numbers of positions; 0 where a point lies outside the array's voxels, half a voxel beyond the
        outermost centres. On that half voxel the edge value holds.
    """
    weights = [
        _weights(size, np.asarray(positions, float), width)
        for size, positions, width in zip(array.shape, positions_kji, widths_kji, strict=True)
    ]
    return _apply(weights, array, None)


def inside_axis(size: int, positions: np.ndarray) -> np.ndarray:
    """Whether fractional indices lie on an axis of ``size`` voxels, whose outer faces are half a voxel out.

    Args:
        size: voxels along the axis.
        positions: indices, any shape.

    Returns:
        bool, the shape of ``positions``.
    """
    positions = np.asarray(positions, float)
    return (positions >= -0.5) & (positions <= size - 0.5)


def _apply(
    weights_kji: list[sparse.csr_array],
    array: np.ndarray,
    clamp_to: tuple[float, float] | None,
    box: Box | None = None,
) -> np.ndarray:
    slices_first = weights_kji[0].shape[0] < array.shape[0]  # by the whole grid: a part of it sums in the same order
    if box is not None:
        weights_kji = [weights[part] for weights, part in zip(weights_kji, box, strict=True)]
        used = [_columns_in_use(weights) for weights in weights_kji]
        array, weights_kji = array[tuple(used)], [weights[:, part] for weights, part in zip(weights_kji, used)]
    weights_k, weights_j, weights_i = weights_kji
    new_shape = tuple(weights.shape[0] for weights in weights_kji)
    if slices_first:
        array, clamp_to = _along_slices(weights_k, array, clamp_to), None
    # Slice by slice: only one slice is ever held as float32 at the old size.
    resized = np.empty((array.shape[0], *new_shape[1:]), np.float32)
    for k, plane in enumerate(array):
        plane = _as_float(plane, clamp_to)
        resized[k] = (weights_i @ (weights_j @ plane).T).T
    return resized if slices_first else _along_slices(weights_k, resized)


def resized_matrix(
    ijk_to_lps: np.ndarray, shape_kji: tuple[int, int, int], new_shape_kji: tuple[int, int, int]
) -> np.ndarray:
    """IJK to LPS matrix, 4x4, of the grid that :func:`resize` gives."""
    scale = np.array(shape_kji[::-1], float) / np.array(new_shape_kji[::-1], float)
    to_old_index = np.diag([*scale, 1.0])
    to_old_index[:3, 3] = (scale - 1) / 2
    return np.asarray(ijk_to_lps, float) @ to_old_index


def resize_labels(labels: np.ndarray, shape_kji: tuple[int, int, int]) -> np.ndarray:
    """Nearest-neighbour counterpart of :func:`resize` for masks and label maps.

    Args:
        labels: shape (K, J, I).
        shape_kji: the new shape.

    Returns:
        array of ``shape_kji``, of the same type.
    """
    nearest = (
        np.clip(np.floor((np.arange(new) + 0.5) * old / new).astype(int), 0, old - 1)
        for old, new in zip(labels.shape, shape_kji, strict=True)
    )
    return labels[np.ix_(*nearest)]


def _as_float(plane: np.ndarray, clamp_to: tuple[float, float] | None) -> np.ndarray:
    plane = np.asarray(plane, np.float32)
    return plane if clamp_to is None else np.clip(plane, *clamp_to)


def _along_slices(
    weights_k: sparse.csr_array, array: np.ndarray, clamp_to: tuple[float, float] | None = None
) -> np.ndarray:
    count, old = weights_k.shape
    if count == old == weights_k.nnz and (weights_k.diagonal() == 1).all():
        return array
    result = np.zeros((weights_k.shape[0], *array.shape[1:]), np.float32)
    for new in range(len(result)):
        for entry in range(weights_k.indptr[new], weights_k.indptr[new + 1]):
            result[new] += weights_k.data[entry] * _as_float(array[weights_k.indices[entry]], clamp_to)
    return result


def _rows_that_use(weights: sparse.csr_array, columns: slice) -> slice:
    """Range of the new voxels to which these old ones contribute."""
    return _range(weights[:, columns].tocoo().coords[0])


def _columns_in_use(weights: sparse.csr_array) -> slice:
    """Range of the old voxels that contribute to any new one."""
    return _range(weights.indices[weights.data != 0])


def _range(places: np.ndarray) -> slice:
    return slice(int(places.min()), int(places.max()) + 1) if places.size else slice(0, 1)


@lru_cache(maxsize=32)  # a click asks for the same ones several times
def _axis_weights(old: int, new: int, antialias: bool) -> sparse.csr_array:
    """How much each old voxel counts for each new one of the same extent, shape (new, old); only to read."""
    return _weights(old, (np.arange(new) + 0.5) * old / new - 0.5, max(old / new, 1.0) if antialias else 1.0)


def _weights(old: int, position: np.ndarray, width: float) -> sparse.csr_array:
    """How much each old voxel counts at each position, shape (positions, old), float32; each row sums to 1 or 0."""
    inside = inside_axis(old, position)
    position = np.clip(position, 0, old - 1)
    weights = np.clip(1 - np.abs(position[:, None] - np.arange(old)[None, :]) / max(width, 1.0), 0, None)
    weights *= inside[:, None] / weights.sum(axis=1, keepdims=True)
    return sparse.csr_array(weights.astype(np.float32))
