"""A small shoulder made of simple bodies: what the self test classifies and shows. No picture of a person."""

from dataclasses import dataclass

import numpy as np

AIR, FAT, MUSCLE, MARROW, BONE_EDGE, FLUID = 5, 190, 95, 210, 20, 300
#: Lateral, posterior and superior of the humeral head's centre, mm: where the supraspinatus tendon ends.
TEAR_FROM_HEAD_MM = (14.0, -2.0, 21.0)


@dataclass(frozen=True)
class SyntheticShoulder:
    """The scan and where things are in it.

    Attributes:
        array: int16, shape (K, J, I); a coronal oblique series, slices from posterior to anterior.
        ijkToRas: 4x4, voxel index to RAS in mm.
        headRas: centre of the humeral head, mm.
        headRadiusMm: its radius.
        tearRas: middle of the tear, mm.
        side: "left" or "right".
    """

    array: np.ndarray
    ijkToRas: np.ndarray
    headRas: tuple
    headRadiusMm: float
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
    return SyntheticShoulder(array, ijkToRas, tuple(map(float, head)), radius, tuple(map(float, tear)), side)
