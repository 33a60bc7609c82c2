"""``radiologycnn simulate gates``: whether simulated scans are hard enough, as a table with limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from radiologycnn.commands.simulate import asked_settings, preset_of_heads, simulate_app

MATRIX = typer.Option(
    None, min=64, max=1024, help="Rows and columns; the field of view stays (default: as in --config, else 256)."
)
CONFIG = typer.Option(
    None, help="JSON file with numbers to change, or the simulation.json beside other scans, which names all."
)
QUIET = typer.Option(False, "--quiet", "-q", help="No progress.")

_MATRIX = 256
"""Where nobody names one: on it the figures of Testing/reproduction were measured."""

gates_app = typer.Typer(
    help="Try what must not solve the simulated scans: thresholds, forests, histograms, files.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the verb, below ``simulate``."""
    simulate_app.add_typer(gates_app, name="gates")


@gates_app.callback()
def _gates() -> None:
    pass


@gates_app.command("head-ct")
def head_ct(
    count: int = typer.Option(20, min=1, help="How many scans."),
    seed: int = typer.Option(0, min=0, help="Seed of the population."),
    matrix: int = MATRIX,
    preset: str = typer.Option("default", help="default, or plain: bright blood in clean scans, easy to find."),
    config: Path = CONFIG,
    quiet: bool = QUIET,
    network: bool = typer.Option(True, help="Segment the scans with a network too, which the forest must stay below."),
    model: str = typer.Option("", help="Id, name or path of its model (default: the one that comes with the program)."),
) -> None:
    """A threshold and a random forest must find the bleeds badly. Exit code 1 where one finds them too well."""
    from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
    from radiologycnn.models.catalog import bundled_model
    from radiologycnn.simulation.gates.bleed_quantiles import BleedFigures, format_quantiles
    from radiologycnn.simulation.gates.head_ct import head_ct_gates
    from radiologycnn.tasks import HEMORRHAGE_TASK

    settings = asked_settings(preset_of_heads(preset, config).with_matrix(_MATRIX), config, matrix)
    segmenter = HemorrhageSegmenter(bundled_model(HEMORRHAGE_TASK, model)) if network else None
    bleeds: list[BleedFigures] = []
    _report(
        lambda progress: head_ct_gates(
            count, seed, settings, segmenter and (lambda scan: segmenter.segment(scan).mask), progress, bleeds
        ),
        lambda: format_quantiles(bleeds),
        quiet=quiet,
    )


@gates_app.command("shoulder-mr")
def shoulder_mr(
    count: int = typer.Option(200, min=1, help="How many scans; every class that is among them needs five."),
    seed: int = typer.Option(0, min=0, help="Seed of the population."),
    matrix: int = MATRIX,
    config: Path = CONFIG,
    quiet: bool = QUIET,
) -> None:
    """Histograms, intensities and files must not tell the class of the tear. Exit code 1 where one does."""
    from radiologycnn.simulation.gates.shoulder_mr import shoulder_mr_gates
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig

    settings = asked_settings(ShoulderMrConfig().with_matrix(_MATRIX), config, matrix)
    _report(lambda progress: shoulder_mr_gates(count, seed, settings, progress), quiet=quiet)


def _report(measure: Callable, further: Callable[[], str] = str, quiet: bool = False) -> None:
    from radiologycnn.simulation.gates import format_table
    from radiologycnn.terminal import show_progress

    with show_progress(quiet) as report:
        gates = measure(report)
    typer.echo(format_table(gates))
    typer.echo(further())
    failed = [gate for gate in gates if not gate.passed]
    typer.echo(f"{len(failed)} of {len(gates)} failed." if failed else "All passed.")
    raise typer.Exit(1 if failed else 0)
