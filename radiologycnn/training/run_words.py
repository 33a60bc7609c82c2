"""What a training says of itself in the terminal: before its first epoch, after each one, and amid a long one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from radiologycnn.evaluation.words import figure_words
from radiologycnn.networks.architectures import count_parameters
from radiologycnn.networks.devices import describe_device
from radiologycnn.progress import Progress, no_progress

if TYPE_CHECKING:
    from radiologycnn.training.loop import TrainingLoop
    from radiologycnn.training.settings import CommonSettings

LONGEST_SILENCE_S = 60.0
"""An epoch that takes longer tells in between how far it is."""


class Telling:
    """Tells a person how far a run is.

    Attributes:
        progress: whom it tells; nobody at first.
    """

    def __init__(self, settings: CommonSettings) -> None:
        self._coarse, self._fine = settings.coarse_epochs, settings.epochs
        self.progress: Progress = no_progress
        self._told_s = 0.0

    def say(self, epochs_done: float, text: str) -> None:
        """A line, with the part of the work that is done; a coarse epoch is an eighth of a fine one."""
        done = min(epochs_done, self._coarse) / 8 + max(epochs_done - self._coarse, 0)
        self._told_s = time.monotonic()
        self.progress(done / (self._coarse / 8 + self._fine), text)

    @property
    def is_overdue(self) -> bool:
        """Whether nothing was told for so long that a person begins to wonder."""
        return time.monotonic() - self._told_s > LONGEST_SILENCE_S

    def say_under_way(self, epochs_done: int, done: int, cases: int, loss: float) -> None:
        """How far the epoch after these is: so many of its cases are done, with this mean loss."""
        text = f"Epoch {epochs_done + 1} of {self._coarse + self._fine}, {done} of {cases} cases: loss {loss:.3f}"
        self.say(epochs_done + done / cases, text)


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
