"""The options that all commands have that look at scans."""

from __future__ import annotations

import typer

SCANS = typer.Argument(
    ..., metavar="INPUT", help="NIfTI, NRRD or MHA files, or folders with DICOM files: one, or several."
)
OUTPUT = typer.Option(
    ..., "--output", "-o", help="Folder for the results; made if needed. Of several scans, with a folder for each."
)
MODEL = typer.Option(None, "--model", "-m", help="Model by id, name or path. Default: the first listed.")
DEVICE = typer.Option("auto", "--device", "-d", help="auto, cpu, openvino, torch-cpu or cuda:0.")
SERIES = typer.Option(None, "--series", "-s", help="Which DICOM series, by its number or uid.")
PRECISION = typer.Option("auto", "--precision", help="auto, float32, bfloat16 (faster on new CPUs) or float16.")
QUIET = typer.Option(False, "--quiet", "-q", help="No progress, no summary.")
