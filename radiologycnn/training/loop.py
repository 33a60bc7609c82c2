"""The training loop of every task: epochs, best weights, log, resumable after any interruption.

Every epoch draws its order, augmentation and dropout from (seed, epoch) alone, and ends with an atomic checkpoint, so a
run that was killed and resumed gives the weights of a run that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from radiologycnn.errors import Cancelled, InputError
from radiologycnn.training.checkpoints import append_log, load_checkpoint, save_checkpoint
from radiologycnn.training.schedules import cosine_rate
from radiologycnn.training.settings import CommonSettings


@dataclass
class TrainingResult:
    """The weights that a run ends with.

    Attributes:
        state_dict: of the best epoch by validation loss, or of the last one where nothing is validated.
        epoch: that it is of, from 1.
        figures: of its validation, by the names in the log.
    """

    state_dict: dict[str, Tensor]
    epoch: int
    figures: dict[str, float]


class TrainingLoop:
    """One run; a task gives :meth:`loss_of` and :meth:`validate`, and may change the rest.

    Args:
        network: on its device.
        optimizer: of the network's parameters.
        train_paths, validation_paths: prepared cases; the latter may be empty, then the last epoch's weights are kept.
        folder: gets ``checkpoint.pt`` and ``log.csv``.
        cancelled: asked before every step.
    """

    # What validate() returns, as columns of the log; "validation_loss" decides which epoch is the best one.
    figure_names: tuple[str, ...] = ("validation_loss",)
    # Batch normalization over one case has nothing to normalize with.
    smallest_batch = 1
    # Of a step's gradient, which keeps one odd batch from throwing the weights away; 0: no limit.
    largest_gradient_norm = 5.0
    # Of the learning rate, for the fine stage after a coarse one, which goes on from what that one found.
    fine_rate_share = 0.5

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: CommonSettings,
        train_paths: Sequence[Path],
        validation_paths: Sequence[Path],
        folder: Path,
        device: str = "cpu",
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.network, self.optimizer, self.settings = network, optimizer, settings
        self.train_paths, self.validation_paths = list(train_paths), list(validation_paths)
        self.folder, self.device, self.cancelled = folder, device, cancelled
        self.epoch = 0
        self.since_better = 0
        self.best: TrainingResult | None = None
        self.last_words = ""
        if len(self.train_paths) < self.smallest_batch:
            raise InputError(
                "too-few-cases",
                f"{len(self.train_paths)} training case is too few; at least {self.smallest_batch} are needed.",
                "Add cases.",
            )
        folder.mkdir(parents=True, exist_ok=True)

    # What a task gives

    def loss_of(self, paths: Sequence[Path], generator: torch.Generator) -> Tensor:
        """Loss of a batch of training cases; random choices come from the generator."""
        raise NotImplementedError

    def validate(self) -> dict[str, float]:
        """The figures of :attr:`figure_names`; {} without validation cases."""
        raise NotImplementedError

    def rate_at(self, part: float) -> float:
        """The learning rate at this part (0-1) of the running epoch."""
        settings, done = self.settings, self.epoch + part
        if self.coarse:
            return cosine_rate(settings.learning_rate, done, settings.coarse_epochs)
        share = self.fine_rate_share if settings.coarse_epochs else 1.0
        return cosine_rate(settings.learning_rate * share, done - settings.coarse_epochs, settings.epochs)

    def training_mode(self) -> None:
        """Called before each pass over the training cases."""
        self.network.train()

    def after_epoch(self, better: bool) -> None:
        """Called before the checkpoint is written."""

    def extra_state(self) -> dict[str, Any]:
        """What the task keeps in the checkpoint besides: numbers and texts."""
        return {}

    def restore_extra(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`extra_state`."""

    # The run

    @property
    def coarse(self) -> bool:
        """Whether the running epoch is one of the coarse stage."""
        return self.epoch < self.settings.coarse_epochs

    def run(self, resume: bool = False, progress: Callable[[float, str], None] | None = None) -> TrainingResult:
        """All epochs that are still to be made.

        Raises:
            InputError: nothing to resume from, or a checkpoint of other settings.
            Cancelled: asked to stop; the checkpoint of the last whole epoch stays.
        """
        if resume:
            self._restore()
        total = self.settings.coarse_epochs + self.settings.epochs
        patience = self.settings.stop_after
        while self.epoch < total and not (patience and self.since_better >= patience):
            self._one_epoch()
            if progress:
                progress(self.epoch / total, f"Epoch {self.epoch} of {total}: {self.last_words}")
        if self.best is None:
            raise InputError("nothing-trained", "The run made no epoch.", "Give more epochs.")
        return self.best

    def _one_epoch(self) -> None:
        started = time.monotonic()
        if self.epoch == self.settings.coarse_epochs:  # losses of the two grids cannot be compared
            self.best, self.since_better = None, 0
            self.before_fine_stage()
        stage = "coarse" if self.coarse else "fine"
        rate, train_loss = self._train_once()
        self.network.eval()
        with torch.no_grad():
            figures = self.validate()
        loss = figures.get("validation_loss")
        better = (
            loss is None or self.best is None or loss < self.best.figures["validation_loss"] - self.settings.min_delta
        )
        if better:
            weights = {name: tensor.detach().cpu().clone() for name, tensor in self.network.state_dict().items()}
            self.best = TrainingResult(weights, self.epoch + 1, figures)
        self.since_better = 0 if better else self.since_better + 1
        self.after_epoch(better)
        self.epoch += 1
        record: dict[str, Any] = {
            "epoch": self.epoch,
            "stage": stage,
            "learning_rate": f"{rate:.3g}",
            "train_loss": f"{train_loss:.5f}",
            **{name: f"{figures[name]:.5f}" if name in figures else "" for name in self.figure_names},
            "seconds": f"{time.monotonic() - started:.1f}",
            "best": int(better),
        }
        # Checkpoint first; the log is rewritten to hold the epochs up to it.
        save_checkpoint(self.folder, self._state())
        append_log(self.folder, record)
        words = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in figures.items())
        self.last_words = f"{stage}, loss {train_loss:.3f}" + (f", {words}" if words else "")

    def before_fine_stage(self) -> None:
        """Called when the first epoch on the network's own grid begins."""

    def _train_once(self) -> tuple[float, float]:
        """One pass; returns the last learning rate and the mean loss."""
        generator = torch.Generator().manual_seed(self.settings.seed * 100_003 + self.epoch)
        torch.manual_seed(self.settings.seed * 100_019 + self.epoch)  # dropout
        batches = list(self.batches(generator))
        self.training_mode()
        total, rate = 0.0, self.settings.learning_rate
        for number, batch in enumerate(batches):
            if self.cancelled():
                raise Cancelled
            rate = self.rate_at(number / len(batches))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            loss = self.loss_of([self.train_paths[i] for i in batch], generator)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if self.largest_gradient_norm:
                nn.utils.clip_grad_norm_(self.network.parameters(), self.largest_gradient_norm)
            self.optimizer.step()
            total += float(loss.detach()) * len(batch)
        return rate, total / sum(map(len, batches))

    def batches(self, generator: torch.Generator) -> Iterator[list[int]]:
        """The training cases in new order; cases too few for a batch of their own join the batch before them."""
        size = self.settings.coarse_batch_size if self.coarse else self.settings.batch_size
        order = torch.randperm(len(self.train_paths), generator=generator).tolist()
        order = order[: self.settings.epoch_cases or None]
        found = [order[i : i + size] for i in range(0, len(order), size)]
        if len(found) > 1 and len(found[-1]) < self.smallest_batch:
            last = found.pop()
            found[-1] = found[-1] + last
        yield from found

    # Checkpoints

    def _state(self) -> dict[str, Any]:
        return {
            "settings": self.settings.to_dict(),
            "cases": self._case_names(),
            "epoch": self.epoch,
            "since_better": self.since_better,
            "extra": self.extra_state(),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": vars(self.best) if self.best else None,
        }

    def _case_names(self) -> list[list[str]]:
        return [[path.stem for path in paths] for paths in (self.train_paths, self.validation_paths)]

    def _restore(self) -> None:
        state = load_checkpoint(self.folder)
        settings = {name: _plain(value) for name, value in self.settings.to_dict().items()}
        made_with = {name: _plain(value) for name, value in state["settings"].items()}
        if made_with != settings or state["cases"] != self._case_names():
            differing = [name for name in settings if made_with.get(name) != settings[name]] or ["the cases"]
            raise InputError(
                "other-settings",
                f"The checkpoint was made with other settings: {', '.join(differing)}.",
                "Resume with the same settings, or start in a new folder.",
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.since_better = state["epoch"], state["since_better"]
        self.restore_extra(state["extra"])
        self.best = TrainingResult(**state["best"]) if state["best"] else None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
