"""Networks that name tears, behind the interface of the comparison: VRN and its rivals, trained by one loop.

Only the architecture differs between them; preprocessing, loss, schedule, cases and the way a scan is classified are
VRN's own (Shim 2020). The rivals are those that the paper names as still to be compared with: 2D slices, other numbers
of blocks, squeeze-and-excitation, DenseNet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import nn

from radiologycnn.baselines.interface import PREPARED, Fit, Learning, ShoulderCase, TearAnswer, TearClassifier
from radiologycnn.images.volume import Volume
from radiologycnn.images.write import write_atomically
from radiologycnn.models.description import DESCRIPTION_NAME
from radiologycnn.models.package import ModelPackage, load_package
from radiologycnn.models.weights import load_network, save_package
from radiologycnn.networks.architectures import build_network, count_parameters
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.prepared_cuff import PreparedCuff
from radiologycnn.rotatorcuff.repeats import RepeatRequest
from radiologycnn.rotatorcuff.tear_classes import TEAR_VERSUS_NONE, class_records
from radiologycnn.tasks import ROTATOR_CUFF_TASK
from radiologycnn.training.checkpoints import CHECKPOINT_NAME, LOG_NAME, logged_seconds
from radiologycnn.training.packages import ModelName, NetworkRecord, OperatingPoint, describe
from radiologycnn.training.rotatorcuff.cases import prepare_case, save_case
from radiologycnn.training.rotatorcuff.run import cache_name
from radiologycnn.training.rotatorcuff.settings import TrainingSettings, architecture_of
from radiologycnn.training.rotatorcuff.trainer import ClassificationLoop

EPOCHS_NAME = "epochs"

#: The rivals: title, architecture's name, and how its parameters differ from those of the training settings.
VARIANTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "vrn": ("VRN, 2 blocks (Shim 2020)", "vrn", {}),
    "vrn_1": ("VRN, 1 block", "vrn", {"blocks": 1}),
    "vrn_3": ("VRN, 3 blocks", "vrn", {"blocks": 3}),
    "vrn_4": ("VRN, 4 blocks", "vrn", {"blocks": 4}),
    "vrn_se": ("VRN with squeeze-and-excitation", "vrn", {"squeeze_excitation": True}),
    "densenet": ("3D DenseNet", "densenet3d", {}),
    "slice_cnn": ("2D CNN of slices", "slice_cnn", {}),
}


def architecture(variant: str, settings: TrainingSettings) -> dict[str, Any]:
    """The ``architecture`` record of a variant at the settings' width and size."""
    _, name, changes = VARIANTS[variant]
    own = architecture_of(settings)["parameters"]
    if name == "vrn":
        parameters = {**own, **changes}
        needed = 3 * parameters.get("blocks", 2)
        if len(parameters.get("keep_probabilities", ())) < needed:
            parameters.pop("keep_probabilities", None)  # scaled for fewer blocks: the preset's own for all of them
        return {"name": name, "parameters": parameters}
    parameters = {key: own[key] for key in ("classes", "input_size", "base_filters")}
    if name == "densenet3d":
        # Half the first convolution's channels, as in Huang 2017; 2, 6 and 14 layers come to VRN's size.
        parameters["growth_rate"] = max(settings.base_filters // 2, 2)
    return {"name": name, "parameters": {**parameters, **changes}}


class PackagedTearClassifier(TearClassifier):
    """A finished model: classifies as the panel and ``classify`` do."""

    def __init__(self, package: ModelPackage, device: str = "cpu", name: str = "vrn", title: str = "VRN") -> None:
        self.name, self.title, self.device = name, title, device
        self._use(package)

    def _use(self, package: ModelPackage) -> None:
        self.package = package
        self._classifier = RotatorCuffClassifier(package, self.device)
        self._members: list[nn.Module] = []
        self._prepared: tuple[Volume, PreparedCuff] | None = None  # of the last scan

    def repeat_with(self, weights: Sequence[Path]) -> None:
        """Answer repeats by "checkpoints" or "seeds" with these weights (.safetensors) of the same architecture."""
        self._members = []
        for path in weights:
            network = build_network(self.package.architecture)
            network.load_state_dict(load_file(path))
            self._members.append(network.float().eval().to(self.device))

    def learn(self, learning: Learning[ShoulderCase]) -> Fit:
        facts = {
            "model": self.package.id,
            "sha256": self.package.weights_sha256,
            "parameters": count_parameters(load_network(self.package)),
            "threshold": self.package.operating_threshold,
            "device": self._classifier.device_name,
        }
        return Fit(None, None, facts)

    def predict(self, volume: Volume) -> TearAnswer:
        self._prepared = (volume, self._classifier.prepare(volume))
        result = self._classifier.classify(volume, prepared=self._prepared[1])
        method = result.methods.index("cam")
        targets = list(result.targets)
        wanted = {"tear_versus_none": TEAR_VERSUS_NONE, "predicted": result.classification.predicted}
        maps = {name: result.maps[method, targets.index(target)] for name, target in wanted.items()}
        return TearAnswer(tuple(result.classification.probabilities), maps, result.maps_ijk_to_lps)

    def repeated(self, volume: Volume, repeats: Mapping[str, Any]) -> np.ndarray:
        if self._prepared is None or self._prepared[0] is not volume:
            self._prepared = (volume, self._classifier.prepare(volume))
        shoulder = self._prepared[1].shoulder
        if self._members:
            image = torch.from_numpy(shoulder.array)[None, None].to(self.device)
            with torch.no_grad():
                rows = [torch.softmax(network(image).double(), dim=1)[0].cpu().numpy() for network in self._members]
            return np.stack(rows)
        return self._classifier.repeated(RepeatRequest.from_dict(repeats), shoulder)


class KeepingLoop(ClassificationLoop):
    """Keeps the weights after each of the last epochs of the fine stage, as ``epochs/<number>.safetensors``."""

    keep_last = 0

    def after_epoch(self, better: bool) -> None:
        super().after_epoch(better)
        if self.coarse or not self.keep_last:
            return
        folder = self.folder / EPOCHS_NAME
        folder.mkdir(exist_ok=True)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        write_atomically(folder / f"{self.epoch + 1:05d}.safetensors", save(tensors))
        for old in sorted(folder.glob("*.safetensors"))[: -self.keep_last]:
            old.unlink()


class TrainedTearClassifier(PackagedTearClassifier):
    """One of :data:`VARIANTS`, trained.

    Args:
        simulated: the scans that it learns from, for the model's card.
        keep_last: of how many of the last epochs the weights are kept.
    """

    def __init__(
        self,
        variant: str,
        settings: TrainingSettings,
        device: str = "cpu",
        simulated: bool = True,
        keep_last: int = 0,
    ) -> None:
        self.name, self.title, self.device = variant, VARIANTS[variant][0], device
        if VARIANTS[variant][1] != "vrn":
            settings = replace(settings, pixel_unshuffle=1)  # only VRN folds pixels
        self.settings, self.simulated, self.keep_last = settings, simulated, keep_last
        self.architecture = architecture(variant, settings)

    def learn(self, learning: Learning[ShoulderCase]) -> Fit:
        packaged = learning.folder / "model"
        if not (packaged / DESCRIPTION_NAME).exists():
            self._train(learning, packaged)
        self._use(load_package(packaged))
        log = learning.folder / LOG_NAME
        facts = {"parameters": count_parameters(load_network(self.package)), "architecture": self.architecture}
        return Fit(logged_seconds(log), log, facts)

    def _train(self, learning: Learning[ShoulderCase], packaged: Path) -> None:
        settings, folder = self.settings, learning.folder
        paths = prepared_cubes(learning.part(0.0, PREPARED), settings)
        torch.manual_seed(settings.seed)
        network = build_network(self.architecture).to(self.device, memory_format=torch.channels_last_3d)
        loop = KeepingLoop(network, settings, *paths, folder, self.device, learning.cancelled)
        loop.keep_last = self.keep_last
        result = loop.run((folder / CHECKPOINT_NAME).exists(), learning.part(PREPARED, 1.0).progress)
        model = ModelName(self.name.replace("_", "-"), title=self.title)
        preprocessing = settings.preprocessing().to_dict()
        trained = NetworkRecord(ROTATOR_CUFF_TASK, self.architecture, preprocessing, class_records())
        record = describe(model, trained, settings, learning.description, self.simulated, OperatingPoint(0.5))
        save_package(packaged, result.state_dict, record)


def prepared_cubes(learning: Learning[ShoulderCase], settings: TrainingSettings) -> list[list[Path]]:
    """The training and the validation cases as cubes around the humeral head, as files that methods share."""
    cache = learning.folder.parent / f"cases-{cache_name(settings)}"

    def prepare(case: ShoulderCase) -> None:
        volume, mask = case.read()
        preprocessing = settings.preprocessing()
        ready = prepare_case(case.id, volume, case.tear_class, preprocessing, mask, case.side, case.centre_lps_mm)
        save_case(ready, cache)

    return learning.prepared(cache, prepare)
