"""A small shoulder made of simple bodies, and the answer of a worker that sees its tear. No picture of a person."""

from dataclasses import dataclass

import numpy as np

from radiologycnn.images.volume import LPS_TO_RAS
from radiologycnn.rotatorcuff.results import CamEvidence, Classification, RegionRecord
from radiologycnn.rotatorcuff.tear_classes import TARGETS, class_records

AIR, FAT, MUSCLE, MARROW, BONE_EDGE, FLUID = 5, 190, 95, 210, 20, 300
#: Lateral, posterior and superior of the humeral head's centre, mm: where the supraspinatus tendon ends.
TEAR_FROM_HEAD_MM = (14.0, -2.0, 21.0)
METHODS = ("cam", "grad_cam")


@dataclass(frozen=True)
class SyntheticShoulder:
    """The scan and where things are in it.

    Attributes:
        array: int16, shape (K, J, I); a coronal oblique series, slices from posterior to anterior.
        ijkToRas: 4x4, voxel index to RAS in mm.
        headRas: centre of the humeral head, mm.
        tearRas: middle of the tear, mm.
        side: "left" or "right".
    """

    array: np.ndarray
    ijkToRas: np.ndarray
    headRas: tuple
    tearRas: tuple
    side: str


def syntheticShoulder(shapeKji=(22, 128, 128), spacingMm=(1.25, 1.25, 4.0), side="right", obliqueDeg=25.0, seed=5):
    """Make a shoulder with a fluid-filled gap at the end of the supraspinatus tendon.

    Args:
        shapeKji: voxels as (slices, rows, columns).
        spacingMm: distance of voxels along columns (i), rows (j) and slices (k).
        side: "right" or "left".
        obliqueDeg: by how much the slices are turned about the body's long axis, along the supraspinatus.
        seed: of the noise.
    """
    lateral = 1.0 if side == "right" else -1.0  # towards +R for a right shoulder
    angle = np.deg2rad(obliqueDeg) * lateral
    # the columns run towards the patient's left, the rows down, the slices towards anterior
    columns = np.array([-np.cos(angle), np.sin(angle), 0.0])
    rows = np.array([0.0, 0.0, -1.0])
    slices = np.cross(columns, rows)
    ijkToRas = np.eye(4)
    ijkToRas[:3, :3] = np.stack([columns, rows, slices], axis=1) * spacingMm
    head = np.array([150.0 * lateral, 10.0, 40.0])
    ijkToRas[:3, 3] = head - ijkToRas[:3, :3] @ ((np.array(shapeKji[::-1]) - 1) / 2) + [0.0, 0.0, -8.0]

    index = np.stack(np.meshgrid(*(np.arange(n) for n in shapeKji), indexing="ij")[::-1], axis=-1)
    ras = index @ ijkToRas[:3, :3].T + ijkToRas[:3, 3]
    out, front, up = (ras[..., 0] - head[0]) * lateral, ras[..., 1] - head[1], ras[..., 2] - head[2]

    def ellipsoid(centre, semiAxes):
        pairs = zip((out, front, up), centre, semiAxes)
        return sum(((position - middle) / axis) ** 2 for position, middle, axis in pairs) <= 1.0

    radius = 24.0
    array = np.full(shapeKji, AIR, np.float32)
    array[ellipsoid((-40, 0, -10), (88, 60, 75))] = FAT
    array[ellipsoid((4, 0, -4), (40, 34, 42))] = MUSCLE  # deltoid around the head
    array[ellipsoid((-45, 0, 26), (50, 15, 11))] = MUSCLE  # supraspinatus
    shaft = (np.hypot(out - 2, front) <= 13) & (up < 0)
    array[(np.hypot(out - 2, front) <= 15) & (up < 0)] = BONE_EDGE
    array[ellipsoid((0, 0, 0), (radius + 2,) * 3)] = BONE_EDGE
    array[ellipsoid((-38, 0, -3), (12, 14, 19))] = MARROW  # glenoid
    array[ellipsoid((-5, 0, 40), (26, 14, 5))] = MARROW  # acromion
    array[shaft | ellipsoid((0, 0, 0), (radius,) * 3)] = MARROW
    tendon = ellipsoid((2, 0, 24), (24, 13, 4)) & (up > 18)
    array[tendon] = BONE_EDGE
    array[ellipsoid(TEAR_FROM_HEAD_MM, (8, 8, 5))] = FLUID
    noise = np.random.default_rng(seed).normal(0, 6, shapeKji)
    array = np.clip(np.round(array + noise), 0, None).astype(np.int16)
    tear = head + np.array(TEAR_FROM_HEAD_MM) * [lateral, 1, 1]
    return SyntheticShoulder(array, ijkToRas, tuple(map(float, head)), tuple(map(float, tear)), side)


