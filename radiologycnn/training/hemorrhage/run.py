"""A whole training run: cases, training, threshold, test, model package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.labels import HEMORRHAGE
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.models.export import export_if_possible
from radiologycnn.models.package import ModelPackage
from radiologycnn.models.weights import save_package
from radiologycnn.networks.architectures import build_network
from radiologycnn.networks.devices import resolve_device
from radiologycnn.training.case_files import split_cases, split_manifest
from radiologycnn.training.hemorrhage.assess import assess, choose_threshold, simulated_scans, summarize
from radiologycnn.training.hemorrhage.cases import prepare_folder, simulate_cases
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.hemorrhage.trainer import TrainingResult, architecture_of, train
from radiologycnn.training.packages import TEST_SEED_OFFSET, check_model_name, describe, weights_of

TASK = "hemorrhage-segmentation"


def preprocessing_of(settings: TrainingSettings) -> Preprocessing:
    return Preprocessing(grid_shape_ijk=settings.grid_shape_ijk, order=settings.order, antialias=settings.antialias)


def train_hemorrhage(
    output: Path,
    settings: TrainingSettings,
    data: Path | None = None,
    simulate: int = 0,
    test: int = 0,
    resume: bool = False,
    start_from: Path | None = None,
    device: str = "auto",
    jobs: int = 1,
    name: str = "hemorrhage",
    version: str = "0.1.0",
    title: str = "",
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ModelPackage:
    """Train on a data folder or on simulated scans, and write ``<output>/<name>-<version>/``.

    Args:
        start_from: a model package of the same architecture, whose weights are the first ones.

    Raises:
        InputError: no usable data, or settings that do not fit the folder's checkpoint or the model to start from.
        Cancelled: as ``cancelled`` said; ``resume`` goes on from there.
    """
    check_model_name(name, version)
    start_weights = weights_of(start_from, architecture_of(settings), ("dropout",)) if start_from else None
    preprocessing = preprocessing_of(settings)
    cache = output / "cases" / cache_name(settings)
    if data is not None:
        found = prepare_folder(data, cache, preprocessing, progress)
        training, validation = split_manifest(found, settings.validation_share, settings.seed)
        source = f"{len(training)} cases of {data.name}"
    else:
        paths = simulate_cases(cache, 0, simulate, settings.seed, preprocessing, 256, jobs, progress)
        training, validation = split_cases(paths, settings.validation_share, settings.seed)
        source = f"{len(training)} simulated head CTs (seed {settings.seed})"
    if not training or not validation:
        raise InputError(
            "too-few-cases", "There is no case to train on or none to validate on.", "Add cases or splits."
        )

    where = str(resolve_device(device))
    result = train(training, validation, settings, output, resume, where, progress, cancelled, start_weights)
    return finish(
        output / f"{name}-{version}", result, settings, validation, source, data is None, test, where, name, version,
        title, progress,
    )  # fmt: skip


def cache_name(settings: TrainingSettings) -> str:
    """One cache a preprocessing: cases made for another grid must not slip in."""
    grid = "x".join(map(str, settings.grid_shape_ijk))
    return f"{grid}-{settings.order}{'-antialias' if settings.antialias else ''}"


def finish(
    folder: Path,
    result: TrainingResult,
    settings: TrainingSettings,
    validation: list[Path],
    source: str,
    simulated: bool,
    test: int,
    device: str,
    name: str,
    version: str,
    title: str,
    progress: Callable[[float, str], None] | None = None,
) -> ModelPackage:
    """Choose the threshold on the validation cases, write the package, test it end to end, write its figures."""
    network = build_network(architecture_of(settings))
    network.load_state_dict(result.state_dict)
    threshold, figures = choose_threshold(network.to(device), validation, device)
    performance: dict[str, Any] = {
        "validation": {
            "data": f"{len(validation)} {'simulated scans' if simulated else 'cases'}, on the network's grid",
            "dice_mean": round(figures["dice"], 3),
            "invented_ml_median": round(figures["invented_ml"], 3),
        }
    }
    title = title or ("Hemorrhage, simulated scans" if simulated else "Hemorrhage")

    def written() -> ModelPackage:
        record = describe(
            TASK, settings, architecture_of(settings), preprocessing_of(settings).to_dict(), [HEMORRHAGE.to_dict()],
            name, version, title, source, simulated, threshold, performance,
        )  # fmt: skip
        return save_package(folder, result.state_dict, record)

    package = written()
    if test:
        seed = settings.seed + TEST_SEED_OFFSET
        report = progress or (lambda part, text: None)
        rows = assess(
            package,
            simulated_scans(test, seed),
            device,
            lambda done: report(done / test, f"Tested scan {done} of {test}"),
        )
        performance["test"] = {"data": f"{test} unseen simulated scans, 512 x 512 (seed {seed})", **summarize(rows)}
        package = written()
    package, note = export_if_possible(package)
    if note and progress:
        progress(1.0, note)
    return package
