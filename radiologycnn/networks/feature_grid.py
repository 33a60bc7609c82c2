"""Where the features of a classifier, and so its activation maps, lie in the image that the network saw.

A convolution or pooling of 3^3 with stride 2 and one voxel of padding on both sides has the window
2i-1..2i+1, centre 2i; a 1^3 convolution of stride 2 reads voxel 2i; layers of stride 1 move nothing. So feature voxel
i after n halvings is centred on input voxel 2^n i. An even division of the image would give it the block 2^n i ..
2^n i + 2^n - 1, whose middle lies (2^n - 1) / 2 voxels further (1.5 for two halvings), and would shift the whole map by
that; stretching the map from border to border, as Shim's code does, puts the last voxel of 16 three voxels too far.
Pooling of 2^3 (the DenseNet here) does lie in the middle of its block: ``halving_offset`` 0.5 instead of 0.

A network that folds squares of pixels into channels first has this grid where its input is folded: ``folded_grid``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiologycnn.images.boxes import Box, bounding_box


def feature_stride(input_shape: Sequence[int], feature_shape: Sequence[int]) -> int:
    """Input voxels between two feature voxels: the power of two that takes one shape to the other.

    Raises:
        ValueError: no such power exists.
    """
    stride = 1
    while stride <= max(input_shape):
        # Odd sides: strided convolutions round up, pooling of two rounds down.
        if all(small in (side // stride, -(-side // stride)) for side, small in zip(input_shape, feature_shape)):
            return stride
        stride *= 2
    raise ValueError(f"A grid of {tuple(feature_shape)} cannot come from {tuple(input_shape)} by halving.")


def folded_grid(ijk_to_lps: np.ndarray, shape: Sequence[int], factor: int) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Grid of an image whose squares of pixels are folded into channels: a voxel lies in the middle of its square.

    See :func:`radiologycnn.networks.pixel_shuffle.unshuffle_pixels`.

    Args:
        ijk_to_lps: 4x4 of the image.
        shape: of the image, (K, J, I).
        factor: pixels along the side of a square.

    Returns:
        4x4, and shape (K, J / factor, I / factor).
    """
    matrix = np.diag([factor, factor, 1.0, 1.0])
    matrix[:2, 3] = (factor - 1) / 2
    slices, rows, columns = shape
    return np.asarray(ijk_to_lps, dtype=np.float64) @ matrix, (slices, rows // factor, columns // factor)


def feature_grid_ijk_to_lps(
    input_ijk_to_lps: np.ndarray,
    input_shape: Sequence[int],
    feature_shape: Sequence[int],
    halving_offset: float = 0.0,
) -> np.ndarray:
    """Geometry of a map: 4x4 from its voxel (i, j, k) to LPS in mm, at the centre of the voxel's receptive field.

    Args:
        input_ijk_to_lps: 4x4 of the image that the network saw; may be oblique or sheared.
        input_shape: of that image, (K, J, I).
        feature_shape: of the map, (k, j, i).
        halving_offset: ``network.halving_offset``; 0 for VRN, 0.5 for DenseNet.
    """
    stride = feature_stride(input_shape, feature_shape)
    feature_to_input = np.diag([stride, stride, stride, 1.0])
    # Each halving adds its offset in voxels of the grid before it: the sum of 1, 2, 4, ... times the offset.
    feature_to_input[:3, 3] = halving_offset * (stride - 1)
    return np.asarray(input_ijk_to_lps, dtype=np.float64) @ feature_to_input


def on_input_grid(
    values: np.ndarray, input_shape: Sequence[int], halving_offset: float = 0.0, box: Box | None = None
) -> np.ndarray:
    """A map on the grid of the image that the network saw, trilinear; beyond the outermost centres their values.

    Args:
        values: shape (k, j, i).
        input_shape: (K, J, I).
        halving_offset: as for :func:`feature_grid_ijk_to_lps`.
        box: only this part of the grid (slices K, J, I) is computed and given, to the same last digit.

    Returns:
        float32, shape (K, J, I).
    """
    result = np.asarray(values, dtype=np.float32)
    neighbours = _neighbours(input_shape, values.shape, halving_offset)
    for axis, (below, above, share) in enumerate(neighbours):
        if box is not None:
            below, above, share = (part[box[axis]] for part in (below, above, share))
        share = share.reshape([-1 if a == axis else 1 for a in range(3)])
        result = np.take(result, below, axis) * (1 - share) + np.take(result, above, axis) * share
    return result


def input_box(mask: np.ndarray, input_shape: Sequence[int], halving_offset: float = 0.0) -> Box | None:
    """The part of :func:`on_input_grid`'s grid (slices K, J, I) in which True voxels of a mask, shape (k, j, i), count.

    None where no voxel is True.
    """
    found = bounding_box(mask)
    if found is None:
        return None
    parts = []
    for (below, above, _share), coarse in zip(_neighbours(input_shape, mask.shape, halving_offset), found):
        fine = np.flatnonzero((above >= coarse.start) & (below < coarse.stop))
        parts.append(slice(int(fine[0]), int(fine[-1]) + 1))
    k, j, i = parts
    return k, j, i


def _neighbours(
    input_shape: Sequence[int], feature_shape: Sequence[int], halving_offset: float
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each axis of the input the map's voxels below and above each of its voxels, and the upper one's share."""
    stride = feature_stride(input_shape, feature_shape)
    axes = []
    for side, count in zip(input_shape, feature_shape):
        positions = np.clip((np.arange(side) - halving_offset * (stride - 1)) / stride, 0, count - 1)
        below = np.minimum(positions.astype(int), max(count - 2, 0))
        axes.append((below, np.minimum(below + 1, count - 1), (positions - below).astype(np.float32)))
    return axes
