"""How good a model is: operating threshold on validation cases, and figures on unseen simulated scans end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from radiologycnn.evaluation.label_scores import label_overlaps, rounded_scores, score_labels
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.hemorrhage.expected_overlap import expected_dice, threshold_of_scan
from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.hemorrhage.thresholding import mask_from_probability
from radiologycnn.hemorrhage.type_pieces import settle_types
from radiologycnn.models.package import ModelPackage
from radiologycnn.networks.mixed_precision import mixed_precision
from radiologycnn.progress import IsCancelled, never_cancelled
from radiologycnn.training.hemorrhage.cases import load_case
from radiologycnn.training.loading import each_in_advance
from radiologycnn.training.packages import OperatingPoint
from radiologycnn.training.settings import AUTOMATIC_THREADS

if TYPE_CHECKING:
    from radiologycnn.simulation.head_ct import SimulatedHeadCt

TYPE_VALUES = {kind: label.value for kind, label in BLEED_TYPES.items()}
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(4, 19))
PAPER_THRESHOLD = 0.5
"""Of Arab 2020, for all cases alike."""


LOWEST_THRESHOLD = 0.1
"""Down to which a model's threshold may follow what it expects of a scan."""
FEWEST_BLEEDS = 30
"""Cases with a bleed that must show that following helps, or how far the network can be trusted."""


@dataclass(frozen=True)
class OutlinedCase:
    """A prepared case as a network sees it.

    Attributes:
        logits: (labels, K, J, I) on the network's grid, float32, on its device.
        probability: of any label, (2 K, 2 J, 2 I). Twice as fine, as the scan's own grid is finer still: a low
            threshold also moves the boundary outwards.
        mask: 0 or 1, on that finer grid.
        voxel_ml: of one voxel of it.
    """

    logits: Tensor
    probability: np.ndarray
    mask: np.ndarray
    voxel_ml: float

    @property
    def bleeds(self) -> bool:
        return bool(self.mask.any())

    def figure(self, threshold: float) -> float:
        """Dice of the outline at a threshold where it bleeds, the invented mL where it does not."""
        found = self.probability >= threshold
        return overlap(found, self.mask).dice if self.bleeds else float(found.sum()) * self.voxel_ml


@torch.no_grad()
def outlined_cases(
    network: nn.Module, paths: Sequence[Path], device: str = "cpu", threads: int = AUTOMATIC_THREADS
) -> Iterator[OutlinedCase]:
    """Prepared cases, one at a time, with what the network makes of them.

    Args:
        threads: that read the cases ahead, as the setting ``loading_threads``.
    """
    network.eval()
    with each_in_advance(paths, load_case, threads, device) as loaded:
        for case in loaded:
            image = torch.from_numpy(case.image).float()[None, None].to(device)
            with mixed_precision(device):
                logits = network(image)
            logits = logits.float()
            probability = functional.interpolate(torch.sigmoid(logits), scale_factor=2, mode="trilinear")
            mask = case.mask.repeat(2, 0).repeat(2, 1).repeat(2, 2)
            yield OutlinedCase(logits[0], probability[0].amax(0).cpu().numpy(), mask, case.voxel_ml / 8)


def choose_threshold(
    network: nn.Module,
    paths: Sequence[Path],
    device: str = "cpu",
    threads: int = AUTOMATIC_THREADS,
    among: Sequence[float] = THRESHOLDS,
    follow: bool = True,
) -> OperatingPoint:
    """The threshold with the best mean Dice on prepared cases, less 0.02 for each invented mL in bleed-free ones.

    It follows what the network expects of a scan where, by the same measure, that is better on enough cases. Without a
    bleed among them it is the paper's. Where the network tells types apart, any of them is blood here, and the
    threshold follows nothing; see :func:`score_types` for each. Comparisons of methods have a rule of their own,
    :mod:`radiologycnn.baselines.operating_point`, which says why.

    Args:
        threads: that read the cases ahead, as the setting ``loading_threads``.
        among: thresholds to choose from; 0.5 must be one of them where there may be no bleed.
        follow: False for a threshold that is the same for all scans.

    Returns:
        With ``dice``, the mean over cases with a bleed, and ``invented_ml``, the median of others, as its performance;
        one of which no case can tell is left out.
    """
    cases: list[_JudgedCase] = []
    for case in outlined_cases(network, paths, device, threads):
        follow = follow and len(case.logits) == 1
        expected = expected_dice(torch.sigmoid(case.logits).cpu().numpy()) if follow else 0.0
        # Where the expectation leads nowhere this is one of those to choose from.
        followed = threshold_of_scan(max(among), LOWEST_THRESHOLD, expected)
        cases.append(_JudgedCase(case.bleeds, expected, {t: case.figure(t) for t in {*among, followed}}))
    if not any(case.bleeds for case in cases):
        return OperatingPoint(PAPER_THRESHOLD, _figures(cases, PAPER_THRESHOLD, None))
    best = max(among, key=lambda t: _value(cases, t, None))
    enough = follow and sum(case.bleeds for case in cases) >= FEWEST_BLEEDS
    lowest = LOWEST_THRESHOLD if enough and _value(cases, best, LOWEST_THRESHOLD) > _value(cases, best, None) else None
    return OperatingPoint(best, _figures(cases, best, lowest), lowest)


