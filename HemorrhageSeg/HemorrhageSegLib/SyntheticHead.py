"""A small head CT made of ellipsoids, with a bleed of known volume: what the self test segments and measures."""

from dataclasses import dataclass

import numpy as np

AIR_HU, SCALP_HU, SKULL_HU, BRAIN_HU, VENTRICLE_HU, BLEED_HU = -1000, 20, 1000, 34, 8, 66


@dataclass(frozen=True)
class SyntheticHead:
    """The scan and its truth.

    Attributes:
        array: int16 HU, shape (K, J, I).
        truth: uint8, same shape, 1 in the bleed.
        ijkToRas: 4x4, voxel index to RAS in mm; rows and columns run as in a DICOM axial series.
    """

    array: np.ndarray
    truth: np.ndarray
    ijkToRas: np.ndarray

    @property
    def bleedMl(self) -> float:
        return float(self.truth.sum() * abs(np.linalg.det(self.ijkToRas[:3, :3])) / 1000.0)


def syntheticHead(shapeKji=(32, 128, 128), spacingMm=(1.8, 1.8, 5.0), bleedMm=(18.0, 24.0, 15.0), seed=7):
    """Make a head with one deep bleed on its left side.

    Args:
        shapeKji: voxels as (slices, rows, columns).
        spacingMm: distance of voxels along columns (i), rows (j) and slices (k).
        bleedMm: semi-axes of the bleed along R, A and S; zeros for a head without a bleed.
        seed: of the noise.
    """
    ijkToRas = np.diag([-spacingMm[0], -spacingMm[1], spacingMm[2], 1.0])
    centre = (np.array(shapeKji[::-1]) - 1) / 2
    ijkToRas[:3, 3] = -ijkToRas[:3, :3] @ centre
    k, j, i = np.ogrid[tuple(slice(0, n) for n in shapeKji)]
    r, a, s = (ijkToRas[n, n] * index + ijkToRas[n, 3] for n, index in enumerate((i, j, k)))

    def inside(semiAxes, middle=(0.0, 0.0, 0.0)):
        pairs = zip((r, a, s), middle, semiAxes)
        return sum(((position - m) / axis) ** 2 for position, m, axis in pairs) <= 1.0

    array = np.full(shapeKji, AIR_HU, np.float32)
    array[inside((80, 98, 76))] = SCALP_HU
    array[inside((75, 93, 72))] = SKULL_HU
    array[inside((69, 87, 66))] = BRAIN_HU
    array[inside((8, 22, 12), (14, 5, 8))] = VENTRICLE_HU
    array[inside((8, 22, 12), (-14, 5, 8))] = VENTRICLE_HU
    truth = np.zeros(shapeKji, np.uint8)
    if all(bleedMm):
        truth[inside(bleedMm, (-34.0, 0.0, 4.0))] = 1
        array[truth == 1] = BLEED_HU
    noise = np.random.default_rng(seed).normal(0, 3, shapeKji)
    array = np.clip(np.round(array + noise), AIR_HU, None).astype(np.int16)
    return SyntheticHead(array, truth, ijkToRas)
