"""The normal head as HU on the fine grid, slab by slab: bone and scalp, then CSF, brain, dura and vessels inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct.brain import Brain
from radiologycnn.simulation.head_ct.cavity import Cavity
from radiologycnn.simulation.head_ct.cerebellum import render_cerebellum
from radiologycnn.simulation.head_ct.config import AnatomyConfig, ConfounderConfig
from radiologycnn.simulation.head_ct.fields import (
    HeadGrid,
    Slab,
    blend,
    everywhere,
    fraction,
    sheet_fraction,
    smooth_step,
)
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
    uneven: np.ndarray  # HU that white matter differs from its mean, on the coarse grid
    lost: np.ndarray  # HU that it has lost round the ventricles, were it all white; on the coarse grid
    junction_mm: float


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
        voxel: ``csf`` (that a bleed can fill), ``brain`` (with its sulci), and in the cavity ``grey``; all (K, J, I)
        float32 on the fine grid.
    """
    drawn = _draw(grid, person, brain, rng, config, confounders)
    fields = {name: np.zeros(grid.fine_shape, np.float32) for name in ("hu", "inside", "csf", "brain", "grey")}
    for slab in grid.slabs():
        lump, grain = slab.to_fine(drawn.lump), slab.to_fine(drawn.grain)
        shell = Shell(*(slab.to_fine(f) for f in (cavity.inside, cavity.skull_mm, cavity.head, cavity.base)))
        hu = render_outside(slab, person, shell, lump, grain, drawn.muscle_hu, drawn.ears, config)
        cavity_box = slab.around(shell.inside > -grid.fine_mm)
        if cavity_box:
            box, part = cavity_box
            of_brain = _render_inside(
                box, person, shell.inside[part], brain, hu[part], lump[part], grain[part], drawn, config
            )
            for name, values in of_brain.items():
                fields[name][box.window] = values
        fields["hu"][slab.window], fields["inside"][slab.window] = hu, shell.inside
    return fields


def _draw(
    grid: HeadGrid,
    person: Person,
    brain: Brain,
    rng: np.random.Generator,
    config: AnatomyConfig,
    confounders: ConfounderConfig,
) -> _Drawn:
    lump = grid.noise(rng, 5.0)
    muscle_hu = rng.uniform(*config.muscle_hu)
    of_ears, of_white = rng.spawn(2)
    ears = [Ear(side, of_ears.uniform(*config.ear_mm), of_ears.uniform(*config.ear_slant)) for side in (-1, 1)]
    return _Drawn(
        lump=lump,
        muscle_hu=muscle_hu,
        ears=ears,
        grain=grid.noise(rng, 3.0),
        cortex_mm=rng.uniform(*config.cortex_mm),
        falx_half_mm=rng.uniform(*config.dura_half_mm),
        tent_half_mm=rng.uniform(*config.dura_half_mm),
        sinus_hu=rng.uniform(-4, 4),
        artery_hu=rng.uniform(*confounders.artery_hu),
        uneven=_uneven_white(grid, of_white, config),
        lost=_lost_white(grid, person, brain, of_white, config),
        junction_mm=of_white.uniform(*config.junction_mm),
    )


def _uneven_white(grid: HeadGrid, rng: np.random.Generator, config: AnatomyConfig) -> np.ndarray:
    """Bundles of fibres differ in density and myelin: a field in HU of two scales, mean 0."""
    broad, narrow = grid.noise(rng, 15.0), grid.noise(rng, 7.0)
    return rng.uniform(*config.white_uneven_hu) * (0.8 * broad + 0.6 * narrow)


def _lost_white(
    grid: HeadGrid, person: Person, brain: Brain, rng: np.random.Generator, config: AnatomyConfig
) -> np.ndarray:
    """HU lost round the ventricles with age (leukoaraiosis): patchy, most at the horns' ends, little before 45."""
    most = rng.uniform(*config.white_change_hu) * float(np.clip((person.age_years - 45) / 40, 0, 1.1))
    reach_mm, patches = rng.uniform(*config.white_change_mm), grid.noise(rng, 8.0)
    near = everywhere(np.exp, -((np.maximum(-brain.ventricles, 0) / reach_mm) ** 2)) * brain.supratentorial
    caps = 0.7 + 0.6 * smooth_step(np.abs(grid.coarse[1] - 12), 22, 40)
    return (most * near * caps * np.clip(0.8 + 0.7 * patches, 0.1, 2)).astype(np.float32)


def _render_inside(
    slab: Slab,
    person: Person,
    inside: np.ndarray,
    brain: Brain,
    hu: np.ndarray,
    lump: np.ndarray,
    grain: np.ndarray,
    drawn: _Drawn,
    config: AnatomyConfig,
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
    # Fibres under the cortex are mixed with it: no step, and the depth varies.
    grey = fraction(drawn.cortex_mm - to_csf + 0.6 * lump, max(h, drawn.junction_mm))
    np.maximum(grey, fraction(slab.to_fine(brain.nuclei), 1.5), out=grey)
    np.maximum(grey, 0.35 * fraction(slab.to_fine(brain.stem), 3.0), out=grey)
    np.maximum(grey, (1 - above) * np.clip(0.68 + 0.22 * grain, 0, 1), out=grey)
    open_to_blood = csf
    hindbrain = render_cerebellum(slab, brain.cerebellum, grain, config)
    if hindbrain:
        part, where, grey_there, csf_there = hindbrain
        grey[part] += where * (grey_there - grey[part])
        csf = csf.copy()  # fissures are too narrow to be filled by blood
        csf[part] = np.maximum(csf[part], csf_there * cavity_share[part])
    tissue = hu_of["white"] + grey * (hu_of["grey"] - hu_of["white"]) + 0.8 * lump
    tissue += (1 - grey) * slab.to_fine(drawn.uneven - drawn.lost)
    blend(hu, cavity_share * (1 - csf), tissue)

    dura = hu_of["dura"]
    falx = sheet_fraction(slab.to_fine(brain.midline), drawn.falx_half_mm, h) * fraction(slab.to_fine(brain.falx), 2.0)
    blend(hu, falx * cavity_share, dura)
    tent = sheet_fraction(slab.to_fine(brain.tentorium), drawn.tent_half_mm, h)
    blend(hu, tent * fraction(slab.to_fine(brain.tent_exists), 2.0) * cavity_share, dura)
    blend(hu, fraction(slab.to_fine(brain.sinus), h) * cavity_share, dura + drawn.sinus_hu)
    blend(hu, sheet_fraction(inside - 0.5, 0.5, h) * cavity_share, dura)
    blend(hu, fraction(slab.to_fine(brain.arteries), h) * cavity_share, drawn.artery_hu)
    return {"csf": open_to_blood, "brain": brain_share * cavity_share, "grey": grey}
