"""What the commands that look at one scan have in common: their options, and how the scan is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from radiologycnn.images import Volume

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
