"""A whole training run: cases, training, operating point, test, model package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from radiologycnn.errors import InputError
from radiologycnn.models.export import export_if_possible
from radiologycnn.models.package import ModelPackage
from radiologycnn.models.weights import save_package
from radiologycnn.networks.architectures import build_network
from radiologycnn.networks.devices import resolve_device
from radiologycnn.rotatorcuff.tear_classes import TASK, class_records
from radiologycnn.training.case_files import split_cases, split_manifest
from radiologycnn.training.packages import TEST_SEED_OFFSET, check_model_name, describe, weights_of
from radiologycnn.training.rotatorcuff.assess import (
    assess,
    choose_threshold,
    simulated_shoulders,
    summarize,
    tear_probabilities,
)
from radiologycnn.training.rotatorcuff.cases import MARGIN_SHARE, prepare_folder, simulate_cases
from radiologycnn.training.rotatorcuff.settings import TrainingSettings
from radiologycnn.training.rotatorcuff.trainer import TrainingResult, architecture_of, train

# What is only drawn in training (dropout), and the size of the cube, as the network takes any.
_FREE_PARAMETERS = ("dropout", "keep_probabilities", "final_keep_probability", "input_size")


def train_rotator_cuff(
    output: Path,
    settings: TrainingSettings,
    data: Path | None = None,
    codes: str = "ordinal",
    simulate: int = 0,
    matrix: int = 256,
    test: int = 0,
    resume: bool = False,
    start_from: Path | None = None,
    device: str = "auto",
    jobs: int = 1,
    name: str = "rotator-cuff",
    version: str = "0.1.0",
    title: str = "",
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ModelPackage:
    """Train on a data folder or on simulated shoulders, and write ``<output>/<name>-<version>/``.

    Args:
        codes: of the classes in the data folder: "ordinal" or "paper".
        start_from: a model package of the same architecture, whose weights are the first ones.

    Raises:
        InputError: no usable data, or settings that do not fit the folder's checkpoint or the model to start from.
        Cancelled: as ``cancelled`` said; ``resume`` goes on from there.
    """
    check_model_name(name, version)
    start_weights = weights_of(start_from, architecture_of(settings), _FREE_PARAMETERS) if start_from else None
    preprocessing = settings.preprocessing()
    cache = output / "cases" / cache_name(settings)
    if data is not None:
        found = prepare_folder(data, cache, preprocessing, codes, progress)
        training, validation = split_manifest(found, settings.validation_share, settings.seed)
        source = f"{len(training)} shoulder MRs of {data.name}"
    else:
        paths = simulate_cases(cache, 0, simulate, settings.seed, preprocessing, matrix, jobs, progress)
        training, validation = split_cases(paths, settings.validation_share, settings.seed)
        source = f"{len(training)} simulated shoulder MRs (seed {settings.seed}, {matrix} x {matrix})"
    if not validation and settings.validation_share:
        raise InputError("too-few-cases", "There is no case to validate on.", "Add cases or splits.")
    if settings.localization_weight:
        source += "; their tear masks taught where activation maps should lie"
    where = str(resolve_device(device))
    result = train(training, validation, settings, output, resume, where, progress, cancelled, start_weights)
    return finish(
        output / f"{name}-{version}", result, settings, validation, source, data is None, test, where, name, version,
        title, progress,
    )  # fmt: skip


def cache_name(settings: TrainingSettings) -> str:
    """One cache a preprocessing: cases made for another cube must not slip in."""
    edge = f"{settings.edge_mm:g}mm" if settings.edge_mm else "thickness"
    return f"{settings.grid_size}-{edge}-margin{MARGIN_SHARE:g}{'-paper' if settings.paper_grey else ''}"


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
    """Choose the operating point on the validation cases, write the package, test it end to end, write its figures."""
    performance: dict[str, Any] = {}
    threshold = 0.5
    if validation:
        network = build_network(architecture_of(settings))
        network.load_state_dict(result.state_dict)
        threshold = choose_threshold(
            *tear_probabilities(network.to(device), validation, settings.preprocessing(), device)
        )
        performance["validation"] = {
            "data": f"{len(validation)} {'simulated shoulders' if simulated else 'cases'}, prepared as for training; "
            "they chose the epoch and the operating point",
            **{key.removeprefix("validation_"): round(value, 3) for key, value in result.figures.items()},
        }
    title = title or ("Rotator cuff, simulated shoulders" if simulated else "Rotator cuff")

    def written() -> ModelPackage:
        record = describe(
            TASK, settings, architecture_of(settings), settings.preprocessing().to_dict(), class_records(), name,
            version, title, source, simulated, threshold, performance,
        )  # fmt: skip
        return save_package(folder, result.state_dict, record)

    package = written()
    if test:
        performance["test"] = tested(package, test, settings.seed + TEST_SEED_OFFSET, device, progress)
        package = written()
    package, note = export_if_possible(package)
    if note and progress:
        progress(1.0, note)
    return package


def tested(
    package: ModelPackage,
    count: int,
    seed: int,
    device: str,
    progress: Callable[[float, str], None] | None = None,
) -> dict[str, Any]:
    """Figures of a package on simulated shoulders that nothing else has seen."""
    report = progress or (lambda part, text: None)
    rows = assess(
        package,
        simulated_shoulders(count, seed),
        device,
        lambda done: report(done / count, f"Tested shoulder {done} of {count}"),
    )
    return {
        "data": f"{count} unseen simulated shoulders (seed {seed}), the humeral head found automatically",
        **summarize(rows, package.operating_threshold),
    }
