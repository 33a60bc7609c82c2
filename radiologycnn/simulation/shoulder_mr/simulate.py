"""One simulated shoulder MR as a pure function of (config, seed, index): plan, draw, scan, and the truth of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.volume import Volume
from radiologycnn.simulation.shoulder_mr.anatomy import Humerus, Person, draw_person
from radiologycnn.simulation.shoulder_mr.bones import humerus_distance, scapula_distance
from radiologycnn.simulation.shoulder_mr.config import ScannerConfig, ShoulderMrConfig
from radiologycnn.simulation.shoulder_mr.confounders import Confounders, plan_confounders
from radiologycnn.simulation.shoulder_mr.cuff import paint_joint
from radiologycnn.simulation.shoulder_mr.grid import Canvas, ShoulderGrid, Texture, Window
from radiologycnn.simulation.shoulder_mr.scanner import PLANES, Series, draw_series, onto_pixels, scan
from radiologycnn.simulation.shoulder_mr.signal import WEIGHTINGS, Protocol, draw_palette, draw_protocol
from radiologycnn.simulation.shoulder_mr.soft_tissue import paint_soft_tissue
from radiologycnn.simulation.shoulder_mr.tears import Tear, plan_tear

SIMULATOR_VERSION = "2"
"""What changed: 2, axial and sagittal series lie as the coronal one does (one examination). Coronal ones as in 1."""

_MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True)
class SimulatedShoulderMr:
    """A scan and all that is known about it.

    Attributes:
        volume: magnitude signal, int16 (K, J, I), modality MR, with its scanner geometry.
        labels: uint8 on the same grid: 1 where the tear fills at least half the voxel (and where its middle lies).
        truth: JSON-able: class, tear, side, head, confounders, protocol.
    """

    volume: Volume
    labels: np.ndarray
    truth: dict[str, Any]

    @property
    def mask(self) -> np.ndarray:
        """Binary truth, uint8."""
        return self.labels


@dataclass(frozen=True)
class ShoulderPlan:
    """One shoulder as numbers, before anything is rendered."""

    person: Person
    tear: Tear
    confounders: Confounders

    @property
    def lift_mm(self) -> float:
        """How far the humeral head has moved up, towards the acromion."""
        if self.tear.migrated_acromiohumeral_mm is None:
            return 0.0
        return max(0.0, self.person.acromiohumeral_mm - self.tear.migrated_acromiohumeral_mm)


def plan_shoulder(index: int, seed: int = 0, config: ShoulderMrConfig = ShoulderMrConfig()) -> ShoulderPlan:
    """Shoulder number ``index`` of the population (config, seed) as numbers; fast."""
    person, tear, confounders = _streams(seed, index)[:3]
    someone = draw_person(person, config.anatomy)
    return ShoulderPlan(
        someone,
        plan_tear(tear, config.tears, someone.biceps_arc_mm),
        plan_confounders(confounders, config.confounders),
    )


def simulate_shoulder_mr(
    index: int,
    seed: int = 0,
    config: ShoulderMrConfig = ShoulderMrConfig(),
    plane: str = "coronal",
    weighting: str | None = None,
) -> SimulatedShoulderMr:
    """Draw one series of shoulder number ``index`` of the population (config, seed).

    Args:
        plane: coronal (oblique, along the supraspinatus), sagittal (oblique, at a right angle to it) or axial. The
            shoulder is the same whatever is asked for.
        weighting: T2, PD or T1; by default the plane's own (axial T1, the others T2 or sometimes PD).

    Raises:
        InputError: ``unknown-plane``, ``unknown-weighting``.
    """
    plane, weighting = known_series(plane, weighting)
    plan, streams = plan_shoulder(index, seed, config), _streams(seed, index)
    person, lift = plan.person, plan.lift_mm
    pose, machine = (streams[5 + 2 * PLANES.index(plane) + n] for n in (0, 1))
    protocol = draw_protocol(pose, config.signal, plane, weighting)
    series = draw_series(pose, config.scanner, plane, person.scapular_angle_deg)
    if plane != "coronal":
        series = replace(series, shoulder_to_lps=_coronal(streams, config, person).shoulder_to_lps)
    canvas = Canvas(series.grid(config.scanner), draw_palette(streams[3], config.signal, protocol))
    window, torn = _paint(canvas, plan, streams[4])
    array, drawn = scan(canvas, series, protocol, machine, config.scanner, config.signal)
    labels, centre = _labelled(torn, window, canvas.grid, series, config.scanner)

    ijk_to_lps, to_lps = series.shoulder_to_lps @ series.ijk_to_shoulder, series.shoulder_to_lps
    if person.left:
        # The mirror image, with the axis that crosses the body turned round: it still runs towards the patient's left.
        axis_kji = 0 if plane == "sagittal" else 2
        flip = np.eye(4)
        flip[2 - axis_kji, [2 - axis_kji, 3]] = -1.0, series.shape_kji[axis_kji] - 1.0
        array, labels = np.flip(array, axis_kji), np.flip(labels, axis_kji)
        ijk_to_lps = _MIRROR @ ijk_to_lps @ flip
        to_lps = _MIRROR @ to_lps
    array, labels = np.ascontiguousarray(array), np.ascontiguousarray(labels)
    truth = {
        "simulator": SIMULATOR_VERSION,
        "seed": int(seed),
        "index": int(index),
        **_tear_truth(plan.tear),
        "tear_ml": round(
            float(torn.sum(dtype=np.float64)) * _voxel_ml(canvas.grid, series, config.scanner.sub_slices), 3
        ),
        "mask_ml": round(int(labels.sum()) * float(abs(np.linalg.det(ijk_to_lps[:3, :3]))) / 1000, 3),
        "tear_centre_lps_mm": None if centre is None else _rounded((to_lps @ np.append(centre, 1.0))[:3]),
        "side": "left" if person.left else "right",
        "head_centre_lps_mm": _rounded((to_lps @ np.array([0.0, 0.0, lift, 1.0]))[:3]),
        "head_radius_mm": round(person.head_radius_mm, 2),
        "acromiohumeral_mm": round(person.acromiohumeral_mm - lift, 2),
        "acromion_type": person.acromion_type,
        "shoulder_to_lps": [_rounded(row, 6) for row in to_lps],
        "confounders": list(plan.confounders.present),
        "protocol": _protocol_truth(protocol, series, plane, drawn),
    }
    volume = Volume(
        array,
        ijk_to_lps,
        "MR",
        f"simulated-shoulder-mr-{seed}-{index:04d}",
        ("Simulated scan, no patient.",),
        {"simulated": True, **truth, "acquisition": _acquisition(protocol, plane, person)},
    )
    return SimulatedShoulderMr(volume, labels, truth)


def _paint(canvas: Canvas, plan: ShoulderPlan, rng: np.random.Generator) -> tuple[Window, np.ndarray]:
    """Paint the whole shoulder; the fine window of its joint, and the tear's share of each voxel there."""
    textures = {
        "smooth": Texture(rng, (14.0, 14.0, 14.0)),
        "streaks": Texture(rng, (9.0, 4.0, 4.0)),
        "grain": Texture(rng, (3.5, 3.5, 3.5), 64.0),
    }
    grid, person, humerus = canvas.grid, plan.person, Humerus(plan.person, plan.lift_mm)
    paint_soft_tissue(canvas, person, humerus, plan.tear, textures)
    bones = {"scapula": scapula_distance(grid, person, plan.confounders), "humerus": humerus_distance(grid, humerus)}
    return paint_joint(canvas, person, humerus, plan.tear, plan.confounders, textures, bones)