def mapGrid(shoulder, voxels=16, edgeMm=80.0) -> np.ndarray:
    """4x4, voxel index to RAS in mm, of maps of a cube around the humeral head, laid along the scan's axes."""
    axes = shoulder.ijkToRas[:3, :3] / np.linalg.norm(shoulder.ijkToRas[:3, :3], axis=0)
    matrix = np.eye(4)
    matrix[:3, :3] = axes * (edgeMm / voxels)
    matrix[:3, 3] = np.array(shoulder.headRas) - matrix[:3, :3] @ np.full(3, (voxels - 1) / 2)
    return matrix


def resultMaps(shoulder, voxels=16, edgeMm=80.0) -> np.ndarray:
    """Raw maps as the worker would send them, (methods, targets, K, J, I): each with its peak in the tear."""
    grid = mapGrid(shoulder, voxels, edgeMm)
    index = np.stack(np.meshgrid(*[np.arange(voxels)] * 3, indexing="ij")[::-1], axis=-1)
    distance = np.linalg.norm(index @ grid[:3, :3].T + grid[:3, 3] - np.array(shoulder.tearRas), axis=-1)
    maps = np.empty((len(METHODS), len(TARGETS), voxels, voxels, voxels), np.float32)
    for number in range(maps.shape[0] * maps.shape[1]):
        maps[number // len(TARGETS), number % len(TARGETS)] = 4.0 * np.exp(-((distance / (7.0 + number)) ** 2)) - 0.4
    return maps


def resultMessage(shoulder, voxels=16, edgeMm=80.0, repeats=None) -> dict:
    """What the worker would answer for a shoulder whose tear it finds to be of medium size."""
    grid = mapGrid(shoulder, voxels, edgeMm)
    lps = LPS_TO_RAS @ grid
    directions = lps[:3, :3] / np.linalg.norm(lps[:3, :3], axis=0)
    centreLps = (LPS_TO_RAS @ [*shoulder.headRas, 1.0])[:3]
    region = RegionRecord(
        tuple(map(float, centreLps)), edgeMm, tuple(tuple(map(float, row)) for row in directions), True, 0.9
    )
    evidence = tuple(
        CamEvidence(target, method, 3.2, tuple(shoulder.tearRas), 3.6, 0.5, (12.0, 11.0, 12.0), 0.9)
        for method in METHODS
        for target in TARGETS
    )
    classification = Classification(
        probabilities=(0.06, 0.09, 0.17, 0.58, 0.10),
        predicted=3,
        tear_probability=0.94,
        repeats=repeats,
        side=shoulder.side,
        mirrored=shoulder.side == "left",
        plane="coronal",
        weighting="T2",
        roi=region,
        evidence=evidence,
    )
    return {
        "classification": classification.to_dict(),
        "methods": list(METHODS),
        "targets": list(TARGETS),
        "maps_ijk_to_lps": lps.tolist(),
        "notes": [],
        "provenance": {},
        "model": "self-test-1.0.0",
        "device": "cpu",
        "device_name": "CPU",
        "classes": class_records(),
        "seconds": {},
    }


def locationMessage(shoulder, confidence=0.9) -> dict:
    """What the worker would answer to ``locate``: where the humeral head is, and what kind of series this is."""
    roi = {**resultMessage(shoulder)["classification"]["roi"], "confidence": confidence}
    series = {"plane": "coronal", "weighting": "T2", "fat_saturated": True, "side": shoulder.side}
    return {"roi": roi, "series": series, "notes": [], "found": True}
