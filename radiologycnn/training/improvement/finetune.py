"""Fine-tuning a segmentation network on prepared cases, and its Dice on held-out ones, on the network's grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from radiologycnn.errors import Cancelled
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.models.package import ModelPackage
from radiologycnn.models.weights import load_network
from radiologycnn.networks.mixed_precision import mixed_precision
from radiologycnn.progress import IsCancelled, Progress, never_cancelled
from radiologycnn.training.hemorrhage.cases import PreparedCase, load_case
from radiologycnn.training.hemorrhage.settings import PRESETS
from radiologycnn.training.hemorrhage.trainer import SegmentationLoop
from radiologycnn.training.improvement.settings import ImprovementSettings
from radiologycnn.training.loading import each_in_advance
from radiologycnn.training.settings import AUTOMATIC_THREADS


class FineTuningLoop(SegmentationLoop):
    """Training whose held-out Dice is shown after each epoch and decides nothing: the last epoch's weights are kept.

    Choosing the best epoch on the held-out cases would make them look better than new cases will.
    """

    figure_names = ("held_out_dice",)
    threshold = 0.5

    def validate(self) -> dict[str, float]:
        threads = self.settings.loading_threads
        scores = dice_by_case(self.network, self.validation_paths, self.threshold, self.device, self.cancelled, threads)
        return {"held_out_dice": mean(scores)}


def mean(scores: dict[str, float]) -> float:
    """Mean over cases; there is at least one."""
    return sum(scores.values()) / len(scores)


@torch.no_grad()
def dice_by_case(
    network: nn.Module,
    paths: Sequence[Path],
    threshold: float,
    device: str,
    cancelled: IsCancelled = never_cancelled,
    threads: int = AUTOMATIC_THREADS,
) -> dict[str, float]:
    """Dice of the mask at a threshold with a prepared case's, by file name; 1 where both are empty.

    Of a network of several labels, blood of another type is wrong.

    Args:
        threads: that read the cases ahead, as the setting ``loading_threads``.

    Raises:
        Cancelled: as ``cancelled`` said.
    """
    network.eval()
    lowest_logit = math.log(threshold / (1 - threshold))
    scores = {}
    with each_in_advance(paths, load_case, threads, device) as loaded:
        for path in paths:
            if cancelled():
                raise Cancelled
            case = next(loaded)
            image = torch.from_numpy(case.image).float()[None, None].to(device, memory_format=torch.channels_last_3d)
            with mixed_precision(device):
                logits = network(image)
            scores[path.stem] = _dice_of_labels(logits.float()[0].cpu().numpy(), lowest_logit, case)
    return scores


def _dice_of_labels(logits: np.ndarray, lowest: float, case: PreparedCase) -> float:
    blood = logits.max(axis=0) >= lowest
    if len(logits) == 1:
        return overlap(blood, case.mask > 0).dice
    right = blood & (logits.argmax(axis=0) + 1 == case.labels)
    both = int(np.count_nonzero(blood)) + int(np.count_nonzero(case.labels))
    return 2 * int(np.count_nonzero(right)) / both if both else 1.0


def between(old: Mapping[str, Tensor], new: Mapping[str, Tensor], new_share: float) -> dict[str, Tensor]:
    """Weights on the way from the old (0) to the new ones (1), on the CPU."""
    return {name: torch.lerp(tensor, new[name].cpu().to(tensor.dtype), new_share) for name, tensor in old.items()}


def network_of(package: ModelPackage, device: str, cancelled: IsCancelled) -> nn.Module:
    """The package's network, ready to be trained; a cancel is noticed between its layers."""
    network = load_network(package, device).requires_grad_(True).to(memory_format=torch.channels_last_3d)

    def stop(module: nn.Module, inputs: tuple) -> None:
        if cancelled():
            raise Cancelled

    for module in network.modules():
        module.register_forward_pre_hook(stop)
    return network


def fine_tune(
    network: nn.Module,
    training: Sequence[Path],
    held_out: Sequence[Path],
    threshold: float,
    types: bool,
    settings: ImprovementSettings,
    folder: Path,
    resume: bool,
    device: str,
    progress: Progress,
    cancelled: IsCancelled,
) -> dict[str, Tensor]:
    """Train on; returns the last epoch's weights.

    Args:
        network: of :func:`network_of`; changed.
        types: the network has an output for each type of bleed.
        folder: gets checkpoint and log.
        resume: go on from the folder's checkpoint, which must be of the same cases and settings.

    Raises:
        Cancelled: asked to stop; the checkpoint of the last whole epoch stays.
    """
    plan = replace(
        PRESETS["default"],
        epochs=settings.epochs,
        coarse_epochs=0,
        learning_rate=settings.learning_rate,
        weight_average=0.0,  # of a few steps only, it would mostly hold the old weights
        seed=settings.seed,
        types=types,
    )
    torch.manual_seed(settings.seed)
    loop = FineTuningLoop(network, plan, list(training), list(held_out), folder, device, cancelled)
    loop.threshold = threshold
    return loop.run(resume, progress).state_dict
