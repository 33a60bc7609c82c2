"""The normal head as HU on the fine grid, slab by slab: bone and scalp, then CSF, brain, dura and vessels inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct.brain import Brain
from radiologycnn.simulation.head_ct.cavity import Cavity
from radiologycnn.simulation.head_ct.config import AnatomyConfig, ConfounderConfig
from radiologycnn.simulation.head_ct.fields import HeadGrid, Slab, blend, fraction, sheet_fraction
from radiologycnn.simulation.head_ct.outside import Ear, Shell, render_outside
from radiologycnn.simulation.head_ct.person import Person


@dataclass(frozen=True)
class _Drawn:
    """What chance decides of the tissues; ``lump`` and ``grain`` are noise on the coarse grid, mean 0, sd 1."""

    lump: np.ndarray
    muscle_hu: float
    ears: list[Ear]
    grain: np.ndarray
    cortex_mm: float
    falx_half_mm: float
    tent_half_mm: float
    sinus_hu: float  # less the dura's
    artery_hu: float


def render_head(
    grid: HeadGrid,
    person: Person,
    cavity: Cavity,
    brain: Brain,
    rng: np.random.Generator,
    config: AnatomyConfig,
    confounders: ConfounderConfig,
) -> dict[str, np.ndarray]:
    """HU on the fine grid.

    Returns:
        ``hu`` and the fields that bleeds and physics need again: ``inside`` (mm to the inner table), and shares of each
        voxel: ``csf``, ``brain`` (with its sulci), and in the cavity ``grey``; all (K, J, I) float32 on the fine grid.
    """
    drawn = _draw(grid, rng, config, confounders)
    fields = {name: np.zeros(grid.fine_shape, np.float32) for name in ("hu", "inside", "csf", "brain", "grey")}
    for slab in grid.slabs():
        lump, grain = slab.to_fine(drawn.lump), slab.to_fine(drawn.grain)
        shell = Shell(*(slab.to_fine(f) for f in (cavity.inside, cavity.skull_mm, cavity.head, cavity.base)))
        hu = render_outside(slab, person, shell, lump, grain, drawn.muscle_hu, drawn.ears, config)
        cavity_box = slab.around(shell.inside > -grid.fine_mm)
        if cavity_box:
            box, part = cavity_box
            of_brain = _render_inside(box, person, shell.inside[part], brain, hu[part], lump[part], grain[part], drawn)
            for name, values in of_brain.items():
                fields[name][box.window] = values
        fields["hu"][slab.window], fields["inside"][slab.window] = hu, shell.inside
    return fields


def _draw(grid: HeadGrid, rng: np.random.Generator, config: AnatomyConfig, confounders: ConfounderConfig) -> _Drawn:
    lump = grid.noise(rng, 5.0)
    muscle_hu = rng.uniform(*config.muscle_hu)
    of_ears = rng.spawn(1)[0]
    ears = [Ear(side, of_ears.uniform(*config.ear_mm), of_ears.uniform(*config.ear_slant)) for side in (-1, 1)]
    return _Drawn(
        lump=lump,
        muscle_hu=muscle_hu,
        ears=ears,
        grain=grid.noise(rng, 3.0),
        cortex_mm=rng.uniform(*config.cortex_mm),
        falx_half_mm=rng.uniform(0.5, 0.9),
        tent_half_mm=rng.uniform(0.5, 0.9),
        sinus_hu=rng.uniform(-4, 4),
        artery_hu=rng.uniform(*confounders.artery_hu),
    )


def _render_inside(
    slab: Slab,
    person: Person,
    inside: np.ndarray,
    brain: Brain,
    hu: np.ndarray,
    lump: np.ndarray,
    grain: np.ndarray,
    drawn: _Drawn,
) -> dict[str, np.ndarray]:
    """Fill the cavity in ``hu``: CSF first, brain over it, then what stands in the brain."""
    h = slab.fine_mm
    hu_of = person.hu
    cavity_share = fraction(inside, h)
    blend(hu, cavity_share, hu_of["csf"])
    surface = slab.to_fine(brain.surface)
    ventricles = slab.to_fine(brain.ventricles)
    half = np.maximum(slab.to_fine(brain.sulcus_half_mm), 0)
    sulcus = slab.to_fine(brain.sulcus)
    above = slab.to_fine(brain.supratentorial)
    brain_share = fraction(surface, h)
    cleft = sheet_fraction(sulcus, half, h) * above
    cleft = np.where(surface < 45, cleft, 0)
    cisterns = slab.to_fine(brain.cisterns)
    csf = 1 - brain_share * (1 - cleft) * (1 - fraction(cisterns, h))
    csf = np.maximum(csf, fraction(ventricles, h)) * cavity_share
    in_sulcus = np.where(half > 0.02, np.abs(sulcus) - half, 99)
    to_csf = np.minimum(surface, np.where(above > 0.5, in_sulcus, 99))
    to_csf = np.minimum(to_csf, np.where(np.abs(cisterns) < 10, -cisterns, 99))
    grey = fraction(drawn.cortex_mm - to_csf + 0.4 * lump, max(h, 1.2))
    np.maximum(grey, fraction(slab.to_fine(brain.nuclei), 1.5), out=grey)
    np.maximum(grey, 0.35 * fraction(slab.to_fine(brain.stem), 3.0), out=grey)
    np.maximum(grey, (1 - above) * np.clip(0.68 + 0.22 * grain, 0, 1), out=grey)
    tissue = hu_of["white"] + grey * (hu_of["grey"] - hu_of["white"]) + 0.8 * lump
    near = np.clip(1 - np.abs(ventricles + 4) / 5, 0, 1) * max(person.age_years - 55, 0) / 35
    tissue -= 6 * near * (grey < 0.4)  # white-matter change round the ventricles in old age
    blend(hu, cavity_share * (1 - csf), tissue)

    dura = hu_of["dura"]
    falx = sheet_fraction(slab.to_fine(brain.midline), drawn.falx_half_mm, h) * fraction(slab.to_fine(brain.falx), 2.0)
    blend(hu, falx * cavity_share, dura)
    tent = sheet_fraction(slab.to_fine(brain.tentorium), drawn.tent_half_mm, h)
    blend(hu, tent * fraction(slab.to_fine(brain.tent_exists), 2.0) * cavity_share, dura)
    blend(hu, fraction(slab.to_fine(brain.sinus), h) * cavity_share, dura + drawn.sinus_hu)
    blend(hu, sheet_fraction(inside - 0.5, 0.5, h) * cavity_share, dura)
    blend(hu, fraction(slab.to_fine(brain.arteries), h) * cavity_share, drawn.artery_hu)
    return {"csf": csf, "brain": brain_share * cavity_share, "grey": grey}
