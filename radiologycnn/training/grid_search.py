"""Grid search over training settings: every combination trained on the same split, ranked by its validation cases."""

from __future__ import annotations

import csv
import gc
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from radiologycnn.errors import InputError, RadiologyCNNError, ResourceError, is_out_of_memory
from radiologycnn.evaluation.summary import write_rows
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress, part_of
from radiologycnn.training.best_epoch import NothingTrained
from radiologycnn.training.checkpoints import CHECKPOINT_NAME, LOG_NAME, logged_seconds
from radiologycnn.training.distributed import current_team
from radiologycnn.training.frozen import check_start
from radiologycnn.training.run_record import begin_or_resume
from radiologycnn.training.settings import CommonSettings
from radiologycnn.training.settings_file import like, write_settings
from radiologycnn.training.task import TrainingTask

RECORD_NAME = "grid-search.json"
RESULTS_NAME = "results.csv"
BEST_NAME = "best-settings.json"
PAPER = "paper"

CAME_APART = "came apart"
"""``problem`` of a point where no epoch ended with a loss that is a number."""
OUT_OF_MEMORY = "out of memory"
"""``problem`` of a point whose network and batches do not fit into memory."""

# They would change which cases are compared, not how well one learns from them.
_FIXED = ("preset", "validation_share", "seed")


@dataclass(frozen=True)
class Point:
    """One combination of a grid; ``number`` counts from 1, in the order of the grid."""

    number: int
    values: Mapping[str, Any]
    settings: CommonSettings


def parse_grid(texts: Sequence[str], task: type[TrainingTask], base: CommonSettings) -> dict[str, tuple[Any, ...]]:
    """Values by setting.

    Args:
        texts: ``paper`` alone, or ``name=value,value``; sides of a grid as ``64x64x32``.

    Raises:
        InputError: not of this form, an unknown setting, or no grid in the task's paper.
    """
    if PAPER in texts:
        if len(texts) > 1:
            raise InputError("bad-search", "The paper's grid stands for itself.", "Leave the other values out.")
        if not task.paper_grid:
            raise InputError(
                "bad-search",
                "The paper behind this task fixed its settings without a search.",
                "Name the values, such as --search learning_rate=0.002,0.0005.",
            )
        return dict(task.paper_grid)
    left_out = (*_FIXED, *base.FREE_ON_RESUME)
    known = {field.name: getattr(base, field.name) for field in fields(base) if field.name not in left_out}
    grid: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name in grid:
            raise InputError(
                "bad-search", f"“{text}” names no values to try.", "Write name=value,value, each name once."
            )
        if not all(one.strip() for one in values.split(",")):
            raise InputError(
                "bad-search", f"A value is missing in “{text}”.", "Write name=value,value, without a comma at the end."
            )
        if name not in known:
            raise InputError(
                "bad-search", f"There is no setting “{name}” to search over.", f"There are: {', '.join(known)}."
            )
        grid[name] = tuple(dict.fromkeys(_value(name, one.strip(), known[name]) for one in values.split(",")))
    return grid


def grid_points(base: CommonSettings, grid: Mapping[str, Sequence[Any]]) -> list[Point]:
    """Every combination, the last setting changing fastest.

    Raises:
        InputError: a combination is impossible, which is better known before the first hour than after the last.
    """
    points = []
    for number, values in enumerate(itertools.product(*grid.values()), start=1):
        chosen = dict(zip(grid, values))
        settings = replace(base, **chosen)
        problems = settings.problems()
        if problems:
            raise InputError(
                "bad-settings", f"{_words(chosen)} cannot be trained: {' '.join(problems)}", "Leave it out of the grid."
            )
        points.append(Point(number, chosen, settings))
    return points


