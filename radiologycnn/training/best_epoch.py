"""Which epoch's weights a training ends with, and when it has gone on for long enough without a better one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from radiologycnn.errors import InputError
from radiologycnn.training.settings import CommonSettings


class NothingTrained(InputError):
    """A training after which there are no weights to end with, as no loss was ever a number."""

    def __init__(self) -> None:
        super().__init__(
            "nothing-trained",
            "No epoch ended with a validation loss that is a number: the training has come apart.",
            "Look for scans with odd values, or train with a lower learning rate.",
        )


@dataclass
class TrainingResult:
    """The weights that a run ends with.

    Attributes:
        state_dict: of the best epoch by validation loss, or of the last one where the settings want that or nothing is
            validated.
        epoch: that it is of, from 1.
        figures: of its validation, by the names in the log.
    """

    state_dict: dict[str, Tensor]
    epoch: int
    figures: dict[str, float]


class BestEpoch:
    """Keeps the weights to end with, and counts the epochs since the lowest validation loss."""

    def __init__(self, settings: CommonSettings) -> None:
        self._settings = settings
        self.forget()

    def forget(self) -> None:
        """Begin anew: what comes next cannot be compared with what was."""
        self.result: TrainingResult | None = None
        self._lowest_loss: float | None = None
        self._since_better = 0

    def offer(self, network: nn.Module, epoch: int, figures: dict[str, float]) -> bool:
        """Whether this epoch (from 1) is the best one so far; without a validation loss every one is.

        Args:
            figures: of its validation; ``validation_loss`` decides. One that is not finite is never better.
        """
        loss, lowest = figures.get("validation_loss"), self._lowest_loss
        lower = lowest is None or (loss is not None and loss < lowest - self._settings.min_delta)
        better = loss is None or (math.isfinite(loss) and lower)
        if better:
            self._lowest_loss = loss
        if better or self._settings.keep == "last":
            weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
            self.result = TrainingResult(weights, epoch, figures)
        self._since_better = 0 if better else self._since_better + 1
        return better

    @property
    def waited_enough(self) -> bool:
        """Whether the settings' patience is over."""
        return bool(self._settings.stop_after) and self._since_better >= self._settings.stop_after

    def state(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {
            "since_better": self._since_better,
            "best": vars(self.result) if self.result else None,
            "lowest_loss": self._lowest_loss,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state`."""
        self._since_better = state["since_better"]
        self.result = TrainingResult(**state["best"]) if state["best"] else None
        lowest = state.get("lowest_loss", self.result and self.result.figures.get("validation_loss"))
        # Earlier versions took the loss of the first epoch for the lowest one even where it was no number.
        self._lowest_loss = None if lowest is None or not math.isfinite(lowest) else lowest
