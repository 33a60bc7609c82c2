"""Shoulder scans with a bright block at a known place, and a model whose weights are written by hand: it sees light."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from engine.model_card import model_card
from torch import nn

from radiologycnn.images.volume import Volume
from radiologycnn.models.package import ModelPackage
from radiologycnn.models.weights import save_package
from radiologycnn.networks.gap_classifier import GapClassifier
from radiologycnn.networks.vrn import build_vrn
from radiologycnn.rotatorcuff.preprocessing import Preprocessing
from radiologycnn.rotatorcuff.tear_classes import class_records
from radiologycnn.tasks import ROTATOR_CUFF_TASK

PARAMETERS = {"base_filters": 4}
#: By the brightest voxel, so that a small block is not cut off; from 0, as the padding around the cube is 0.
PREPROCESSING = Preprocessing(intensity="min_max", input_scale="zero_to_one")


def averaging(network: GapClassifier) -> GapClassifier:
    """Every convolution averages with the same positive weight, and every normalization passes on.

    Features are then high where the image is bright, and the gradient of a feature is symmetric about the centre of its
    receptive field. Max-pooling is silenced: equal values would make it choose one side.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv3d):
                module.weight.fill_(1.0 / module.weight[0].numel())
        for block in network.blocks:
            for unit in block:
                if hasattr(unit, "branches"):
                    unit.branches[2][0].weight.zero_()
    return network


def brightness_network(**parameters: Any) -> GapClassifier:
    """Sees light: the more so the larger the class, and the opposite for "none"."""
    network = averaging(build_vrn(**{**PARAMETERS, **parameters}))
    with torch.no_grad():
        network.classifier.weight.copy_(
            torch.tensor([-1.0, 0.5, 1.0, 2.0, 1.5])[:, None].expand(5, network.classifier.in_features)
        )
        network.classifier.bias.zero_()
    return network.eval()


def description(**changes: Any) -> dict[str, Any]:
    """A complete ``model.json``."""
    own = {
        "name": "sees-light",
        "task": ROTATOR_CUFF_TASK,
        "title": "Hand-made classifier",
        "architecture": {"name": "vrn", "parameters": PARAMETERS},
        "preprocessing": PREPROCESSING.to_dict(),
        "labels": class_records(),
    }
    return model_card(**{**own, **changes})


def make_package(folder: Path, network: nn.Module | None = None, **changes: Any) -> ModelPackage:
    """Write a model to ``folder``: the hand-made one, or another one with its ``architecture`` among the changes."""
    return save_package(folder, (network or brightness_network()).state_dict(), description(**changes))


def random_package(folder: Path, seed: int = 0, size: int = 32, **changes: Any) -> ModelPackage:
    """A small network with random weights on a coarse cube: quick, where the answer does not matter."""
    torch.manual_seed(seed)
    parameters = {"base_filters": 4, "input_size": size, **changes.pop("parameters", {})}
    network = build_vrn(**parameters)
    with torch.no_grad():
        # The features of an untrained network have next to no effect on its answer.
        *_, last = (module for module in network.modules() if isinstance(module, nn.Linear))
        last.weight.mul_(5)
    preset = parameters.pop("preset", None)
    architecture = {"name": "vrn", "parameters": {**parameters, **({"preset": preset} if preset else {})}}
    record = {
        "name": "random",
        "architecture": architecture,
        "preprocessing": Preprocessing(grid_size=size).to_dict(),
        **changes,
    }
    return make_package(folder, network, **record)


def rotation(generator: np.random.Generator, largest_degrees: float) -> np.ndarray:
    """A turn by a random angle around a random axis."""
    axis = generator.normal(size=3)
    x, y, z = axis / np.linalg.norm(axis)
    angle = np.radians(generator.uniform(-largest_degrees, largest_degrees))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def shoulder_grid(
    generator: np.random.Generator, side: str, obliquity_degrees: float = 30.0
) -> tuple[np.ndarray, tuple]:
    """A random oblique-coronal grid: 4x4 and shape (K, J, I), axes stored either way round."""
    spacing = np.array([*generator.uniform(0.8, 1.4, size=2), generator.uniform(2.5, 4.5)])
    shape_ijk = np.array([*generator.integers(110, 140, size=2), generator.integers(24, 30)])
    # i to the left, j down, k to the back, each either way.
    directions = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]) * generator.choice([-1.0, 1.0], size=3)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(generator, obliquity_degrees) @ directions * spacing
    middle = np.array([140.0 if side == "left" else -140.0, 10.0, 40.0]) + generator.uniform(-15, 15, size=3)
    matrix[:3, 3] = middle - matrix[:3, :3] @ ((shape_ijk - 1) / 2)
    return matrix, tuple(int(n) for n in shape_ijk[::-1])


def block_scan(
    generator: np.random.Generator, side: str, block_mm: float = 9.0, reach_mm: float = 22.0
) -> tuple[Volume, np.ndarray, np.ndarray]:
    """A dim scan with one bright block within ``reach_mm`` of its middle along each axis.

    Returns:
        the scan, the middle of the block's voxels and the middle of the scan, both LPS in mm.
    """
    matrix, shape = shoulder_grid(generator, side)
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij"))[::-1]
    places = np.tensordot(matrix[:3, :3], index, axes=1) + matrix[:3, 3][:, None, None, None]
    middle = matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2) + matrix[:3, 3]
    wanted = middle + generator.uniform(-reach_mm, reach_mm, size=3)
    inside = (np.abs(places - wanted[:, None, None, None]) <= block_mm / 2).all(axis=0)
    array = generator.uniform(0, 20, size=shape)
    array[inside] = 1000
    block = np.array([axis[inside].mean() for axis in places])
    laterality = {"left": "L", "right": "R"}.get(side)
    provenance = {"acquisition": {"ImageLaterality": laterality}} if laterality else {}
    return Volume(array.astype(np.float32), matrix, "MR", "block", (), provenance), block, middle


def plain_scan(seed: int = 0, side: str = "right") -> Volume:
    """Any scan that passes the checks: a bright ball in noise."""
    generator = np.random.default_rng(seed)
    matrix, shape = shoulder_grid(generator, side, 10.0)
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij"))[::-1]
    places = np.tensordot(matrix[:3, :3], index, axes=1)
    middle = matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    ball = np.linalg.norm(places - middle[:, None, None, None], axis=0) < 24
    array = generator.normal(100, 15, size=shape) + 250 * ball
    laterality = {"left": "L", "right": "R"}[side]
    return Volume(np.clip(array, 0, None).astype(np.int16), matrix, "MR", "ball", (),
                  {"acquisition": {"ImageLaterality": laterality}})  # fmt: skip
