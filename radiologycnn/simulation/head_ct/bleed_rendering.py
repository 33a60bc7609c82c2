"""Bleeds drawn into the head: shaped ones slab by slab, ventricles (IVH) and sulci (SAH) filled to a volume."""

from __future__ import annotations

import numpy as np

from radiologycnn.simulation.head_ct.bleeds import BLEED_LABELS, Bleed, layer
from radiologycnn.simulation.head_ct.brain import Brain
from radiologycnn.simulation.head_ct.config import BleedConfig
from radiologycnn.simulation.head_ct.fields import HeadGrid, blend, everywhere, fraction, smooth_step
from radiologycnn.simulation.head_ct.person import Person

_EVERYWHERE = (slice(None),) * 3


def render_bleeds(
    grid: HeadGrid,
    bleeds: list[Bleed],
    brain: Brain,
    head: dict[str, np.ndarray],
    person: Person,
    rng: np.random.Generator,
    config: BleedConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the bleeds into ``head["hu"]``, and what was drawn of each into ``Bleed.rendered_ml``.

    Returns:
        share: how much of each fine voxel is blood, float32 (K, J, I).
        kind: which type there, uint8, :data:`..bleeds.BLEED_LABELS`.
    """
    hu = head["hu"]
    total = np.zeros(grid.fine_shape, np.float32)
    kind = np.zeros(grid.fine_shape, np.uint8)

    def put(bleed: Bleed, where: tuple[slice, slice, slice], share: np.ndarray, clot: np.ndarray) -> None:
        share = np.minimum(share, 1 - total[where])
        blend(hu[where], share, clot)
        kind[where][share > total[where]] = BLEED_LABELS[bleed.kind]
        total[where] += share
        bleed.rendered_ml += float(share.sum(dtype=np.float64)) * grid.fine_voxel_ml

    for bleed in bleeds:
        swirl, spread = grid.noise(rng, 4.0), rng.uniform(*config.heterogeneity_hu)
        bleed.rendered_ml = 0.0
        if bleed.shape is None:
            clot = bleed.hu + np.minimum(grid.to_fine(swirl) * spread, 4.0)
            if bleed.kind == "ivh":
                share, settled = _fill_ventricles(grid, bleed, brain, rng)
                clot = clot + settled
            else:
                share = _fill_sulci(grid, bleed, brain, head, rng)
                if person.sulcus_mm < 1.0:
                    clot = clot + 2
            put(bleed, _EVERYWHERE, share, clot)
            continue
        settled = _fluid_level(grid, bleed, rng.spawn(1)[0], config) if bleed.kind == "iph" else None
        oedema_hu = rng.uniform(*config.oedema_hu) if bleed.oedema_mm else 0.0
        for slab in grid.slabs():
            where, shape = slab.window, slab.to_fine(bleed.shape)
            if bleed.kind == "iph":
                share = fraction(shape, grid.fine_mm)
                if bleed.oedema_mm:
                    rim = fraction(shape + bleed.oedema_mm, 4.0) * head["brain"][where] * (1 - head["csf"][where])
                    blend(hu[where], rim * (1 - 0.5 * head["grey"][where]), oedema_hu)
            else:
                share = layer(head["inside"][where], shape, grid.fine_mm)
            if share.any():
                clot = bleed.hu + np.minimum(slab.to_fine(swirl) * spread, 4.0)
                put(bleed, where, share, clot if settled is None else clot + slab.to_fine(settled))
    return total, kind


def _fluid_level(grid: HeadGrid, bleed: Bleed, rng: np.random.Generator, config: BleedConfig) -> np.ndarray | None:
    """HU that cells settled at the back of a liquid bleed add and plasma above them lacks, mean 0; None: clotted."""
    if rng.random() >= config.fluid_level or bleed.volume_ml < config.fluid_level_from_ml:
        return None
    y = grid.coarse[1]
    below = smooth_step(y - np.median(y[bleed.shape > 0]), -1.5, 1.5)
    return rng.uniform(*config.fluid_level_hu) * (below - 0.5)


def _threshold_to(score: np.ndarray, room: np.ndarray, volume_ml: float, voxel_ml: float) -> float:
    """The score above which ``room`` (share of each voxel) holds the wanted volume."""
    places = room > 0.02
    order = np.argsort(-score[places])
    filled = np.cumsum(room[places][order]) * voxel_ml
    if not len(filled):
        return np.inf
    last = min(int(np.searchsorted(filled, volume_ml)), len(filled) - 1)
    return float(score[places][order][last])


def _fill_ventricles(
    grid: HeadGrid, bleed: Bleed, brain: Brain, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Blood settles towards the back of a head that lies; large ones cast a whole ventricle."""
    x, y, z = grid.fine_axes
    ventricles = grid.to_fine(brain.ventricles)
    room = fraction(ventricles, grid.fine_mm)
    tilt = rng.normal(0, 0.08)
    score = y + tilt * z + 2.0 * grid.to_fine(grid.noise(rng, 3.0))
    if rng.random() < 0.35:  # one side mostly
        score = score + 25 * np.sign(bleed.side) * everywhere(np.tanh, x / 4.0)
    if rng.random() < 0.3:  # a cast rather than a level
        score = 0.2 * score + 25 * grid.to_fine(grid.noise(rng, 12.0))
    level = _threshold_to(score, room, bleed.wanted_ml, grid.fine_voxel_ml)
    share = room * np.clip((score - level) / grid.fine_mm + 0.5, 0, 1)
    return share, np.clip((score - level) / 8.0, 0, 1) * 5 - 4


def _fill_sulci(
    grid: HeadGrid, bleed: Bleed, brain: Brain, head: dict[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Blood takes the place of CSF (outside the ventricles) round a centre, as far as its volume reaches."""
    x, y, z = grid.fine_axes
    room = head["csf"] * (1 - fraction(grid.to_fine(brain.ventricles) + 1.5, grid.fine_mm))
    room = room * (z > -52)
    cx, cy, cz = bleed.centre_mm
    score = -np.sqrt((x - cx) ** 2 + ((y - cy) * 0.8) ** 2 + ((z - cz) * 1.2) ** 2)
    score = score + 9 * grid.to_fine(grid.noise(rng, 8.0))
    level = _threshold_to(score, room, bleed.wanted_ml, grid.fine_voxel_ml)
    return (room * np.clip((score - level) / 3.0 + 0.5, 0, 1)).astype(np.float32)
