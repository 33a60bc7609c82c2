"""``radiologycnn improve``: a better model from the masks that annotators have accepted."""

from __future__ import annotations

from pathlib import Path

import typer

from radiologycnn.result_folder import check_result_folder
from radiologycnn.terminal import show_progress, stop_on_interrupt


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(improve)


def improve(
    dataset: Path = typer.Argument(..., help="Folder in which the panel keeps the annotations."),
    model: str = typer.Option(None, help="Model to improve, by id, name or path (default: the first listed)."),
    output: Path = typer.Option(
        None, "--output", "-o", help="Where the new model's folder is made (default: your models)."
    ),
    epochs: int = typer.Option(None, min=1, help="Passes over the cases (default: 8)."),
    learning_rate: float = typer.Option(None, help="Highest learning rate (default: 0.0003)."),
    held_out_share: float = typer.Option(
        None, help="Share of the cases on which both models are compared (default: 0.25)."
    ),
    simulated: int = typer.Option(
        None,
        min=0,
        help="Simulated scans mixed in against forgetting (default: 12 where the model learned from such, else 0).",
    ),
    seed: int = typer.Option(None, min=0, help="Decides order, augmentation and simulated scans."),
    device: str = typer.Option("auto", help="auto, cpu or cuda."),
    fresh: bool = typer.Option(False, "--fresh", help="Begin anew instead of going on from the last whole epoch."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress."),
) -> None:
    """Fine-tune a model on accepted masks; a new model is kept only where it is better on cases held out.

    Ends with code 1 where it is not. Stopped or killed, the same command goes on from the last whole epoch.
    """
    from radiologycnn.training.improvement.run import improve_model
    from radiologycnn.training.shortages import shortages_in_words

    settings = {
        "epochs": epochs,
        "learning_rate": learning_rate,
        "held_out_share": held_out_share,
        "simulated": simulated,
        "seed": seed,
    }
    in_words = shortages_in_words("Improve it on the CPU, with --device cpu.", "go on with the same command")
    if output is not None:  # told before hours of training, not after them
        check_result_folder(output)
    with in_words, show_progress(quiet) as report, stop_on_interrupt() as cancelled:
        record = improve_model(dataset, model, settings, device, fresh, output, report, cancelled)
    for case, dice in record["before"]["dice_by_case"].items():
        typer.echo(f"{case:>12}  Dice {dice:.3f} -> {record['after']['dice_by_case'][case]:.3f}")
    for note in record["notes"]:
        typer.echo(f"Note: {note}")
    typer.echo(record["message"])
    if not record["accepted"]:
        raise typer.Exit(1)
    typer.echo(f"Model: {record['path']}")
