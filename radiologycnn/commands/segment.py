"""``radiologycnn segment``: outline and measure the bleed on a head CT."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from radiologycnn import scan_options
from radiologycnn.tasks import HEMORRHAGE_TASK
from radiologycnn.terminal import show_progress, stop_on_interrupt

if TYPE_CHECKING:
    from radiologycnn.hemorrhage.inference import SegmentationResult


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(segment)


def segment(
    scan: str = scan_options.SCAN,
    output: Path = scan_options.OUTPUT,
    model: str = scan_options.MODEL,
    device: str = scan_options.DEVICE,
    threshold: float = typer.Option(
        None, "--threshold", "-t", help="Probability from which a voxel is bleed, 0 to 1. Default: the model's own."
    ),
    series: str = scan_options.SERIES,
    precision: str = scan_options.PRECISION,
    quiet: bool = scan_options.QUIET,
) -> None:
    """Outline the bleed on a non-contrast head CT and measure it.

    The results folder gets mask.nii.gz, mask.seg.nrrd (opens in 3D Slicer), probability.nii.gz, lesions.csv and
    report.json. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 stopped by Ctrl-C.
    """
    with show_progress(quiet) as report, stop_on_interrupt() as stopped:
        package, volume = scan_options.model_and_scan(HEMORRHAGE_TASK, model, scan, series, report, stopped)
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
    scan_options.print_origin(result, model_title)
    for total in measured.totals:
        typer.echo(
            f"{total.label_name}: {total.volume_ml:.2f} mL in {total.lesion_count} "
            f"lesion{'' if total.lesion_count == 1 else 's'} (ABC/2 {total.abc2_ml:.2f} mL), "
            f"threshold {result.threshold:g}"
        )
    for lesion in measured.lesions[:10]:
        name = f"{lesion.label_name}, " if len(measured.totals) > 1 else ""
        typer.echo(
            f"  {lesion.index}: {name}{lesion.volume_ml:.2f} mL, {lesion.max_diameter_mm:.1f} mm, {lesion.side}, "
            f"slices {lesion.first_slice}-{lesion.last_slice}, {lesion.mean_hu:.0f} HU"
        )
    if len(measured.lesions) > 10:
        typer.echo(f"  … and {len(measured.lesions) - 10} smaller ones, all in lesions.csv")
    typer.echo(f"Results: {files[-1].parent}")
