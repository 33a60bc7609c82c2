"""Files of a running training: the checkpoint, whole or not at all, and the log that never says more than it."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from radiologycnn.errors import InputError

CHECKPOINT_NAME = "checkpoint.pt"
LOG_NAME = "log.csv"


def save_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Replace ``checkpoint.pt`` in one step."""
    partial = folder / f"{CHECKPOINT_NAME}.part"
    torch.save(dict(state), partial)
    os.replace(partial, folder / CHECKPOINT_NAME)


def check_folder(folder: Path, resume: bool) -> None:
    """Refuse what would overwrite a training, or go on with none, before anything is prepared.

    Raises:
        InputError: as said.
    """
    there = (folder / CHECKPOINT_NAME).exists()
    if there and not resume:
        raise InputError(
            "folder-in-use", f"{folder} holds a training already.", "Add --resume to go on with it, or name another."
        )
    if resume and not there:
        raise _nothing_to_resume(folder)


def _nothing_to_resume(folder: Path) -> InputError:
    return InputError("nothing-to-resume", f"There is no {CHECKPOINT_NAME} in {folder}.", "Start without --resume.")


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """What :func:`save_checkpoint` wrote.

    Raises:
        InputError: there is none.
    """
    path = folder / CHECKPOINT_NAME
    if not path.exists():
        raise _nothing_to_resume(folder)
    # weights_only: a checkpoint can hold numbers, never a program.
    return torch.load(path, map_location="cpu", weights_only=True)


def append_log(folder: Path, record: Mapping[str, Any]) -> None:
    """Add an epoch to ``log.csv``; later epochs of a run that was killed after its checkpoint are dropped.

    Args:
        record: by column; ``epoch`` counts from 1.
    """
    path = folder / LOG_NAME
    rows: list[Mapping[str, Any]] = []
    if record["epoch"] > 1 and path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if int(row["epoch"]) < record["epoch"]]
    partial = folder / f"{LOG_NAME}.part"
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(record), extrasaction="ignore")
        writer.writeheader()
        writer.writerows([*rows, record])
    os.replace(partial, path)


def logged_seconds(log: Path) -> float:
    """Of all epochs of a training, also of those before an interruption."""
    with log.open(newline="", encoding="utf-8") as file:
        return sum(float(row["seconds"]) for row in csv.DictReader(file))
