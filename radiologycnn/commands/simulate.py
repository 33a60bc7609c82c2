"""``radiologycnn simulate``: scans with known truth."""

from __future__ import annotations

from pathlib import Path

import typer

simulate_app = typer.Typer(help="Make simulated scans with known truth.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(simulate_app, name="simulate")


@simulate_app.callback()
def _simulate() -> None:
    pass


@simulate_app.command("head-ct")
def head_ct(
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the scans; an interrupted run goes on in it."),
    count: int = typer.Option(1, min=1, help="How many scans."),
    seed: int = typer.Option(0, help="Seed of the population; with a scan's number it decides everything."),
    first: int = typer.Option(0, min=0, help="Number of the first scan."),
    matrix: int = typer.Option(512, min=64, max=1024, help="Rows and columns; the field of view stays."),
    jobs: int = typer.Option(1, min=1, help="Processes at a time."),
    bleed_free: float = typer.Option(None, min=0, max=1, help="Share of scans without a bleed [0.2]."),
    config: Path = typer.Option(None, help="JSON file with numbers to change."),
) -> None:
    """Head CTs without contrast, with and without bleeds: NIfTI image and label map, truth.csv, contact sheet."""
    import dataclasses

    from radiologycnn.simulation.head_ct import HeadCtConfig
    from radiologycnn.simulation.head_ct.writer import write_contact_sheet, write_population

    settings = (HeadCtConfig.read(config) if config else HeadCtConfig()).with_matrix(matrix)
    if bleed_free is not None:
        settings = dataclasses.replace(settings, bleeds=dataclasses.replace(settings.bleeds, bleed_free=bleed_free))
    with typer.progressbar(length=1000, label="Simulating", width=30) as bar:
        made = write_population(
            output, count, seed, settings, first, jobs, lambda part, _: bar.update(round(part * 1000) - bar.pos)
        )
    sheet = write_contact_sheet(output)
    typer.echo(f"{made} new scans of {count} in {output}; truth in truth.csv, pictures in {sheet.name}.")
