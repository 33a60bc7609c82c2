"""Cross-validation by patients: one model a fold, each tried on the cases that it never saw, and all of them pooled."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.evaluation.hypothesis_tests import bootstrap
from radiologycnn.evaluation.summary import write_record, write_rows
from radiologycnn.evaluation.words import counted, figure_words
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress, part_of
from radiologycnn.training.case_set import CaseSet
from radiologycnn.training.checkpoints import CHECKPOINT_NAME
from radiologycnn.training.frozen import check_start
from radiologycnn.training.packages import check_model_name, mark_of
from radiologycnn.training.run_record import begin_or_resume
from radiologycnn.training.task import ModelName, TrainingTask

RECORD_NAME = "cross-validation.json"
TABLE_NAME = "cross-validation.csv"
ROWS_NAME = "out-of-fold.csv"
FOLDS_NAME = "folds.csv"
_FOLD_ROWS_NAME = "out-of-fold.json"
_RESAMPLES = 1000
_TRAINED = 0.9  # of a fold's progress; the rest is trying the model


@dataclass(frozen=True)
class CrossValidation:
    """What the folds gave.

    Attributes:
        table: rows of :func:`table_of`.
        refused: cases that a model of their fold refused, with its reason; they are in no figure.
    """

    table: list[dict[str, Any]]
    refused: dict[str, str]


def assign_folds(patients: Mapping[str, str], strata: Mapping[str, str], folds: int, seed: int) -> dict[str, int]:
    """The fold of each case, from 1.

    All cases of a patient are in one fold; each fold holds its share of every stratum, and of all cases, as far as the
    patients allow. The order of the cases does not matter.

    Args:
        patients: by case id, whose case it is.
        strata: by case id, its kind: a class, or whether there is a bleed.
        seed: of the shuffle.

    Raises:
        InputError: fewer than two folds, or fewer patients than folds.
    """
    members: dict[str, list[str]] = {}
    for case in sorted(patients):
        members.setdefault(patients[case], []).append(case)
    _check_count(folds, len(members))
    counts = Counter(strata[case] for case in patients)
    # A patient with several kinds counts as the rarest, which is hardest to share out.
    kind = {one: min((strata[case] for case in cases), key=lambda s: (counts[s], s)) for one, cases in members.items()}
    shuffled = [sorted(members)[i] for i in np.random.default_rng(seed).permutation(len(members))]
    # Rare kinds first, and patients with many cases before others: what comes last fills what is left uneven.
    order = sorted(shuffled, key=lambda one: (counts[kind[one]], kind[one], -len(members[one])))
    of_kind: list[Counter[str]] = [Counter() for _ in range(folds)]
    found: dict[str, int] = {}
    for patient in order:
        fold = min(range(folds), key=lambda n: (of_kind[n][kind[patient]], of_kind[n].total(), n))
        for case in members[patient]:
            of_kind[fold][kind[patient]] += 1
            found[case] = fold + 1
    return {case: found[case] for case in sorted(found)}


def _check_count(folds: int, patients: int) -> None:
    if folds < 2:
        raise InputError("bad-folds", f"{folds} is no number of folds.", "Give at least 2.")
    if patients < folds:
        raise InputError(
            "too-few-cases",
            f"{counted(patients, 'patient')} {'is' if patients == 1 else 'are'} too few for {folds} folds.",
            "Give fewer folds, or add cases of other patients.",
        )


def cross_validate(
    task: TrainingTask,
    output: Path,
    folds: int,
    model: ModelName,
    resume: bool = False,
    start_from: Path | None = None,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
) -> CrossValidation:
    """Train a model on the other folds for each fold, and try it on that fold's cases.

    In each fold the cases for validation come from those that are trained on, so that the held-out ones choose neither
    the epoch nor the operating point. Cases whose split is "test" are left out of it all.

    Args:
        output: gets a folder a fold with checkpoint, log and model package, ``folds.csv``, ``out-of-fold.csv`` (a row
            a case) and ``cross-validation.csv`` (the table).
        resume: go on: whole folds are kept, and the one that was cut goes on from its checkpoint.

    Raises:
        InputError: too few patients, a fold whose training has nothing to learn from, or a folder with another run.
        Cancelled: as ``cancelled`` said; ``resume`` goes on from there.
    """
    check_model_name(model.name, model.version)
    listed = task.listed()
    _check_count(folds, len({listed.patient(path) for path in listed.learning}))
    weights = task.start_weights(start_from)
    check_start(task.settings, weights, resume=False)
    record = {
        "task": task.name,
        "folds": folds,
        "model": model.folder,
        "start_from": str(start_from) if start_from else None,
        "source": task.source(),
    }
    begin_or_resume(output / RECORD_NAME, record, task.settings, resume)
    cases = task.prepare(output, lambda part, text: progress(0.0, text), cancelled)
    paths = cases.learning
    strata = {path.stem: task.stratum(path) for path in paths}
    fold_of = _folds_of(task, output, cases, strata, folds)
    parts = {
        fold: _split(task, [path for path in paths if fold_of[path.stem] != fold], cases, strata)
        for fold in range(1, folds + 1)
    }
    for fold, (training, _) in parts.items():  # before the first hour of the first one
        task.check_kinds([strata[path.stem] for path in training], f"Fold {fold}")
    for fold in range(1, folds + 1):
        folder = output / f"fold-{fold}"
        if (folder / _FOLD_ROWS_NAME).exists():
            continue

        whole = part_of(progress, (fold - 1) / folds, fold / folds, f"Fold {fold} of {folds}")
        say, say_later = part_of(whole, 0.0, _TRAINED), part_of(whole, _TRAINED, 1.0)
        held_out = [path for path in paths if fold_of[path.stem] == fold]
        training, validation = parts[fold]
        task.say_if_few(validation, say)
        goes_on = (folder / CHECKPOINT_NAME).exists()
        result = task.train(training, validation, folder, goes_on, say, cancelled, weights)
        source = f"{task.describe_source(len(training), mark_of(start_from))}; fold {fold} of {folds} held out"
        package = task.finish(folder / model.folder, result, validation, source, model, export=False)
        rows = [
            {"case": row["case"], "patient": cases.patients.get(row["case"], row["case"]), "fold": fold, **row}
            for row in task.assess(package, held_out, say_later, cancelled)
        ]
        write_record(folder / _FOLD_ROWS_NAME, {"rows": rows})
    rows = [row for fold in range(1, folds + 1) for row in read_rows(output / f"fold-{fold}")]
    write_rows(output / ROWS_NAME, rows)
    table = table_of(task, rows)
    write_rows(output / TABLE_NAME, table)
    return CrossValidation(table, {row["case"]: row["problem"] for row in rows if row["problem"]})


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Rows of a whole fold, a held-out case each."""
    return json.loads((folder / _FOLD_ROWS_NAME).read_text(encoding="utf-8"))["rows"]


