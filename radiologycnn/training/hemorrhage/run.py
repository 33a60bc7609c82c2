"""Bleeds on head CT as a training task: its cases, network, operating point and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.evaluation.label_scores import label_overlaps
from radiologycnn.evaluation.segmentation_metrics import case_metrics
from radiologycnn.evaluation.words import counted
from radiologycnn.hemorrhage.labels import BLEED_TYPES, HEMORRHAGE
from radiologycnn.hemorrhage.mask_values import types_in
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.models.package import ModelPackage
from radiologycnn.networks.architectures import build_network
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.tasks import HEMORRHAGE_TASK
from radiologycnn.training.case_set import CaseSet
from radiologycnn.training.hemorrhage.assess import (
    PAPER_THRESHOLD,
    THRESHOLDS,
    TYPE_VALUES,
    assess,
    choose_threshold,
    score_types,
    simulated_scans,
    summarize,
)
from radiologycnn.training.hemorrhage.calibration import calibrated_point, with_scaled_logits
from radiologycnn.training.hemorrhage.cases import (
    MANIFEST_FILES,
    grid_name,
    label_sizes,
    prepare_folder,
    read_scan,
    simulate_cases,
    simulated_scan,
)
from radiologycnn.training.hemorrhage.settings import TrainingSettings, architecture_of
from radiologycnn.training.hemorrhage.trainer import SegmentationLoop
from radiologycnn.training.loop import TrainingResult
from radiologycnn.training.packages import OperatingPoint
from radiologycnn.training.task import Figure, TrainingTask


def preprocessing_of(settings: TrainingSettings) -> Preprocessing:
    """What the model package states, for a network of these settings."""
    return Preprocessing(
        grid_shape_ijk=settings.grid_shape_ijk,
        order=settings.order,
        antialias=settings.antialias,
        crop=settings.crop,
    )


def cache_name(settings: TrainingSettings) -> str:
    """One cache a preprocessing: cases made for another grid, or without types, must not slip in."""
    return grid_name(preprocessing_of(settings)) + ("-types" if settings.types else "")


def _mean_where(bleed: bool, name: str) -> Callable[[Sequence[Mapping[str, Any]]], Figure]:
    """Mean and SD of a metric over the cases with, or those without a bleed."""

    def figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
        values = [row[name] for row in rows if row.get(name) is not None and row["bleed"] == bleed]
        if not values:
            return Figure(float("nan"), 0)
        return Figure(float(np.mean(values)), len(values), float(np.std(values, ddof=1)) if len(values) > 1 else None)

    return figure


class HemorrhageTask(TrainingTask):
    """CNN-DS on head CTs; out-of-fold figures are taken on the scans' own grid, as ``segment`` works."""

    name = HEMORRHAGE_TASK
    manifest_files = MANIFEST_FILES
    loop = SegmentationLoop
    free_parameters = ("dropout",)
    negative = "no bleed"
    # Arab 2020, Methods: tuned by grid search on the validation set; Table 5 has the outcome (4, .005, .3).
    paper_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "depth": (3, 4, 5, 6),
        "learning_rate": (1e-2, 5e-3, 1e-3, 5e-4, 1e-4),
        "dropout": (0.3, 0.4, 0.5),
    }
    _figures: ClassVar[Mapping[str, Callable[[Sequence[Mapping[str, Any]]], Figure]]] = {
        **{
            name: _mean_where(True, name)
            for name in ("dice", "precision", "recall", "hausdorff_95_mm", "surface_dice", "absolute_volume_error_ml")
        },
        "invented_ml": _mean_where(False, "found_ml"),
    }
    settings: TrainingSettings

    @property
    def figures(self) -> Mapping[str, Callable[[Sequence[Mapping[str, Any]]], Figure]]:
        if not self.settings.types:
            return self._figures
        return {**self._figures, **{f"{kind}_dice": _mean_where(True, f"{kind}_dice") for kind in BLEED_TYPES}}

    def describe_cases(self, count: int) -> str:
        if self.data is not None:
            return f"{count} {'simulated scans' if self.simulated else 'cases'} of {self.data.resolve().name}"
        types = ", each type of bleed as often as the others" if self.settings.types else ""
        return f"{count} simulated head CTs{types} (seed {self.settings.seed})"

    def architecture(self) -> dict[str, Any]:
        return architecture_of(self.settings)

    def preprocessing_record(self) -> dict[str, Any]:
        return preprocessing_of(self.settings).to_dict()

    def label_records(self) -> list[dict[str, Any]]:
        return [label.to_dict() for label in (BLEED_TYPES.values() if self.settings.types else [HEMORRHAGE])]

    def default_title(self) -> str:
        return f"Hemorrhage{', five types' * self.settings.types}{', simulated scans' * self.simulated}"

    def prepare(
        self, folder: Path, progress: Progress = no_progress, cancelled: IsCancelled = never_cancelled
    ) -> CaseSet:
        cache, preprocessing = folder / "cases" / cache_name(self.settings), preprocessing_of(self.settings)
        if self.data is None:
            return CaseSet.without_splits(
                simulate_cases(
                    cache, 0, self.simulate, self.settings.seed, preprocessing, self.settings.types, self.jobs,
                    progress, cancelled,
                )
            )  # fmt: skip
        found = prepare_folder(self.data, cache, preprocessing, progress, self.settings.types, cancelled)
        return CaseSet(found, self.listed().patients)

    def stratum(self, path: Path) -> str:
        sizes = label_sizes(path)
        if not sizes[1:].any():
            return self.negative
        return str(1 + sizes[1:].argmax()) if self.settings.types else "bleed"

    def operating_point(self, result: TrainingResult, validation: list[Path]) -> OperatingPoint:
        network = build_network(self.architecture())
        network.load_state_dict(result.state_dict)
        settings = self.settings
        judged = {"device": self.device, "threads": settings.loading_threads}
        papers = settings.preset == "paper"
        among = (PAPER_THRESHOLD,) if papers else THRESHOLDS
        choose = calibrated_point if settings.calibrate and not settings.types else choose_threshold
        chosen = choose(network.to(self.device), validation, among=among, follow=not papers, **judged)
        figures = chosen.performance
        kind = counted(len(validation), "simulated scan" if self.simulated else "case")
        bleeds = "" if "dice" in figures else ", none with a bleed"
        card: dict[str, Any] = {"data": f"{kind}{bleeds}, on the network's grid"}
        if chosen.logit_scale is not None:
            decided = ["epoch"] * (settings.keep == "best") + ["operating point"] * (not papers)
            card["data"] += f"; they chose: {', '.join([*decided, 'scale of the logits'])}"
            card["logit_scale"] = chosen.logit_scale
        for name, figure in (("dice_mean", "dice"), ("invented_ml_median", "invented_ml")):
            if figure in figures:
                card[name] = round(figures[figure], 3)
        if settings.types:
            card["types"] = score_types(network, validation, chosen.threshold, **judged)
        return replace(chosen, performance={"validation": card})

    def weights_at(self, point: OperatingPoint, result: TrainingResult) -> Mapping[str, Any]:
        """As :func:`.calibration.calibrated_point` scaled them."""
        if point.logit_scale is None:
            return result.state_dict
        return with_scaled_logits(result.state_dict, point.logit_scale, point.threshold)

    def tested(self, package: ModelPackage, count: int, seed: int, progress: Progress) -> dict[str, Any]:
        rows = assess(
            package,
            simulated_scans(count, seed),
            self.device,
            lambda done: progress(done / count, f"Tested scan {done} of {count}"),
        )
        return {"data": f"{count} unseen simulated scans, 512 x 512 (seed {seed})", **summarize(rows)}

    def assess(
        self, package: ModelPackage, paths: Sequence[Path], progress: Progress, cancelled: IsCancelled
    ) -> list[dict[str, Any]]:
        from radiologycnn.hemorrhage.inference import HemorrhageSegmenter

        segmenter = HemorrhageSegmenter(package, self.device)
        files = {row["id"]: row for row in self.manifest()}
        rows = []
        for number, path in enumerate(paths, start=1):
            if self.data:
                volume, labels = read_scan(self.data, files[path.stem])
            else:
                volume, labels = simulated_scan(path.stem, self.settings.types)
            row: dict[str, Any] = {"case": path.stem, "bleed": bool(labels.any()), "problem": ""}
            try:
                found = segmenter.segment(volume, cancelled=cancelled).mask
            except InputError as error:
                row["problem"] = error.message
            else:
                row |= case_metrics(found, labels, volume.ijk_to_lps).to_dict()
                if self.settings.types:
                    by_type = label_overlaps(found, labels, TYPE_VALUES)
                    row |= {f"{kind}_dice": by_type[kind].dice for kind in types_in(labels) or ()}
            rows.append(row)
            progress(number / len(paths), f"Assessed scan {number} of {len(paths)}")
        return rows

    def score(self, figures: Mapping[str, float]) -> tuple[float, ...]:
        # Without a bleed among the validation cases there is the loss alone.
        return figures.get("validation_dice", 0.0), -figures["validation_loss"]
