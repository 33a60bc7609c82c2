"""``radiologycnn train``: a model from a hospital's own scans, or from simulated ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from radiologycnn.models.package import ModelPackage

train_app = typer.Typer(help="Train a model.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(train_app, name="train")


@train_app.callback()
def _train() -> None:
    pass


@train_app.command("hemorrhage")
def hemorrhage(
    output: Path = typer.Option(..., "--output", "-o", help="Folder for checkpoints, log and the finished model."),
    data: Path = typer.Option(None, help="Folder with cases.csv (id, image, mask, split)."),
    simulate: int = typer.Option(0, min=0, help="Train on this many simulated scans instead."),
    preset: str = typer.Option("default", help="default, or paper: the settings of Arab 2020."),
    epochs: int = typer.Option(None, min=0, help="Passes on the network's grid."),
    coarse_epochs: int = typer.Option(None, min=0, help="Passes before them on half the grid."),
    base_filters: int = typer.Option(None, min=1, help="Width of the network."),
    learning_rate: float = typer.Option(None, help="Of Adam."),
    grid: str = typer.Option(None, help="Network's grid as columns,rows,slices, such as 128,128,64."),
    seed: int = typer.Option(None, help="Decides weights, order, augmentation and simulated scans."),
    resume: bool = typer.Option(False, "--resume", help="Go on from the folder's checkpoint."),
    start_from: Path = typer.Option(None, help="Model whose weights are the first ones, to adapt it to other scans."),
    device: str = typer.Option("auto", help="auto, cpu or cuda."),
    jobs: int = typer.Option(1, min=1, help="Processes for simulating."),
    test: int = typer.Option(0, min=0, help="Test on this many unseen simulated scans at 512 x 512 at the end."),
    name: str = typer.Option("hemorrhage", help="Name of the model, in small letters."),
    version: str = typer.Option("0.1.0", help="Version of the model."),
    title: str = typer.Option("", help="What people read in the list of models."),
) -> None:
    """Train CNN-DS to outline bleeds; writes a model package that the panel and ``segment`` can use."""
    from radiologycnn.errors import InputError
    from radiologycnn.terminal import stop_on_interrupt
    from radiologycnn.training.hemorrhage.run import train_hemorrhage
    from radiologycnn.training.hemorrhage.settings import TrainingSettings

    _check_source(data, simulate)
    try:
        grid_shape = tuple(int(n) for n in grid.split(",")) if grid else None
    except ValueError:
        grid_shape = ()
    if grid_shape is not None and len(grid_shape) != 3:
        raise InputError("bad-grid", f"The grid “{grid}” is not three numbers.", "Write it as 128,128,64.")
    settings = TrainingSettings.from_preset(
        preset,
        {
            "epochs": epochs,
            "coarse_epochs": coarse_epochs,
            "base_filters": base_filters,
            "learning_rate": learning_rate,
            "grid_shape_ijk": grid_shape,
            "seed": seed,
        },
    )
    with stop_on_interrupt() as cancelled:
        package = train_hemorrhage(
            output,
            settings,
            data=data,
            simulate=simulate,
            test=test,
            resume=resume,
            start_from=start_from,
            device=device,
            jobs=jobs,
            name=name,
            version=version,
            title=title,
            progress=_say,
            cancelled=cancelled,
        )
    _print_package(package)


@train_app.command("rotator-cuff")
def rotator_cuff(
    output: Path = typer.Option(..., "--output", "-o", help="Folder for checkpoints, log and the finished model."),
    data: Path = typer.Option(None, help="Folder with cases.csv (id, image, class, mask, side, centre, split)."),
    codes: str = typer.Option("ordinal", help="Numbers in class: ordinal (1 is Partial), or paper (4 is Partial)."),
    simulate: int = typer.Option(0, min=0, help="Train on this many simulated shoulders instead."),
    matrix: int = typer.Option(256, min=64, help="In-plane size that training shoulders are simulated at."),
    preset: str = typer.Option("default", help="default, or paper: the settings of Shim 2020."),
    epochs: int = typer.Option(None, min=0, help="Passes on the network's cube."),
    coarse_epochs: int = typer.Option(None, min=0, help="Passes before them on a cube of half the size."),
    batch_size: int = typer.Option(None, min=1, help="Cases a step."),
    base_filters: int = typer.Option(None, min=4, help="Width of the network."),
    learning_rate: float = typer.Option(None, help="Largest learning rate."),
    localization_weight: float = typer.Option(
        None, help="How much the masks, where there are some, teach where activation maps lie; 0 not at all."
    ),
    seed: int = typer.Option(None, help="Decides weights, order, augmentation and simulated scans."),
    resume: bool = typer.Option(False, "--resume", help="Go on from the folder's checkpoint."),
    start_from: Path = typer.Option(None, help="Model whose weights are the first ones, to adapt it to other scans."),
    device: str = typer.Option("auto", help="auto, cpu or cuda."),
    jobs: int = typer.Option(1, min=1, help="Processes for simulating."),
    test: int = typer.Option(0, min=0, help="Test on this many unseen simulated shoulders at the end."),
    name: str = typer.Option("rotator-cuff", help="Name of the model, in small letters."),
    version: str = typer.Option("0.1.0", help="Version of the model."),
    title: str = typer.Option("", help="What people read in the list of models."),
) -> None:
    """Train VRN to classify tears; writes a model package that the panel and ``classify`` can use."""
    from radiologycnn.terminal import stop_on_interrupt
    from radiologycnn.training.rotatorcuff.run import train_rotator_cuff
    from radiologycnn.training.rotatorcuff.settings import TrainingSettings

    _check_source(data, simulate)
    settings = TrainingSettings.from_preset(
        preset,
        {
            "epochs": epochs,
            "coarse_epochs": coarse_epochs,
            "batch_size": batch_size,
            "base_filters": base_filters,
            "learning_rate": learning_rate,
            "localization_weight": localization_weight,
            "seed": seed,
        },
    )
    with stop_on_interrupt() as cancelled:
        package = train_rotator_cuff(
            output,
            settings,
            data=data,
            codes=codes,
            simulate=simulate,
            matrix=matrix,
            test=test,
            resume=resume,
            start_from=start_from,
            device=device,
            jobs=jobs,
            name=name,
            version=version,
            title=title,
            progress=_say,
            cancelled=cancelled,
        )
    _print_package(package)


def _check_source(data: Path | None, simulate: int) -> None:
    from radiologycnn.errors import InputError

    if (data is None) == (simulate == 0):
        raise InputError("no-data", "Give either --data with a folder or --simulate with a number.", "")


def _say(part: float, text: str) -> None:
    typer.echo(f"{part:6.1%}  {text}")


def _print_package(package: ModelPackage) -> None:
    typer.echo(f"Model {package.id}: {package.path}")
    for key, value in package.performance.items():
        typer.echo(f"  {key}: {value}")
