"""One simulated head CT as a pure function of (config, seed, index): plan, draw, scan, and the truth of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from radiologycnn.images.volume import Volume
from radiologycnn.simulation.head_ct import physics
from radiologycnn.simulation.head_ct.artefacts import add_artefacts
from radiologycnn.simulation.head_ct.bleed_rendering import render_bleeds
from radiologycnn.simulation.head_ct.bleeds import BLEED_LABELS, Bleed, plan_bleeds, shape_bleeds
from radiologycnn.simulation.head_ct.brain import build_brain
from radiologycnn.simulation.head_ct.cavity import build_cavity
from radiologycnn.simulation.head_ct.config import HeadCtConfig
from radiologycnn.simulation.head_ct.confounders import draw_calcifications
from radiologycnn.simulation.head_ct.fields import HeadGrid
from radiologycnn.simulation.head_ct.person import Person, draw_person
from radiologycnn.simulation.head_ct.render import render_head
from radiologycnn.simulation.head_ct.scanner import (
    Slices,
    draw_slices,
    join_upper_slices,
    nearest_on_slices,
    onto_slices,
)

SIMULATOR_VERSION = "8"
"""What changed: 3, haze near bone in the default population (``PhysicsConfig.haze_hu``; none in the preset plain).
4, scalp in layers, temporalis and ears in all populations; in the default one subdural and epidural blood less bright,
subdural layers thicker (``BleedConfig.clot_hu``, ``sdh_reach_rad``, ``sdh_reach_power``). 5, less haze.
6, noise as coarse as the kernel lets through; Sylvian fissure a cleft, cisterns round the stem uneven, sulci under the
vertex from side to side, the widest heads and ears end inside the box. Bleeds are planned as before; in the
default population subdural and epidural ones are brighter again, as fresh blood is.
7, cerebellum with folia, vermis, core and cisterns; white matter uneven, patchy round the ventricles in age, no step
to the cortex; edges of bone as sharp and tables as bright as measured. Bleeds as before.
8, sulci wind, come in pieces and are no rings under the vertex; base of the skull with thin floors, cells, foramina,
labyrinths and ear canals; face with orbits, nose, jaw and muscles; falx and tentorium thinner and not flat. Planned
bleeds as before, but some of the larger parenchymal ones show a fluid level."""


@dataclass(frozen=True)
class SimulatedHeadCt:
    """A scan and all that is known about it.

    Attributes:
        volume: HU int16 (K, J, I), modality CT, with its scanner geometry.
        labels: uint8 label map on the same grid, ``BLEED_LABELS`` values where blood fills enough of the voxel
            (``BleedConfig.label_share``).
        lps_to_head: 4x4, the scan's LPS to the head's own frame, mm: the pose, for registering scans of one head.
        truth: JSON-able: bleeds (kind, place, HU, mL), person, protocol, confounders, midline shift.
    """

    volume: Volume
    labels: np.ndarray
    truth: dict[str, Any]
    lps_to_head: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """Binary truth, uint8."""
        return (self.labels > 0).astype(np.uint8)


@dataclass(frozen=True)
class DrawnHead:
    """A head with its bleeds, before it is scanned: fields on the fine grid, (K, J, I) in the head frame."""

    grid: HeadGrid
    person: Person
    bleeds: list[Bleed]
    hu: np.ndarray
    inside: np.ndarray  # signed distance to the inner table, mm
    share: np.ndarray  # of each voxel that is blood
    kind: np.ndarray  # which type, ``BLEED_LABELS``
    midline_shift_mm: float
    calcified: list[str]


def simulate_head_ct(index: int, seed: int = 0, config: HeadCtConfig = HeadCtConfig()) -> SimulatedHeadCt:
    """Draw scan number ``index`` of the population (config, seed)."""
    head = draw_head(index, seed, config)
    return scan_head(head, _streams(index, seed)[4], index, seed, config)


def _streams(index: int, seed: int) -> list[np.random.Generator]:
    """Random streams of a scan: plan, shape, tissue, blood, machine."""
    streams = np.random.SeedSequence([int(seed), int(index)]).spawn(5)
    return [np.random.Generator(np.random.PCG64(stream)) for stream in streams]


def _further_streams(machine: np.random.Generator) -> list[np.random.Generator]:
    """Streams for what the plain population does not have; the machine's own goes on as if they were not there."""
    return machine.spawn(4)


