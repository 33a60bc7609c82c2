"""Rotator cuff tears on shoulder MR as a training task: its cases, network, operating point and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from radiologycnn.evaluation.classification_metrics import TearClassMetrics, roc_curve, tear_class_metrics
from radiologycnn.evaluation.words import counted
from radiologycnn.models.package import ModelPackage, load_package
from radiologycnn.models.weights import load_network
from radiologycnn.networks.architectures import build_network
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES, class_records
from radiologycnn.tasks import ROTATOR_CUFF_TASK
from radiologycnn.training.case_set import CaseSet
from radiologycnn.training.loop import TrainingResult
from radiologycnn.training.packages import OperatingPoint, weights_of
from radiologycnn.training.rotatorcuff.assess import (
    assess,
    choose_threshold,
    class_probabilities,
    simulated_shoulders,
    summarize,
)
from radiologycnn.training.rotatorcuff.calibration import FEWEST_CASES
from radiologycnn.training.rotatorcuff.cases import (
    MANIFEST_FILES,
    MARGIN_SHARE,
    load_class,
    prepare_folder,
    simulate_cases,
)
from radiologycnn.training.rotatorcuff.settings import TrainingSettings, architecture_of
from radiologycnn.training.rotatorcuff.trainer import ClassificationLoop
from radiologycnn.training.task import Figure, TrainingTask


def cache_name(settings: TrainingSettings, matrix: int | None = None) -> str:
    """One cache a preprocessing: cases made for another cube, or drawn at another size, must not slip in.

    Args:
        matrix: in-plane size that shoulders are simulated at; None for those of a folder.
    """
    edge = f"{settings.edge_mm:g}mm" if settings.edge_mm else "thickness"
    pixels = f"x{settings.pixel_unshuffle}" if settings.pixel_unshuffle > 1 else ""
    name = f"{settings.grid_size}{pixels}-{edge}-margin{MARGIN_SHARE:g}{'-paper' if settings.paper_grey else ''}"
    return name if matrix is None else f"{name}-simulated{matrix}"


def _class_figure(
    value: Callable[[TearClassMetrics], float | None],
) -> Callable[[Sequence[Mapping[str, Any]]], Figure]:
    def figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
        found = value(tear_class_metrics([row["truth"] for row in rows], [row["predicted"] for row in rows]))
        return Figure(float("nan") if found is None else float(found), len(rows))

    return figure


def _tear_auc(rows: Sequence[Mapping[str, Any]]) -> Figure:
    truth = [row["truth"] > 0 for row in rows]
    if all(truth) or not any(truth):
        return Figure(float("nan"), len(rows))
    return Figure(roc_curve(truth, [row["tear_probability"] for row in rows]).auc, len(rows))


class RotatorCuffTask(TrainingTask):
    """VRN on shoulder MRs; out-of-fold figures are taken on cubes around the centre that the case was prepared with.

    Args:
        codes: of the classes in the data folder: "ordinal" or "paper".
        matrix: in-plane size that training shoulders are simulated at.
    """

    name = ROTATOR_CUFF_TASK
    manifest_files = MANIFEST_FILES
    loop = ClassificationLoop
    # What is only drawn in training (dropout), and the size of the cube, as the network takes any.
    free_parameters = ("dense_features", "dropout", "keep_probabilities", "final_keep_probability", "input_size")
    negative = TEAR_CLASSES[0].name
    nothing_hint = "Add cases of other classes."
    figures: ClassVar[Mapping[str, Callable[[Sequence[Mapping[str, Any]]], Figure]]] = {
        "top1": _class_figure(lambda found: found.top1),
        "top1_within_one": _class_figure(lambda found: found.top1_within_one),
        "quadratic_kappa": _class_figure(lambda found: found.quadratic_kappa),
        "tear_accuracy": _class_figure(lambda found: found.tear.accuracy),
        "tear_sensitivity": _class_figure(lambda found: found.tear.sensitivity),
        "tear_specificity": _class_figure(lambda found: found.tear.specificity),
        "tear_auc": _tear_auc,
    }
    settings: TrainingSettings

    def __init__(
        self,
        settings: TrainingSettings,
        data: Path | None = None,
        simulate: int = 0,
        jobs: int = 1,
        device: str = "auto",
        codes: str = "ordinal",
        matrix: int = 256,
    ) -> None:
        super().__init__(settings, data, simulate, jobs, device)
        self.codes, self.matrix = codes, matrix

    def source(self) -> dict[str, Any]:
        return {**super().source(), "codes": self.codes, "matrix": self.matrix}

    def start_weights(self, package: Path | None) -> dict[str, Any] | None:
        """Of a network without finer pixels, each of them starts with its share of the weight that the voxel had."""
        factor = self.settings.pixel_unshuffle
        if package is None or factor == 1 or load_package(package).architecture["parameters"].get("pixel_unshuffle"):
            return super().start_weights(package)
        weights = weights_of(package, self.architecture(), (*self.free_parameters, "pixel_unshuffle"))
        return {**weights, "stem.weight": weights["stem.weight"].repeat(1, factor**2, 1, 1, 1) / factor**2}

    def describe_cases(self, count: int) -> str:
        if self.data is not None:
            text = f"{count} {'simulated ' * self.simulated}shoulder MRs of {self.data.resolve().name}"
        else:
            text = f"{count} simulated shoulder MRs (seed {self.settings.seed}, {self.matrix} x {self.matrix})"
        taught = self.settings.localization_weight > 0
        return text + ("; their tear masks taught where activation maps should lie" if taught else "")

    def architecture(self) -> dict[str, Any]:
        return architecture_of(self.settings)

    def preprocessing_record(self) -> dict[str, Any]:
        return self.settings.preprocessing().to_dict()

    def label_records(self) -> list[dict[str, Any]]:
        return class_records()

    def default_title(self) -> str:
        return "Rotator cuff, simulated shoulders" if self.simulated else "Rotator cuff"

    def prepare(
        self, folder: Path, progress: Progress = no_progress, cancelled: IsCancelled = never_cancelled
    ) -> CaseSet:
        cache = folder / "cases" / cache_name(self.settings, self.matrix if self.data is None else None)
        preprocessing = self.settings.preprocessing()
        if self.data is None:
            return CaseSet.without_splits(
                simulate_cases(
                    cache, 0, self.simulate, self.settings.seed, preprocessing, self.matrix, self.jobs, progress,
                    cancelled,
                )
            )  # fmt: skip
        found = prepare_folder(self.data, cache, preprocessing, self.codes, progress, cancelled)
        return CaseSet(found, self.listed().patients)

    def stratum(self, path: Path) -> str:
        return TEAR_CLASSES[load_class(path)].name

    def teaches_nothing(self, kinds: Set[str]) -> bool:
        return len(kinds) == 1  # whatever the scan, the answer would be this class

    def operating_point(self, result: TrainingResult, validation: list[Path]) -> OperatingPoint:
        if not validation:  # as in the paper
            return OperatingPoint(0.5)
        network = build_network(self.architecture())
        network.load_state_dict(result.state_dict)
        true, probabilities = class_probabilities(
            network.to(self.device), validation, self.settings.preprocessing(), self.device
        )
        threshold = choose_threshold(true, 1 - probabilities[:, 0])
        kind = "simulated shoulder" if self.simulated else "case"
        calibrated = self.settings.calibrate and len(validation) >= FEWEST_CASES
        chosen = ["epoch"] * (self.settings.keep == "best") + ["scale of the logits"] * calibrated
        chosen_words = ", ".join([*chosen, "operating point"])
        card = {
            "data": f"{counted(len(validation), kind)}, prepared as for training; they chose: {chosen_words}",
            **{key.removeprefix("validation_"): round(value, 3) for key, value in result.figures.items()},
        }
        return OperatingPoint(threshold, {"validation": card})

    def tested(self, package: ModelPackage, count: int, seed: int, progress: Progress) -> dict[str, Any]:
        rows = assess(
            package,
            simulated_shoulders(count, seed),
            self.device,
            lambda done: progress(done / count, f"Tested shoulder {done} of {count}"),
        )
        return {
            "data": f"{count} unseen simulated shoulders (seed {seed}), the humeral head found automatically",
            **summarize(rows, package.operating_threshold),
        }

    def assess(
        self, package: ModelPackage, paths: Sequence[Path], progress: Progress, cancelled: IsCancelled
    ) -> list[dict[str, Any]]:
        network = load_network(package, self.device)
        preprocessing = self.settings.preprocessing()
        truth, probabilities = class_probabilities(network, paths, preprocessing, self.device, cancelled)
        progress(1.0, f"Assessed {len(paths)} shoulders")
        return [
            {
                "case": path.stem,
                "truth": int(true),
                "predicted": int(np.argmax(found)),
                "tear_probability": float(1 - found[0]),
                **{f"p_{one.key}": float(found[one.index]) for one in TEAR_CLASSES},
                "problem": "",
            }
            for path, true, found in zip(paths, truth, probabilities)
        ]

    def score(self, figures: Mapping[str, float]) -> tuple[float, ...]:
        # Few validation cases give few different shares of right classes; the loss decides among equals.
        return figures["validation_top1"], -figures["validation_loss"]
