"""Training of CNN-DS: Dice on prepared head CTs, by the paper's plateau schedule or a cosine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.networks.mixed_precision import mixed_precision
from radiologycnn.training.hemorrhage.augmentation import augment
from radiologycnn.training.hemorrhage.cases import load_case
from radiologycnn.training.hemorrhage.losses import segmentation_loss, types_loss
from radiologycnn.training.hemorrhage.settings import TrainingSettings, architecture_of
from radiologycnn.training.loading import Sample
from radiologycnn.training.loop import TrainingLoop
from radiologycnn.training.train_network import train_network


class SegmentationLoop(TrainingLoop):
    """Loss and validation of a segmentation network."""

    figure_names = ("validation_loss", "validation_dice")
    settings: TrainingSettings
    # Voxels of the network's grid that are one of the coarse stage's, along K, J and I.
    coarse_step_kji: tuple[int, int, int] = (2, 2, 2)

    architecture = staticmethod(architecture_of)

    @staticmethod
    def make_optimizer(network: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
        """Adam as Keras has it, which the paper's authors trained with."""
        return torch.optim.Adam(network.parameters(), settings.learning_rate, eps=1e-7)

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

    def prepare(self, path: Path, generator: torch.Generator) -> Sample:
        image, mask = self.load(path)
        if self.settings.augment:
            image, mask = augment(image, mask, generator)
        return self.parts(image, mask, generator)

    def parts(self, image: Tensor, mask: Tensor, generator: torch.Generator) -> Sample:
        """What the network is shown of a case: all of it here, in other loops parts that they draw.

        Args:
            image, mask: of the whole case, as :meth:`load` gives them, augmented where a training case is.
            generator: the case's own.
        """
        return image, mask

    def batch_loss(self, share: Sample, cases: int) -> Tensor:
        # The mean over parts is that over cases, where every case has as many of them.
        return self._loss(*share)[0] * (len(self.team.share(range(cases))) / cases)

    def validate(self) -> dict[str, float]:
        """Mean loss, and mean Dice at 0.5 over the cases that hold blood, if any; blood of another type is wrong."""
        found = self.shared_out(list(enumerate(self.validation_paths)), self._validation_case, self._validated)
        scores = [dice for _, dice in found if dice is not None]
        figures = {"validation_loss": sum(loss for loss, _ in found) / len(found)}
        return figures | ({"validation_dice": sum(scores) / len(scores)} if scores else {})

    def _validation_case(self, item: tuple[int, Path]) -> Sample:
        """Image and mask of a case by its number and file."""
        number, path = item
        # The same parts after every epoch, so that epochs can be compared, where a case is drawn from.
        return self.parts(*self.load(path), torch.Generator().manual_seed(self.settings.seed + number))

    def _validated(self, case: Sample) -> tuple[float, float | None]:
        """Loss and Dice of a case."""
        image, mask = case
        loss, logits = self._loss(image, mask)
        if not mask.any():
            return float(loss), None
        found = (logits > 0) & (logits == logits.amax(dim=1, keepdim=True))
        found = found.float().cpu()
        return float(loss), float(2 * (found * mask).sum() / (found.sum() + mask.sum()))

    def load(self, path: Path) -> tuple[Tensor, Tensor]:
        """Image, (1, 1, K, J, I), and a mask a label, (1, labels, K, J, I), on a coarser grid while coarse."""
        case = load_case(path)
        image = torch.from_numpy(case.image).float()[None, None]
        masks = [case.labels == label.value for label in BLEED_TYPES.values()] if self.settings.types else [case.mask]
        mask = torch.from_numpy(np.stack(masks)).float()[None]
        if self.coarse:
            image = functional.avg_pool3d(image, self.coarse_step_kji)
            mask = (functional.avg_pool3d(mask, self.coarse_step_kji) >= 0.5).float()
        return image, mask

    def _loss(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        image = image.to(self.device, memory_format=torch.channels_last_3d, non_blocking=True)
        mask = mask.to(self.device, non_blocking=True)
        with mixed_precision(self.device, self.settings.autocast):
            logits = self.network(image)
        logits = logits.float()
        loss = types_loss if logits.shape[1] > 1 else segmentation_loss
        settings = self.settings
        return loss(logits, mask, settings.loss, settings.focal_gamma, settings.blood_weight), logits


train = partial(train_network, SegmentationLoop)
"""Train CNN-DS: the other arguments of :func:`radiologycnn.training.train_network.train_network`."""
