"""From an activation map to where the network looked, in patient coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from radiologycnn.images.affine import transform_points, triple
from radiologycnn.images.volume import LPS_TO_RAS
from radiologycnn.networks.activation import ActivationMap, normalize_map, peak_place
from radiologycnn.networks.feature_grid import feature_grid_ijk_to_lps, input_box, on_input_grid
from radiologycnn.rotatorcuff.results import CamEvidence

#: Share of the peak from which a place counts.
THRESHOLD = 0.5

# Interpolation in float32 may round a value up by some units of its last place.
_ROUNDING = 1e-5


def locate_evidence(
    maps: Sequence[ActivationMap],
    input_ijk_to_lps: np.ndarray,
    input_shape: tuple[int, int, int],
    halving_offset: float = 0.0,
) -> tuple[CamEvidence, ...]:
    """One record for each map.

    Args:
        maps: of one image, raw, on the grid of the features.
        input_ijk_to_lps: 4x4 of the cube that the network saw, with one voxel for pixels that it folds into channels;
            of a mirrored one the determinant is negative.
        input_shape: of that cube, (K, J, I).
        halving_offset: of the network.
    """
    found: list[tuple[ActivationMap, CamEvidence]] = []
    for one in maps:
        # On the last features of a linear head the two methods give one map: it is looked at once.
        twin = next(
            (
                record
                for other, record in found
                if other.target == one.target
                and other.raw.shape == one.raw.shape
                and np.allclose(other.raw, one.raw, rtol=1e-4, atol=1e-5 * np.abs(one.raw).max())
            ),
            None,
        )
        where = (
            (twin.peak_ras_mm, twin.peak_value, twin.extent_mm, twin.volume_ml)
            if twin
            else _look(one.raw, input_ijk_to_lps, input_shape, halving_offset)
        )
        peak, value, extent, volume_ml = where
        record = CamEvidence(one.target, one.method, one.score, peak, value, THRESHOLD, extent, volume_ml)
        found.append((one, record))
    return tuple(record for _, record in found)


def _look(
    raw: np.ndarray, input_ijk_to_lps: np.ndarray, input_shape: tuple[int, int, int], halving_offset: float
) -> tuple[tuple[float, float, float] | None, float, tuple[float, float, float], float]:
    """Peak in RAS, largest raw value, extents in mm along R-L, A-P and S-I, and volume in mL."""
    normalized = normalize_map(raw)
    peak_kji = np.unravel_index(int(raw.argmax()), raw.shape)
    value = float(raw[peak_kji])
    if not normalized.any():
        return None, value, (0.0, 0.0, 0.0), 0.0
    grid = feature_grid_ijk_to_lps(input_ijk_to_lps, input_shape, raw.shape, halving_offset)
    peak_lps, voxel_lps = transform_points(grid, np.array([peak_place(raw)[::-1], peak_kji[::-1]], float))
    # Measured on the finer grid that the network saw: the map's own voxels would make steps of 5 mm.
    # Where no neighbour on the map reaches the threshold, nothing between them does.
    box = input_box(normalized >= THRESHOLD * (1 - _ROUNDING), input_shape, halving_offset)
    parts, _ = ndimage.label(on_input_grid(normalized, input_shape, halving_offset, box) >= THRESHOLD)
    first = np.array([part.start for part in box])
    nearest = np.rint(np.linalg.solve(input_ijk_to_lps, [*voxel_lps, 1.0])[:3]).astype(int)[::-1]
    part = parts[tuple(np.clip(nearest - first, 0, np.array(parts.shape) - 1))]
    kji = np.column_stack(np.nonzero(parts == part)) + first
    matrix = np.asarray(input_ijk_to_lps, float)
    places = transform_points(matrix, kji[:, ::-1].astype(float))
    # Voxel centres, and half a voxel on both sides.
    extent = np.ptp(places, axis=0) + np.abs(matrix[:3, :3]).sum(axis=1)
    volume_ml = len(kji) * abs(np.linalg.det(matrix[:3, :3])) / 1000
    peak_ras = triple(LPS_TO_RAS[:3, :3] @ peak_lps)
    return peak_ras, value, triple(extent), float(volume_ml)


def right_handed(maps: np.ndarray, ijk_to_lps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps, shape (..., k, j, i), and their matrix with a positive determinant: i is reversed where it was negative.

    Nothing moves in the patient; programs that cannot show a mirrored grid can show this one.
    """
    matrix = np.asarray(ijk_to_lps, float)
    if np.linalg.det(matrix[:3, :3]) > 0:
        return maps, matrix
    reverse = np.eye(4)
    reverse[0, 0], reverse[0, 3] = -1.0, maps.shape[-1] - 1.0
    return np.ascontiguousarray(maps[..., ::-1]), matrix @ reverse
