"""Prepared cases for both networks, written once."""

from pathlib import Path

import numpy as np
import pytest

from radiologycnn.training.hemorrhage.cases import PreparedCase, save_case
from radiologycnn.training.rotatorcuff import cases as shoulders


@pytest.fixture(scope="session")
def heads(tmp_path_factory) -> list[Path]:
    """Four heads of 16 voxels a side, each with a bleed of its own size."""
    folder = tmp_path_factory.mktemp("heads")
    for number in range(4):
        mask = np.zeros((16, 16, 16), np.uint8)
        mask[4:9, 5 : 9 + number, 3:8] = 1
        image = 0.3 + 0.3 * mask + 0.02 * np.random.default_rng(number).standard_normal(mask.shape)
        save_case(PreparedCase(f"c{number}", image.astype(np.float16), mask, 0.01), folder)
    return sorted(folder.glob("*.npz"))


@pytest.fixture(scope="session")
def cubes(tmp_path_factory) -> list[Path]:
    """Six cubes of noise of 20 voxels a side, of all five classes."""
    folder = tmp_path_factory.mktemp("cubes")
    for number in range(6):
        grey = np.random.default_rng(number).integers(0, 255, (20, 20, 20)).astype(np.uint8)
        shoulders.save_case(shoulders.PreparedCase(f"c{number}", grey, number % 5, None), folder)
    return sorted(folder.glob("*.npz"))
