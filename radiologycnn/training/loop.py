"""The training loop of every task: epochs, best weights, log, resumable after any interruption.

Every epoch draws its order, augmentation and dropout from (seed, epoch) alone, and ends with an atomic checkpoint, so a
run that was killed and resumed gives the weights of a run that was not; on a GPU up to rounding, as some of its kernels
add up in any order. Several processes share a run as :mod:`.distributed` says; only their dropout differs from one's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from radiologycnn.errors import Cancelled
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.training.averaging import running_average
from radiologycnn.training.best_epoch import BestEpoch, NothingTrained, TrainingResult
from radiologycnn.training.distributed import current_team
from radiologycnn.training.frozen import freeze
from radiologycnn.training.joined_normalization import joined_normalization
from radiologycnn.training.loading import (
    Sample,
    check_enough,
    collate,
    draw_batches,
    draw_seeds,
    each_in_advance,
    in_advance,
)
from radiologycnn.training.loop_state import restore, state_of
from radiologycnn.training.run_files import RunFiles
from radiologycnn.training.run_words import Telling, beginning_lines, epoch_words
from radiologycnn.training.schedules import cosine_rate
from radiologycnn.training.settings import CommonSettings

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")


class TrainingLoop:
    """One run; a task gives :meth:`prepare`, :meth:`batch_loss` and :meth:`validate`, and may change the rest.

    Args:
        network: on its device.
        train_paths, validation_paths: prepared cases; the latter may be empty, then the last epoch's weights are kept.
        folder: gets ``checkpoint.pt`` and ``log.csv``.
        cancelled: asked before every step.
    """

    # The architecture record of the network, and the optimizer of its parameters, that a task's settings describe.
    architecture: Callable[[Any], dict[str, Any]]
    make_optimizer: Callable[[nn.Module, Any], torch.optim.Optimizer]
    # What validate() returns, as columns of the log; "validation_loss" decides which epoch is the best one.
    figure_names: tuple[str, ...] = ("validation_loss",)
    # Batch normalization over one case has nothing to normalize with.
    smallest_batch = 1
    # Of the learning rate, for the fine stage after a coarse one, which goes on from what that one found.
    fine_rate_share = 0.5

    def __init__(
        self,
        network: nn.Module,
        settings: CommonSettings,
        train_paths: Sequence[Path],
        validation_paths: Sequence[Path],
        folder: Path,
        device: str = "cpu",
        cancelled: IsCancelled = never_cancelled,
    ) -> None:
        self.settings, self.optimizer = settings, self.make_optimizer(network, settings)
        self.team = current_team()
        self.network = joined_normalization(network, self.team, device)
        self.frozen_parts = freeze(self.network, settings)
        self.average = running_average(self.network, settings.weight_average)
        self.train_paths, self.validation_paths = list(train_paths), list(validation_paths)
        self.folder, self.device, self.cancelled = folder, device, cancelled
        self.epoch = 0
        self.best = BestEpoch(settings)
        self.last_words = ""
        self.telling = Telling(self.settings)
        self.files = RunFiles(folder, self.team.leads)
        if self.smallest_batch > 1:  # then a process without a case could not normalize with the others
            self.smallest_batch = max(self.smallest_batch, self.team.size)
        check_enough(len(self.train_paths), settings, self.smallest_batch, self.team.size)
        folder.mkdir(parents=True, exist_ok=True)

    # What a task gives

    def prepare(self, path: Path, generator: torch.Generator) -> Sample:
        """A training case on the CPU, augmented; random choices come from the generator, which is the case's own.

        Called in other threads.
        """
        raise NotImplementedError

    def batch_loss(self, share: Sample, cases: int) -> Tensor:
        """This process's part of a batch's loss: the parts of all processes add up to the loss.

        Args:
            share: :meth:`prepare` of the cases that fell to this process, together.
            cases: of the batch, in all processes.
        """
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
        for part in self.frozen_parts:
            part.eval()

    def before_fine_stage(self) -> None:
        """Called when the first epoch on the network's own grid begins."""

    def after_epoch(self, better: bool) -> None:
        """Called before the checkpoint is written, while :attr:`network` is what was validated."""

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

    def run(
        self,
        resume: bool = False,
        progress: Progress = no_progress,
        summon: Callable[[], None] = lambda: None,
    ) -> TrainingResult:
        """All epochs that are still to be made.

        Args:
            summon: called when nothing stands against beginning: has the other processes do the same.

        Raises:
            InputError: nothing to resume from, a checkpoint of other settings, or a validation loss that never was a
                number.
            Cancelled: asked to stop; the checkpoint of the last whole epoch stays.
        """
        if resume:
            restore(self, self.files.last_state())
        self.files.begin(self.epoch, self.settings.tensorboard)
        summon()
        self.team.same_start(self.network)
        if self.team.leads:
            self.telling.progress = progress
        for text in beginning_lines(self):
            self.telling.say(self.epoch, text)
        # The coarse stage only prepares for the fine one, and is followed by it however it went.
        total = self.settings.coarse_epochs + self.settings.epochs
        while self.epoch < total and (self.epoch <= self.settings.coarse_epochs or not self.best.waited_enough):
            self._one_epoch()
            self.telling.say(self.epoch, f"Epoch {self.epoch} of {total}: {self.last_words}")
        self.files.close()
        if self.best.result is None:
            raise NothingTrained
        return self.best.result

    def _one_epoch(self) -> None:
        started = time.monotonic()
        if self.epoch == self.settings.coarse_epochs:  # losses of the two grids cannot be compared
            self.best.forget()
            self.before_fine_stage()
        stage = "coarse" if self.coarse else "fine"
        rate, train_loss = self._train_once()
        with self._averaged_weights(), torch.no_grad():
            self.network.eval()
            figures = self.validate()
            better = self.best.offer(self.network, self.epoch + 1, figures)
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
        self.files.add(state_of(self), record)
        self.last_words = epoch_words(stage, train_loss, figures)

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        """While entered, :attr:`network` is the average of its weights, where the settings want one."""
        learning = self.network
        if self.average:
            self.network = self.average.module
        try:
            yield
        finally:
            self.network = learning

    def _train_once(self) -> tuple[float, float]:
        """One pass; returns the last learning rate and the mean loss."""
        settings, team = self.settings, self.team
        generator = torch.Generator().manual_seed(settings.seed * 100_003 + self.epoch)
        torch.manual_seed(settings.seed * 100_019 + self.epoch + 1_000_003 * team.rank)  # dropout
        batches = self.batches(generator)
        seeds = iter(draw_seeds(sum(map(len, batches)), generator))
        shares = [team.share([(self.train_paths[i], next(seeds)) for i in batch]) for batch in batches]
        self.training_mode()
        total, rate = torch.zeros((), dtype=torch.float64, device=self.device), settings.learning_rate
        done, cases = 0, sum(map(len, batches))
        with closing(in_advance(shares, self._prepare, settings.loading_threads, self.device)) as loaded:
            for number, (batch, samples) in enumerate(zip(batches, loaded)):
                if any(team.gather(self.cancelled())):
                    raise Cancelled
                rate = self.rate_at(number / len(batches))
                for group in self.optimizer.param_groups:
                    group["lr"] = rate
                total += self._step(samples, len(batch)) * len(batch)
                done += len(batch)
                if self.telling.is_overdue and done < cases:
                    self.telling.say_under_way(self.epoch, done, cases, float(total) / done)
        return rate, float(total) / cases

    def _prepare(self, item: tuple[Path, int]) -> Sample:
        path, seed = item
        return self.prepare(path, torch.Generator().manual_seed(seed))

    def _step(self, samples: Sequence[Sample], cases: int) -> Tensor:
        """One step of the optimizer; returns the batch's loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.zeros((), device=self.device)
        if samples:
            share = collate(samples, pin=torch.device(self.device).type == "cuda")
            loss = self.batch_loss(share, cases)
            loss.backward()
        loss = self.team.sum_gradients(self.network.parameters(), loss.detach()[None])[0]
        if self.settings.gradient_limit:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_limit)
        self.optimizer.step()
        if self.average:
            self.average.update_parameters(self.network)
        return loss

    def batches(self, generator: torch.Generator) -> list[list[int]]:
        """The training cases of an epoch, by their numbers, in new order."""
        settings = self.settings
        size = settings.coarse_batch_size if self.coarse else settings.batch_size
        return draw_batches(len(self.train_paths), size, settings.epoch_cases, self.smallest_batch, generator)

    def shared_out(self, items: Sequence[T], load: Callable[[T], S], work: Callable[[S], R]) -> list[R]:
        """``work`` of every item, each in one process; all of them get the results, in order.

        Args:
            load: what work is given of an item; called in other threads, ahead of the work, as for training.

        Raises:
            Cancelled: a process was asked to stop.
        """
        with each_in_advance(self.team.share(items), load, self.settings.loading_threads, self.device) as ready:
            return self.team.shared_out(items, lambda _item: work(next(ready)), self.cancelled)
