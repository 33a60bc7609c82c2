"""``radiologycnn datasets``: public data sets of head CTs as folders that training reads."""

from __future__ import annotations

from pathlib import Path

import typer

from radiologycnn.evaluation.words import counted
from radiologycnn.terminal import show_progress, stop_on_interrupt

datasets_app = typer.Typer(help="Read public data sets of head CTs with outlined bleeds.", no_args_is_help=True)

_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.add_typer(datasets_app, name="datasets")


@datasets_app.callback()
def _datasets() -> None:
    pass


@datasets_app.command("list")
def list_datasets() -> None:
    """Name the data sets that can be read, and the folders that are expected."""
    from radiologycnn.datasets.importing import LAYOUTS

    for layout in LAYOUTS.values():
        typer.echo(f"{layout.key}  {layout.title}, {layout.reference}")
        typer.echo(f"  {layout.expected}")


@datasets_app.command("import")
def import_one(
    name: str = typer.Argument(..., help="bhsd, ct-ich or instance."),
    source: Path = typer.Argument(..., help="The data set's folder as it was downloaded and unpacked."),
    destination: Path = typer.Argument(..., help="Folder for cases.csv, which train --data takes; made if needed."),
    copy: bool = typer.Option(False, "--copy", help="Copy the scans too; otherwise they are used where they are."),
    trust_voxels: bool = typer.Option(
        False,
        "--trust-voxels",
        help="Take a mask voxel by voxel where its header states another place than its image's.",
    ),
    restore_tilt: bool = typer.Option(
        False,
        "--restore-tilt",
        help="Put back a gantry tilt that the files have lost (more than half of BHSD's): images and masks of such "
        "scans are written anew, with slices at their true distance.",
    ),
    jobs: int = typer.Option(1, min=1, help="Processes for reading."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no summary."),
) -> None:
    """Check every scan of a data set and write a manifest of those that can be used, patient by patient."""
    from radiologycnn.datasets.examination import Trust
    from radiologycnn.datasets.importing import REPORT_NAME, import_dataset

    with stop_on_interrupt() as cancelled, show_progress(quiet) as report:
        done = import_dataset(
            name, source, destination, copy, Trust(trust_voxels, restore_tilt), jobs, report, cancelled
        )
    if quiet:
        return
    typer.echo(f"{counted(done.used, 'scan')} of {counted(done.patients, 'patient')}: {done.manifest}")
    for heading, lines in (
        ("Left out", done.left_out),
        ("Used, but look at it", {case: " ".join(texts) for case, texts in done.notes.items()}),
    ):
        if lines:
            typer.echo(f"{heading} ({len(lines)}):")
            for case in list(lines)[:_SHOWN]:
                typer.echo(f"  {case}: {lines[case]}")
            if len(lines) > _SHOWN:
                typer.echo(f"  … and {len(lines) - _SHOWN} more, in {REPORT_NAME}")
    if done.tilts_deg and not restore_tilt:
        typer.echo(
            f"Gantry tilt that the files have lost, of up to {max(done.tilts_deg.values()):.0f}°: in "
            f"{counted(len(done.tilts_deg), 'scan')}. With --restore-tilt it is put back."
        )
    typer.echo("Mind the data set's licence: what you train on it may fall under it too.")
