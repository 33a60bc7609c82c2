"""Gates of the simulated shoulder MR: a tear's class must not be told by the histogram or by the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.volume import Volume
from radiologycnn.progress import Progress, no_progress
from radiologycnn.simulation.gates.class_readers import (
    balanced_accuracy,
    cube,
    file_features,
    histogram_features,
    intensity_features,
)
from radiologycnn.simulation.gates.scikit_learn import need_scikit_learn
from radiologycnn.simulation.gates.table import Gate

OVER_CHANCE = 0.10
_SMALL_CLASSES = (0, 1, 2, 3)  # None, Partial, Small, Medium; large tears change so much that a histogram may show it
_LEAST = 5
_MOST_PLANNED = 2000  # shoulders among which enough of every class are looked for; some seconds


def shoulder_mr_gates(
    count: int,
    seed: int = 0,
    config: Any = None,
    progress: Progress = no_progress,
) -> list[Gate]:
    """Simulate ``count`` shoulders and try to read their classes from what must not tell them.

    Raises:
        InputError: ``too-few-scans``: they would give no figures; told before any is simulated.
        ResourceError: scikit-learn is not installed.
    """
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig, simulate_shoulder_mr

    need_scikit_learn()
    _check_count(count, seed, config or ShoulderMrConfig())

    def scans() -> Iterable[tuple[Volume, dict[str, Any]]]:
        for index in range(count):
            scan = simulate_shoulder_mr(index, seed, config or ShoulderMrConfig())
            yield scan.volume, scan.truth
            progress(0.95 * (index + 1) / count, f"Scan {index + 1} of {count}")

    gates = class_gates(scans())
    progress(1.0, "Done")
    return gates


def _check_count(count: int, seed: int, config: Any) -> None:
    """Shoulders as plans, which are quick to draw, tell the classes that their scans would have."""
    from radiologycnn.simulation.shoulder_mr import plan_shoulder

    classes = [plan_shoulder(index, seed, config).tear.tear_class for index in range(count)]
    if _gives_figures(classes):
        return
    while len(classes) < _MOST_PLANNED and not _gives_figures(classes):
        classes.append(plan_shoulder(len(classes), seed, config).tear.tear_class)
    raise InputError(
        "too-few-scans",
        f"{count} of these shoulders give no figures: the gates need two classes, and {_LEAST} scans of each that is "
        "there.",
        f"Give --count {len(classes)} or more."
        if _gives_figures(classes)
        else "Give the classes other shares in the settings.",
    )


def _gives_figures(classes: Sequence[int]) -> bool:
    """Whether all gates can be measured on scans of these classes."""
    everything = np.asarray(classes)
    return all(_enough(some) for some in (everything, everything[np.isin(everything, _SMALL_CLASSES)]))


def _enough(classes: np.ndarray) -> bool:
    """Two classes or more, and enough scans of each that is there."""
    counts = np.unique(classes, return_counts=True)[1]
    return len(counts) >= 2 and counts.min() >= _LEAST


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
    present, counts = np.unique(classes, return_counts=True)
    if not _enough(classes):
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
