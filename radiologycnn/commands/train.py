"""``radiologycnn train``: a model from a hospital's own scans or simulated ones; also by folds, and over a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from radiologycnn.errors import InputError
from radiologycnn.option_groups import with_groups
from radiologycnn.progress import Progress
from radiologycnn.result_folder import check_result_folder

if TYPE_CHECKING:
    from radiologycnn.models.package import ModelPackage
    from radiologycnn.training.settings_file import Settings
    from radiologycnn.training.task import TrainingTask

train_app = typer.Typer(help="Train a model.", no_args_is_help=True)

_SHOWN_POINTS = 20


@dataclass(frozen=True)
class TrainingOptions:
    """What both tasks have."""

    output: Path = typer.Option(..., "--output", "-o", help="Folder for checkpoints, log and the finished model.")
    preset: str = typer.Option(
        None, help="default where left out; or paper: the settings of the task's paper. Options below change them."
    )
    settings: Path = typer.Option(
        None, "--settings", help="JSON file with settings, such as a search's best-settings.json."
    )
    epochs: int = typer.Option(None, min=0, help="Passes on the network's grid.")
    coarse_epochs: int = typer.Option(None, min=0, help="Passes before them on half the grid.")
    batch_size: int = typer.Option(None, min=1, help="Cases a step.")
    base_filters: int = typer.Option(None, min=1, help="Width of the network.")
    learning_rate: float = typer.Option(None, help="Largest learning rate.")
    seed: int = typer.Option(None, min=0, help="Decides weights, order, augmentation, splits and simulated scans.")
    folds: int = typer.Option(
        0, "--folds", min=0, help="Train so many models, each tried on the patients that only it has not seen."
    )
    search: list[str] = typer.Option(
        None,
        "--search",
        help="Try values of a setting, as name=value,value; several times for all combinations. "
        "paper: what the task's paper tried.",
    )
    resume: bool = typer.Option(False, "--resume", help="Go on from what the folder holds.")
    start_from: str = typer.Option(
        None, help="Model (id, name or path) whose weights are the first ones, to adapt it to other scans."
    )
    tensorboard: bool = typer.Option(False, "--tensorboard", help="Write logs for TensorBoard, beside log.csv.")
    device: str = typer.Option("auto", help="auto, cpu or cuda.")
    jobs: int = typer.Option(1, min=1, help="Processes for simulating.")
    test: int = typer.Option(0, min=0, help="Test on this many unseen simulated scans at the end.")
    version: str = typer.Option("0.1.0", help="Version of the model.")
    title: str = typer.Option("", help="What people read in the list of models.")

    def chosen(self, kind: type[Settings], task: str, **changes: Any) -> Settings:
        """Settings of the file or preset with these options' changes, and those of the task's own options."""
        from radiologycnn.training.settings_file import read_settings

        names = ("epochs", "coarse_epochs", "batch_size", "base_filters", "learning_rate", "seed")
        changes |= {name: getattr(self, name) for name in names} | {"tensorboard": self.tensorboard or None}
        if self.settings is None:
            return kind.from_preset(self.preset or "default", changes)
        if self.preset is not None:
            raise InputError("two-settings", "A preset and a settings file cannot go together.", "Give one of them.")
        return read_settings(self.settings, task, kind, changes)


def register(app: typer.Typer) -> None:
    app.add_typer(train_app, name="train")


@train_app.callback()
def _train() -> None:
    pass


@train_app.command("hemorrhage")
@with_groups
def hemorrhage(
    common: TrainingOptions,
    data: Path = typer.Option(None, help="Folder with cases.csv (id, image, mask, patient, split)."),
    simulate: int = typer.Option(0, min=0, help="Train on this many simulated scans instead."),
    types: bool = typer.Option(False, "--types", help="Learn the five types of bleed instead of blood or none."),
    grid: str = typer.Option(None, help="Grid that scans are resampled to: columns,rows,slices, such as 128,128,64."),
    name: str = typer.Option("hemorrhage", help="Name of the model, in small letters."),
) -> None:
    """Train CNN-DS to outline bleeds; writes a model package that the panel and the command segment can use."""
    from radiologycnn.annotation.settled import settle_all
    from radiologycnn.training.hemorrhage.run import HemorrhageTask
    from radiologycnn.training.hemorrhage.settings import TrainingSettings

    def lead(where: str) -> None:
        _check_source(data, simulate)
        for note in settle_all(data) if data else ():
            typer.echo(f"Note: {note}")
        changes = {"grid_shape_ijk": _grid_shape(grid), "types": types or None}
        settings = common.chosen(TrainingSettings, HemorrhageTask.name, **changes)
        _run(HemorrhageTask(settings, data, simulate, common.jobs, where), name, common, "segment")

    _in_team(common, lead)


@train_app.command("rotator-cuff")
@with_groups
def rotator_cuff(
    common: TrainingOptions,
    data: Path = typer.Option(
        None, help="Folder with cases.csv (id, image, class, mask, side, centre, patient, split)."
    ),
    codes: str = typer.Option("ordinal", help="Numbers in class: ordinal (1 is Partial), or paper (4 is Partial)."),
    simulate: int = typer.Option(0, min=0, help="Train on this many simulated shoulders instead."),
    matrix: int = typer.Option(256, min=64, help="In-plane size that training shoulders are simulated at."),
    localization_weight: float = typer.Option(
        None, help="How much the masks, where there are some, teach where activation maps lie; 0 not at all."
    ),
    name: str = typer.Option("rotator-cuff", help="Name of the model, in small letters."),
) -> None:
    """Train VRN to classify tears; writes a model package that the panel and the command classify can use."""
    from radiologycnn.training.rotatorcuff.run import RotatorCuffTask
    from radiologycnn.training.rotatorcuff.settings import TrainingSettings

    def lead(where: str) -> None:
        _check_source(data, simulate)
        settings = common.chosen(TrainingSettings, RotatorCuffTask.name, localization_weight=localization_weight)
        _run(RotatorCuffTask(settings, data, simulate, common.jobs, where, codes, matrix), name, common, "classify")

    _in_team(common, lead)


def _in_team(options: TrainingOptions, lead: Callable[[str], None]) -> None:
    """Do the work on this process's device, together with the processes that ``torchrun`` started beside it, if any."""
    from radiologycnn.terminal import stop_on_interrupt
    from radiologycnn.training.distributed import joined_team
    from radiologycnn.training.shortages import shortages_in_words

    smaller = "Train with a smaller --batch-size or --base-filters, or on the CPU with --device cpu, in a new folder."
    with shortages_in_words(smaller, "go on with --resume"), joined_team(options.device) as team:
        if team.leads:
            with team.leading():
                check_result_folder(options.output)
                lead(team.device)
        else:
            with stop_on_interrupt() as cancelled:
                team.follow(cancelled)


