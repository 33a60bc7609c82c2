"""``radiologycnn consensus``: one mask of each case of an annotation dataset, from all its raters' masks."""

from __future__ import annotations

from pathlib import Path

import typer

from radiologycnn.terminal import show_progress, stop_on_interrupt


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(consensus)


def consensus(
    dataset: Path = typer.Argument(..., help="Folder in which the panel keeps the annotations."),
    method: str = typer.Option("majority", help="majority, staple, union or intersection."),
    with_network: bool = typer.Option(False, "--with-network", help="Count the network as one more rater."),
    use_for_training: bool = typer.Option(False, "--use-for-training", help="Train on it from now on (cases.csv)."),
    latest: bool = typer.Option(False, "--latest", help="Make none; train on each case's latest accepted mask again."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no table on the screen."),
) -> None:
    """Combine the raters' accepted masks; they are written below DATASET/consensus."""
    from radiologycnn.annotation.consensus import make_consensus
    from radiologycnn.annotation.dataset import AnnotationDataset

    opened = AnnotationDataset(dataset)
    if latest:
        opened.use_latest_masks()
        typer.echo("Training reads each case's latest accepted mask.")
        return
    with show_progress(quiet) as report, stop_on_interrupt() as cancelled:
        record = make_consensus(opened, method, with_network, use_for_training, report, cancelled)
    if quiet:
        return
    for row in record["cases"]:
        dice = "  ".join(f"{rater} {value:.3f}" for rater, value in row["dice"].items())
        typer.echo(f"{row['case']:>12} {row['volume_ml']:8.2f} mL   Dice with {dice}")
    for note in record["notes"]:
        typer.echo(f"Note: {note}")
    what = "the consensus" if record["training_masks"] == "consensus" else "each case's latest accepted mask"
    typer.echo(f"Training reads {what}.")
