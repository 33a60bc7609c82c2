"""What the commands that look at one scan have in common: their options, and how the scan is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from radiologycnn.hemorrhage.inference import SegmentationResult
    from radiologycnn.images import Volume
    from radiologycnn.models.package import ModelPackage
    from radiologycnn.rotatorcuff.inference import ClassificationResult

SCAN = typer.Argument(..., metavar="INPUT", help="NIfTI, NRRD or MHA file, or a folder with DICOM files.")
OUTPUT = typer.Option(..., "--output", "-o", help="Folder for the results; made if needed.")
MODEL = typer.Option(None, "--model", "-m", help="Model by id, name or path. Default: the first listed.")
DEVICE = typer.Option("auto", "--device", "-d", help="auto, cpu, openvino, torch-cpu or cuda:0.")
SERIES = typer.Option(None, "--series", "-s", help="Which DICOM series, by its number or uid.")
PRECISION = typer.Option("auto", "--precision", help="auto, float32, bfloat16 (faster on new CPUs) or float16.")
QUIET = typer.Option(False, "--quiet", "-q", help="No progress, no summary.")


def read_scan(scan: str | Path, series: str | None) -> Volume:
    """Read a file or DICOM folder; a series that consists of digits is the number of one, not its uid."""
    from radiologycnn.images import read_volume

    return read_volume(scan, series=int(series) if series and series.isdecimal() else series)


def model_and_scan(
    task: str,
    model: str | None,
    scan: str | Path,
    series: str | None,
    report: Callable[[float, str], None],
    stopped: Callable[[], bool],
) -> tuple[ModelPackage, Volume]:
    """What a command needs before it loads the model: the first twentieth of its work.

    Raises:
        InputError: there is no such model for the task, or the scan cannot be read.
        Cancelled: as ``stopped`` said.
    """
    report(0.0, "Reading the scan")
    from radiologycnn.errors import Cancelled
    from radiologycnn.models.catalog import find_model

    package = find_model(model, task)
    volume = read_scan(scan, series)
    if stopped():
        raise Cancelled
    report(0.05, "Loading the model")
    return package, volume


def print_origin(result: SegmentationResult | ClassificationResult, model_title: str) -> None:
    """What made a result, and what is to be known of it."""
    typer.echo(f"Model: {model_title} ({result.provenance['model']}), on {result.provenance['device_name']}")
    for note in result.notes:
        typer.echo(f"Note: {note}")
