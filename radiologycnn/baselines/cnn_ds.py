"""CNN-DS behind the interface of the comparison, with and without deep supervision, on the whole grid (Arab 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radiologycnn.baselines.interface import PREPARED, TRAINED, Fit, Learning, ScanCase, Segmenter
from radiologycnn.baselines.operating_point import operating_threshold, outlined_on_grid
from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.hemorrhage.labels import BLEED_TYPES, HEMORRHAGE
from radiologycnn.images.volume import Volume
from radiologycnn.models.description import DESCRIPTION_NAME
from radiologycnn.models.package import ModelPackage, load_package
from radiologycnn.models.weights import load_network, save_package
from radiologycnn.networks.architectures import build_network, count_parameters
from radiologycnn.tasks import HEMORRHAGE_TASK
from radiologycnn.training.checkpoints import CHECKPOINT_NAME, LOG_NAME, logged_seconds
from radiologycnn.training.hemorrhage.cases import prepare_case, save_case
from radiologycnn.training.hemorrhage.run import cache_name, preprocessing_of
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.hemorrhage.trainer import SegmentationLoop, architecture_of
from radiologycnn.training.packages import ModelName, NetworkRecord, OperatingPoint, describe


def prepared_on_grid(learning: Learning[ScanCase], settings: TrainingSettings) -> list[list[Path]]:
    """The training and the validation cases on the network's grid, as files that methods of one comparison share."""
    cache = learning.folder.parent / f"cases-{cache_name(settings)}"
    preprocessing = preprocessing_of(settings)

    def prepare(case: ScanCase) -> None:
        save_case(prepare_case(case.id, *case.read(), preprocessing), cache)

    return learning.prepared(cache, prepare)


class CnnDsSegmenter(Segmenter):
    """The paper's network, used as the panel and ``segment`` use it.

    Args:
        settings: of the training.
        deep_supervision: False is the ablation of Table 4.
        simulated: the scans that it learns from, for the model's card.
    """

    def __init__(
        self,
        name: str,
        title: str,
        settings: TrainingSettings,
        deep_supervision: bool = True,
        device: str = "cpu",
        simulated: bool = True,
    ) -> None:
        self.name, self.title = name, title
        self.settings, self.device, self.simulated = settings, device, simulated
        self.architecture: Mapping[str, Any] = architecture_of(settings)
        if not deep_supervision:
            parameters = {**self.architecture["parameters"], "deep_supervision": False}
            self.architecture = {**self.architecture, "parameters": parameters}
        self._segmenter: HemorrhageSegmenter | None = None

    def learn(self, learning: Learning[ScanCase]) -> Fit:
        packaged = learning.folder / "model"
        if not (packaged / DESCRIPTION_NAME).exists():
            self._train(learning, packaged)
        package = load_package(packaged)
        self._segmenter = HemorrhageSegmenter(package, self.device)
        facts = {
            "parameters": count_parameters(load_network(package)),
            "threshold": package.operating_threshold,
            "architecture": dict(package.architecture),
        }
        log = learning.folder / LOG_NAME
        return Fit(logged_seconds(log), log, facts)

    def predict(self, volume: Volume) -> np.ndarray:
        return self._segmenter.segment(volume).mask > 0

    def _train(self, learning: Learning[ScanCase], packaged: Path) -> None:
        settings, folder = self.settings, learning.folder
        paths = prepared_on_grid(learning.part(0.0, PREPARED), settings)
        torch.manual_seed(settings.seed)
        network = build_network(self.architecture).to(self.device, memory_format=torch.channels_last_3d)
        loop = SegmentationLoop(network, settings, *paths, folder, self.device, learning.cancelled)
        result = loop.run((folder / CHECKPOINT_NAME).exists(), learning.part(PREPARED, TRAINED).progress)
        network.load_state_dict(result.state_dict)
        network.eval()
        preprocessing = preprocessing_of(settings)
        threshold = operating_threshold(
            settings,
            learning.part(TRAINED, 1.0),
            lambda volume: outlined_on_grid(network, preprocessing, volume, self.device),
        )
        model = ModelName(self.name.replace("_", "-"), title=self.title)
        trained = NetworkRecord(HEMORRHAGE_TASK, self.architecture, preprocessing.to_dict(), [HEMORRHAGE.to_dict()])
        made_with = replace(settings, calibrate=False)  # its threshold follows the rule of the comparison
        record = describe(model, trained, made_with, learning.description, self.simulated, OperatingPoint(threshold))
        save_package(packaged, result.state_dict, record)


class PackagedSegmenter(Segmenter):
    """A finished model behind the same interface: nothing is learned.

    A model of five types of bleed gives a label map instead of a mask, uint8 with the values of ``BLEED_TYPES``.
    """

    def __init__(self, package: ModelPackage, device: str = "cpu", name: str = "cnn_ds", title: str = "CNN-DS") -> None:
        self.name, self.title, self.package = name, title, package
        self._segmenter = HemorrhageSegmenter(package, device)

    def learn(self, learning: Learning[ScanCase]) -> Fit:
        facts = {
            "model": self.package.id,
            "sha256": self.package.weights_sha256,
            "threshold": self.package.operating_threshold,
            "device": self._segmenter.device_name,
            "types": self._tells_types,
        }
        return Fit(None, None, facts)

    def predict(self, volume: Volume) -> np.ndarray:
        mask = self._segmenter.segment(volume).mask
        return mask if self._tells_types else mask > 0

    @property
    def _tells_types(self) -> bool:
        return [label.name for label in self._segmenter.labels] == [label.name for label in BLEED_TYPES.values()]
