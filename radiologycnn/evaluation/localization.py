"""Does an activation map name the lesion? The measure that Shim 2020 left as future work, with its chance level.

The pointing game (Zhang 2018, "Top-down neural attention by excitation backprop", section 4.1) asks whether the map's
peak lies in the lesion, with a tolerance for the map's coarseness. A peak thrown at random into the map hits too, the
larger the lesion the more often; that share is given beside every hit, under the same rule and for the same case.

A map voxel stands for its centre; the peak is placed between them (``peak_place``), as the program shows it. Distances
are to the lesion's voxels as boxes, so a point in one of them has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from radiologycnn.images.affine import transform_points
from radiologycnn.networks.activation import peak_place

DICE_SHARE_OF_PEAK = 0.5

_PAIRS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Localization:
    """One map against one lesion.

    Attributes:
        peak_lps_mm: see ``peak_place``.
        distance_mm: from there to the lesion; 0 inside it.
        hit: the peak, a point, lies inside the lesion.
        hit_voxel: the lesion is no farther from the peak than half a map voxel.
        hit_within: the lesion is no farther from the peak than ``tolerance_mm``.
        chance, chance_voxel, chance_within: shares of all map voxels at whose centre these would be true.
        tolerance_mm: as given.
        energy_inside: share of the map's positive values in voxels no farther than half a map voxel from the lesion; 0
            where nothing is positive. A map without preference has ``chance_voxel``.
        dice: overlap of the map above half its peak, and the lesion, both on the map's grid, where voxels that the
            lesion touches by half a map voxel count as lesion.
    """

    peak_lps_mm: tuple[float, float, float]
    distance_mm: float
    hit: bool
    hit_voxel: bool
    hit_within: bool
    chance: float
    chance_voxel: float
    chance_within: float
    tolerance_mm: float
    energy_inside: float
    dice: float

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "peak_lps_mm": list(self.peak_lps_mm)}


def localization(
    raw: np.ndarray,
    map_ijk_to_lps: np.ndarray,
    lesion: np.ndarray,
    lesion_ijk_to_lps: np.ndarray,
    tolerance_mm: float = 5.0,
) -> Localization:
    """Compare a map with a lesion; the two may lie on any grids.

    Args:
        raw: the map, shape (k, j, i); larger is more evidence.
        map_ijk_to_lps: 4x4.
        lesion: mask, shape (K, J, I).
        lesion_ijk_to_lps: 4x4.
        tolerance_mm: for ``hit_within``; about one map voxel.

    Raises:
        ValueError: an empty lesion, or a map that is empty or not finite.
    """
    raw = np.asarray(raw, np.float64)
    if not raw.size or not np.isfinite(raw).all():
        raise ValueError("The map must have values, all of them finite.")
    lesion = np.asarray(lesion) > 0
    if not lesion.any():
        raise ValueError("There is no lesion to find.")
    map_ijk_to_lps = np.asarray(map_ijk_to_lps, float)
    indices = np.stack(np.unravel_index(np.arange(raw.size), raw.shape), axis=1)[:, ::-1].astype(float)
    points = transform_points(map_ijk_to_lps, indices)
    peak_lps = transform_points(map_ijk_to_lps, peak_place(raw)[None, ::-1])
    of_all = distances_mm(np.concatenate([points, peak_lps]), lesion, lesion_ijk_to_lps)
    distances, distance = of_all[:-1], of_all[-1]
    # Just under a half: on one grid the centres beside the lesion lie at a half, and rounding must not decide on them.
    half_voxel = (0.5 - 1e-6) * float(np.cbrt(abs(np.linalg.det(map_ijk_to_lps[:3, :3]))))
    near = (distances <= half_voxel).reshape(raw.shape)
    positive = np.clip(raw, 0, None)
    total = positive.sum()
    found = raw >= DICE_SHARE_OF_PEAK * raw.max() if raw.max() > 0 else np.zeros(raw.shape, bool)
    both = int(found.sum() + near.sum())
    return Localization(
        peak_lps_mm=tuple(float(value) for value in peak_lps[0]),
        distance_mm=float(distance),
        hit=bool(distance == 0),
        hit_voxel=bool(distance <= half_voxel),
        hit_within=bool(distance <= tolerance_mm),
        chance=float((distances == 0).mean()),
        chance_voxel=float(near.mean()),
        chance_within=float((distances <= tolerance_mm).mean()),
        tolerance_mm=float(tolerance_mm),
        energy_inside=float(positive[near].sum() / total) if total > 0 else 0.0,
        dice=2 * int((found & near).sum()) / both if both else 0.0,
    )


def distances_mm(points_lps: np.ndarray, lesion: np.ndarray, ijk_to_lps: np.ndarray) -> np.ndarray:
    """From each point to the nearest of the lesion's voxels, as boxes, in mm, shape (points); 0 inside one.

    Exact for grids with right angles; for sheared ones, the way along the box's own axes.

    Args:
        points_lps: shape (points, 3).
        lesion: bool, shape (K, J, I), not empty.
        ijk_to_lps: 4x4 of its grid.
    """
    ijk_to_lps = np.asarray(ijk_to_lps, float)
    places = transform_points(np.linalg.inv(ijk_to_lps), points_lps)
    directions = ijk_to_lps[:3, :3].T
    # The way into the lesion leads through its surface.
    surface = lesion & ~ndimage.binary_erosion(lesion)
    voxels = np.argwhere(surface)[:, ::-1].astype(float)
    step = max(1, _PAIRS_AT_ONCE // len(voxels))
    found = []
    for start in range(0, len(places), step):
        away = places[start : start + step, None] - voxels[None]
        outside = np.sign(away) * np.maximum(np.abs(away) - 0.5, 0)
        found.append(np.sqrt(((outside @ directions) ** 2).sum(axis=2)).min(axis=1))
    distances = np.concatenate(found)
    nearest = np.floor(places + 0.5).astype(int)
    within = ((nearest >= 0) & (nearest < lesion.shape[::-1])).all(axis=1)
    i, j, k = nearest[within].T
    distances[within] = np.where(lesion[k, j, i], 0.0, distances[within])
    return distances


def summarize_localization(cases: Sequence[Localization]) -> dict[str, Any]:
    """Figures over cases for a model card: rates with their chance levels, distances in mm.

    Raises:
        ValueError: no cases.
    """
    if not cases:
        raise ValueError("There is no case to summarize.")

    def mean(name: str) -> float:
        return round(float(np.mean([getattr(case, name) for case in cases])), 4)

    distances = [case.distance_mm for case in cases]
    tolerance = f"{cases[0].tolerance_mm:g}_mm"
    return {
        "tears": len(cases),
        "peak_in_tear": mean("hit"),
        "peak_in_tear_chance": mean("chance"),
        "peak_voxel_at_tear": mean("hit_voxel"),
        "peak_voxel_at_tear_chance": mean("chance_voxel"),
        f"peak_within_{tolerance}": mean("hit_within"),
        f"peak_within_{tolerance}_chance": mean("chance_within"),
        "distance_mm_median": round(float(np.median(distances)), 1),
        "distance_mm_90th_percentile": round(float(np.percentile(distances, 90)), 1),
        "energy_inside": mean("energy_inside"),
        "energy_inside_chance": mean("chance_voxel"),
        "dice": mean("dice"),
    }
