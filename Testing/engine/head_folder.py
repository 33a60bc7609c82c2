"""A small data folder of head phantoms with a manifest, for tests of training runs: bleeds of known place and size."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from engine.hand_made import head_phantom

from radiologycnn.images import write_image

SHAPE_KJI = (32, 52, 52)
STEPS_MM = np.diag([4.0, 4.5, 5.8])

TINY_HEADS = {
    "grid_shape_ijk": [32, 32, 16],
    "base_filters": 2,
    "epochs": 2,
    "coarse_epochs": 0,
    "validation_share": 0.25,
    "seed": 3,
}
"""Settings as a settings file holds them."""


def write_scan(image: Path, mask: Path, number: int, radius_mm: float = 22.0) -> None:
    """One phantom, its bleed in a place of its own; radius 0: none."""
    place = np.random.default_rng(number).uniform(-30, 30, 3)
    volume, bleed = head_phantom(SHAPE_KJI, STEPS_MM, tuple(place), radius_mm)
    write_image(image, volume.array, volume.ijk_to_lps)
    write_image(mask, bleed.astype(np.uint8), volume.ijk_to_lps)


def write_head_folder(folder: Path, patients: tuple[str, ...], without_bleed: tuple[int, ...] = ()) -> Path:
    """A scan for each entry of ``patients``; those numbered in ``without_bleed`` have none."""
    folder.mkdir(parents=True)
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("id", "image", "mask", "patient", "split"))
        for number, patient in enumerate(patients):
            image, mask = f"scan-{number}.nii", f"mask-{number}.nii"
            write_scan(folder / image, folder / mask, number, 0.0 if number in without_bleed else 22.0)
            lines.writerow((f"head-{number}", image, mask, patient, ""))
    return folder
