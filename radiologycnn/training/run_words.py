"""What a training says of itself in the terminal: before its first epoch, and after each one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from radiologycnn.evaluation.words import figure_words
from radiologycnn.networks.architectures import count_parameters
from radiologycnn.networks.devices import describe_device

if TYPE_CHECKING:
    from radiologycnn.training.loop import TrainingLoop


def network_words(network: nn.Module) -> str:
    """How many parameters there are, and how many of them learn where some are frozen."""
    parameters = count_parameters(network)
    learning = sum(one.numel() for one in network.parameters() if one.requires_grad)
    return (
        f"{parameters:,} parameters" if learning == parameters else f"{learning:,} of {parameters:,} parameters learn"
    )


def beginning_lines(loop: TrainingLoop) -> list[str]:
    """What a person wants to know before the first epoch."""
    kept = f", going on after epoch {loop.epoch}" if loop.epoch else ""
    lines = [
        f"Cases: {len(loop.train_paths)} to train on, {len(loop.validation_paths)} to validate on; "
        f"{network_words(loop.network)}; {describe_device(torch.device(loop.device))}{kept}"
    ]
    processes, size = loop.team.size, loop.settings.batch_size
    if processes > size:
        lines.append(f"Batches of {size} leave {processes - size} of {processes} processes without work")
    return lines


def epoch_words(stage: str, train_loss: float, figures: Mapping[str, float]) -> str:
    """An epoch's losses and figures.

    Args:
        stage: "coarse" or "fine".
        figures: of its validation, by the names in the log.
    """
    words = ", ".join(f"{figure_words(name)} {value:.3f}" for name, value in figures.items())
    return f"{stage}, loss {train_loss:.3f}" + (f", {words}" if words else "")
