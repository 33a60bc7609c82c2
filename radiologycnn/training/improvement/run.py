"""One improvement from beginning to end: cases, the present model's Dice, training, the new one's Dice, a package.

Needs torch, which is imported after all that can be said without it. Everything that a run keeps lies in the dataset's
folder ``improvement``: prepared cases, ``checkpoint.pt`` of the last whole epoch, ``run.json`` that says of what, and
``log.csv``. A run that was cancelled or killed goes on from there.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.annotation.file_lock import file_lock
from radiologycnn.annotation.json_files import json_bytes, read_json
from radiologycnn.annotation.settled import settle_all
from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.hemorrhage.inference import labels_of
from radiologycnn.hemorrhage.mask_values import are_types, stated_values
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images.write import write_atomically
from radiologycnn.models.catalog import find_model, user_models_folder
from radiologycnn.models.package import ModelPackage
from radiologycnn.networks.installed import NEEDS_TORCH, start_torch
from radiologycnn.tasks import HEMORRHAGE_TASK
from radiologycnn.training.improvement.corrections import (
    Correction,
    check_mask_file,
    check_types_known,
    hold_out,
    learned_sources,
    read_corrections,
)
from radiologycnn.training.improvement.settings import MOST_LOST_DICE, NEW_SHARES, ImprovementSettings
from radiologycnn.training.prepared_files import fingerprint_of, is_current, made_anew, remove

WORK_FOLDER = "improvement"
RUN_NAME, LOCK_NAME = "run.json", ".lock"
_SIMULATED_SEED = 660_000
_PREPARED, _TESTED, _TRAINED, _CHECKED = 0.15, 0.2, 0.9, 0.95

Progress = Callable[[float, str], None]


def improve_model(
    folder: Path,
    model: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    fresh: bool = False,
    output: Path | None = None,
    progress: Progress = lambda fraction, stage: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Fine-tune a model on a dataset's accepted masks; the old model stays as it is.

    Args:
        folder: of the annotation dataset.
        model: as ``find_model`` takes it.
        settings: changes of :class:`ImprovementSettings`.
        fresh: begin anew where there is a checkpoint to go on from.
        output: where the package's folder is made; the person's own models' folder where None.

    Returns:
        JSON-able: ``accepted``, ``message`` for the person, ``model`` and ``path`` of the package ("" where none was
        written), ``base``, ``before`` and ``after`` (held-out Dice), ``earlier`` (simulated scans, or None),
        ``new_share`` (of the new weights, see ``NEW_SHARES``), ``learned_from``, ``log``, ``notes``.

    Raises:
        InputError: no dataset, too few cases, a model or settings that cannot be used, or another run on the dataset.
        ResourceError: torch is not installed.
        Cancelled: as ``cancelled`` said; called again, it goes on.
    """
    dataset, choices = AnnotationDataset(folder), ImprovementSettings.from_dict(settings or {})
    base = find_model(model, HEMORRHAGE_TASK)
    if len(base.labels) != 1 and not are_types(labels_of(base)):
        raise InputError(
            "several-labels",
            f"The model {base.id} has labels of its own, which cannot be improved here.",
            "Choose a model with one label, or with the five types of bleed.",
        )
    work = dataset.folder / WORK_FOLDER
    with file_lock(work / LOCK_NAME) as is_alone:
        if not is_alone:
            raise InputError(
                "already-improving",
                "A model is being improved on this dataset already; two runs at once would undo each other's work.",
                "Wait until the other run ends, or stop it there: it can be gone on with.",
            )
        return _improve(dataset, work, base, choices, device, fresh, output, progress, cancelled)


