"""A training's epochs for TensorBoard, beside ``log.csv``: ``tensorboard --logdir FOLDER``; needs its package."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radiologycnn.errors import missing_package

FOLDER_NAME = "tensorboard"


class EpochEvents:
    """Writes an epoch's figures as scalars, step by step.

    Args:
        folder: of the training; a folder of its own there is made.
        done: epochs that are in the checkpoint. What an earlier, killed process wrote of later ones is hidden.

    Raises:
        ResourceError: the package is not installed.
    """

    def __init__(self, folder: Path, done: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise missing_package(
                "Logs for TensorBoard need", "tensorboard", "tensorboard", "train without --tensorboard"
            ) from error
        self._writer = SummaryWriter(str(folder / FOLDER_NAME), purge_step=done + 1 if done else None)

    def add(self, record: Mapping[str, Any]) -> None:
        """An epoch as ``log.csv`` has it; what is no number is left out."""
        for name, value in record.items():
            with contextlib.suppress(ValueError):
                self._writer.add_scalar(name, float(value), int(record["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        """No more epochs."""
        self._writer.close()
