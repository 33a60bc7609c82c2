"""Moves voxels between grids: any affine, shear included, and the exact change of axis order.

SimpleITK refuses or straightens sheared direction matrices. So images get an identity geometry here, and the whole
affine goes into the transform, in index space: ``inv(from_ijk_to_lps) @ to_ijk_to_lps``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from radiologycnn.images.boxes import Box
from radiologycnn.images.volume import Volume

if TYPE_CHECKING:
    import SimpleITK as sitk

# SimpleITK is imported where it is used: a scan with right angles never needs it, and it takes 90 MiB of the worker.
_INTERPOLATORS = {"linear": "sitkLinear", "nearest": "sitkNearestNeighbor"}


def as_image(array: np.ndarray) -> sitk.Image:
    """An array, shape (K, J, I), as SimpleITK image whose physical space is the index space (I, J, K).

    Spacing is 1, origin 0, and nothing is turned; bool becomes uint8, float16 becomes float32.
    """
    import SimpleITK as sitk

    array = np.asarray(array)
    if array.dtype == bool:
        array = array.view(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    return sitk.GetImageFromArray(array)


def sample_image(
    image: sitk.Image, index_matrix: np.ndarray, shape_kji: tuple[int, int, int], interpolation: str, fill: float
) -> np.ndarray:
    """Samples an image of :func:`as_image` where ``index_matrix`` (4x4, target ijk to source ijk) points."""
    import SimpleITK as sitk

    transform = sitk.AffineTransform(3)
    transform.SetMatrix(index_matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(index_matrix[:3, 3].tolist())
    pixel_type = sitk.sitkFloat32 if interpolation == "linear" else image.GetPixelID()
    size = [int(n) for n in reversed(shape_kji)]
    identity = np.eye(3).ravel().tolist()
    sampled = sitk.Resample(
        image,
        size,
        transform,
        getattr(sitk, _INTERPOLATORS[interpolation]),
        [0.0] * 3,
        [1.0] * 3,
        identity,
        float(fill),
        pixel_type,
    )
    return sitk.GetArrayFromImage(sampled)


def resample(
    array: np.ndarray,
    from_ijk_to_lps: np.ndarray,
    to_ijk_to_lps: np.ndarray,
    to_shape_kji: tuple[int, int, int],
    interpolation: str = "linear",
    fill: float = 0.0,
) -> np.ndarray:
    """Samples an array at the voxel centres of another grid.

    Args:
        array: shape (K, J, I).
        from_ijk_to_lps: 4x4 of ``array``.
        to_ijk_to_lps: 4x4 of the wanted grid; either may be oblique or sheared.
        to_shape_kji: shape (K, J, I) of the wanted grid.
        interpolation: ``"linear"`` (trilinear) or ``"nearest"`` (labels).
        fill: value outside the voxels of ``array`` (a voxel reaches half its size around its centre).

    Returns:
        Array of ``to_shape_kji``: float32 for linear, the type of ``array`` for nearest. There is no low-pass filter:
        whoever samples more coarsely than the source has to smooth first.

    Raises:
        ValueError: another interpolation.
    """
    if interpolation not in _INTERPOLATORS:
        raise ValueError(f"interpolation is 'linear' or 'nearest', not {interpolation!r}")
    array = np.asarray(array)
    index_matrix = np.linalg.inv(np.asarray(from_ijk_to_lps, float)) @ np.asarray(to_ijk_to_lps, float)
    index_matrix[np.abs(index_matrix) < 1e-12] = 0.0
    k, j, i = (int(n) for n in to_shape_kji)
    to_shape_kji = (k, j, i)
    if array.shape == to_shape_kji and np.allclose(index_matrix, np.eye(4), rtol=0, atol=1e-6):
        return array.astype(np.float32) if interpolation == "linear" else array.copy()
    sampled = sample_image(as_image(array), index_matrix, to_shape_kji, interpolation, fill)
    return sampled if interpolation == "linear" else sampled.astype(array.dtype, copy=False)


def axes_to_lps(ijk_to_lps: np.ndarray) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Which voxel axis runs most nearly along L, P and S, and whether against it.

    Returns:
        (axes, flipped): ``axes[a]`` is the voxel axis (0 = i, 1 = j, 2 = k) for world axis ``a`` (0 = L, 1 = P, 2 = S);
        ``flipped[a]`` says that it runs the other way. The assignment with the greatest sum of cosines is taken, so
        that a grid at 45 degrees still gives every axis once.
    """
    matrix = np.asarray(ijk_to_lps, float)[:3, :3]
    cosines = matrix / np.linalg.norm(matrix, axis=0)
    orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    axes = max(orders, key=lambda order: sum(abs(cosines[world, voxel]) for world, voxel in enumerate(order)))
    left, back, head = (bool(cosines[world, voxel] < 0) for world, voxel in enumerate(axes))
    return axes, (left, back, head)