@dataclass(frozen=True)
class _JudgedCase:
    """Of a case, by threshold: :meth:`OutlinedCase.figure`."""

    bleeds: bool
    expected: float
    figures: Mapping[float, float]

    def at(self, operating: float, lowest: float | None) -> float:
        return self.figures[operating if lowest is None else threshold_of_scan(operating, lowest, self.expected)]


def _sorted(cases: Sequence[_JudgedCase], operating: float, lowest: float | None) -> tuple[list[float], list[float]]:
    """Dice of the cases that bleed, and invented mL of the others."""
    return tuple([case.at(operating, lowest) for case in cases if case.bleeds is bleeds] for bleeds in (True, False))


def _value(cases: Sequence[_JudgedCase], operating: float, lowest: float | None) -> float:
    dice, invented = _sorted(cases, operating, lowest)
    return float(np.mean(dice or [0]) - 0.02 * np.mean(invented or [0]))


def _figures(cases: Sequence[_JudgedCase], operating: float, lowest: float | None) -> dict[str, float]:
    dice, invented = _sorted(cases, operating, lowest)
    figures = {"dice": float(np.mean(dice))} if dice else {}
    return figures | ({"invented_ml": float(np.median(invented))} if invented else {})


@torch.no_grad()
def score_types(
    network: nn.Module,
    paths: Sequence[Path],
    threshold: float,
    device: str = "cpu",
    threads: int = AUTOMATIC_THREADS,
) -> dict[str, Any]:
    """Figures of each type of bleed on prepared cases, on the network's grid; see :func:`..label_scores.score_labels`.

    Args:
        network: with an output for each of the types.
        threads: that read the cases ahead, as the setting ``loading_threads``.
    """
    network.eval()
    cases = []
    with each_in_advance(paths, load_case, threads, device) as loaded:
        for case in loaded:
            logits = network(torch.from_numpy(case.image).float()[None, None].to(device))
            probability = settle_types(torch.sigmoid(logits.float())[0].cpu().numpy(), threshold, case.voxel_ml)
            found = mask_from_probability(probability, threshold)
            cases.append(label_overlaps(found, case.labels, TYPE_VALUES))
    return rounded_scores(score_labels(cases))


def simulated_scans(count: int, seed: int, matrix: int = 512) -> Iterator[SimulatedHeadCt]:
    """The first scans of a population, one at a time."""
    from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct

    for index in range(count):
        yield simulate_head_ct(index, seed, HeadCtConfig().with_matrix(matrix))


def assess(
    package: ModelPackage,
    scans: Iterable[SimulatedHeadCt],
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
    cancelled: IsCancelled = never_cancelled,
) -> list[dict[str, Any]]:
    """Segment scans as a person would, and compare with their truth on the scan's own grid.

    Returns:
        One record a scan: kinds, true_ml (mask), found_ml, dice (None in bleed-free scans); with a model of types also
        their overlaps (:func:`..label_scores.label_overlaps`) under "types".
    """
    segmenter = HemorrhageSegmenter(package, device)
    rows = []
    for number, scan in enumerate(scans):
        result = segmenter.segment(scan.volume, cancelled=cancelled)
        kinds = "+".join(b["kind"] for b in scan.truth["bleeds"]) or "none"
        rows.append(
            {
                "index": scan.truth["index"],
                "kinds": kinds,
                "true_ml": round(float(scan.mask.sum()) * scan.volume.voxel_volume_mm3 / 1000, 3),
                "found_ml": round(result.measurements.total_volume_ml, 3),
                "dice": round(overlap(result.mask > 0, scan.mask > 0).dice, 4) if scan.mask.any() else None,
            }
        )
        if len(package.labels) > 1:
            rows[-1]["types"] = label_overlaps(result.mask, scan.labels, TYPE_VALUES)
        if progress:
            progress(number + 1)
    return rows


def summarize(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Figures for a model card: mean and median Dice in bleed scans, by first kind; invented mL in bleed-free ones.

    With a model of types also each type's figures, under "types".
    """
    bleeds = [row for row in rows if row["dice"] is not None]
    free = [row["found_ml"] for row in rows if row["dice"] is None]
    by_kind: dict[str, list[float]] = {}
    for row in bleeds:
        by_kind.setdefault(row["kinds"].split("+")[0], []).append(row["dice"])
    scores = [row["dice"] for row in bleeds]
    types = rounded_scores(score_labels([row["types"] for row in rows if "types" in row]))
    return {
        "scans": len(rows),
        "bleed_scans": len(bleeds),
        "dice_mean": round(float(np.mean(scores)), 3) if scores else None,
        "dice_sd": round(float(np.std(scores, ddof=1)), 3) if len(scores) > 1 else None,
        "dice_median": round(float(np.median(scores)), 3) if scores else None,
        "dice_mean_by_main_kind": {kind: round(float(np.mean(values)), 3) for kind, values in sorted(by_kind.items())},
        "bleed_free_scans": len(free),
        "invented_ml_median": round(float(np.median(free)), 3) if free else None,
        "invented_ml_largest": round(float(np.max(free)), 3) if free else None,
        **({"types": types} if types else {}),
    }
