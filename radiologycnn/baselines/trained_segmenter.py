"""What the networks beside CNN-DS share: training, threshold, both on disk, and facts for the report."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from radiologycnn.baselines.interface import PREPARED, TRAINED, Fit, Learning, ScanCase, Segmenter
from radiologycnn.baselines.operating_point import MaskAt, operating_threshold
from radiologycnn.errors import InputError
from radiologycnn.images.volume import Volume
from radiologycnn.networks.architectures import count_parameters
from radiologycnn.training.checkpoints import CHECKPOINT_NAME, LOG_NAME, logged_seconds, save_tensors
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.hemorrhage.trainer import SegmentationLoop

WEIGHTS_NAME = "weights.pt"


class TrainedSegmenter(Segmenter):
    """A network; a subclass says how cases are prepared, what is learned, and what a scan's mask is.

    Attributes:
        threshold: probability from which a voxel is in the mask; known after :meth:`fit`.
    """

    settings: TrainingSettings
    device: str
    threshold: float

    def build(self) -> None:
        """Make the network, its weights drawn by the seed."""
        torch.manual_seed(self.settings.seed)
        self.network = self.make_network().to(self.device)

    @abstractmethod
    def make_network(self) -> nn.Module:
        """On the CPU."""

    @abstractmethod
    def make_loop(self, *args: Any) -> SegmentationLoop:
        """The training loop; arguments as of :class:`radiologycnn.training.loop.TrainingLoop`."""

    @abstractmethod
    def prepared(self, learning: Learning[ScanCase]) -> list[list[Path]]:
        """Files of the training and of the validation cases."""

    @abstractmethod
    def outlined(self, volume: Volume) -> MaskAt:
        """What the network makes of a scan."""

    def facts(self) -> dict[str, Any]:
        """For the report, beside the number of parameters and the threshold."""
        return {}

    def predict(self, volume: Volume) -> np.ndarray:
        return self.outlined(volume)(self.threshold)

    def learn(self, learning: Learning[ScanCase]) -> Fit:
        path = learning.folder / WEIGHTS_NAME
        if not path.exists():
            learning.folder.mkdir(parents=True, exist_ok=True)
            self._train(learning, path)
        kept = torch.load(path, map_location=self.device, weights_only=True)
        if "threshold" not in kept:
            raise InputError(
                "older-method",
                f"{path} is of an earlier version, which learned otherwise and kept no threshold.",
                "Begin in another folder.",
            )
        self.network.load_state_dict(kept["network"])
        self.network.eval()
        self.threshold = kept["threshold"]
        log = learning.folder / LOG_NAME
        facts = {"parameters": count_parameters(self.network), "threshold": self.threshold, **self.facts()}
        return Fit(logged_seconds(log), log, facts)

    def _train(self, learning: Learning[ScanCase], path: Path) -> None:
        folder, settings = learning.folder, self.settings
        paths = self.prepared(learning.part(0.0, PREPARED))
        loop = self.make_loop(self.network, settings, *paths, folder, self.device, learning.cancelled)
        result = loop.run((folder / CHECKPOINT_NAME).exists(), learning.part(PREPARED, TRAINED).progress)
        self.network.load_state_dict(result.state_dict)
        self.network.eval()
        threshold = operating_threshold(settings, learning.part(TRAINED, 1.0), self.outlined)
        save_tensors(path, {"network": result.state_dict, "threshold": threshold})
