"""Calcifications: normal, bright, and after partial volume in the range of blood."""

from __future__ import annotations

import numpy as np

from radiologycnn.simulation.head_ct.config import ConfounderConfig
from radiologycnn.simulation.head_ct.fields import BOX_LOW_MM, HeadGrid, blend
from radiologycnn.simulation.head_ct.person import Person


def draw_calcifications(
    grid: HeadGrid,
    hu: np.ndarray,
    person: Person,
    rng: np.random.Generator,
    config: ConfounderConfig,
    displacement: np.ndarray,
) -> list[str]:
    """Add calcifications to ``hu`` (fine grid) in place and name them."""
    made = []
    age = person.age_years
    scale = person.half_length_mm / 87.0

    def spot(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> None:
        where = np.array(centre, float) * scale
        index = tuple(round(float(c - low) / grid.coarse_mm) for c, low in zip(where[::-1], BOX_LOW_MM[::-1]))
        _speck(grid, hu, where + displacement[(slice(None), *index)], radii, rng.uniform(*config.calcium_hu))

    if rng.random() < config.pineal:
        made.append("pineal")
        spot((rng.normal(0, 0.6), 26 + rng.normal(0, 1), 1 + rng.normal(0, 1)), tuple(rng.uniform(1.2, 3.2, 3)))
    if rng.random() < config.choroid * (0.5 if age < 50 else 1.15):
        made.append("choroid")
        for sign in (1, -1):
            spot(
                (
                    sign * (22 + 1.5 * person.ventricle_scale) + rng.normal(0, 1),
                    37 + rng.normal(0, 2),
                    9 + rng.normal(0, 1.5),
                ),
                tuple(rng.uniform(1.2, 4.0, 3)),
            )
    if rng.random() < config.basal_ganglia * (0.4 if age < 50 else 1.3):
        made.append("basal ganglia")
        for sign in (1, -1):
            for _ in range(int(rng.integers(1, 5))):
                spot(
                    (sign * (19 + rng.normal(0, 2)), -5 + rng.normal(0, 4), 3 + rng.normal(0, 3)),
                    tuple(rng.uniform(0.8, 2.4, 3)),
                )
    if rng.random() < config.falx_plate * (0.5 if age < 50 else 1.3):
        made.append("falx")
        for _ in range(int(rng.integers(1, 4))):
            angle = rng.uniform(0, np.pi)
            spot(
                (rng.normal(0, 0.5), -62 * np.cos(angle), 55 * np.sin(angle)),
                (rng.uniform(0.8, 2), *rng.uniform(2, 6, 2)),
            )
    return made


def _speck(grid: HeadGrid, hu: np.ndarray, centre: np.ndarray, radii: tuple[float, float, float], value: float) -> None:
    """One soft-edged ellipsoid, drawn only where it is."""
    window, axes = [], []
    for axis in (2, 1, 0):
        line = grid.axis(axis, grid.fine_mm)
        low, high = np.searchsorted(line, [centre[axis] - radii[axis] - 2, centre[axis] + radii[axis] + 2])
        window.append(slice(low, high))
        axes.append(line[low:high])
    z, y, x = np.meshgrid(*axes, indexing="ij")
    if not x.size:
        return
    u = np.sqrt(sum(((c - m) / r) ** 2 for c, m, r in zip((x, y, z), centre, radii)))
    share = np.clip((1 - u) * min(radii) / grid.fine_mm + 0.5, 0, 1)
    region = hu[tuple(window)]
    blend(region, share, value)