def table_of(task: TrainingTask, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Figures by fold, their mean and SD over the folds, and pooled over all cases.

    Returns:
        Rows with part ("fold 1" ..., "folds", "pooled"), figure, cases, value, sd, lower_95 and upper_95. In "folds"
        the value is the mean of the folds' values and sd their SD (n - 1). The interval of "pooled" is by bootstrap
        over patients. None where a figure does not exist.
    """
    by_fold: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if not row["problem"]:
            by_fold.setdefault(row["fold"], []).append(row)
    used = [row for fold in sorted(by_fold) for row in by_fold[fold]]
    table = []
    for name, figure in task.figures.items():
        values = []
        for fold in sorted(by_fold):
            found = figure(by_fold[fold])
            values.append(found.value)
            table.append(_line(f"fold {fold}", name, found.cases, found.value, found.sd))
        finite = [value for value in values if math.isfinite(value)]
        spread = float(np.std(finite, ddof=1)) if len(finite) > 1 else None
        mean = float(np.mean(finite)) if finite else math.nan
        table.append(_line("folds", name, len(finite), mean, spread))
        if not used:
            continue
        pooled = figure(used)
        lower, upper = (_interval(figure, used) if pooled.cases else None) or (None, None)
        table.append(_line("pooled", name, pooled.cases, pooled.value, pooled.sd, lower, upper))
    order = [*(f"fold {fold}" for fold in sorted(by_fold)), "folds", "pooled"]
    return sorted(table, key=lambda line: order.index(line["part"]))


def table_text(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table as lines for people: a row a part, a column a figure."""
    names = list(dict.fromkeys(line["figure"] for line in table))
    parts = list(dict.fromkeys(line["part"] for line in table))
    by_place = {(line["part"], line["figure"]): line for line in table}

    def cell(part: str, name: str) -> str:
        line = by_place[part, name]
        if line["value"] is None:
            return "-"
        text = f"{line['value']:.3f}"
        if line["sd"] is not None:
            text += f"±{line['sd']:.3f}"
        if line["lower_95"] is not None:
            text += f" [{line['lower_95']:.3f} to {line['upper_95']:.3f}]"
        return text

    cells = [["", *map(figure_words, names)]]
    cells += [[part if part != "folds" else "mean of folds", *(cell(part, name) for name in names)] for part in parts]
    # Figures go down the page, as several of them with intervals would not fit side by side.
    lines = list(zip(*cells))
    widths = [max(map(len, column)) for column in cells]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines]


