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
        fine = np.moveaxis(_alongFirst(np.moveaxis(fine, axis, 0), int(factor)), 0, axis)
    return np.ascontiguousarray(fine)


def upsampledMatrix(ijkToWorld: np.ndarray, factors) -> np.ndarray:
    """Voxel index to world, 4x4, of the grid that :func:`upsampled` gives."""
    scale = 1.0 / np.array(factors[::-1], float)
    toCoarse = np.diag([*scale, 1.0])
    toCoarse[:3, 3] = (scale - 1.0) / 2.0
    return np.asarray(ijkToWorld, float) @ toCoarse


def _alongFirst(values: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return values
    count = len(values)
    place = np.clip((np.arange(count * factor) + 0.5) / factor - 0.5, 0, count - 1)
    left = np.minimum(place.astype(int), max(count - 2, 0))
    right = np.minimum(left + 1, count - 1)
    t = (place - left).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    slopes = _slopes(values)
    rise = values[right] - values[left]
    tangentLeft, tangentRight = slopes[left], slopes[right]
    return values[left] + t * (
        tangentLeft + t * (3 * rise - 2 * tangentLeft - tangentRight + t * (tangentLeft + tangentRight - 2 * rise))
    )


def _slopes(values: np.ndarray) -> np.ndarray:
    """Slope at each sample: harmonic mean of those to both sides where they agree in sign, else and at the ends 0."""
    steps = np.diff(values, axis=0)
    slopes = np.zeros_like(values)
    if len(steps) > 1:
        before, after = steps[:-1], steps[1:]
        agree = before * after > 0
        total = np.where(agree, before + after, 1)
        slopes[1:-1] = np.where(agree, 2 * before * after / total, 0)
    return slopes
