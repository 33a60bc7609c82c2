"""The skull's shape as signed distances on the coarse grid: cavity, bone round it, skin.

Anatomical positions: textbook values, mm in the head frame; sources in ``config``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct.fields import (
    BOX_HIGH_MM,
    HeadGrid,
    everywhere,
    smooth_step,
    soft_minimum,
    unit_distance,
)
from radiologycnn.simulation.head_ct.person import Person


@dataclass
class Cavity:
    """The skull's shape on the coarse grid, before any bleed."""

    inside: np.ndarray  # signed distance to the inner table, positive in the cavity, mm
    skull_mm: np.ndarray  # local thickness of bone
    head: np.ndarray  # signed distance to the skin
    base: np.ndarray  # 1 at the skull base, 0 at the vault


def build_cavity(
    grid: HeadGrid,
    person: Person,
    rng: np.random.Generator,
    orbital_roof_mm: float = 0.0,
    temporalis_mm: float = 0.0,
) -> Cavity:
    """The cavity (vault cut by the stepped skull base), the bone around it, and the head's outside.

    Args:
        orbital_roof_mm: bone over the orbits, which bulge into the anterior fossa; 0: a flat and thick floor there.
        temporalis_mm: thickness of the muscle at the temples, which the scalp is wider by in part.
    """
    x, y, z = grid.coarse
    wobble = grid.noise(rng, 24.0)
    vault = _draw_vault(grid, person, wobble)
    side = np.abs(x)
    middle_floor = -28 - 16 * smooth_step(side, 8, 24)
    anterior_floor, wing = -20.0, 0.0
    if orbital_roof_mm:
        # Roofs over the orbits, the cribriform plate between them; the sphenoid wing runs out- and forwards.
        bulge = np.exp(-(((side - 29) / 15) ** 2) - (((y + 58) / 26) ** 2))
        anterior_floor = -26.0 + 11 * bulge - 5 * smooth_step(-side, -12, -4)
        wing = 0.26 * np.clip(side - 12, 0, 46) - 4
    behind = smooth_step(y + wing, -36, -24)
    floor = anterior_floor + behind * (middle_floor - anterior_floor)
    floor = floor + smooth_step(y, 6, 26) * (-68.0 - middle_floor)
    petrous_line = y - (2 + (side - 12) * 0.5)
    ridge = smooth_step(side, 8, 18) * (1 - smooth_step(side, 58, 70))
    floor = floor + 17 * ridge * np.exp(-((petrous_line / 8) ** 2))
    foramen = np.hypot(x, (y - 30) * 0.9)
    floor = floor + 1.2 * wobble
    gy, gx = np.gradient(floor, grid.coarse_mm, axis=(1, 2))
    slope = np.sqrt(1 + gx * gx + gy * gy)
    base = (z - floor) / (1 + (slope - 1) * np.exp(-(((z - floor) / 15) ** 2)))
    base = np.maximum(base, np.where(z < -40, 15 - foramen, -99))  # foramen magnum
    inside = soft_minimum(vault, base, 6.0)
    at_base = smooth_step(vault - base, -4, 6) * smooth_step(-z, 5, 25)
    skull = person.skull_mm * (1 + 0.12 * grid.noise(rng, 15.0)) + 1.5 * smooth_step(y, 40, 80) + 8 * at_base
    if orbital_roof_mm:
        # Thin under the temporal lobes and over the orbits, thick in the middle, in the ridges and behind the ears.
        floor_mm = 3.0 + 11 * (1 - smooth_step(side, 12, 22)) * smooth_step(-y, -26, -14)
        floor_mm = np.maximum(floor_mm, 20 * ridge * everywhere(np.exp, -np.square(petrous_line / 10)))
        floor_mm = np.maximum(floor_mm, 6.5 * smooth_step(y, 20, 30))
        skull = skull + at_base * (behind * floor_mm + (1 - behind) * orbital_roof_mm - skull)
        mastoid = ((side - 62) / 14) ** 2 + ((y - 24) / 14) ** 2 + ((z + 50) / 14) ** 2
        skull = skull + 9 * everywhere(np.exp, -mastoid)
    skull = skull * (1 - 0.45 * temple(side, y, z))
    skull = np.clip(skull, orbital_roof_mm or 3.5, None).astype(np.float32)

    scalp = person.scalp_mm * (1 + 0.1 * wobble) + 5 * smooth_step(-z, 10, 60) * smooth_step(side, 40, 70)
    scalp = scalp + 0.2 * temporalis_mm * temple(side, y, z)  # the rest lies where the bone is thinner
    head = np.maximum(np.minimum(inside, vault) + skull + scalp, _draw_neck(grid))
    head = np.maximum(head, vault + person.skull_mm + scalp - np.maximum(-z - 30, 0) * 0.6)
    head = np.minimum(head, BOX_HIGH_MM[0] - 1 - side)  # the widest temples end inside the box, not cut by it
    return Cavity(inside.astype(np.float32), skull, head.astype(np.float32), at_base.astype(np.float32))


def _draw_vault(grid: HeadGrid, person: Person, wobble: np.ndarray) -> np.ndarray:
    """A superellipsoid, made uneven: signed distance to the inner table as if the head had no base, mm."""
    x, y, z = grid.coarse
    a, b = person.half_width_mm, person.half_length_mm
    # Broader behind than in front, as skulls are.
    width = a * (1 - 0.10 * smooth_step(-y, 0, b))
    height = np.where(z > 0, person.height_mm, 88.0)
    p = person.exponent
    radius = everywhere(
        lambda u, v, w: (u**p + v**p + w**p) ** (1 / p), np.abs(x / width), np.abs(y / b), np.abs(z / height)
    )
    vault = unit_distance(1 - radius, grid.coarse_mm, 1e-3) + 1.0 * wobble
    return np.where(radius < 0.3, (1 - radius) * np.minimum(a, height), vault)  # the gradient vanishes at the centre


def _draw_neck(grid: HeadGrid) -> np.ndarray:
    """Signed distance to the skin below the skull: neck and face, mm."""
    x, y, z = grid.coarse
    neck = (1 - np.hypot(x / 64, (y + 8) / np.where(y < -8, 92, 86))) * 70 - np.maximum(z + 22, 0) * 1.3
    return neck - np.maximum(-z - 72, 0) * 0.35


def temple(side: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """1 where temporalis is thickest, 0 where it is not: from the orbit's edge to the ear, below the temporal line."""
    along = everywhere(np.exp, -np.square(np.square((y + 22) / 26)))
    return along * smooth_step(-z, -32, 6) * smooth_step(side, 42, 60)