def _improve(
    dataset: AnnotationDataset,
    work: Path,
    base: ModelPackage,
    choices: ImprovementSettings,
    device: str,
    fresh: bool,
    output: Path | None,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> dict[str, Any]:
    """As :func:`improve_model`, with the work folder locked."""
    notes, types = settle_all(dataset.folder), len(base.labels) > 1
    corrections = read_corrections(dataset)
    if types:
        check_types_known(corrections, base.id)
    training, held_out = hold_out(corrections, choices.held_out_share, learned_sources(base))
    _need_torch()
    from radiologycnn.networks.devices import resolve_device
    from radiologycnn.training.hemorrhage.cases import grid_name, simulate_cases
    from radiologycnn.training.improvement.finetune import between, dice_by_case, fine_tune, mean, network_of

    where = str(resolve_device("cpu" if device in ("openvino", "torch-cpu") else device))
    preprocessing = Preprocessing.from_dict(base.preprocessing)
    cache = work / "cases" / f"{grid_name(preprocessing)}{'-types' if types else ''}"  # simulated scans differ
    prepared = _part(progress, 0.0, _PREPARED / 2)
    paths = _prepare(dataset, [*training, *held_out], cache, preprocessing, prepared, cancelled)
    learning, checking = paths[: len(training)], paths[len(training) :]
    mixed, check = choices.simulated_scans(base.simulated)
    simulated = simulate_cases(
        cache, 0, mixed + check, _SIMULATED_SEED + choices.seed, preprocessing, types,
        progress=_part(progress, _PREPARED / 2, _PREPARED), cancelled=cancelled,
    ) if mixed + check else []  # fmt: skip

    progress(_PREPARED, "Testing the present model")
    network, threshold = network_of(base, where, cancelled), base.operating_threshold
    before = dice_by_case(network, checking, threshold, where, cancelled)
    earlier_before = dice_by_case(network, simulated[mixed:], threshold, where, cancelled) if check else {}

    def report(done: float, text: str) -> None:
        text = text.replace("fine, ", "")
        progress(
            _TESTED + done * (_TRAINED - _TESTED),
            f"{text} (before {mean(before):.3f})" if text.startswith("Epoch") else text,
        )

    all_learning = [*learning, *simulated[:mixed]]
    resume = _open_run(work, base, choices, all_learning, checking, fresh)
    old = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
    new = fine_tune(
        network, all_learning, checking, threshold, types, choices, work, resume, where, report, cancelled
    )  # fmt: skip
    progress(_TRAINED, "Testing the new model")
    earlier = None
    for new_share in NEW_SHARES:
        weights = between(old, new, new_share)
        network.load_state_dict(weights)
        if not check:
            break
        earlier_after = dice_by_case(network, simulated[mixed:], threshold, where, cancelled)
        earlier = {"cases": check, "before": mean(earlier_before), "after": mean(earlier_after)}
        if not has_forgotten(earlier):
            break
    after = dice_by_case(network, checking, threshold, where, cancelled)
    accepted, message = verdict(mean(before), mean(after), len(checking), earlier)
    record = {
        "accepted": accepted,
        "message": message,
        "model": "",
        "path": "",
        "base": {"id": base.id, "sha256": base.weights_sha256},
        "before": _figures(before, held_out),
        "after": _figures(after, held_out),
        "earlier": earlier,
        "new_share": new_share,
        "learned_from": {
            "cases": len(training),
            "held_out": len(held_out),
            "raters": sorted({rater for one in training for rater in one.raters}),
            "masks": dataset.training_choice().source,
            "simulated": mixed,
        },
        "log": _read_log(work),
        "notes": list(notes),
    }
    if accepted:
        from radiologycnn.training.improvement.package import write_improved

        progress(_CHECKED, "Writing the model")
        sources = sorted({*learned_sources(base), *(one.source for one in training)})
        package = write_improved(base, weights, record, choices, sources, output or user_models_folder())
        record.update(model=package.id, path=str(package.path))
        record["message"] = f"{message} It is {package.id}; {base.id} stays."
    _close_run(work)
    progress(1.0, "Done")
    return record


def has_forgotten(earlier: Mapping[str, float]) -> bool:
    """Whether the Dice on scans such as the model knew fell by more than may be."""
    return earlier["after"] < earlier["before"] - MOST_LOST_DICE


def verdict(before: float, after: float, held_out: int, earlier: Mapping[str, float] | None) -> tuple[bool, str]:
    """Whether a new model is kept, and why, in one sentence with the numbers.

    Args:
        before, after: mean Dice of the held-out cases.
        held_out: how many these are.
        earlier: ``before`` and ``after`` on simulated scans, such as the model knew; None where none were mixed in.
    """
    numbers = f"Dice on {held_out} held-out cases {after:.3f}, before {before:.3f}"
    if after <= before:
        return False, f"The new model is not better and was not kept: {numbers}."
    if earlier and has_forgotten(earlier):
        lost = f"{earlier['after']:.3f}, before {earlier['before']:.3f}"
        forgot = "The new model has forgotten what it knew and was not kept"
        return False, f"{forgot}: on simulated scans {lost} ({numbers})."
    return True, f"The new model is better: {numbers}."


def _need_torch() -> None:
    try:
        start_torch()
    except ResourceError as error:
        if error.code != NEEDS_TORCH:
            raise
        raise ResourceError(
            NEEDS_TORCH,
            "Improving a model needs PyTorch, which is not installed: OpenVINO runs networks but cannot train them.",
            error.hint,
        ) from error


def _part(progress: Progress, first: float, last: float) -> Progress:
    return lambda done, text: progress(first + done * (last - first), text)


def _prepare(
    dataset: AnnotationDataset,
    corrections: Sequence[Correction],
    cache: Path,
    preprocessing: Preprocessing,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> list[Path]:
    """Prepared files, in the corrections' order; those of masks that have been replaced are removed.

    Raises:
        Cancelled: as ``cancelled`` said; those that are made stay.
    """
    from radiologycnn.training.hemorrhage.cases import prepare_case, read_scan, save_case

    paths = [cache / f"{one.key}.npz" for one in corrections]
    for path in cache.glob("*.npz"):
        if path not in paths and not path.stem.startswith("sim-"):
            remove(path)
    values = stated_values(dataset.folder)
    for number, (one, path) in enumerate(zip(corrections, paths)):
        if cancelled():
            raise Cancelled
        progress(number / len(paths), f"Preparing case {number + 1} of {len(paths)}")
        check_mask_file(dataset, one)
        fingerprint = fingerprint_of([dataset.folder / one.image, dataset.folder / one.mask], values=values)
        if not is_current(path, fingerprint):
            scan = read_scan(dataset.folder, {"id": one.case, "image": one.image, "mask": one.mask})
            case = prepare_case(one.key, *scan, preprocessing)
            with made_anew(path, fingerprint):
                save_case(case, cache)
    return paths


def _open_run(
    work: Path,
    base: ModelPackage,
    settings: ImprovementSettings,
    learning: Sequence[Path],
    checking: Sequence[Path],
    fresh: bool,
) -> bool:
    """Whether the work folder's checkpoint is of this very run; else it is cleared for a new one."""
    from radiologycnn.training.checkpoints import CHECKPOINT_NAME

    run = {
        "base_sha256": base.weights_sha256,
        "settings": settings.to_dict(),
        "learning": [path.stem for path in learning],
        "held_out": [path.stem for path in checking],
    }
    if not fresh and read_json(work / RUN_NAME) == run and (work / CHECKPOINT_NAME).is_file():
        return True
    _close_run(work)
    write_atomically(work / RUN_NAME, json_bytes(run))
    return False


def _close_run(work: Path) -> None:
    from radiologycnn.training.checkpoints import CHECKPOINT_NAME

    for name in (CHECKPOINT_NAME, RUN_NAME):
        (work / name).unlink(missing_ok=True)


def _figures(scores: Mapping[str, float], held_out: Sequence[Correction]) -> dict[str, Any]:
    by_case = {one.case: round(scores[one.key], 4) for one in held_out}
    return {"dice": sum(scores.values()) / len(scores), "dice_by_case": by_case}


def _read_log(work: Path) -> list[dict[str, float]]:
    from radiologycnn.training.checkpoints import LOG_NAME

    with (work / LOG_NAME).open(newline="", encoding="utf-8") as file:
        names = ("epoch", "train_loss", "held_out_dice", "seconds")
        return [{name: float(row[name]) for name in names} for row in csv.DictReader(file)]
