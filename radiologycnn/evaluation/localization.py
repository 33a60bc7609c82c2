"""Does an activation map name the lesion? The measure that Shim 2020 left as future work, with its chance level.

The pointing game (Zhang 2018, "Top-down neural attention by excitation backprop", section 4.1) asks whether the map's
peak lies in the lesion, with a tolerance. A peak thrown at random into the map hits too, the larger the lesion the more
often; that share is given beside every hit, under the same rule and for the same case.

The tolerance is one in mm for maps of all networks. Half a voxel of the map would be easy on coarse maps: beside a tear
of 4 mm a peak 8 mm away would be a miss on maps of 32, 16 and 8 voxels over 80 mm, and a hit on one of 4 voxels.

A map voxel stands for its centre; the peak is placed between them (``peak_place``), as the program shows it. Distances
are to the lesion's voxels as boxes, so a point in one of them has none.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from radiologycnn.evaluation.hypothesis_tests import Interval, bootstrap, wilson
from radiologycnn.images.affine import transform_points
from radiologycnn.images.boxes import bounding_box
from radiologycnn.networks.activation import peak_place

DICE_SHARE_OF_PEAK = 0.5

_PAIRS_AT_ONCE = 2_000_000
_RESAMPLES = 1000


@dataclass(frozen=True)
class Localization:
    """One map against one lesion.

    Attributes:
        peak_lps_mm: see ``peak_place``.
        distance_mm: from there to the lesion; 0 inside it.
        hit: the peak, a point, lies inside the lesion.
        hit_voxel: the lesion is no farther from the peak than half a map voxel; not to be compared between maps whose
            voxels have different sizes.
        hit_within: the lesion is no farther from the peak than ``tolerance_mm``.
        chance, chance_voxel, chance_within: shares of all map voxels at whose centre these would be true.
        tolerance_mm: as given.
        energy_inside: share of the map's positive values in voxels no farther than ``tolerance_mm`` from the lesion; 0
            where nothing is positive. A map without preference has ``chance_within``.
        dice: overlap of the map above half its peak, and the lesion, both on the map's grid, where voxels no farther
            than ``tolerance_mm`` from the lesion count as lesion.
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
        tolerance_mm: for ``hit_within``, ``energy_inside`` and ``dice``.

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
    # Just under a half: on one grid the centres beside the lesion lie at a half, and rounding must not decide on them.
    half_voxel = (0.5 - 1e-6) * float(np.cbrt(abs(np.linalg.det(map_ijk_to_lps[:3, :3]))))
    # Of places that are too far away to count nobody asks how far.
    close = _around(points, lesion, lesion_ijk_to_lps, max(tolerance_mm, half_voxel))
    of_close = distances_mm(np.concatenate([points[close], peak_lps]), lesion, lesion_ijk_to_lps)
    distances, distance = np.full(len(points), np.inf), of_close[-1]
    distances[close] = of_close[:-1]
    near = (distances <= tolerance_mm).reshape(raw.shape)
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
        chance_voxel=float((distances <= half_voxel).mean()),
        chance_within=float(near.mean()),
        tolerance_mm=float(tolerance_mm),
        energy_inside=float(positive[near].sum() / total) if total > 0 else 0.0,
        dice=2 * int((found & near).sum()) / both if both else 0.0,
    )


def _around(points_lps: np.ndarray, lesion: np.ndarray, ijk_to_lps: np.ndarray, reach_mm: float) -> np.ndarray:
    """Which points lie in the box, along LPS, that holds all that is no farther from the lesion; bool, shape (points).

    Args:
        points_lps: shape (points, 3).
        lesion: shape (K, J, I), not empty.
        ijk_to_lps: 4x4 of its grid.
    """
    sides = [(part.start - 0.5, part.stop - 0.5) for part in reversed(bounding_box(lesion))]
    corners = transform_points(np.asarray(ijk_to_lps, float), np.array(list(itertools.product(*sides))))
    # A little more: rounding must not leave out what is just that far.
    low, high = corners.min(axis=0) - 1.01 * reach_mm, corners.max(axis=0) + 1.01 * reach_mm
    return ((points_lps >= low) & (points_lps <= high)).all(axis=1)


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

    95 % intervals over cases as ``<name>_95``: Wilson's of the rates, by bootstrap of all else; a figure that is the
    same in all cases has none.

    Raises:
        ValueError: no cases.
    """
    if not cases:
        raise ValueError("There is no case to summarize.")
    tolerance = f"{cases[0].tolerance_mm:g}_mm"
    figures: dict[str, Any] = {"tears": len(cases)}

    def values(name: str) -> np.ndarray:
        return np.array([getattr(case, name) for case in cases], float)

    def add(name: str, found: Interval, digits: int = 4) -> None:
        figures[name] = round(found.estimate, digits)
        if found.ends:
            figures[f"{name}_95"] = [round(end, digits) for end in found.ends]

    def add_rate(name: str, hit: str, chance: str) -> None:
        add(name, wilson(int(values(hit).sum()), len(cases)))
        figures[f"{name}_chance"] = round(float(values(chance).mean()), 4)

    def add_mean(name: str) -> None:
        add(name, bootstrap(lambda drawn: float(drawn.mean()), values(name), resamples=_RESAMPLES))

    def add_percentile(name: str, percentile: int) -> None:
        distances = values("distance_mm")
        found = bootstrap(lambda drawn: float(np.percentile(drawn, percentile)), distances, resamples=_RESAMPLES)
        add(name, found, 1)

    add_rate("peak_in_tear", "hit", "chance")
    add_rate("peak_voxel_at_tear", "hit_voxel", "chance_voxel")
    add_rate(f"peak_within_{tolerance}", "hit_within", "chance_within")
    add_percentile("distance_mm_median", 50)
    add_percentile("distance_mm_90th_percentile", 90)
    add_mean("energy_inside")
    figures["energy_inside_chance"] = figures[f"peak_within_{tolerance}_chance"]
    add_mean("dice")
    return figures
