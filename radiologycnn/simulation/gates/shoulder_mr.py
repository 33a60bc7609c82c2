"""Gates of the simulated shoulder MR: a tear's class must not be told by the histogram or by the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from radiologycnn.images.volume import Volume
from radiologycnn.simulation.gates.class_readers import (
    balanced_accuracy,
    cube,
    file_features,
    histogram_features,
    intensity_features,
)
from radiologycnn.simulation.gates.table import Gate

OVER_CHANCE = 0.10
_SMALL_CLASSES = (0, 1, 2, 3)  # None, Partial, Small, Medium; large tears change so much that a histogram may show it
_LEAST = 5


def shoulder_mr_gates(
    count: int,
    seed: int = 0,
    config: Any = None,
    progress: Callable[[float, str], None] | None = None,
) -> list[Gate]:
    """Simulate ``count`` shoulders and try to read their classes from what must not tell them."""
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig, simulate_shoulder_mr

    def scans() -> Iterable[tuple[Volume, dict[str, Any]]]:
        for index in range(count):
            scan = simulate_shoulder_mr(index, seed, config or ShoulderMrConfig())
            yield scan.volume, scan.truth
            if progress:
                progress(0.95 * (index + 1) / count, f"Scan {index + 1} of {count}")

    gates = class_gates(scans())
    if progress:
        progress(1.0, "Done")
    return gates


def class_gates(scans: Iterable[tuple[Volume, dict[str, Any]]]) -> list[Gate]:
    """The gates of scans with their truth (``tear_class``, ``head_centre_lps_mm``)."""
    classes: list[int] = []
    looks: dict[str, list[np.ndarray]] = {name: [] for name in ("histogram", "cube", "intensity", "file")}
    for volume, truth in scans:
        classes.append(int(truth["tear_class"]))
        region = cube(volume, truth["head_centre_lps_mm"])
        looks["histogram"].append(histogram_features(volume.array))
        looks["cube"].append(histogram_features(region))
        looks["intensity"].append(np.concatenate([intensity_features(volume.array), intensity_features(region)]))
        looks["file"].append(file_features(volume))
    wanted = np.array(classes)
    small = np.isin(wanted, _SMALL_CLASSES)
    everything = np.ones(len(wanted), bool)
    return [
        _gate("Histogram of the whole scan", looks["histogram"], wanted, small),
        _gate("Histogram of the cube at the humeral head", looks["cube"], wanted, small),
        _gate("Mean, percentiles and share of fluid", looks["intensity"], wanted, small),
        _gate("Size, spacing, place, padding, file, header", looks["file"], wanted, everything),
        _gate("Histogram of the cube, all five classes", looks["cube"], wanted, everything, limited=False),
    ]


def _gate(name: str, features: list[np.ndarray], classes: np.ndarray, among: np.ndarray, limited: bool = True) -> Gate:
    classes = classes[among]
    present = np.unique(classes)
    counts = np.bincount(classes, minlength=1)[present] if len(classes) else np.zeros(0, int)
    if len(present) < 2 or counts.min() < _LEAST:
        short = f"a class has fewer than {_LEAST} scans; simulate more"
        return Gate(name + ", balanced accuracy", None, OVER_CHANCE if limited else None, short)
    length = min(len(row) for row in features)
    chosen = np.array([row[:length] for row, kept in zip(features, among) if kept])
    chance = 1 / len(present)
    accuracy = balanced_accuracy(chosen, classes)
    # Of n scans of a class, chance gives sqrt(p (1 - p) / n) more or less.
    error = float(np.sqrt((chance * (1 - chance) / counts).sum())) / len(present)
    note = f"{len(classes)} scans, {len(present)} classes, chance {chance:.2f} +- {error:.2f} by chance alone"
    return Gate(name + ", balanced accuracy", accuracy, chance + OVER_CHANCE if limited else None, note)
