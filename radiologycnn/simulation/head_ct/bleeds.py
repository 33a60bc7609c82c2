"""Bleeds: which there are, where, how large, and how they push the brain.

A bleed is planned first (type, place, volume), as it decides the mass effect and so the anatomy; ``bleed_rendering``
draws it after the anatomy. Volumes are met by bisection on the fraction of each voxel that is filled, so that the
wanted volume is the true one to about a percent.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from radiologycnn.simulation.head_ct.cavity import Cavity
from radiologycnn.simulation.head_ct.config import BleedConfig, draw_lognormal
from radiologycnn.simulation.head_ct.fields import HeadGrid, everywhere, fraction, smooth_step

BLEED_LABELS = {"iph": 1, "ivh": 2, "sdh": 3, "edh": 4, "sah": 5}
"""Voxel value of each bleed type: intraparenchymal, intraventricular, subdural, epidural, subarachnoid."""


@dataclass
class Bleed:
    """One planned bleed.

    Attributes:
        kind: key of :data:`BLEED_LABELS`.
        place: "deep", "lobar", "cerebellar", "stem" for IPH; "" otherwise.
        volume_ml: planned volume, which sets form and irregularity; ``rendered_ml`` is what was drawn.
        growth: what is drawn is ``growth`` times the planned volume, in the same form (a follow-up scan).
        side: +1 the patient's left, -1 right.
        centre_mm: x, y, z in the head frame (of the axis that an extra-axial bleed lies on).
    """

    kind: str
    place: str
    volume_ml: float
    side: int
    centre_mm: tuple[float, float, float]
    hu: float
    oedema_mm: float = 0.0
    thickness_mm: float = 0.0
    rendered_ml: float = 0.0
    growth: float = 1.0
    shape: np.ndarray | None = field(
        default=None, repr=False
    )  # coarse: signed distance (IPH), thickness (SDH, EDH), mm

    @property
    def wanted_ml(self) -> float:
        """What is to be drawn."""
        return self.volume_ml * self.growth


def plan_bleeds(rng: np.random.Generator, config: BleedConfig) -> list[Bleed]:
    """Draw which bleeds a scan has; empty for a bleed-free one."""
    if rng.random() < config.bleed_free:
        return []
    kinds = [_choice(rng, config.primary_weights)]
    if rng.random() < config.second_bleed:
        kinds.append(_choice(rng, config.primary_weights))
    bleeds: list[Bleed] = []
    for kind in dict.fromkeys(kinds):
        bleed = _plan_one(rng, config, kind)
        bleeds.append(bleed)
        if bleed.place == "deep" and "ivh" not in kinds and rng.random() < config.ivh_extension:
            bleeds.append(_plan_one(rng, config, "ivh"))
    return bleeds


def _choice(rng: np.random.Generator, weights: dict[str, float]) -> str:
    names = list(weights)
    share = np.array([weights[n] for n in names], float)
    return names[int(rng.choice(len(names), p=share / share.sum()))]


def _plan_one(rng: np.random.Generator, config: BleedConfig, kind: str) -> Bleed:
    side = 1 if rng.random() < 0.5 else -1
    place, jitter = "", rng.normal(0, 1, 3)
    if kind == "iph":
        place = _choice(rng, config.location_weights)
    volume = draw_lognormal(rng, config.volume_ml[place or kind])
    if place == "deep":
        centre = (27, -4, 4) if rng.random() < 0.6 else (14, 12, 6)
        centre = tuple(np.array(centre) + jitter * (3, 5, 3))
    elif place == "lobar":
        azimuth, height = rng.uniform(-np.pi / 2, np.pi / 2), rng.uniform(-0.1, 0.85)
        reach = rng.uniform(0.50, 0.78)
        flat = np.sqrt(1 - height**2)
        centre = (
            max(68 * reach * flat * np.cos(azimuth), 16),
            85 * reach * flat * np.sin(azimuth),
            68 * reach * height,
        )
    elif place == "cerebellar":
        centre = tuple(np.array((20, 48, -40)) + jitter * (5, 5, 3))
    elif place == "stem":
        centre = tuple(np.array((0, 11, -26)) + jitter * (2, 1.5, 4))
    else:  # extra-axial: a direction over the convexity; SAH: where it is centred
        azimuth, height = rng.uniform(-1.1, 1.1), rng.uniform(-0.15, 0.75)
        flat = np.sqrt(1 - height**2)
        centre = (68 * flat * np.cos(azimuth), 85 * flat * np.sin(azimuth), 68 * height)
        if kind == "sah" and rng.random() < 0.6:
            centre = (8 + 22 * rng.random(), -8 + 4 * jitter[0], -18 + 4 * jitter[1])
    oedema = rng.uniform(*config.oedema_mm) if kind == "iph" and rng.random() < 0.75 else 0.0
    return Bleed(
        kind,
        place,
        volume,
        side,
        (side * float(centre[0]), float(centre[1]), float(centre[2])),
        rng.uniform(*config.clot_hu[kind]),
        oedema,
    )


def shape_bleeds(
    grid: HeadGrid, bleeds: list[Bleed], cavity: Cavity, rng: np.random.Generator, config: BleedConfig
) -> np.ndarray:
    """Draw the bleeds that push (IPH, SDH, EDH) on the coarse grid, to their volume, and say how far they push.

    Returns:
        Displacement (3, K, J, I), x, y, z in mm, of the tissue now at each coarse voxel.
    """
    displacement = np.zeros((3, *grid.coarse[0].shape), np.float32)
    for bleed in bleeds:
        if bleed.kind == "iph":
            displacement += _shape_parenchymal(grid, bleed, cavity, rng)
        elif bleed.kind in ("sdh", "edh"):
            displacement += _shape_extra_axial(grid, bleed, cavity, rng, config)
    displacement *= smooth_step(cavity.inside, -1, 5)
    return displacement


def _shape_parenchymal(grid: HeadGrid, bleed: Bleed, cavity: Cavity, rng: np.random.Generator) -> np.ndarray:
    """Union of two or three ellipsoids round the centre, its surface made irregular by noise."""
    x, y, z = grid.coarse
    radius = float(np.cbrt(bleed.volume_ml * 1000 * 3 / (4 * np.pi)))
    level = np.full(x.shape, -1e3, np.float32)
    for part in range(int(rng.integers(1, 4))):
        offset = rng.normal(0, 0.45 * radius, 3) if part else np.zeros(3)
        axes = radius * np.exp(rng.normal(0, 0.22, 3)) * (1.0 if part == 0 else 0.7)
        angle = rng.uniform(0, np.pi)
        dx, dy = x - bleed.centre_mm[0] - offset[0], y - bleed.centre_mm[1] - offset[1]
        u, v = np.cos(angle) * dx + np.sin(angle) * dy, -np.sin(angle) * dx + np.cos(angle) * dy
        w = z - bleed.centre_mm[2] - offset[2]
        inside = (1 - np.sqrt((u / axes[0]) ** 2 + (v / axes[1]) ** 2 + (w / axes[2]) ** 2)) * radius
        np.maximum(level, inside, out=level)
    level = level + rng.uniform(0.06, 0.16) * radius * grid.noise(rng, max(0.35 * radius, 2.5))
    level = np.minimum(level, cavity.inside - 1.5)
    if bleed.place in ("deep", "lobar"):  # one hemisphere, above the tent
        level = np.minimum(level, bleed.side * x - 1.5)
        level = np.minimum(level, z - 2 + 0.36 * np.abs(x) + 0.28 * (y - 22) + np.where(y < 12, 60, 0))
    elif bleed.place == "cerebellar":
        level = np.minimum(level, 2 - 0.36 * np.abs(x) - 0.28 * (y - 22) - z)
    bleed.shape = _grow_to(level, bleed.wanted_ml, grid)
    dx, dy, dz = x - bleed.centre_mm[0], y - bleed.centre_mm[1], z - bleed.centre_mm[2]
    distance = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-3
    radius *= float(np.cbrt(bleed.growth))
    push = rng.uniform(0.15, 0.40) * radius * everywhere(np.exp, -np.maximum(distance - radius, 0) / 26.0)
    push *= np.minimum(distance / radius, 1)
    return (np.stack([dx, dy, dz]) / distance * push).astype(np.float32)


def _shape_extra_axial(
    grid: HeadGrid, bleed: Bleed, cavity: Cavity, rng: np.random.Generator, config: BleedConfig
) -> np.ndarray:
    """A crescent (SDH) or a lens (EDH) under the inner table, round a direction; thickness meets the volume."""
    x, y, z = grid.coarse
    axis = np.array(bleed.centre_mm) / np.linalg.norm(bleed.centre_mm)
    distance = np.sqrt(x * x + y * y + z * z) + 1e-3
    across = (x * axis[0] + y * axis[1] + z * axis[2]) / distance
    angle = everywhere(np.arccos, np.clip(across, -1, 1)) + 0.05 * grid.noise(rng, 18.0)
    if bleed.kind == "sdh":
        reach, power = rng.uniform(*config.sdh_reach_rad) * (bleed.volume_ml / 18) ** config.sdh_reach_power, 3.0
    else:
        reach, power = rng.uniform(*config.edh_reach_rad) * (bleed.volume_ml / 20) ** config.edh_reach_power, 2.0
    profile = np.clip(1 - everywhere(np.power, angle / reach, power), 0, 1)
    profile *= 1 + 0.12 * grid.noise(rng, 12.0)
    # Neither crosses the falx; both end above the skull base and the tent.
    profile *= (
        smooth_step(bleed.side * x, 1.5, 9) * smooth_step(z + 0.30 * np.clip(y, 0, 80), -20, -6) * (1 - cavity.base)
    )
    low, high = 0.0, 60.0
    for _ in range(18):
        middle = (low + high) / 2
        volume = float(layer(cavity.inside, middle * profile, grid.coarse_mm).sum()) * grid.coarse_voxel_ml
        low, high = (middle, high) if volume < bleed.wanted_ml else (low, middle)
    bleed.thickness_mm = float(low)
    thickness = (low * profile).astype(np.float32)
    bleed.shape = thickness
    # Near the bleed the brain gives way by its thickness; deep down the whole half is pushed over.
    deep = smooth_step(cavity.inside, 5, 32)
    reached = smooth_step(x * axis[0] + y * axis[1] + z * axis[2], -55, 60)
    push = (1 - deep) * ndimage.gaussian_filter(thickness, 4.0) + deep * 0.9 * low * reached
    push *= rng.uniform(0.6, 1.0)
    inward = np.array((-axis[0], -0.5 * axis[1], -0.5 * axis[2]))
    return (inward[:, None, None, None] * push).astype(np.float32)


def layer(inside: np.ndarray, thickness: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Share of each voxel in a layer of local ``thickness`` under the inner table."""
    return fraction(inside, voxel_mm) - fraction(inside - thickness, voxel_mm)


def _volume_ml(distance: np.ndarray, grid: HeadGrid) -> float:
    return float(fraction(distance, grid.coarse_mm).sum()) * grid.coarse_voxel_ml


def _grow_to(level: np.ndarray, volume_ml: float, grid: HeadGrid) -> np.ndarray:
    """Shift a level function until what it encloses has the wanted volume."""
    low, high = -30.0, 40.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if _volume_ml(level + middle, grid) < volume_ml else (low, middle)
    return level + low