def _labelled(
    torn: np.ndarray, window: Window, grid: ShoulderGrid, series: Series, config: ScannerConfig
) -> tuple[np.ndarray, np.ndarray | None]:
    """Where the tear fills at least half the voxel, uint8 (K, J, I), and its middle in the shoulder frame, mm.

    The voxel of the middle is labelled in any case; without a tear there is none, and no middle.
    """
    labels = np.zeros(series.shape_kji, np.uint8)
    if not torn.any():
        return labels, None
    labels[onto_pixels(torn, grid, series, config, window) >= 0.5] = 1
    centre = _middle(torn, grid, window)
    ijk = np.linalg.solve(series.ijk_to_shoulder, np.append(centre, 1.0))[:3]
    i, j, k = (int(np.clip(round(float(x)), 0, n - 1)) for x, n in zip(ijk, series.shape_kji[::-1]))
    labels[k, j, i] = 1
    return labels, centre


def known_series(plane: str, weighting: str | None) -> tuple[str, str | None]:
    """Plane and weighting as the simulator names them, whether they were typed in small letters or in capitals.

    Raises:
        InputError: ``unknown-plane``, ``unknown-weighting``.
    """
    if plane.lower() not in PLANES:
        raise InputError("unknown-plane", f"There is no plane “{plane}”.", "Choose one of " + ", ".join(PLANES) + ".")
    if weighting is not None and weighting.upper() not in WEIGHTINGS:
        raise InputError(
            "unknown-weighting", f"There is no weighting “{weighting}”.", "Choose one of " + ", ".join(WEIGHTINGS) + "."
        )
    return plane.lower(), weighting and weighting.upper()


