"""The training of a task's network as its settings describe it, in one process or in a team of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from radiologycnn.networks.architectures import build_network
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.training.distributed import current_team
from radiologycnn.training.frozen import check_start
from radiologycnn.training.loop import TrainingLoop, TrainingResult
from radiologycnn.training.settings import CommonSettings


def train_network(
    kind: type[TrainingLoop],
    train_paths: list[Path],
    validation_paths: list[Path],
    settings: CommonSettings,
    folder: Path,
    resume: bool = False,
    device: str = "cpu",
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
    start_weights: Mapping[str, Tensor] | None = None,
) -> TrainingResult:
    """Train and validate; see :class:`.loop.TrainingLoop` for files and errors.

    Args:
        kind: the task's loop.
        train_paths: prepared cases, of the task's module ``cases``.
        validation_paths: the same; without any the last epoch's weights are kept.
        start_weights: of an earlier training of the same network, to go on from.
    """
    if current_team().leads:  # the others get their weights from it
        check_start(settings, start_weights, resume)
    torch.manual_seed(settings.seed)
    network = build_network(kind.architecture(settings))
    if start_weights is not None:
        network.load_state_dict(start_weights)
    network = network.to(device, memory_format=torch.channels_last_3d)
    loop = kind(network, settings, train_paths, validation_paths, folder, device, cancelled)
    same = (kind, train_paths, validation_paths, settings, folder, resume)
    with loop.team.common(train_network, *same) as summon:
        return loop.run(resume, progress, summon)
