"""Training of CNN-DS: Dice on prepared head CTs, by the paper's plateau schedule or a cosine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from radiologycnn.errors import Cancelled
from radiologycnn.networks.architectures import build_network
from radiologycnn.networks.cnn_ds_options import CnnDsOptions
from radiologycnn.networks.dice_loss import dice_loss
from radiologycnn.training.hemorrhage.augmentation import augment
from radiologycnn.training.hemorrhage.cases import load_case
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.loop import TrainingLoop, TrainingResult


def architecture_of(settings: TrainingSettings) -> dict[str, Any]:
    """The ``architecture`` record of the model package."""
    parameters = {"preset": settings.network_preset, "base_filters": settings.base_filters, "dropout": settings.dropout}
    if settings.depth != CnnDsOptions().depth:  # left out otherwise, as packages from before it leave it out
        parameters["depth"] = settings.depth
    return {"name": "cnn_ds", "parameters": parameters}


def train(
    train_paths: list[Path],
    validation_paths: list[Path],
    settings: TrainingSettings,
    folder: Path,
    resume: bool = False,
    device: str = "cpu",
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    start_weights: Mapping[str, Tensor] | None = None,
) -> TrainingResult:
    """Train and validate; see :class:`radiologycnn.training.loop.TrainingLoop` for files and errors.

    Args:
        train_paths, validation_paths: prepared cases (:mod:`radiologycnn.training.hemorrhage.cases`).
        start_weights: of an earlier training of the same network, to go on from.
    """
    torch.manual_seed(settings.seed)
    network = build_network(architecture_of(settings)).to(device, memory_format=torch.channels_last_3d)
    if start_weights is not None:
        network.load_state_dict(start_weights)
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate, eps=1e-7)
    loop = SegmentationLoop(network, optimizer, settings, train_paths, validation_paths, folder, device, cancelled)
    return loop.run(resume, progress)


class SegmentationLoop(TrainingLoop):
    """Loss and validation of a segmentation network."""

    figure_names = ("validation_loss", "validation_dice")
    settings: TrainingSettings

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.rate = self.settings.learning_rate
        self.since_halved = 0

    def before_fine_stage(self) -> None:
        self.since_halved = 0

    def after_epoch(self, better: bool) -> None:
        self.since_halved = 0 if better else self.since_halved + 1
        if self.settings.schedule == "plateau" and self.since_halved >= self.settings.patience:
            self.rate, self.since_halved = self.rate / 2, 0

    def rate_at(self, part: float) -> float:
        return self.rate if self.settings.schedule == "plateau" else super().rate_at(part)

    def extra_state(self) -> dict[str, Any]:
        return {"rate": self.rate, "since_halved": self.since_halved}

    def restore_extra(self, state: Mapping[str, Any]) -> None:
        self.rate, self.since_halved = state["rate"], state["since_halved"]

    def loss_of(self, paths: Sequence[Path], generator: torch.Generator) -> Tensor:
        image, mask = self._load(paths)
        if self.settings.augment:
            image, mask = augment(image, mask, generator)
        return self._loss(image, mask)[0]

    def validate(self) -> dict[str, float]:
        """Mean loss, and mean Dice at 0.5 over the cases that hold blood."""
        total, scores = 0.0, []
        for path in self.validation_paths:
            if self.cancelled():
                raise Cancelled
            image, mask = self._load([path])
            loss, logits = self._loss(image, mask)
            total += float(loss)
            if mask.any():
                found = (logits.cpu() > 0).float()
                scores.append(float(2 * (found * mask).sum() / (found.sum() + mask.sum())))
        mean_dice = sum(scores) / max(len(scores), 1)
        return {"validation_loss": total / len(self.validation_paths), "validation_dice": mean_dice}

    def _load(self, paths: Sequence[Path]) -> tuple[Tensor, Tensor]:
        cases = [load_case(path) for path in paths]
        image = torch.stack([torch.from_numpy(case.image).float()[None] for case in cases])
        mask = torch.stack([torch.from_numpy(case.mask).float()[None] for case in cases])
        if self.coarse:
            image = functional.avg_pool3d(image, 2)
            mask = (functional.avg_pool3d(mask, 2) >= 0.5).float()
        return image, mask

    def _loss(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        image = image.to(self.device, memory_format=torch.channels_last_3d)
        mask = mask.to(self.device)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            logits = self.network(image)
        logits = logits.float()
        loss = dice_loss(logits, mask, smoothing=1e-5 if self.settings.loss == "dice" else 100.0)
        if self.settings.loss == "dice_ce":
            # Blood is under 1 % of the voxels; weighing it up keeps a small bleed from being ignored.
            weight = torch.tensor(8.0, device=logits.device)
            loss = loss + 8 * functional.binary_cross_entropy_with_logits(logits, mask, pos_weight=weight)
        return loss, logits
