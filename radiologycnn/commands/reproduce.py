"""``radiologycnn reproduce``: a paper's tables and figures again, beside the paper's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from radiologycnn.option_groups import with_groups
from radiologycnn.reproduction.settings import ARAB_METHODS, OPTIONAL_ARAB_METHODS, SHIM_METHODS
from radiologycnn.terminal import show_progress, stop_on_interrupt

reproduce_app = typer.Typer(help="Train, compare and print a paper's tables and figures again.", no_args_is_help=True)


@dataclass(frozen=True)
class ReproductionOptions:
    """What both papers have."""

    output: Path = typer.Option(
        ..., "--output", "-o", help="Folder for report, tables, figures and all steps; goes on there."
    )
    quick: bool = typer.Option(
        False, "--quick", help="A trial in minutes: tiny scans and networks, figures without meaning."
    )
    models: str = typer.Option(
        "train", help="train, or bundled: test the model that comes with the program on unseen scans."
    )
    model: str = typer.Option(None, help="With --models bundled: id, name or path of another model to test.")
    training: int = typer.Option(
        None,
        min=2,
        help="Simulated training cases (default: as many as the paper's, other numbers with a smaller run).",
    )
    validation: int = typer.Option(None, min=1, help="Simulated validation cases (default: likewise).")
    test: int = typer.Option(
        None, "--test", "--cases", min=2, help="Simulated test cases, from another seed (default: likewise)."
    )
    methods: str = typer.Option(
        None,
        help=f"Methods with commas between them. arab2020: {', '.join(ARAB_METHODS)}, and only where it is named "
        f"{', '.join(OPTIONAL_ARAB_METHODS)}; shim2020: {', '.join(SHIM_METHODS)}. Default: all of them, with --models "
        "bundled those that need no training.",
    )
    training_preset: str = typer.Option("default", help="Training settings of the networks: default, or paper.")
    epochs: int = typer.Option(None, min=1, help="Passes of every network.")
    seed: int = typer.Option(0, min=0, help="Decides scans, weights and simulated readers.")
    device: str = typer.Option("auto", help="auto, cpu or cuda.")
    jobs: int = typer.Option(1, min=1, help="Processes for simulating.")
    report: Path = typer.Option(
        None, "--report", help="Folder for the report as a few small files, without scans and weights."
    )


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.add_typer(reproduce_app, name="reproduce")


@reproduce_app.callback()
def _reproduce() -> None:
    pass


@reproduce_app.command("arab2020")
@with_groups
def arab2020(
    common: ReproductionOptions,
    reduced: bool = typer.Option(False, "--reduced", help="Every method trained, small: about two hours of two cores."),
    data: Path = typer.Option(None, help="Folder with cases.csv (id, image, mask, split) instead of simulated scans."),
    readers: Path = typer.Option(None, help="CSV of human raters: rater, case, mask. Default: simulated raters."),
) -> None:
    """Hemorrhage on head CT: CNN-DS against its baselines and raters."""
    _run("arab2020", common, data, readers, reduced)


@reproduce_app.command("shim2020")
@with_groups
def shim2020(
    common: ReproductionOptions,
    reduced: bool = typer.Option(
        False, "--reduced", help="Every network trained, small, in about three hours of two cores."
    ),
    data: Path = typer.Option(None, help="Folder with cases.csv (id, image, class, ...) instead of simulated scans."),
    readers: Path = typer.Option(
        None,
        help="CSV of human readers: reader, group, case, tear_class, seconds; the groups of the paper are “Shoulder "
        "specialists” and “General orthopedists”. Default: simulated readers.",
    ),
    codes: str = typer.Option(
        None,
        help="What numbers mean as classes in both tables: ordinal (0 to 4; the default), or paper (4 is Partial).",
    ),
    repeats: int = typer.Option(
        None, min=2, help="How often the test is repeated (default: 60 as in the paper, 6 with --quick)."
    ),
    repeat_method: str = typer.Option(
        None, help="tta (changed copies; the default), mc_dropout, checkpoints (last epochs) or seeds."
    ),
) -> None:
    """Rotator cuff tears on shoulder MRI: VRN against its rivals and readers."""
    _run("shim2020", common, data, readers, reduced, repeats=repeats, repeat_method=repeat_method, codes=codes)


def _run(
    paper: str,
    common: ReproductionOptions,
    data: Path | None,
    readers: Path | None,
    reduced: bool,
    **more: object,
) -> None:
    from radiologycnn.errors import InputError
    from radiologycnn.reproduction.reproduce import reproduce
    from radiologycnn.reproduction.settings import BUNDLED, TRAIN, ReproductionSettings

    if common.models not in (TRAIN, BUNDLED):
        raise InputError("unknown-models", f"There are no models “{common.models}”.", f"Use {TRAIN} or {BUNDLED}.")
    if common.quick and reduced:
        raise InputError("two-sizes", "A quick run and a reduced one are two runs.", "Give one of them.")
    names = ("models", "model", "training", "validation", "test", "training_preset", "seed")
    settings = ReproductionSettings.of(
        paper,
        "quick" if common.quick else "reduced" if reduced else "default",
        methods=tuple(name.strip() for name in common.methods.split(",")) if common.methods else None,
        training_changes={"epochs": common.epochs} if common.epochs else {},
        **{name: getattr(common, name) for name in names},
        **more,
    )
    with stop_on_interrupt() as cancelled, show_progress(even=False) as report:
        page = reproduce(
            common.output, settings, data, readers, common.device, common.jobs, report, cancelled, common.report
        )
    typer.echo(f"Report: {page}")
