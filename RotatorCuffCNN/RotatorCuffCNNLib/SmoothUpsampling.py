"""Makes a coarse activation map smooth for display, without moving or inventing a peak.

Between the voxel centres runs a monotone cubic (Fritsch and Carlson 1980, with the harmonic mean of the slopes), axis
by axis: it passes through every value, so that the peak stays where it is, and never goes beyond its neighbours, so
that no new peak appears, as it would with an ordinary cubic.
"""

import numpy as np

DISPLAY_VOXELS = 96  #: about as many voxels an axis as the display gets


def displayFactor(voxels: int) -> int:
    """How many display voxels for one of ``voxels`` along an axis: odd, so that the centres of the coarse voxels are
    centres of fine ones too."""
    factor = max(1, DISPLAY_VOXELS // max(1, voxels))
    return factor if factor % 2 else factor - 1


def upsampled(array: np.ndarray, factors) -> np.ndarray:
    """The array on a grid that is finer by odd factors and covers the same extent, voxel faces included.

    Args:
        array: (K, J, I).
        factors: one odd integer an axis, (k, j, i). Outside the outermost old centres the edge value holds.

    Returns:
        float32.
    """
    fine = np.asarray(array, np.float32)
    for axis, factor in enumerate(factors):
        fine = _along(fine, axis, int(factor))
    return np.ascontiguousarray(fine)


def upsampledMatrix(ijkToWorld: np.ndarray, factors) -> np.ndarray:
    """Voxel index to world, 4x4, of the grid that :func:`upsampled` gives."""
    scale = 1.0 / np.array(factors[::-1], float)
    toCoarse = np.diag([*scale, 1.0])
    toCoarse[:3, 3] = (scale - 1.0) / 2.0
    return np.asarray(ijkToWorld, float) @ toCoarse


def _along(values: np.ndarray, axis: int, factor: int) -> np.ndarray:
    count = values.shape[axis]
    if factor == 1 or count == 1:
        return values.repeat(factor, axis)
    place = np.clip((np.arange(count * factor) + 0.5) / factor - 0.5, 0, count - 1)
    left = np.minimum(place.astype(int), count - 2)
    shape = [1] * values.ndim
    shape[axis] = -1
    t = (place - left).astype(np.float32).reshape(shape)
    # the cubic of each interval between two old voxels; its values are then worked out in place
    slopes = _slopes(values, axis)
    intervals = np.arange(count - 1)
    start, tangent = values.take(intervals, axis), slopes.take(intervals, axis)
    rise, endTangent = np.diff(values, axis=axis), slopes.take(intervals + 1, axis)
    fine = (tangent + endTangent - 2 * rise).take(left, axis)
    for coefficient in (3 * rise - 2 * tangent - endTangent, tangent, start):
        fine *= t
        fine += coefficient.take(left, axis)
    return fine


def _slopes(values: np.ndarray, axis: int) -> np.ndarray:
    """Slope at each sample: harmonic mean of those to both sides where they agree in sign, else and at the ends 0."""
    steps = np.moveaxis(np.diff(values, axis=axis), axis, 0)
    slopes = np.zeros_like(values)
    if len(steps) > 1:
        before, after = steps[:-1], steps[1:]
        agree = before * after > 0
        total = np.where(agree, before + after, 1)
        np.moveaxis(slopes, axis, 0)[1:-1] = np.where(agree, 2 * before * after / total, 0)
    return slopes
