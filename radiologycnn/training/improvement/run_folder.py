"""What an improvement keeps in its folder so that it goes on after an interruption: what it is of, checkpoint, log."""

from __future__ import annotations

import csv
from pathlib import Path

from radiologycnn.annotation.json_files import json_bytes, read_json
from radiologycnn.images.write import write_atomically
from radiologycnn.models.package import ModelPackage
from radiologycnn.training.checkpoints import CHECKPOINT_NAME, LOG_NAME
from radiologycnn.training.improvement.cases import ImprovementCases
from radiologycnn.training.improvement.settings import ImprovementSettings

RUN_NAME = "run.json"


def open_run(
    folder: Path, base: ModelPackage, settings: ImprovementSettings, cases: ImprovementCases, fresh: bool
) -> bool:
    """Whether the folder's checkpoint is of this very run and goes on; else it is cleared for a new one.

    Args:
        fresh: clear it in any case.
    """
    run = {
        "base_sha256": base.weights_sha256,
        "settings": settings.to_dict(),
        "learning": [path.stem for path in cases.learning],
        "held_out": [path.stem for path in cases.held_out],
    }
    if not fresh and read_json(folder / RUN_NAME) == run and (folder / CHECKPOINT_NAME).is_file():
        return True
    close_run(folder)
    write_atomically(folder / RUN_NAME, json_bytes(run))
    return False


def close_run(folder: Path) -> None:
    """Nothing is left to go on from; the log stays."""
    for name in (CHECKPOINT_NAME, RUN_NAME):
        (folder / name).unlink(missing_ok=True)


def read_log(folder: Path) -> list[dict[str, float]]:
    """The epochs of the run."""
    with (folder / LOG_NAME).open(newline="", encoding="utf-8") as file:
        names = ("epoch", "train_loss", "held_out_dice", "seconds")
        return [{name: float(row[name]) for name in names} for row in csv.DictReader(file)]
