"""The training loop of CNN-DS: coarse passes, fine passes, best-validation weights, resumable after any interruption.

Every epoch draws its order, augmentation and dropout from (seed, epoch) alone, and ends with an atomic checkpoint, so a
run that was killed and resumed gives the weights of a run that was not.
"""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from radiologycnn.errors import Cancelled, InputError
from radiologycnn.networks.architectures import build_network
from radiologycnn.networks.dice_loss import dice_loss
from radiologycnn.training.augmentation import augment
from radiologycnn.training.cases import load_case
from radiologycnn.training.settings import TrainingSettings

CHECKPOINT_NAME = "checkpoint.pt"
LOG_NAME = "log.csv"
LOG_COLUMNS = ("epoch", "stage", "learning_rate", "train_loss", "validation_loss", "validation_dice", "seconds", "best")


@dataclass
class TrainingResult:
    """Best weights by validation loss on the network's own grid, and how they did."""

    state_dict: dict[str, Tensor]
    epoch: int
    validation_loss: float
    validation_dice: float


def architecture_of(settings: TrainingSettings) -> dict[str, Any]:
    """The ``architecture`` record of the model package."""
    parameters = {"preset": settings.network_preset, "base_filters": settings.base_filters, "dropout": settings.dropout}
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
) -> TrainingResult:
    """Train and validate; writes ``checkpoint.pt`` and ``log.csv`` into ``folder`` after every epoch.

    Args:
        train_paths, validation_paths: prepared cases (:mod:`radiologycnn.training.cases`).
        resume: go on from the folder's checkpoint, which must have been made with the same settings.

    Raises:
        InputError: nothing to resume from, or a checkpoint of other settings.
        Cancelled: asked to stop; the checkpoint of the last whole epoch stays.
    """
    run = _Run(train_paths, validation_paths, settings, folder, device, cancelled)
    if resume:
        run.restore()
    total = settings.coarse_epochs + settings.epochs
    while run.epoch < total and not run.should_stop():
        run.one_epoch()
        if progress:
            progress(run.epoch / total, f"Epoch {run.epoch} of {total}: {run.last_words}")
    if run.best is None:
        raise InputError("nothing-trained", "The run made no epoch.", "Give more epochs.")
    return run.best


