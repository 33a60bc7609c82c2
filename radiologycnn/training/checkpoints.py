"""Files of a running training: the checkpoint, whole or not at all, and the log that never says more than it."""

from __future__ import annotations

import csv
import io
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from radiologycnn.errors import DISK_FULL, InputError, ResourceError
from radiologycnn.file_replacing import whole_file

CHECKPOINT_NAME = "checkpoint.pt"
LOG_NAME = "log.csv"


def save_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Replace ``checkpoint.pt`` in one step.

    Raises:
        ResourceError: the disk is full; the checkpoint that was there stays.
    """
    save_tensors(folder / CHECKPOINT_NAME, state)


def save_tensors(path: Path, state: Mapping[str, Any]) -> None:
    """Replace a file of tensors in one step.

    Raises:
        ResourceError: the disk is full; the file that was there stays.
    """
    content = io.BytesIO()  # torch, writing a file itself, would not say that the disk is full
    torch.save(dict(state), content)
    _replace(path, content.getbuffer())


def _replace(path: Path, content: bytes | memoryview) -> None:
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise ResourceError(
            "disk-full",
            f"The training had to stop: there is no space left for {path.name} in {path.parent}.",
            "Free some space there, then go on from the last whole epoch.",
        ) from error


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
        InputError: there is none, or it is damaged.
    """
    path = folder / CHECKPOINT_NAME
    if not path.exists():
        raise _nothing_to_resume(folder)
    try:
        # weights_only: a checkpoint can hold numbers, never a program.
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, OSError, pickle.UnpicklingError) as error:
        if isinstance(error, OSError) and error.filename:  # it cannot be opened; torch seeks in vain without a name
            raise
        raise InputError(
            "damaged-checkpoint",
            f"{path} is cut short or damaged.",
            "Copy it again from where it is whole, or start in a new folder.",
        ) from error


def append_log(folder: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Add epochs to ``log.csv``; those there from the first of them on are replaced.

    Args:
        records: by column, one an epoch; ``epoch`` counts from 1.

    Raises:
        PermissionError: another program holds the table, as Excel does with one that it shows.
        ResourceError: the disk is full.
    """
    path = folder / LOG_NAME
    rows: list[Mapping[str, Any]] = []
    if records[0]["epoch"] > 1 and path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if int(row["epoch"]) < records[0]["epoch"]]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), extrasaction="ignore")
    writer.writeheader()
    writer.writerows([*rows, *records])
    _replace(path, text.getvalue().encode("utf-8"))


def logged_seconds(log: Path) -> float:
    """Of all epochs of a training, also of those before an interruption; 0 where none has ended yet."""
    if not log.exists():
        return 0.0
    with log.open(newline="", encoding="utf-8") as file:
        return sum(float(row["seconds"]) for row in csv.DictReader(file))