def _streams(seed: int, index: int) -> list[np.random.Generator]:
    """Person, tear, confounders, tissue, texture; then pose and machine of each plane. None disturbs another."""
    children = np.random.SeedSequence([int(seed), int(index)]).spawn(5 + 2 * len(PLANES))
    return [np.random.Generator(np.random.PCG64(child)) for child in children]


def _coronal(streams: list[np.random.Generator], config: ShoulderMrConfig, person: Person) -> Series:
    """How the coronal series lies: all series of a shoulder are of one examination, in which nobody got up."""
    pose = streams[5 + 2 * PLANES.index("coronal")]
    draw_protocol(pose, config.signal, "coronal", None)
    return draw_series(pose, config.scanner, "coronal", person.scapular_angle_deg)


def _middle(torn: np.ndarray, grid: ShoulderGrid, window: Window) -> np.ndarray:
    """The torn place nearest to the tear's centre of mass (which may lie in the head, as the cuff is curved)."""
    k, j, i = np.nonzero(torn >= 0.5) if (torn >= 0.5).any() else np.nonzero(torn == torn.max())
    axes = [a[s] for a, s in zip(grid.axes_mm, window)]
    places = np.stack([axes[2][i], axes[1][j], axes[0][k]], axis=1)
    nearest = places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))]
    return grid.centre + nearest @ grid.directions


def _voxel_ml(grid: ShoulderGrid, series: Series, sub_slices: int) -> float:
    return grid.fine_mm**2 * series.spacing_mm / sub_slices / 1000


def _rounded(values: np.ndarray, digits: int = 3) -> list[float]:
    return [round(float(v), digits) for v in values]


def _tear_truth(tear: Tear) -> dict[str, Any]:
    return {
        "tear_class": tear.tear_class,
        "tear_width_mm": round(tear.width_mm, 2),
        "measured_width_mm": round(tear.measured_width_mm, 2),
        "tear_length_mm": round(tear.length_mm, 2),
        "tear_depth": round(tear.depth, 3),
        "tear_side": tear.side,
        "behind_biceps_mm": round(tear.behind_biceps_mm, 2),
        "retraction_mm": round(tear.retraction_mm, 2),
        "fatty_infiltration": round(tear.infiltration, 3),
    }


def _protocol_truth(protocol: Protocol, series: Series, plane: str, drawn: dict) -> dict[str, Any]:
    return {
        "plane": plane,
        "weighting": protocol.weighting,
        "repetition_time_ms": protocol.repetition_time_ms,
        "echo_time_ms": protocol.echo_time_ms,
        "field_tesla": protocol.field_tesla,
        "fat_saturated": protocol.fat_saturated,
        "pixel_mm": round(series.pixel_mm, 4),
        "slice_mm": series.thickness_mm,
        "spacing_mm": round(series.spacing_mm, 3),
        "slices": series.shape_kji[0],
        "tilt_deg": [round(t, 1) for t in series.tilt_deg],
        **drawn,
    }


def _acquisition(protocol: Protocol, plane: str, person: Person) -> dict[str, Any]:
    """The DICOM keywords a scanner would write for this series."""
    name = f"{ {'coronal': 'OBL COR', 'sagittal': 'OBL SAG', 'axial': 'AX'}[plane] } {protocol.weighting} TSE"
    return {
        "Modality": "MR",
        "BodyPartExamined": "SHOULDER",
        "Laterality": "L" if person.left else "R",
        "SeriesDescription": name + (" FS" if protocol.fat_saturated else ""),
        "ScanningSequence": "SE",
        "SequenceVariant": "SK",
        "ScanOptions": "FS" if protocol.fat_saturated else "",
        "RepetitionTime": protocol.repetition_time_ms,
        "EchoTime": protocol.echo_time_ms,
        "MagneticFieldStrength": protocol.field_tesla,
    }
