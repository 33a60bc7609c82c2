"""``radiologycnn reproduce``: a paper's tables and figures again, beside the paper's own."""

from __future__ import annotations

from pathlib import Path

import typer

from radiologycnn.terminal import show_progress, stop_on_interrupt

reproduce_app = typer.Typer(help="Train, compare and print a paper's tables and figures again.", no_args_is_help=True)

_OUTPUT = typer.Option(..., "--output", "-o", help="Folder for report, tables, figures and all steps; goes on there.")
_QUICK = typer.Option(False, "--quick", help="A trial in minutes: tiny scans and networks, figures without meaning.")
_REDUCED = typer.Option(False, "--reduced", help="Every method trained, small, in about an hour of one core.")
_MODELS = typer.Option("train", help="train, or bundled: test the model that comes with the program on unseen scans.")
_TRAINING = typer.Option(None, min=2, help="Simulated training cases.")
_VALIDATION = typer.Option(None, min=1, help="Simulated validation cases.")
_TEST = typer.Option(None, "--test", "--cases", min=2, help="Simulated test cases, from another seed.")
_MODEL = typer.Option(None, help="With --models bundled: id, name or path of another model to test.")
_REPORT = typer.Option(None, "--report", help="Folder for the report as a few small files, without scans and weights.")
_METHODS = typer.Option(None, help="Methods with commas between them; all where left out.")
_PRESET = typer.Option("default", help="Training settings of the networks: default, or paper.")
_EPOCHS = typer.Option(None, min=1, help="Passes of every network.")
_SEED = typer.Option(0, help="Decides scans, weights and simulated readers.")
_DEVICE = typer.Option("auto", help="auto, cpu or cuda.")
_JOBS = typer.Option(1, min=1, help="Processes for simulating.")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.add_typer(reproduce_app, name="reproduce")


@reproduce_app.callback()
def _reproduce() -> None:
    pass


@reproduce_app.command("arab2020")
def arab2020(
    output: Path = _OUTPUT,
    quick: bool = _QUICK,
    reduced: bool = _REDUCED,
    models: str = _MODELS,
    model: str = _MODEL,
    data: Path = typer.Option(None, help="Folder with cases.csv (id, image, mask, split) instead of simulated scans."),
    readers: Path = typer.Option(None, help="CSV of human raters: rater, case, mask. Default: simulated raters."),
    training: int = _TRAINING,
    validation: int = _VALIDATION,
    test: int = _TEST,
    methods: str = _METHODS,
    training_preset: str = _PRESET,
    epochs: int = _EPOCHS,
    seed: int = _SEED,
    device: str = _DEVICE,
    jobs: int = _JOBS,
    report: Path = _REPORT,
) -> None:
    """Hemorrhage on head CT: CNN-DS against its baselines and raters."""
    _run(
        "arab2020", output, _preset(quick, reduced), models, model, data, readers, training, validation, test, methods,
        training_preset, epochs, seed, device, jobs, report,
    )  # fmt: skip


@reproduce_app.command("shim2020")
def shim2020(
    output: Path = _OUTPUT,
    quick: bool = _QUICK,
    models: str = _MODELS,
    model: str = _MODEL,
    data: Path = typer.Option(None, help="Folder with cases.csv (id, image, class, ...) instead of simulated scans."),
    readers: Path = typer.Option(
        None, help="CSV of human readers: reader, group, case, tear_class, seconds. Default: simulated readers."
    ),
    training: int = _TRAINING,
    validation: int = _VALIDATION,
    test: int = _TEST,
    methods: str = _METHODS,
    training_preset: str = _PRESET,
    epochs: int = _EPOCHS,
    repeats: int = typer.Option(None, min=2, help="How often the test is repeated; 60 in the paper."),
    repeat_method: str = typer.Option(
        None, help="tta (changed copies), mc_dropout, checkpoints (last epochs) or seeds."
    ),
    seed: int = _SEED,
    device: str = _DEVICE,
    jobs: int = _JOBS,
    report: Path = _REPORT,
) -> None:
    """Rotator cuff tears on shoulder MRI: VRN against its rivals and readers."""
    _run(
        "shim2020", output, _preset(quick), models, model, data, readers, training, validation, test, methods,
        training_preset, epochs, seed, device, jobs, report, repeats=repeats, repeat_method=repeat_method,
    )  # fmt: skip


def _preset(quick: bool, reduced: bool = False) -> str:
    """How large the run is."""
    from radiologycnn.errors import InputError

    if quick and reduced:
        raise InputError("two-sizes", "A quick run and a reduced one are two runs.", "Give one of them.")
    return "quick" if quick else "reduced" if reduced else "default"


def _run(
    paper: str,
    output: Path,
    preset: str,
    models: str,
    model: str | None,
    data: Path | None,
    readers: Path | None,
    training: int | None,
    validation: int | None,
    test: int | None,
    methods: str | None,
    training_preset: str,
    epochs: int | None,
    seed: int,
    device: str,
    jobs: int,
    brief: Path | None,
    **more: object,
) -> None:
    from radiologycnn.errors import InputError
    from radiologycnn.reproduction.reproduce import reproduce
    from radiologycnn.reproduction.settings import BUNDLED, TRAIN, ReproductionSettings

    if models not in (TRAIN, BUNDLED):
        raise InputError("unknown-models", f"There are no models “{models}”.", f"Use {TRAIN} or {BUNDLED}.")
    settings = ReproductionSettings.of(
        paper,
        preset,
        models=models,
        model=model,
        training=training,
        validation=validation,
        test=test,
        methods=tuple(name.strip() for name in methods.split(",")) if methods else None,
        training_preset=training_preset,
        training_changes={"epochs": epochs} if epochs else {},
        seed=seed,
        **more,
    )
    with stop_on_interrupt() as cancelled, show_progress() as report:
        page = reproduce(output, settings, data, readers, device, jobs, report, cancelled, brief)
    typer.echo(f"Report: {page}")
