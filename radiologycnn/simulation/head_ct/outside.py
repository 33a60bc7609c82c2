"""What lies round the brain, as HU slab by slab: scalp in layers, face, ears, bone, air in the skull base."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct.cavity import temple
from radiologycnn.simulation.head_ct.config import AnatomyConfig
from radiologycnn.simulation.head_ct.fields import BOX_HIGH_MM, Slab, blend, ellipsoid, fraction, smooth_step
from radiologycnn.simulation.head_ct.person import Person


@dataclass(frozen=True)
class Shell:
    """The skull's fields on one slab, float32, mm."""

    inside: np.ndarray  # signed distance to the inner table, positive in the cavity
    skull: np.ndarray  # local thickness of bone
    head: np.ndarray  # depth under the skin
    base: np.ndarray  # 1 at the skull base, 0 at the vault


@dataclass(frozen=True)
class Ear:
    """One pinna: how far it stands off, and how many mm it goes back for each of them."""

    side: int
    width_mm: float
    slant: float


def render_outside(
    slab: Slab,
    person: Person,
    shell: Shell,
    lump: np.ndarray,
    grain: np.ndarray,
    muscle_hu: float,
    ears: list[Ear],
    config: AnatomyConfig,
) -> np.ndarray:
    """HU of one slab, float32; the cavity still holds what is round it.

    Args:
        lump, grain: noise on the slab, coarser and finer, mean 0 and sd 1.
    """
    h = slab.fine_mm
    hu = np.full(lump.shape, -1000, np.float32)
    muscle = _scalp_muscle(slab, shell, lump, config)
    tissue = config.fat_hu + muscle * (muscle_hu - config.fat_hu)
    tissue += fraction(config.skin_mm - shell.head, h) * (config.skin_hu - tissue)
    blend(hu, fraction(shell.head, h), tissue)
    _render_face(slab, hu, person, shell.head)
    for ear in ears:
        _render_ear(slab, hu, shell.head, ear, config)
    bone = _bone(slab, person, shell, lump, grain)
    blend(hu, fraction(np.minimum(shell.inside + shell.skull, -shell.inside), h), bone)
    _render_sinuses(slab, hu, person, shell.inside, lump)
    return hu


def _scalp_muscle(slab: Slab, shell: Shell, lump: np.ndarray, config: AnatomyConfig) -> np.ndarray:
    """Share of muscle in the soft tissue round the skull; the rest is fat.

    The galea is a thin sheet on the bone everywhere, temporalis a thick one at the temples, and the neck is muscle
    with planes of fat between.
    """
    x, y, z = slab.fine_axes
    outside_bone = -(shell.inside + shell.skull)
    thickness = config.galea_mm + config.temporalis_mm * temple(np.abs(x), y, z)
    muscle = fraction(thickness - outside_bone, slab.fine_mm)
    neck = smooth_step(-z, 28, 48) * smooth_step(shell.head, 5, 8) * np.clip(0.9 + 1.6 * lump, 0, 1)
    return np.maximum(muscle, neck)