def draw_head(
    index: int, seed: int, config: HeadCtConfig, change: Callable[[list[Bleed]], None] | None = None
) -> DrawnHead:
    """Draw the head of scan ``index``.

    Args:
        change: may alter the planned bleeds' ``growth`` and ``hu`` before they are drawn; everything else of the head
            stays as it would be, but for what the bleeds push.
    """
    plan, shape, tissue, blood, _ = _streams(index, seed)
    fine_mm = config.scanner.fine_mm or (0.8 if config.scanner.matrix > 256 else 1.0)
    grid = HeadGrid(fine_mm, config.scanner.coarse_mm)

    person = draw_person(plan, config.anatomy)
    bleeds = plan_bleeds(plan, config.bleeds)
    if change:
        change(bleeds)
    cavity = build_cavity(grid, person, shape, config.anatomy.orbital_roof_mm, config.anatomy.temporalis_mm)
    displacement = shape_bleeds(grid, bleeds, cavity, blood, config.bleeds)
    brain = build_brain(grid, person, cavity, displacement, shape, config.anatomy)
    head = render_head(grid, person, cavity, brain, tissue, config.anatomy, config.confounders)
    calcified = draw_calcifications(grid, head["hu"], person, tissue, config.confounders, displacement)
    share, kind = render_bleeds(grid, bleeds, brain, head, person, blood, config.bleeds)
    centre = tuple(n // 2 for n in displacement.shape[1:])
    shift = float(abs(displacement[0][centre]))
    return DrawnHead(grid, person, bleeds, head["hu"], head["inside"], share, kind, shift, calcified)


def scan_head(
    head: DrawnHead, machine: np.random.Generator, index: int, seed: int, config: HeadCtConfig
) -> SimulatedHeadCt:
    """Scan a head in a pose and with a protocol that the stream ``machine`` decides; ``head.hu`` is used up."""
    grid, person = head.grid, head.person
    top = person.height_mm + person.skull_mm + person.scalp_mm
    older, faults, vault, haze = _further_streams(machine)
    slices = draw_slices(machine, config.scanner, top, older)
    fine_hu = head.hu
    physics.add_beam_hardening(grid, fine_hu, head.inside, machine, config.physics)
    hu = onto_slices(grid, fine_hu, slices, config.scanner.sub_slice_mm, -1000.0)
    joined = slices.slice_mm <= config.scanner.joined_up_to_mm and vault.random() < config.scanner.joined_vault
    if joined:
        join_upper_slices(hu, vault)
    labels, filled = _labelled(head, slices, config)
    haze_hu = physics.bone_haze(hu, slices.pixel_mm, haze, config.physics)
    artefacts = add_artefacts(hu, slices, faults, config.artefacts) + ["joined vault"] * joined
    # Shares of voxels (a box) and linear interpolation of them have variances of 1/12 and, on average, 1/6.
    array = physics.scan(hu, slices, machine, config.physics, blurred_mm=0.5 * grid.fine_mm)
    labels[array >= config.bleeds.label_below_hu] = 0

    voxel_ml = float(abs(np.linalg.det(slices.ijk_to_lps[:3, :3]))) / 1000
    truth = {
        "simulator": SIMULATOR_VERSION,
        "seed": int(seed),
        "index": int(index),
        "bleeds": [_bleed_truth(bleed) for bleed in head.bleeds],
        "volume_ml": round(float(filled.sum(dtype=np.float64)) * voxel_ml, 3),  # by share of voxels, in the slices
        "mask_ml": round(int((labels > 0).sum()) * voxel_ml, 3),
        "median_hu": float(np.median(array[labels > 0])) if labels.any() else None,
        "midline_shift_mm": round(head.midline_shift_mm, 1),
        "age_years": round(person.age_years),
        "calcifications": head.calcified,
        "artefacts": artefacts,
        "bone_haze_hu": round(haze_hu, 1),
        "pixel_mm": round(slices.pixel_mm, 4),
        "slice_mm": round(slices.slice_mm, 3),
        "slices": slices.shape_kji[0],
        "missing_vertex_mm": round(max(top - slices.top_mm, 0.0), 1),
        "gantry_tilt_deg": round(slices.tilt_deg, 1),
        "rotation_deg": [round(r, 1) for r in slices.rotation_deg],
    }
    volume = Volume(
        array,
        slices.ijk_to_lps,
        "CT",
        f"simulated-head-ct-{seed}-{index:04d}",
        ("Simulated scan, no patient.",),
        {"simulated": True, **truth},
    )
    return SimulatedHeadCt(volume, labels, truth, slices.lps_to_head)


def _labelled(head: DrawnHead, slices: Slices, config: HeadCtConfig) -> tuple[np.ndarray, np.ndarray]:
    """On the slices' grid, (K, J, I): the type where blood fills enough of the voxel, uint8; its share, float32."""
    if not head.bleeds:
        return np.zeros(slices.shape_kji, np.uint8), np.zeros(slices.shape_kji, np.float32)
    filled = onto_slices(head.grid, head.share, slices, config.scanner.sub_slice_mm, 0.0)
    kinds = np.maximum(nearest_on_slices(head.grid, _spread(head.kind), slices), 1)
    least = np.array([1.0, *(config.bleeds.label_share[kind] for kind in BLEED_LABELS)], np.float32)
    return np.where(filled >= least[kinds], kinds, 0).astype(np.uint8), filled


def _bleed_truth(bleed: Bleed) -> dict[str, Any]:
    return {
        "kind": bleed.kind,
        "place": bleed.place,
        "volume_ml": round(bleed.rendered_ml, 3),
        "core_hu": round(bleed.hu, 1),
        "side": "left" if bleed.side > 0 else "right",
        "thickness_mm": round(bleed.thickness_mm, 1),
        "oedema_mm": round(bleed.oedema_mm, 1),
    }


def _spread(kind: np.ndarray) -> np.ndarray:
    """Grow the type map by a voxel, so that a slice voxel's centre just outside a thin bleed still knows its type."""
    out = kind.copy()
    for axis in range(3):
        for step in (1, -1):
            np.maximum(out, np.roll(kind, step, axis), out=out)
    return np.where(kind > 0, kind, out)
