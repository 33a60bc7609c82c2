"""Networks and simulated scans that the tests of OpenVINO share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from engine.hand_made_shoulder import plain_scan, random_package

from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.models.catalog import bundled_models_folder, list_models
from radiologycnn.models.export import export_package
from radiologycnn.simulation.head_ct.config import HeadCtConfig
from radiologycnn.simulation.head_ct.simulate import simulate_head_ct


@pytest.fixture(scope="session")
def bundled() -> Callable[[str], list]:
    """The models of a task that come with the project."""

    def of(task: str) -> list:
        return [p for p in list_models(task) if not p.problem and bundled_models_folder() in p.path.parents]

    return of


@pytest.fixture(scope="session")
def head_package(bundled, tmp_path_factory):
    """The bundled model that segments, exported anew where it is without its network."""
    package = bundled("hemorrhage-segmentation")[0]
    return package if package.onnx_sha256 else export_package(package, tmp_path_factory.mktemp("head") / "model")


@pytest.fixture(scope="session")
def head_image(head_package):
    """Noise on the grid of the model that segments, float32, (K, J, I)."""
    shape_kji = Preprocessing.from_dict(head_package.preprocessing).grid_shape_ijk[::-1]
    return np.random.default_rng(0).random(shape_kji, np.float32)


@pytest.fixture(scope="session")
def heads():
    """Simulated heads with bleeds of several millilitres, one of them large."""
    config = HeadCtConfig.from_dict({"scanner": {"matrix": 128, "coarse_mm": 3.0, "fine_mm": 2.0}})
    return [simulate_head_ct(index, seed=99, config=config).volume for index in (1, 5)]


@pytest.fixture(scope="session")
def shoulder_package(tmp_path_factory):
    return export_package(random_package(tmp_path_factory.mktemp("shoulder") / "random-1.0.0"))


@pytest.fixture(scope="session")
def shoulder():
    return plain_scan(side="left")
