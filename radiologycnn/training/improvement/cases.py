"""The cases of an improvement, prepared: corrections to learn from and to check on, and simulated scans mixed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.hemorrhage.mask_values import stated_values
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.models.package import ModelPackage
from radiologycnn.progress import IsCancelled, Progress, part_of
from radiologycnn.training.hemorrhage.cases import grid_name, prepare_case, read_scan, save_case, simulate_cases
from radiologycnn.training.improvement.corrections import Correction, check_mask_file
from radiologycnn.training.improvement.settings import ImprovementSettings
from radiologycnn.training.prepared_files import CaseToPrepare, fingerprint_of, prepare_files, remove

_SIMULATED_SEED = 660_000


@dataclass(frozen=True)
class ImprovementCases:
    """Files of prepared cases.

    Attributes:
        learning: corrections, and simulated scans mixed in.
        mixed: how many of them are simulated.
        held_out: corrections that both models are compared on.
        earlier: further simulated scans, such as the model knew, which tell whether it has forgotten; may be empty.
    """

    learning: list[Path]
    mixed: int
    held_out: list[Path]
    earlier: list[Path]


def prepare_cases(
    dataset: AnnotationDataset,
    work: Path,
    base: ModelPackage,
    settings: ImprovementSettings,
    training: Sequence[Correction],
    held_out: Sequence[Correction],
    progress: Progress,
    cancelled: IsCancelled,
) -> ImprovementCases:
    """Bring all cases onto the grid of the model's network; those that are prepared already are kept.

    Args:
        work: the folder that keeps them.
        base: the model that is improved.
        training, held_out: the corrections.

    Raises:
        InputError: a mask that is not what was accepted, or a scan that cannot be used.
        Cancelled: as ``cancelled`` said; what is prepared stays.
    """
    preprocessing, types = Preprocessing.from_dict(base.preprocessing), len(base.labels) > 1
    cache = work / "cases" / f"{grid_name(preprocessing)}{'-types' if types else ''}"  # simulated scans differ
    corrected = _prepare_corrections(
        dataset, [*training, *held_out], cache, preprocessing, part_of(progress, 0.0, 0.5), cancelled
    )
    mixed, check = settings.simulated_scans(base.simulated)
    simulated: list[Path] = []
    if mixed + check:
        simulated = simulate_cases(
            cache, 0, mixed + check, _SIMULATED_SEED + settings.seed, preprocessing, types,
            progress=part_of(progress, 0.5, 1.0), cancelled=cancelled,
        )  # fmt: skip
    learning, checking = corrected[: len(training)], corrected[len(training) :]
    return ImprovementCases([*learning, *simulated[:mixed]], mixed, checking, simulated[mixed:])


def _prepare_corrections(
    dataset: AnnotationDataset,
    corrections: Sequence[Correction],
    cache: Path,
    preprocessing: Preprocessing,
    progress: Progress,
    cancelled: IsCancelled,
) -> list[Path]:
    """Prepared files, in the corrections' order; those of masks that have been replaced are removed."""
    paths = [cache / f"{one.key}.npz" for one in corrections]
    for path in cache.glob("*.npz"):
        if path not in paths:
            remove(path)
    values = stated_values(dataset.folder)

    def fingerprint(one: Correction) -> str:
        check_mask_file(dataset, one)
        return fingerprint_of([dataset.folder / one.image, dataset.folder / one.mask], values=values)

    def make(one: Correction) -> None:
        scan = read_scan(dataset.folder, {"id": one.case, "image": one.image, "mask": one.mask})
        save_case(prepare_case(one.key, *scan, preprocessing), cache)

    todo = [CaseToPrepare(path, partial(fingerprint, one), partial(make, one)) for one, path in zip(corrections, paths)]
    return prepare_files(todo, progress, cancelled)
