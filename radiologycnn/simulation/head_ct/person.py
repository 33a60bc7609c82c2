"""Whose head is drawn: the numbers of one person, before any shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct.config import AnatomyConfig


@dataclass
class Person:
    """The numbers that make one head, drawn before anything is rendered."""

    age_years: float
    half_width_mm: float
    half_length_mm: float
    height_mm: float
    exponent: float
    skull_mm: float
    table_mm: float
    scalp_mm: float
    sulcus_mm: float  # half width of a sulcus at the brain's surface
    gap_mm: float  # subarachnoid space over the convexity
    ventricle_scale: float
    hu: dict[str, float]


def draw_person(rng: np.random.Generator, config: AnatomyConfig) -> Person:
    """Draw one person's numbers; atrophy (sulci, gap, ventricles) follows age."""
    age = rng.uniform(*config.age_years)
    atrophy = np.clip((age - 35) / 50 + rng.normal(0, 0.2), 0, 1.3)
    hu = {
        name: rng.uniform(*getattr(config, f"{name}_hu"))
        for name in ("table", "diploe", "petrous", "grey", "white", "nuclei", "csf", "dura")
    }
    hu["grey"] = max(hu["grey"], hu["white"] + 6.5)
    return Person(
        age_years=float(age),
        half_width_mm=rng.uniform(*config.half_width_mm),
        half_length_mm=rng.uniform(*config.half_length_mm),
        height_mm=rng.uniform(*config.height_mm),
        exponent=rng.uniform(*config.superellipsoid_exponent),
        skull_mm=rng.uniform(*config.skull_mm),
        table_mm=rng.uniform(*config.table_mm),
        scalp_mm=rng.uniform(*config.scalp_mm),
        sulcus_mm=float(0.5 + 1.1 * atrophy),
        gap_mm=float(0.8 + 2.2 * atrophy * rng.uniform(0.5, 1.2)),
        ventricle_scale=float(0.75 + 0.55 * atrophy * rng.uniform(0.6, 1.4)),
        hu=hu,
    )
