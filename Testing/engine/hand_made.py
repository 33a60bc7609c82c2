"""A head phantom with a known bleed, and a model whose weights are written by hand: it marks what has a bleed's HU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from engine.model_card import model_card

from radiologycnn.hemorrhage.labels import HEMORRHAGE
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images.volume import Volume
from radiologycnn.models.package import ModelPackage
from radiologycnn.models.weights import save_package
from radiologycnn.networks.architectures import build_network
from radiologycnn.networks.cnn_ds import CnnDs
from radiologycnn.networks.cnn_ds_options import CnnDsOptions

BRAIN_HU, BLEED_HU = 30.0, 70.0

OPTIONS = CnnDsOptions(base_filters=2, depth=2, normalization="none", deep_supervision=False)
#: Three quarters of the usual grid along each axis: 2.4 times as quick, and fine enough for a ball of 20 mm.
GRID_IJK = (96, 96, 48)


def description(**changes: Any) -> dict[str, Any]:
    """A complete ``model.json`` for :func:`window_network`."""
    own = {
        "name": "hand-made",
        "task": "hemorrhage-segmentation",
        "title": "Hand-made model",
        "architecture": {"name": "cnn_ds", "parameters": OPTIONS.to_dict()},
        "preprocessing": Preprocessing(grid_shape_ijk=GRID_IJK).to_dict(),
        "labels": [HEMORRHAGE.to_dict()],
    }
    return model_card(**{**own, **changes})


def window_network() -> CnnDs:
    """Probability 1 from 50 to 85 HU, else 0: logit 400 * (x - 0.5) where x is HU / 100, and far below for bone."""
    network = CnnDs(OPTIONS)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        centre = (1, 1, 1)
        # Two channels: x, and what of x exceeds 0.85.
        network.in_convs[0][0][0].weight[(0, 0, *centre)] = 1
        network.in_convs[0][0][0].weight[(1, 0, *centre)] = 1
        network.in_convs[0][0][0].bias[1] = -0.85
        for channel in range(2):
            network.localizations[0][0][0].weight[(channel, channel, *centre)] = 1
            network.localizations[0][1][0].weight[channel, channel] = 1
        network.segmentations[0].weight[(0, 0, *centre)] = 400
        network.segmentations[0].weight[(0, 1, *centre)] = -8000
        network.segmentations[0].bias[0] = -200
    return network


def make_package(folder: Path, **changes: Any) -> ModelPackage:
    """Write the hand-made model to ``folder``."""
    return save_package(folder, window_network().state_dict(), description(**changes))


def tiny_package(folder: Path) -> ModelPackage:
    """Write a network that looks at the whole head within a second; its weights are random."""
    architecture = {"name": "cnn_ds", "parameters": {"base_filters": 2, "depth": 2}}
    torch.manual_seed(0)
    record = description(name="tiny", title="Tiny network for tests", architecture=architecture, preprocessing={})
    return save_package(folder, build_network(architecture).state_dict(), record)


def lps_grid(shape_kji: tuple[int, int, int], ijk_to_lps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L, P and S in mm of every voxel centre, three arrays of shape (K, J, I)."""
    k, j, i = np.meshgrid(*(np.arange(n, dtype=float) for n in shape_kji), indexing="ij")
    return tuple(
        ijk_to_lps[axis, 0] * i + ijk_to_lps[axis, 1] * j + ijk_to_lps[axis, 2] * k + ijk_to_lps[axis, 3]
        for axis in range(3)
    )


def centred_matrix(steps: np.ndarray, shape_kji: tuple[int, int, int]) -> np.ndarray:
    """IJK to LPS with these steps as columns, and the grid's centre at the origin."""
    matrix = np.eye(4)
    matrix[:3, :3] = steps
    matrix[:3, 3] = -np.asarray(steps) @ ((np.array(shape_kji[::-1]) - 1) / 2)
    return matrix


def head_phantom(
    shape_kji: tuple[int, int, int] = (64, 160, 160),
    steps: np.ndarray | None = None,
    bleed_centre_lps: tuple[float, float, float] = (30.0, 0.0, 10.0),
    bleed_radius_mm: float = 20.0,
    head_centre_lps: tuple[float, float, float] = (0.0, 0.0, 0.0),
    turned_degrees: float = 0.0,
) -> tuple[Volume, np.ndarray]:
    """An ellipsoidal head with a ball of blood; the volume, and the ball's exact mask."""
    steps = np.diag([1.4, 1.6, 2.8]) if steps is None else np.asarray(steps, float)
    matrix = centred_matrix(steps, shape_kji)
    x, y, z = lps_grid(shape_kji, matrix)
    x0, y0, z0 = x - head_centre_lps[0], y - head_centre_lps[1], z - head_centre_lps[2]
    turn = np.radians(turned_degrees)
    u, v = x0 * np.cos(turn) + y0 * np.sin(turn), -x0 * np.sin(turn) + y0 * np.cos(turn)
    radius = np.sqrt((u / 76) ** 2 + (v / 95) ** 2 + (z0 / 80) ** 2)
    hu = np.full(shape_kji, -1000.0)
    hu[radius < 1.0] = 40
    hu[radius < 0.97] = 1000
    hu[radius < 0.88] = BRAIN_HU
    bleed = sum((axis - c) ** 2 for axis, c in zip((x, y, z), bleed_centre_lps)) < bleed_radius_mm**2
    hu[bleed] = BLEED_HU
    return Volume(np.rint(hu).astype(np.int16), matrix, "CT", "phantom"), bleed