class _Run:
    def __init__(
        self,
        train_paths: list[Path],
        validation_paths: list[Path],
        settings: TrainingSettings,
        folder: Path,
        device: str,
        cancelled: Callable[[], bool],
    ) -> None:
        self.train_paths, self.validation_paths = train_paths, validation_paths
        self.settings, self.folder, self.device, self.cancelled = settings, folder, device, cancelled
        torch.manual_seed(settings.seed)
        self.network = build_network(architecture_of(settings)).to(device, memory_format=torch.channels_last_3d)
        self.optimizer = torch.optim.Adam(self.network.parameters(), settings.learning_rate, eps=1e-7)
        self.epoch = 0
        self.rate = settings.learning_rate
        self.since_better = self.since_halved = 0
        self.best: TrainingResult | None = None
        self.last_words = ""
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def coarse(self) -> bool:
        return self.epoch < self.settings.coarse_epochs

    def should_stop(self) -> bool:
        return bool(self.settings.stop_after) and self.since_better >= self.settings.stop_after

    def one_epoch(self) -> None:
        settings, started = self.settings, time.monotonic()
        if self.epoch == settings.coarse_epochs:  # losses of the two grids cannot be compared
            self.best, self.since_better, self.since_halved = None, 0, 0
        stage = "coarse" if self.coarse else "fine"
        rate, train_loss = self._train_once()
        validation_loss, dice = self._validate()
        better = self.best is None or validation_loss < self.best.validation_loss - settings.min_delta
        if better:
            weights = {name: tensor.detach().cpu().clone() for name, tensor in self.network.state_dict().items()}
            self.best = TrainingResult(weights, self.epoch + 1, validation_loss, dice)
        self.since_better = 0 if better else self.since_better + 1
        self.since_halved = 0 if better else self.since_halved + 1
        if settings.schedule == "plateau" and self.since_halved >= settings.patience:
            self.rate, self.since_halved = self.rate / 2, 0
        self.epoch += 1
        seconds = time.monotonic() - started
        row = (
            self.epoch,
            stage,
            f"{rate:.3g}",
            f"{train_loss:.5f}",
            f"{validation_loss:.5f}",
            f"{dice:.4f}",
            f"{seconds:.1f}",
            int(better),
        )
        self._save(row)
        self.last_words = f"{stage}, loss {train_loss:.3f}, validation loss {validation_loss:.3f}, Dice {dice:.3f}"

    def _train_once(self) -> tuple[float, float]:
        settings = self.settings
        generator = torch.Generator().manual_seed(settings.seed * 100_003 + self.epoch)
        torch.manual_seed(settings.seed * 100_019 + self.epoch)  # dropout
        order = torch.randperm(len(self.train_paths), generator=generator).tolist()
        size = settings.coarse_batch_size if self.coarse else settings.batch_size
        batches = [order[i : i + size] for i in range(0, len(order), size)]
        self.network.train()
        total, rate = 0.0, self.rate
        for number, batch in enumerate(batches):
            if self.cancelled():
                raise Cancelled
            rate = self._rate_at(number / len(batches))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            image, mask = self._load([self.train_paths[i] for i in batch])
            if settings.augment:
                image, mask = augment(image, mask, generator)
            loss = self._loss(image, mask)[0]
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimizer.step()
            total += float(loss.detach()) * len(batch)
        return rate, total / len(order)

    def _rate_at(self, part: float) -> float:
        settings = self.settings
        if settings.schedule == "plateau":
            return self.rate
        length = settings.coarse_epochs if self.coarse else settings.epochs
        at = (self.epoch + part - (0 if self.coarse else settings.coarse_epochs)) / length
        rise = min(1.0, at * length / 0.3 + 0.05)
        # The fine stage goes on from what the coarse one found, so it starts lower.
        start = settings.learning_rate * (0.5 if not self.coarse and settings.coarse_epochs else 1.0)
        return start * rise * (0.01 + 0.99 * (1 + math.cos(math.pi * at)) / 2)

    def _load(self, paths: list[Path]) -> tuple[Tensor, Tensor]:
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
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16):
            logits = self.network(image)
        logits = logits.float()
        loss = dice_loss(logits, mask, smoothing=1e-5 if self.settings.loss == "dice" else 100.0)
        if self.settings.loss == "dice_ce":
            # Blood is under 1 % of the voxels; weighing it up keeps a small bleed from being ignored.
            weight = torch.tensor(8.0, device=logits.device)
            loss = loss + 8 * functional.binary_cross_entropy_with_logits(logits, mask, pos_weight=weight)
        return loss, logits

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        """Mean loss, and mean Dice at 0.5 over the cases that hold blood."""
        self.network.eval()
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
        return total / len(self.validation_paths), sum(scores) / max(len(scores), 1)

    def _save(self, row: tuple) -> None:
        """Checkpoint first, whole or not at all; then the log, rewritten to hold the epochs up to it."""
        state = {
            "settings": self.settings.to_dict(),
            "cases": [[p.stem for p in paths] for paths in (self.train_paths, self.validation_paths)],
            "epoch": self.epoch,
            "rate": self.rate,
            "since_better": self.since_better,
            "since_halved": self.since_halved,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": vars(self.best) if self.best else None,
        }
        partial = self.folder / f"{CHECKPOINT_NAME}.part"
        torch.save(state, partial)
        os.replace(partial, self.folder / CHECKPOINT_NAME)
        path = self.folder / LOG_NAME
        rows = []
        if self.epoch > 1 and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [r for r in list(csv.reader(file))[1:] if int(r[0]) < self.epoch]
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([LOG_COLUMNS, *rows, row])

    def restore(self) -> None:
        path = self.folder / CHECKPOINT_NAME
        if not path.exists():
            raise InputError(
                "nothing-to-resume", f"There is no {CHECKPOINT_NAME} in {self.folder}.", "Start without --resume."
            )
        # weights_only: a checkpoint can hold numbers, never a program.
        state = torch.load(path, map_location="cpu", weights_only=True)
        cases = [[p.stem for p in paths] for paths in (self.train_paths, self.validation_paths)]
        made_with = {**state["settings"], "grid_shape_ijk": tuple(state["settings"]["grid_shape_ijk"])}
        if made_with != self.settings.to_dict() or state["cases"] != cases:
            differing = [k for k, v in self.settings.to_dict().items() if made_with.get(k) != v] or ["the cases"]
            raise InputError(
                "other-settings",
                f"The checkpoint was made with other settings: {', '.join(differing)}.",
                "Resume with the same settings, or start in a new folder.",
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.rate = state["epoch"], state["rate"]
        self.since_better, self.since_halved = state["since_better"], state["since_halved"]
        self.best = TrainingResult(**state["best"]) if state["best"] else None