def _check_source(data: Path | None, simulate: int) -> None:
    if (data is None) == (simulate == 0):
        raise InputError("no-data", "Give either --data with a folder or --simulate with a number.", "")


def _grid_shape(text: str | None) -> tuple[int, ...] | None:
    try:
        shape = tuple(int(n) for n in text.replace("x", ",").split(",")) if text else None
    except ValueError:
        shape = ()
    if shape is not None and len(shape) != 3:
        raise InputError("bad-grid", f"The grid “{text}” is not three numbers.", "Write it as 128,128,64.")
    return shape


def _run(task: TrainingTask, name: str, options: TrainingOptions, verb: str) -> None:
    """Train one model, one a fold, or one a point of a grid, and say what came of it."""
    from radiologycnn.terminal import stop_on_interrupt
    from radiologycnn.training.folds import TABLE_NAME, cross_validate, table_text
    from radiologycnn.training.grid_search import BEST_NAME, RESULTS_NAME, parse_grid, search
    from radiologycnn.training.task import ModelName

    output, resume, start_from = options.output, options.resume, _model_folder(options.start_from, task)
    model = ModelName(name, options.version, options.title)
    _check_kind_of_run(options.folds, options.search, options.test)
    say = _say()
    with stop_on_interrupt() as cancelled:
        if options.search:
            grid = parse_grid(options.search, type(task), task.settings)
            rows = search(task, output, grid, resume, say, cancelled, start_from)
            _print_points(rows)
            typer.echo(f"All {len(rows)} points: {output / RESULTS_NAME}; the best: {output / BEST_NAME}")
        elif options.folds:
            done = cross_validate(task, output, options.folds, model, resume, start_from, say, cancelled)
            for line in table_text(done.table):
                typer.echo(line)
            typer.echo("± SD over cases, of the mean over folds; in brackets the 95 % interval over patients")
            for case, reason in done.refused.items():
                typer.echo(f"Left out: {case}. {reason}")
            typer.echo(f"Table: {output / TABLE_NAME}")
        else:
            _print_package(task.run(output, model, options.test, resume, start_from, say, cancelled), verb)


def _model_folder(model: str | None, task: TrainingTask) -> Path | None:
    """Where the model lies that people named by its path, or by its id or name."""
    from radiologycnn.models.catalog import find_model

    if not model or Path(model).exists():
        return Path(model) if model else None
    return Path(find_model(model, task.name).path)


def _check_kind_of_run(folds: int, searched: list[str] | None, test: int) -> None:
    if folds and searched:
        raise InputError(
            "two-runs", "Folds and a search are two runs.", "Search first, then give the best to --settings."
        )
    if (folds or searched) and test:
        raise InputError(
            "two-runs", "Folds and searches are judged by their own cases.", "Leave --test out, or train one model."
        )


def _say() -> Progress:
    """A line for each report, with the time that is left."""
    from radiologycnn.terminal import TimeLeft

    left = TimeLeft()
    return lambda part, text: typer.echo(f"{part:6.1%}  {text}{left.words(part)}")


def _print_points(rows: list[dict[str, str]]) -> None:
    """The best points as a table, the best one first."""
    from radiologycnn.evaluation.words import figure_words

    names = [name for name in dict.fromkeys(chain.from_iterable(rows)) if name != "seconds"]
    lines = [[figure_words(name) for name in names]]
    lines += [[row.get(name) or "" for name in names] for row in rows[:_SHOWN_POINTS]]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        typer.echo("  ".join(text.rjust(width) for text, width in zip(line, widths)))


def _print_package(package: ModelPackage, verb: str) -> None:
    from radiologycnn.evaluation.words import performance_lines

    typer.echo(f"Model {package.id}: {package.path}")
    for line in performance_lines(package.performance, "  "):
        typer.echo(line)
    typer.echo(f"Use it: radiologycnn {verb} SCAN --model {package.path} -o RESULT")
