"""What lies round the brain, as HU slab by slab: scalp in layers, ears, bone, air in the skull base."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct.cavity import temple
from radiologycnn.simulation.head_ct.config import AnatomyConfig
from radiologycnn.simulation.head_ct.face import render_face
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
    muscle = _scalp_muscle(slab, shell, lump, grain, config)
    tissue = config.fat_hu + muscle * (muscle_hu - config.fat_hu)
    tissue += fraction(config.skin_mm - shell.head, h) * (config.skin_hu - tissue)
    blend(hu, fraction(shell.head, h), tissue)
    render_face(slab, hu, person, shell.head)
    for ear in ears:
        _render_ear(slab, hu, shell.head, ear, config)
    bone = _bone(slab, person, shell, lump, grain)
    blend(hu, fraction(np.minimum(shell.inside + shell.skull, -shell.inside), h), bone)
    _render_sinuses(slab, hu, person, shell.inside, lump, grain)
    return hu


def _scalp_muscle(slab: Slab, shell: Shell, lump: np.ndarray, grain: np.ndarray, config: AnatomyConfig) -> np.ndarray:
    """Share of muscle in the soft tissue round the skull; the rest is fat.

    The galea is a thin sheet on the bone everywhere, temporalis a thick one at the temples, and the neck is muscle
    with planes of fat between.
    """
    x, y, z = slab.fine_axes
    outside_bone = -(shell.inside + shell.skull)
    thickness = config.galea_mm + 1.4 * config.temporalis_mm * temple(np.abs(x), y, z)
    muscle = fraction(thickness - outside_bone, slab.fine_mm)
    if z.min() > -28:
        return muscle
    # Muscles of neck and jaw lie in layers, with fat between; the cheeks are fat.
    layers = (shell.head + 3.0 * lump) / 11
    beside = (np.abs(x) + 0.6 * y + 0.4 * z + 3.0 * lump) / 38
    planes = np.minimum(11 * np.abs(layers - np.rint(layers)), 38 * np.abs(beside - np.rint(beside)))
    neck = smooth_step(-z, 28, 48) * smooth_step(shell.head, 5, 8) * fraction(planes - 0.3 + 0.8 * grain, 2.0)
    neck = neck * smooth_step(y - 0.4 * np.abs(x), -85, -55)
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
    side = np.abs(x)
    spongy = np.clip(420 + 330 * grain, -50, 1100)
    bone += shell.base * (1 - tables) * (spongy - bone)
    # The labyrinth's capsule is the densest bone; round and behind it are cells.
    along = (side - 12) * 0.5
    petrous = ellipsoid(side, y - along, z, (30, 2, -41), (13, 6, 7)) + 2 * grain
    bone += fraction(petrous, 3.0) * (hu_of["petrous"] + 250 * grain - bone)
    walls = _to_wall(x, y, z, lump, grain)
    mastoid = np.maximum(
        ellipsoid(side, y, z, (60, 26, -50), (13, 14, 18)), ellipsoid(side, y - along, z, (48, 3, -40), (13, 8, 9))
    )
    cells = fraction(mastoid + 2 * lump, 3.0) * fraction(walls - 0.5, slab.fine_mm) * (1 - tables)
    bone += cells * (-950 - bone)
    bone += _foramina(side, y, z, slab.fine_mm) * (50 - bone)
    return bone


def _to_wall(x: np.ndarray, y: np.ndarray, z: np.ndarray, lump: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """Distance to the nearest wall between air cells of some 5 mm, mm: bricks, out of line and bent by noise."""
    level = (z + 1.8 * grain) / 5.5
    row = (y + 2 * lump) / 5 + 0.5 * np.floor(level)
    column = (x + 2 * grain - lump) / 5 + 0.5 * np.floor(row)
    away = (np.abs(count - np.rint(count)) for count in (level, row, column))
    return 5 * functools.reduce(np.minimum, away)


def _foramina(side: np.ndarray, y: np.ndarray, z: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Share of soft tissue in bone: oval, carotid and jugular foramina, which run upwards, more or less."""
    best = np.full(np.broadcast_shapes(side.shape, y.shape, z.shape), -9, np.float32)
    for at_side, at_y, lean, radius in ((23, -12, 0.2, 3.0), (23, 4, 0.5, 2.8), (25, 17, -0.2, 4.0)):
        slant = lean * (z + 48)
        np.maximum(best, radius - np.hypot(side - at_side - slant, y - at_y - slant), out=best)
    return fraction(np.minimum(best, -38 - z), voxel_mm)


def _render_sinuses(
    slab: Slab, hu: np.ndarray, person: Person, inside: np.ndarray, lump: np.ndarray, grain: np.ndarray
) -> None:
    """Air of the sphenoid, ethmoid and frontal sinuses and of the ear canals, where there is no cavity."""
    x, y, z = slab.fine_axes
    if z.min() > 25:  # all of it lies lower
        return
    sphenoid = np.minimum(ellipsoid(x, y, z, (3, -20, -40), (13, 10, 9)), np.abs(x - 1 - lump) - 0.6)
    ethmoid = ellipsoid(x, y, z, (0, -52, -38), (12, 20, 14))
    ethmoid = np.minimum(ethmoid, np.minimum(1.3 * _to_wall(x, y, z, lump, grain), np.abs(x)) - 0.6)
    frontal = ellipsoid(np.abs(x - 2), y, z, (9, -(person.half_length_mm + 4), -8), (10, 4, 12))
    air = np.maximum(np.maximum(sphenoid, ethmoid), frontal + 0.8 * lump)
    blend(hu, fraction(air, slab.fine_mm) * fraction(-inside - 1.2, slab.fine_mm), -980)
    canal = np.minimum(3.2 - np.hypot(y - 9 - 0.1 * (np.abs(x) - 40), z + 47), np.abs(x) - 38)
    blend(hu, fraction(canal, slab.fine_mm) * fraction(-inside - 1.2, slab.fine_mm), -980)


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
