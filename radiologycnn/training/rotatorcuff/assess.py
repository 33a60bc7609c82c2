"""How good a model is: operating point on validation cases, and figures on unseen simulated shoulders end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from radiologycnn.errors import Cancelled
from radiologycnn.evaluation.classification_metrics import binary_metrics
from radiologycnn.evaluation.localization import Localization, localization, summarize_localization
from radiologycnn.evaluation.summary import share_figures, summarize_classes
from radiologycnn.models.package import ModelPackage
from radiologycnn.progress import IsCancelled, never_cancelled
from radiologycnn.rotatorcuff.preprocessing import Preprocessing
from radiologycnn.rotatorcuff.tear_classes import TEAR_VERSUS_NONE
from radiologycnn.training.rotatorcuff.augmentation import cut_cubes
from radiologycnn.training.rotatorcuff.cases import load_case

if TYPE_CHECKING:
    from radiologycnn.simulation.shoulder_mr import SimulatedShoulderMr

TOLERANCE_MM = 5.0
"""Of the pointing game: one voxel of Shim's activation map, 16^3 over a cube of 80 mm."""

TEAR_LABEL = 1
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(2, 19))


@torch.no_grad()
def class_probabilities(
    network: nn.Module,
    paths: Sequence[Path],
    preprocessing: Preprocessing,
    device: str = "cpu",
    cancelled: IsCancelled = never_cancelled,
) -> tuple[np.ndarray, np.ndarray]:
    """Of prepared cases: true classes, shape (cases,), and probabilities, shape (cases, classes)."""
    network.eval()
    true, found = [], []
    for path in paths:
        if cancelled():
            raise Cancelled
        case = load_case(path)
        wide = torch.from_numpy(case.grey).float()[None, None]
        cube = cut_cubes(wide, preprocessing.shape)[0, 0].numpy()
        image = torch.from_numpy(preprocessing.scale_input(cube))[None, None].to(device)
        found.append(torch.softmax(network(image).double(), dim=1)[0].cpu().numpy())
        true.append(case.tear_class)
    return np.array(true), np.array(found)


def choose_threshold(true: np.ndarray, probability: np.ndarray) -> float:
    """The tear probability with the largest mean of sensitivity and specificity; the one next to 0.5 among equals.

    0.5 where cases with or without a tear are missing.
    """
    is_tear = true > 0
    if is_tear.all() or not is_tear.any():
        return 0.5

    def value(threshold: float) -> tuple[float, float]:
        metrics = binary_metrics(is_tear, probability >= threshold)
        return round(metrics.sensitivity + metrics.specificity, 6), -abs(threshold - 0.5)

    return max(THRESHOLDS, key=value)


def simulated_shoulders(count: int, seed: int, matrix: int | None = None) -> Iterator[SimulatedShoulderMr]:
    """The first scans of a population, one at a time.

    Args:
        matrix: in-plane size; None takes the simulator's own.
    """
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig, simulate_shoulder_mr

    config = ShoulderMrConfig() if matrix is None else ShoulderMrConfig().with_matrix(matrix)
    for index in range(count):
        yield simulate_shoulder_mr(index, seed, config)


def assess(
    package: ModelPackage,
    shoulders: Iterable[SimulatedShoulderMr],
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
    cancelled: IsCancelled = never_cancelled,
) -> list[dict[str, Any]]:
    """Classify scans as a person would who clicks once, the humeral head found by itself, and compare with the truth.

    Returns:
        One record a scan: index, true_class, predicted, tear_probability, centre_error_mm, and for tears ``maps``, the
        :class:`Localization` of the maps of tear versus none and of the predicted class.
    """
    from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier

    classifier = RotatorCuffClassifier(package, device)
    rows = []
    for number, scan in enumerate(shoulders):
        result = classifier.classify(scan.volume, cancelled=cancelled)
        answer = result.classification
        centre = np.array(answer.roi.centre_lps_mm)
        row: dict[str, Any] = {
            "index": scan.truth["index"],
            "true_class": scan.truth["tear_class"],
            "predicted": answer.predicted,
            "tear_probability": answer.tear_probability,
            "centre_error_mm": float(np.linalg.norm(centre - scan.truth["head_centre_lps_mm"])),
            "maps": {},
        }
        mask = scan.labels == TEAR_LABEL
        if mask.any():
            method = result.methods.index("cam")
            for name, target in (("tear_versus_none", TEAR_VERSUS_NONE), ("predicted", answer.predicted)):
                raw = result.maps[method, list(result.targets).index(target)]
                row["maps"][name] = localization(
                    raw, result.maps_ijk_to_lps, mask, scan.volume.ijk_to_lps, TOLERANCE_MM
                )
        rows.append(row)
        if progress:
            progress(number + 1)
    return rows


def summarize(rows: Sequence[dict[str, Any]], threshold: float) -> dict[str, Any]:
    """Figures for a model card, with 95 % intervals; see the evaluation package for what they mean.

    Args:
        threshold: of the tear probability, for the figures "at the operating point".
    """
    true = [row["true_class"] for row in rows]
    probability = np.array([row["tear_probability"] for row in rows])
    figures = summarize_classes(true, [row["predicted"] for row in rows], probability)
    decision = binary_metrics(np.array(true) > 0, probability >= threshold)
    tears = [row for row in rows if row["maps"]]
    summary: dict[str, Any] = {name: _rounded(value) for name, value in figures.items()}
    summary["at_operating_point"] = {
        "threshold": threshold,
        **_rounded(share_figures(decision, ("accuracy", "sensitivity", "specificity"))),
    }
    errors = [row["centre_error_mm"] for row in rows]
    summary["humeral_head_error_mm_median"] = round(float(np.median(errors)), 1)
    summary["humeral_head_error_mm_95th_percentile"] = round(float(np.percentile(errors, 95)), 1)
    if tears:
        # Among all tears, whatever was predicted; a missed tear's map may still point at it.
        maps: list[Localization] = [row["maps"]["tear_versus_none"] for row in tears]
        summary["localization_tear_versus_none"] = summarize_localization(maps)
        detected = [row["maps"]["predicted"] for row in tears if row["predicted"] > 0]
        if detected:
            summary["localization_predicted_class_of_found_tears"] = summarize_localization(detected)
    return summary


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
