"""One improvement from beginning to end: cases, the present model's Dice, training, the new one's Dice, a package.

Needs torch, which is imported after all that can be said without it. Everything that a run keeps lies in the dataset's
folder ``improvement``: prepared cases, ``checkpoint.pt`` of the last whole epoch, ``run.json`` that says of what, and
``log.csv``. A run that was cancelled or killed goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.annotation.file_lock import file_lock
from radiologycnn.annotation.settled import settle_all
from radiologycnn.errors import InputError, ResourceError
from radiologycnn.hemorrhage.inference import labels_of
from radiologycnn.hemorrhage.mask_values import are_types
from radiologycnn.models.catalog import find_model, user_models_folder
from radiologycnn.models.package import ModelPackage
from radiologycnn.networks.installed import NEEDS_TORCH, start_monai, start_torch
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress, part_of
from radiologycnn.tasks import HEMORRHAGE_TASK
from radiologycnn.training.improvement.cases import prepare_cases
from radiologycnn.training.improvement.corrections import (
    Correction,
    check_types_known,
    hold_out,
    learned_sources,
    read_corrections,
)
from radiologycnn.training.improvement.settings import NEW_SHARES, ImprovementSettings
from radiologycnn.training.improvement.verdict import has_forgotten, verdict

if TYPE_CHECKING:
    from torch import Tensor, nn

WORK_FOLDER = "improvement"
LOCK_NAME = ".lock"
_PREPARED, _TESTED, _TRAINED, _CHECKED = 0.15, 0.2, 0.9, 0.95


def improve_model(
    folder: Path,
    model: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    fresh: bool = False,
    output: Path | None = None,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
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
    cancelled: IsCancelled,
) -> dict[str, Any]:
    """As :func:`improve_model`, with the work folder locked."""
    notes, types = settle_all(dataset.folder), len(base.labels) > 1
    corrections = read_corrections(dataset)
    if types:
        check_types_known(corrections, base.id)
    training, held_out = hold_out(corrections, choices.held_out_share, learned_sources(base))
    _need_torch()
    from radiologycnn.networks.devices import resolve_device
    from radiologycnn.training.improvement.finetune import dice_by_case, fine_tune, mean, network_of
    from radiologycnn.training.improvement.package import write_improved
    from radiologycnn.training.improvement.run_folder import close_run, open_run, read_log

    where = str(resolve_device("cpu" if device in ("openvino", "torch-cpu") else device))
    prepared = part_of(progress, 0.0, _PREPARED)
    cases = prepare_cases(dataset, work, base, choices, training, held_out, prepared, cancelled)

    progress(_PREPARED, "Testing the present model")
    network, threshold = network_of(base, where, cancelled), base.operating_threshold

    def scored(paths: Sequence[Path]) -> dict[str, float]:
        return dice_by_case(network, paths, threshold, where, cancelled)

    before, earlier_before = scored(cases.held_out), scored(cases.earlier)
    trained = part_of(progress, _TESTED, _TRAINED)

    def report(done: float, text: str) -> None:
        text = text.replace("fine, ", "")
        trained(done, f"{text} (before {mean(before):.3f})" if text.startswith("Epoch") else text)

    resume = open_run(work, base, choices, cases, fresh)
    old = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
    new = fine_tune(
        network, cases.learning, cases.held_out, threshold, types, choices, work, resume, where, report, cancelled
    )  # fmt: skip
    progress(_TRAINED, "Testing the new model")
    weights, new_share, earlier = _weights_to_take(network, old, new, earlier_before, lambda: scored(cases.earlier))
    after = scored(cases.held_out)
    accepted, message = verdict(mean(before), mean(after), len(after), earlier)
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
            "simulated": cases.mixed,
        },
        "log": read_log(work),
        "notes": list(notes),
    }
    if accepted:
        progress(_CHECKED, "Writing the model")
        sources = sorted({*learned_sources(base), *(one.source for one in training)})
        package = write_improved(base, weights, record, choices, sources, output or user_models_folder())
        record.update(model=package.id, path=str(package.path))
        record["message"] = f"{message} It is {package.id}; {base.id} stays."
    close_run(work)
    progress(1.0, "Done")
    return record


def _weights_to_take(
    network: nn.Module,
    old: Mapping[str, Tensor],
    new: Mapping[str, Tensor],
    before: Mapping[str, float],
    scored: Callable[[], dict[str, float]],
) -> tuple[dict[str, Tensor], float, dict[str, float] | None]:
    """The first of :data:`.settings.NEW_SHARES` with which nothing is forgotten, or the last one.

    Args:
        network: gets the weights.
        old, new: weights before and after learning.
        before: Dice on the simulated scans with the old weights, by case; empty where there are none to check on.
        scored: the same with the weights that the network has now.

    Returns:
        Weights, the share of the new ones, and ``cases``, ``before`` and ``after`` on the simulated scans, or None.
    """
    from radiologycnn.training.improvement.finetune import between, mean

    earlier = None
    for new_share in NEW_SHARES:
        weights = between(old, new, new_share)
        network.load_state_dict(weights)
        if not before:
            break
        earlier = {"cases": len(before), "before": mean(before), "after": mean(scored())}
        if not has_forgotten(earlier):
            break
    return weights, new_share, earlier


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
    start_monai("transforms")


def _figures(scores: Mapping[str, float], held_out: Sequence[Correction]) -> dict[str, Any]:
    by_case = {one.case: round(scores[one.key], 4) for one in held_out}
    return {"dice": sum(scores.values()) / len(scores), "dice_by_case": by_case}