def _bone(slab: Slab, person: Person, shell: Shell, lump: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """Two tables with diploe between; the base is denser, petrous bone most, and cellular at the mastoids."""
    x, y, z = slab.fine_axes
    inside, table_mm, hu_of = shell.inside, person.table_mm, person.hu
    tables = fraction(
        table_mm
        - np.minimum(
            np.abs(inside + table_mm / 2) + table_mm / 2,
            np.abs(inside + shell.skull - table_mm / 2) + table_mm / 2,
        ),
        slab.fine_mm,
    )
    bone = hu_of["diploe"] + 120 * lump + tables * (hu_of["table"] - hu_of["diploe"])
    if z.min() > 0:  # what follows lies lower
        return bone
    bone += shell.base * (np.clip(650 + 420 * grain, -100, 1500) - bone)
    petrous = smooth_step(9 - np.hypot(y - (2 + (np.abs(x) - 12) * 0.5), (z + 36) * 0.9), -2, 3)
    petrous = petrous * ((np.abs(x) > 14) & (np.abs(x) < 62))
    bone += petrous * (hu_of["petrous"] + 250 * grain - bone)
    mastoid = ellipsoid(np.abs(x), y, z, (58, 32, -46), (11, 14, 15)) + 1.5 * lump
    cells = fraction(mastoid, 4.0) * (grain > -0.2)
    bone += cells * (-850 - bone)
    return bone


def _render_sinuses(slab: Slab, hu: np.ndarray, person: Person, inside: np.ndarray, lump: np.ndarray) -> None:
    """Air of the sphenoid, ethmoid and frontal sinuses, where there is no cavity."""
    x, y, z = slab.fine_axes
    if z.min() > 25:  # all of it lies lower
        return
    air = np.maximum(ellipsoid(x, y, z, (3, -20, -40), (13, 10, 8)), ellipsoid(x, y, z, (0, -52, -38), (12, 20, 14)))
    air = np.where(np.abs(x - 1) < 0.7, -9, air)
    frontal = ellipsoid(np.abs(x - 2), y, z, (9, -(person.half_length_mm + 4), -8), (10, 4, 12))
    air = np.maximum(air, frontal) + 0.8 * lump
    blend(hu, fraction(air, slab.fine_mm) * fraction(-inside - 1.2, slab.fine_mm), -980)


def _render_face(slab: Slab, hu: np.ndarray, person: Person, head: np.ndarray) -> None:
    """Orbits with globes, maxillary sinuses and the nasal passage, roughly; what matters is that they are no brain."""
    x, y, z = slab.fine_axes
    if z.min() > 0:  # all of it lies lower
        return
    h = slab.fine_mm
    front = -person.half_length_mm
    deep = fraction(head - 2.5, h)
    side = np.abs(x)
    blend(hu, fraction(ellipsoid(side, y, z, (31, front + 16, -36), (19, 22, 17)), h) * deep, -80.0)
    blend(hu, fraction(ellipsoid(side, y, z, (31, front + 8, -36), (12, 12, 12)), h) * deep, 12.0)
    shell = np.abs(ellipsoid(side, y, z, (31, front + 16, -36), (21, 24, 19)) - 0.5)
    blend(hu, fraction(1.2 - shell, h) * fraction(head - 6, h) * (y > front + 2), 900.0)
    blend(hu, fraction(ellipsoid(side, y, z, (24, front + 20, -72), (14, 15, 17)), h) * deep, -1000.0)
    blend(hu, fraction(ellipsoid(x, y, z, (0, front + 24, -70), (8, 24, 30)), h) * deep, -1000.0)


def _render_ear(slab: Slab, hu: np.ndarray, head: np.ndarray, ear: Ear, config: AnatomyConfig) -> None:
    """A pinna: a plate of cartilage and skin that stands off the head backwards, more or less."""
    x, y, z = slab.fine_axes
    rows, heights = slice(*np.searchsorted(y[0, :, 0], (-4, 46))), slice(*np.searchsorted(z[:, 0, 0], (-64, 4)))
    first = int(np.searchsorted(x[0, 0], 50)) if ear.side > 0 else 0
    last = x.shape[2] if ear.side > 0 else int(np.searchsorted(x[0, 0], -50))
    window = (heights, rows, slice(first, last))
    away = -head[window]
    reach = ear.width_mm * (1 - ((z[heights] + 30) / 30) ** 2) - away
    reach = np.minimum(reach, BOX_HIGH_MM[0] - 1 - np.abs(x[..., window[2]]))
    plate = 2.2 - np.abs(y[:, rows] - 4 - ear.slant * away) / np.hypot(1, ear.slant)
    share = fraction(np.minimum(plate, reach), slab.fine_mm) * fraction(away, slab.fine_mm)
    blend(hu[window], share, config.ear_hu)
