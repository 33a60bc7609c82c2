"""Training of VRN on prepared shoulder cubes (Shim 2020, Methods, "Training")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from radiologycnn.networks.feature_grid import feature_stride
from radiologycnn.networks.mixed_precision import mixed_precision
from radiologycnn.rotatorcuff.preprocessing import Preprocessing
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES
from radiologycnn.training.loading import Sample
from radiologycnn.training.loop import TrainingLoop, TrainingResult
from radiologycnn.training.rotatorcuff.assess import class_probabilities
from radiologycnn.training.rotatorcuff.augmentation import changed_grey, cut_cubes, moved
from radiologycnn.training.rotatorcuff.calibration import best_logit_scale, with_scaled_logits
from radiologycnn.training.rotatorcuff.cases import load_case, load_class
from radiologycnn.training.rotatorcuff.losses import (
    Total,
    class_loss,
    itself,
    localization_loss,
    ordinal_targets,
    tear_maps,
    tear_targets,
)
from radiologycnn.training.rotatorcuff.reference_class import against_none
from radiologycnn.training.rotatorcuff.settings import SMALLEST_BATCH, TrainingSettings, architecture_of
from radiologycnn.training.train_network import train_network

RUNNING_SHARE = 0.02  # of each batch in the statistics of ``head_norm="running"``


def follow_statistics(norm: nn.Module, pooled: Tensor, total: Total = itself) -> None:
    """Let the running statistics of a normalization in test mode follow these values, shape (batch, channels).

    The spread is taken around the running mean, as a small batch's own mean hides most of what its cases differ by.

    Args:
        total: what a sum over the batch comes to in all processes that share it.
    """
    if isinstance(norm, nn.modules.batchnorm._BatchNorm):
        count = total(pooled.new_tensor(float(len(pooled))))
        norm.running_mean.lerp_(total(pooled.sum(dim=0)) / count, RUNNING_SHARE)
        spread = total((pooled - norm.running_mean).square().sum(dim=0)) / count
        norm.running_var.lerp_(spread, RUNNING_SHARE)


class ClassificationLoop(TrainingLoop):
    """Loss and validation of the tear classifier."""

    figure_names = ("validation_loss", "validation_top1", "validation_within_one", "validation_tear", "validation_peak")
    smallest_batch = SMALLEST_BATCH
    settings: TrainingSettings

    architecture = staticmethod(architecture_of)

    @staticmethod
    def make_optimizer(network: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
        """The settings' optimizer, with decay for the weights of convolutions and fully connected layers alone."""
        layers = [module for module in network.modules() if isinstance(module, nn.Conv3d | nn.Linear)]
        decayed = [layer.weight for layer in layers]
        names = {id(weight) for weight in decayed}
        others = [parameter for parameter in network.parameters() if id(parameter) not in names]
        groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        if settings.optimizer == "sgd":
            return torch.optim.SGD(groups, settings.learning_rate, momentum=0.9, nesterov=True)
        return torch.optim.AdamW(groups, settings.learning_rate)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.preprocessing: Preprocessing = self.settings.preprocessing()
        self.case_weights: Tensor | None = None
        if self.settings.class_weights == "balanced":
            counts = np.bincount([load_class(path) for path in self.train_paths], minlength=len(TEAR_CLASSES))
            # Mean 1 over the training cases; a class without cases needs none.
            weights = len(self.train_paths) / (np.count_nonzero(counts) * np.maximum(counts, 1))
            self.case_weights = torch.from_numpy(weights).float()

    def run(self, *args: Any, **options: Any) -> TrainingResult:
        """As ever; then with logits of the scale that fits the validation cases, and maps against None, as set.

        The checkpoint keeps the weights as they were trained.
        """
        result = super().run(*args, **options)
        if self.settings.calibrate and self.validation_paths:
            result = self._calibrated(result)
        if self.settings.maps_against_none:
            result = replace(result, state_dict=against_none(result.state_dict))
        return result

    def _calibrated(self, result: TrainingResult) -> TrainingResult:
        self.network.load_state_dict(result.state_dict)
        found = self.team.shared_out([[path] for path in self.validation_paths], self._probabilities, self.cancelled)
        scale = best_logit_scale(*(np.concatenate(part) for part in zip(*found)))
        weights = with_scaled_logits(result.state_dict, scale)
        self.network.load_state_dict(weights)
        with torch.no_grad():
            return replace(result, state_dict=weights, figures=self.validate())

    def _probabilities(self, paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
        return class_probabilities(self.network, paths, self.preprocessing, self.device)

    def rate_at(self, part: float) -> float:
        if self.settings.schedule == "cosine":
            return super().rate_at(part)
        later = self.epoch - (0 if self.coarse else self.settings.coarse_epochs) >= self.settings.step_epoch
        return self.settings.learning_rate * (0.1 if later else 1.0)

    def training_mode(self) -> None:
        super().training_mode()
        if self.settings.head_norm == "running":
            self.network.head_norm.eval()

    def prepare(self, path: Path, generator: torch.Generator) -> Sample:
        wide, mask, classes = self._load([path])
        if not self.settings.localization_weight:
            mask = torch.zeros_like(mask)  # not asked for, and costly to move
        shape = self._cube_shape()
        if self.settings.augment:
            cubes, mask = moved(wide, mask, shape, generator)
            cubes = changed_grey(cubes, generator)
        else:
            cubes, mask = cut_cubes(wide, shape), cut_cubes(mask, shape)
        return self._scaled(cubes), mask, classes

    def batch_loss(self, share: Sample, cases: int) -> Tensor:
        image, mask, classes = share
        weights = self.case_weights[classes] if self.case_weights is not None else None
        return self._forward(image, mask, classes, weights, self.team.total)[0]

    def validate(self) -> dict[str, float]:
        """Mean loss; shares of right classes, of classes right or next to it, of right answers to "a tear?", and of
        tears (with mask) whose map has its peak at the tear, give or take the map's own coarseness."""
        if not self.validation_paths:
            return {}
        size = self.settings.coarse_batch_size if self.coarse else self.settings.batch_size
        starts = range(0, len(self.validation_paths), size)
        batches = [self.validation_paths[start : start + size] for start in starts]
        found = self.shared_out(batches, self._validation_batch, self._validated)
        losses, predicted, true, peaks = (list(chain.from_iterable(column)) for column in zip(*found))
        far = np.abs(np.subtract(predicted, true))
        tear_right = (np.array(predicted) > 0) == (np.array(true) > 0)
        figures = {
            "validation_loss": float(np.mean(losses)),
            "validation_top1": float((far == 0).mean()),
            "validation_within_one": float((far <= 1).mean()),
            "validation_tear": float(tear_right.mean()),
        }
        return figures | ({"validation_peak": float(np.mean(peaks))} if peaks else {})

    def _validation_batch(self, paths: Sequence[Path]) -> Sample:
        """Cubes, tear shares and classes of some cases, as they are."""
        wide, mask, classes = self._load(paths)
        cubes, mask = (cut_cubes(part, self._cube_shape()) for part in (wide, mask))
        return self._scaled(cubes), mask, classes

    def _validated(self, batch: Sample) -> tuple[list[float], list[int], list[int], list[bool]]:
        """Of some cases: losses, classes found, true classes; and whether the peak lies at the tear, where that is."""
        cubes, mask, classes = batch
        loss, logits, maps, targets = self._forward(cubes, mask, classes)
        known = targets.amax(dim=(1, 2, 3)) > 0
        place = maps.flatten(1).argmax(dim=1, keepdim=True)
        hits = targets.flatten(1).gather(1, place)[:, 0] > 0
        return [float(loss)] * len(classes), logits.argmax(dim=1).tolist(), classes.tolist(), hits[known].tolist()

    def _cube_shape(self) -> tuple[int, ...]:
        return tuple(side // (2 if self.coarse else 1) for side in self.preprocessing.shape)

    def _load(self, paths: Sequence[Path]) -> tuple[Tensor, Tensor, Tensor]:
        """Grey values and tear share with margin, (batch, 1, K, J, I), and classes; on half the grid while coarse."""
        cases = [load_case(path) for path in paths]
        wide = torch.stack([torch.from_numpy(case.grey).float()[None] for case in cases])
        # A case without mask gets an empty one, which the localization loss leaves out.
        masks = [np.zeros(case.grey.shape, bool) if case.mask is None else case.mask for case in cases]
        mask = torch.stack([torch.from_numpy(one).float()[None] for one in masks])
        if self.coarse:
            wide, mask = functional.avg_pool3d(wide, 2), functional.avg_pool3d(mask, 2)
        classes = torch.tensor([case.tear_class for case in cases])
        return wide, mask, classes

    def _forward(
        self, image: Tensor, mask: Tensor, classes: Tensor, weights: Tensor | None = None, total: Total = itself
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Loss, logits, maps of tear versus none, and where these should lie.

        Args:
            total: what a sum over the batch comes to in all processes that share it.
        """
        settings = self.settings
        image = image.to(self.device, memory_format=torch.channels_last_3d, non_blocking=True)
        mask, classes = (one.to(self.device, non_blocking=True) for one in (mask, classes))
        with mixed_precision(self.device, settings.autocast):
            features = self.network.features(image)
        features = features.float()
        if self.network.training and self.settings.head_norm == "running":
            follow_statistics(self.network.head_norm, features.detach().mean(dim=(2, 3, 4)), total)
        logits = self.network.classify(features)
        targets = ordinal_targets(classes, len(TEAR_CLASSES), settings.label_smoothing)
        gamma = settings.focal_gamma if settings.loss == "focal" else 0.0
        loss = class_loss(logits, targets, weights.to(self.device) if weights is not None else None, gamma, total)
        # On the grid that the stem sees.
        factor = settings.pixel_unshuffle
        mask = functional.avg_pool3d(mask, (1, factor, factor))
        stride = feature_stride(mask.shape[2:], features.shape[2:])
        maps = tear_maps(self.network, features, logits)
        places = tear_targets(mask, stride, self.network.halving_offset * (stride - 1))
        if settings.localization_weight:
            loss = loss + settings.localization_weight * localization_loss(maps, places, total)
        return loss, logits, maps, places

    def _scaled(self, cubes: Tensor) -> Tensor:
        """Grey values as the network's input, as :meth:`Preprocessing.scale_input` does it at test time."""
        return torch.from_numpy(np.stack([self.preprocessing.scale_input(cube.numpy()) for cube in cubes]))


train = partial(train_network, ClassificationLoop)
"""Train VRN: the other arguments of :func:`radiologycnn.training.train_network.train_network`."""
