"""``radiologycnn segment``: outline and measure the bleed on a head CT."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from radiologycnn.terminal import show_progress, stop_on_interrupt

if TYPE_CHECKING:
    from radiologycnn.hemorrhage.inference import SegmentationResult


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(segment)


def segment(
    scan: str = typer.Argument(..., metavar="INPUT", help="NIfTI, NRRD or MHA file, or a folder with DICOM files."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the results; made if needed."),
    model: str = typer.Option(None, "--model", "-m", help="Model by id, name or path. Default: the first listed."),
    device: str = typer.Option("auto", "--device", "-d", help="auto, cpu, openvino, torch-cpu or cuda:0."),
    threshold: float = typer.Option(
        None, "--threshold", "-t", help="Probability from which a voxel is bleed, 0 to 1. Default: the model's own."
    ),
    series: str = typer.Option(None, "--series", "-s", help="Which DICOM series, by its number or uid."),
    precision: str = typer.Option(
        "auto", "--precision", help="auto, float32, bfloat16 (faster on new CPUs) or float16."
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, no summary."),
) -> None:
    """Outline the bleed on a non-contrast head CT and measure it.

    The results folder gets mask.nii.gz, mask.seg.nrrd (opens in 3D Slicer), probability.nii.gz, lesions.csv and
    report.json. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 stopped by Ctrl-C.
    """
    with show_progress(quiet) as report, stop_on_interrupt() as stopped:
        report(0.0, "Reading the scan")
        from radiologycnn.errors import Cancelled
        from radiologycnn.images import read_volume
        from radiologycnn.models.catalog import find_model

        package = find_model(model, "hemorrhage-segmentation")
        volume = read_volume(scan, series=int(series) if series and series.isdecimal() else series)
        if stopped():
            raise Cancelled
        report(0.05, "Loading the model")
        from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
        from radiologycnn.hemorrhage.report import write_result

        segmenter = HemorrhageSegmenter(package, device=device, precision=precision)
        result = segmenter.segment(
            volume,
            threshold=threshold,
            progress=lambda fraction, stage: report(0.1 + 0.8 * fraction, stage),
            cancelled=stopped,
        )
        report(0.9, "Writing the results")
        files = write_result(output, result, volume)
        report(1.0, "Done")
    if not quiet:
        _print_summary(result, files, package.title)


def _print_summary(result: SegmentationResult, files: list[Path], model_title: str) -> None:
    measured = result.measurements
    typer.echo(f"Model: {model_title} ({result.provenance['model']}), on {result.provenance['device_name']}")
    for note in result.notes:
        typer.echo(f"Note: {note}")
    for total in measured.totals:
        typer.echo(
            f"{total.label_name}: {total.volume_ml:.2f} mL in {total.lesion_count} "
            f"part{'' if total.lesion_count == 1 else 's'} (ABC/2 {total.abc2_ml:.2f} mL), "
            f"threshold {result.threshold:g}"
        )
    for lesion in measured.lesions[:10]:
        typer.echo(
            f"  {lesion.index}: {lesion.volume_ml:.2f} mL, {lesion.max_diameter_mm:.1f} mm, {lesion.side}, "
            f"slices {lesion.first_slice}-{lesion.last_slice}, {lesion.mean_hu:.0f} HU"
        )
    if len(measured.lesions) > 10:
        typer.echo(f"  … and {len(measured.lesions) - 10} smaller ones, all in lesions.csv")
    typer.echo(f"Results: {files[-1].parent}")