def _line(
    part: str,
    figure: str,
    cases: int,
    value: float,
    sd: float | None,
    lower: float | None = None,
    upper: float | None = None,
) -> dict[str, Any]:
    numbers = {"value": value, "sd": sd, "lower_95": lower, "upper_95": upper}
    plain = {name: number if number is not None and math.isfinite(number) else None for name, number in numbers.items()}
    return {"part": part, "figure": figure, "cases": cases, **plain}


def _interval(figure: Any, rows: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """95 % bootstrap interval by drawing patients, as scans of one patient are not independent; None without width."""
    by_patient: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_patient.setdefault(row["patient"], []).append(row)
    groups = list(by_patient.values())

    def statistic(chosen: np.ndarray) -> float:
        return figure([row for number in chosen for row in groups[number]]).value

    return bootstrap(statistic, np.arange(len(groups)), resamples=_RESAMPLES).ends


def _folds_of(
    task: TrainingTask, output: Path, cases: CaseSet, strata: Mapping[str, str], folds: int
) -> dict[str, int]:
    """Folds by case id, which also stand in ``folds.csv``.

    Args:
        strata: by case id, its kind; of all cases that are shared out.

    Raises:
        InputError: the file says otherwise: the data changed since the run was begun.
    """
    patients = {case: cases.patients.get(case, case) for case in strata}
    found = assign_folds(patients, strata, folds, task.settings.seed)
    path = output / FOLDS_NAME
    lines = [
        {"case": case, "patient": patients[case], "kind": strata[case], "fold": str(fold)}
        for case, fold in found.items()
    ]
    if not path.exists():
        write_rows(path, lines)
    with path.open(newline="", encoding="utf-8") as file:
        if list(csv.DictReader(file)) != lines:
            raise InputError(
                "other-cases",
                f"The cases are no longer those that {FOLDS_NAME} shared out.",
                "Restore the data, or start in a new folder.",
            )
    return found


def _split(
    task: TrainingTask, paths: Sequence[Path], cases: CaseSet, strata: Mapping[str, str]
) -> tuple[list[Path], list[Path]]:
    """Training and validation cases of a fold, the latter with their share of each stratum too."""
    share = task.settings.validation_share
    if not share:
        return list(paths), []
    patients = {path.stem: cases.patient(path) for path in paths}
    parts = max(2, min(round(1 / share), len(set(patients.values()))))
    part_of = assign_folds(patients, strata, parts, task.settings.seed)
    training = [path for path in paths if part_of[path.stem] != 1]
    return training, [path for path in paths if part_of[path.stem] == 1]
