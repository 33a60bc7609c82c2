"""A small head CT made of ellipsoids, with a bleed of known volume, and what a worker says that finds it exactly."""

import os
from dataclasses import dataclass

import numpy as np

from radiologycnn.hemorrhage.labels import HEMORRHAGE

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


def resultMessage(head, folder, probability=None) -> dict:
    """What the worker would answer for a head whose bleed it finds exactly."""
    truth = head.truth
    k, j, i = (slice(int(n.min()) - 1, int(n.max()) + 2) for n in np.nonzero(truth))
    if probability is None:
        probability = 0.9 * truth.astype(np.float32)
        middle = (k.start + k.stop) // 2
        probability[middle] += 0.07 * truth[middle]
        probability = probability[k, j, i]
    path = os.path.join(folder, "probability.npy")
    np.save(path, probability)
    kji = np.argwhere(truth)
    voxelMm3 = abs(np.linalg.det(head.ijkToRas[:3, :3]))
    centroid = (head.ijkToRas @ [*kji.mean(axis=0)[::-1], 1.0])[:3].tolist()
    values = head.array[truth == 1].astype(float)
    abc2 = {"a_mm": 48.0, "b_mm": 36.0, "c_mm": 30.0, "volume_ml": 25.92}
    volumeMl = len(kji) * voxelMm3 / 1000.0
    lesion = {
        "index": 1,
        "label_value": HEMORRHAGE.value,
        "label_name": HEMORRHAGE.name,
        "voxel_count": len(kji),
        "volume_ml": volumeMl,
        "max_diameter_mm": 48.0,
        "mean_hu": float(values.mean()),
        "sd_hu": float(values.std()),
        "first_slice": int(kji[:, 0].min()),
        "last_slice": int(kji[:, 0].max()),
        "centroid_ras_mm": centroid,
        "side": "left",
        "abc2": abc2,
    }
    total = {
        "label_value": HEMORRHAGE.value,
        "label_name": HEMORRHAGE.name,
        "volume_ml": volumeMl,
        "lesion_count": 1,
        "abc2_ml": 25.92,
    }
    return {
        "probability": path,
        "offset_kji": [k.start, j.start, i.start],
        "shape_kji": list(truth.shape),
        "floor": 0.01,
        "threshold": 0.5,
        "measurements": {
            "total_volume_ml": volumeMl,
            "total_abc2_ml": 25.92,
            "totals": [total],
            "lesions": [lesion],
        },
        "notes": [],
        "provenance": {},
        "model": "self-test-1.0.0",
        "device": "cpu",
        "device_name": "CPU",
        "labels": [HEMORRHAGE.to_dict()],
        "seconds": {},
    }