def search(
    task: TrainingTask,
    output: Path,
    grid: Mapping[str, Sequence[Any]],
    resume: bool = False,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never_cancelled,
    start_from: Path | None = None,
) -> list[dict[str, str]]:
    """Train at each point of the grid, and rank by the validation cases of the best epoch.

    Args:
        task: with the settings that the grid does not change, and the split of the cases.
        output: gets ``results.csv``, a row a finished point, written whole after each, with a ``problem`` instead of
            figures where it could not be trained; ``best-settings.json``, which ``train --settings`` takes; and for
            each point ``points/<number>/`` with its log. Checkpoints of finished points are removed.
        resume: go on: finished points are kept, and the one that was cut goes on from its checkpoint.
        start_from: a model package whose weights every point begins with.

    Returns:
        The rows, the best first.

    Raises:
        InputError: nothing to validate on, an impossible combination, a combination that is another network than the
            one to start from, a folder with another search, or no point whose training did not come apart.
        ResourceError: memory was not enough for any point, or, of several processes that train together, for one.
        Cancelled: as ``cancelled`` said; ``resume`` goes on from there.
    """
    points = grid_points(task.settings, grid)
    for point in points:  # before the first hour, too
        check_start(point.settings, task.with_settings(point.settings).start_weights(start_from), resume=False)
    if not task.shared_out(task.listed())[1]:
        raise InputError(
            "too-few-cases",
            "A search needs validation cases, which the settings leave out.",
            "Name validation cases in the manifest, or give settings with a validation share.",
        )
    record = {
        "task": task.name,
        "grid": {name: list(values) for name, values in grid.items()},
        "start_from": str(start_from) if start_from else None,
        "source": task.source(),
    }
    begin_or_resume(output / RECORD_NAME, record, task.settings, resume)
    training, validation = [
        [path.stem for path in paths]
        for paths in task.split(task.prepare(output, lambda part, text: progress(0.0, text), cancelled))
    ]
    task.say_if_few(validation, progress)
    path = output / RESULTS_NAME
    rows = _read_rows(path)
    for point in points:
        folder = output / "points" / f"{point.number:03d}"
        if str(point.number) not in {row["point"] for row in rows}:
            words = f"Point {point.number} of {len(points)}, {_words(point.values)}"
            say = part_of(progress, (point.number - 1) / len(points), point.number / len(points), words)
            row = _train_point(
                task.with_settings(point.settings), point, folder, training, validation, start_from, say, cancelled
            )
            rows = _ranked(task, [*rows, row])
            write_rows(path, sorted(rows, key=lambda one: int(one["point"])))
        (folder / CHECKPOINT_NAME).unlink(missing_ok=True)
    if not _is_trained(rows[0]):
        raise _no_best(rows)
    best = points[int(rows[0]["point"]) - 1]
    write_settings(output / BEST_NAME, task.name, best.settings)
    return rows


def _train_point(
    task: TrainingTask,
    point: Point,
    folder: Path,
    training: Sequence[str],
    validation: Sequence[str],
    start_from: Path | None,
    say: Progress,
    cancelled: IsCancelled,
) -> dict[str, str]:
    """Train at one point; returns its row, without a rank, and with ``problem`` instead of figures where it failed."""
    # Another grid of the network is another form of the same cases.
    cases = task.prepare(folder.parents[1], cancelled=cancelled)
    paths = {path.stem: path for found in cases.found.values() for path in found}
    learned, tried = ([paths[case] for case in part] for part in (training, validation))
    goes_on = (folder / CHECKPOINT_NAME).exists()
    row = {"rank": "", "point": str(point.number), **{name: _text(value) for name, value in point.values.items()}}
    try:
        result = task.train(learned, tried, folder, goes_on, say, cancelled, task.start_weights(start_from))
    except NothingTrained as error:  # a rate that is too large is what a search is to find out
        say(1.0, error.message)
        row["problem"] = CAME_APART
    except (RuntimeError, MemoryError) as error:
        # The others of a team are amid the work still, and could not be summoned to the next point.
        if not is_out_of_memory(error) or current_team().size > 1:
            raise
        say(1.0, "There is not enough memory for this point.")
        row["problem"] = OUT_OF_MEMORY
    else:
        row |= {name: f"{value:.6g}" for name, value in result.figures.items()} | {"epoch": str(result.epoch)}
    gc.collect()  # reference cycles of this training would keep memory from the next one
    return {**row, "seconds": f"{logged_seconds(folder / LOG_NAME):.1f}"}


def _is_trained(row: Mapping[str, str]) -> bool:
    return math.isfinite(float(row.get("validation_loss") or math.nan))


def _no_best(rows: Sequence[Mapping[str, str]]) -> RadiologyCNNError:
    if all(row.get("problem") == OUT_OF_MEMORY for row in rows):
        return ResourceError(
            "out-of-memory",
            "There was not enough memory to train at any point of the search.",
            "Search in a new folder with smaller batches or networks, or on the CPU with --device cpu.",
        )
    return NothingTrained()


def _ranked(task: TrainingTask, rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Rows with their rank, the best first; points that could not be trained come last."""

    def key(row: Mapping[str, str]) -> tuple[float, ...]:
        if not _is_trained(row):
            return (1.0,)
        figures = {name: float(value) for name, value in row.items() if name.startswith("validation_") and value}
        score = task.score(figures)
        return (0.0, *(-value for value in score)) if all(map(math.isfinite, score)) else (1.0,)

    order = sorted(rows, key=lambda row: (*key(row), int(row["point"])))
    return [{**row, "rank": str(rank)} for rank, row in enumerate(order, start=1)]


def _read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of the finished points, the best first."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["rank"]))


def _value(name: str, text: str, example: Any) -> Any:
    """A value as it was typed, in its setting's kind."""
    if isinstance(example, tuple):
        value: Any = tuple(_plain(part) for part in text.split("x"))
    else:
        value = text if isinstance(example, str) else _plain(text)
    return like(name, value, example, _text)


def _plain(text: str) -> Any:
    try:
        return json.loads(text.lower())
    except ValueError:
        return text


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_text(value)}" for name, value in values.items())