def reorient_to_lps(volume: Volume) -> Volume:
    """The same voxels with their axes permuted and flipped to the nearest of i -> L, j -> P, k -> S.

    Nothing is interpolated; the matrix follows, so every voxel stays where it was in the patient.
    :func:`restore_axes` is the way back for results.
    """
    axes, flipped = axes_to_lps(volume.ijk_to_lps)
    shape_ijk = volume.array.shape[::-1]
    change = np.zeros((4, 4))  # new index to old index
    change[3, 3] = 1.0
    for new, old in enumerate(axes):
        change[old, new] = -1.0 if flipped[new] else 1.0
        change[old, 3] = shape_ijk[old] - 1.0 if flipped[new] else 0.0
    array = _permute(volume.array, axes, flipped)
    return replace(volume, array=array, ijk_to_lps=np.asarray(volume.ijk_to_lps, float) @ change)


def restore_axes(array: np.ndarray, volume: Volume) -> np.ndarray:
    """Brings a result on the grid of ``reorient_to_lps(volume)`` back to the axis order of ``volume``, exactly.

    Args:
        array: shape (K, J, I) of the reoriented volume.
        volume: the volume as it was before :func:`reorient_to_lps`.
    """
    axes, flipped = axes_to_lps(volume.ijk_to_lps)
    kji_flips = tuple(axis for axis in range(3) if flipped[2 - axis])
    unflipped = np.flip(array, kji_flips) if kji_flips else array
    old_to_new = [0, 0, 0]
    for new, old in enumerate(axes):
        old_to_new[old] = new
    return np.ascontiguousarray(np.transpose(unflipped, [2 - old_to_new[2 - axis] for axis in range(3)]))


def oriented_shape(volume: Volume) -> tuple[int, int, int]:
    """Shape (K, J, I) of ``reorient_to_lps(volume)``."""
    k, j, i = (volume.array.shape[old] for old, _ in _sources(volume))
    return k, j, i


def oriented_box(box: Box, volume: Volume) -> Box:
    """A box of ``volume`` (slices K, J, I) as it lies in ``reorient_to_lps(volume)``."""
    k, j, i = (_turned(box[old], volume.array.shape[old], flips) for old, flips in _sources(volume))
    return k, j, i


def restore_box(box: Box, volume: Volume) -> Box:
    """Inverse of :func:`oriented_box`."""
    restored = list(box)
    for part, (old, flips) in zip(box, _sources(volume)):
        restored[old] = _turned(part, volume.array.shape[old], flips)
    k, j, i = restored
    return k, j, i


def _sources(volume: Volume) -> list[tuple[int, bool]]:
    """For each array axis of the reoriented volume: which axis of the volume's array it was, and whether it flips."""
    axes, flipped = axes_to_lps(volume.ijk_to_lps)
    return [(2 - axes[2 - axis], flipped[2 - axis]) for axis in range(3)]


def _turned(part: slice, size: int, flips: bool) -> slice:
    return slice(size - part.stop, size - part.start) if flips else part


def _permute(array: np.ndarray, axes: tuple[int, int, int], flipped: tuple[bool, bool, bool]) -> np.ndarray:
    permuted = np.transpose(array, [2 - axes[2 - axis] for axis in range(3)])
    kji_flips = tuple(axis for axis in range(3) if flipped[2 - axis])
    # Contiguous, because torch takes no array that runs backwards in memory.
    return np.ascontiguousarray(np.flip(permuted, kji_flips) if kji_flips else permuted)
