"""``radiologycnn segment``: outline and measure the bleed on head CTs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from radiologycnn import scan_options
from radiologycnn.progress import IsCancelled, Progress
from radiologycnn.scan_command import ScanCommand
from radiologycnn.tasks import HEMORRHAGE_TASK

if TYPE_CHECKING:
    from radiologycnn.hemorrhage.inference import HemorrhageSegmenter, SegmentationResult
    from radiologycnn.hemorrhage.results import LabelTotal
    from radiologycnn.images import Volume
    from radiologycnn.models.package import ModelPackage


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(segment)


def segment(
    scans: list[str] = scan_options.SCANS,
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
    """Outline the bleed on non-contrast head CTs and measure it.

    The results folder gets mask.nii.gz, mask.seg.nrrd (opens in 3D Slicer), probability.nii.gz (probability-1.nii.gz
    and so on from a model of several labels), lesions.csv and report.json; source_slices.npz, too, with mask and
    probability on the slices as acquired, where these are uneven. Of several scans each has a folder of its own there,
    named as the scan; scans.csv has a line for each, refused.csv for those without a result, whose folders keep no
    earlier one. Exit codes: 0 done, 1 refused or failed, also of one among several, 2 wrong usage, 130 stopped by
    Ctrl-C.
    """
    _Segment(device, precision, threshold).run(scans, output, model, series, quiet)


@dataclass(frozen=True)
class _Segment(ScanCommand["HemorrhageSegmenter", "SegmentationResult"]):
    device: str
    precision: str
    threshold: float | None

    task = HEMORRHAGE_TASK

    def load(self, package: ModelPackage) -> HemorrhageSegmenter:
        from radiologycnn.hemorrhage.inference import HemorrhageSegmenter

        return HemorrhageSegmenter(package, device=self.device, precision=self.precision)

    def look(
        self, network: HemorrhageSegmenter, volume: Volume, folder: Path, report: Progress, stopped: IsCancelled
    ) -> SegmentationResult:
        from radiologycnn.hemorrhage.report import write_result

        result = network.segment(
            volume,
            threshold=self.threshold,
            progress=lambda fraction, stage: report(0.9 * fraction, stage),
            cancelled=stopped,
        )
        report(0.9, "Writing the results")
        write_result(folder, result, volume)
        return result

    def result_files(self, folder: Path) -> list[Path]:
        from radiologycnn.hemorrhage.report import result_files

        return result_files(folder)

    def row(self, result: SegmentationResult) -> dict[str, Any]:
        measured = result.measurements
        several = {f"volume_ml_{one.label_name.lower().replace(' ', '_')}": one.volume_ml for one in measured.totals}
        return {
            "volume_ml": measured.total_volume_ml,
            "lesions": len(measured.lesions),
            **(several if len(measured.totals) > 1 else {}),
            "threshold": result.threshold,
            **({} if result.expected_dice is None else {"expected_dice": result.expected_dice}),
        }

    def words(self, result: SegmentationResult) -> str:
        return "; ".join(_total_words(total) for total in result.measurements.totals)

    def print_summary(self, result: SegmentationResult) -> None:
        measured = result.measurements
        for total in measured.totals:
            typer.echo(f"{_total_words(total)} (ABC/2 {total.abc2_ml:.2f} mL), threshold {result.threshold:g}")
        for lesion in measured.lesions[:10]:
            name = f"{lesion.label_name}, " if len(measured.totals) > 1 else ""
            typer.echo(
                f"  {lesion.index}: {name}{lesion.volume_ml:.2f} mL, {lesion.max_diameter_mm:.1f} mm, {lesion.side}, "
                f"slices {lesion.first_slice}-{lesion.last_slice}, {lesion.mean_hu:.0f} HU"
            )
        if len(measured.lesions) > 10:
            typer.echo(f"  … and {len(measured.lesions) - 10} smaller ones, all in lesions.csv")


def _total_words(total: LabelTotal) -> str:
    lesions = f"{total.lesion_count} lesion{'' if total.lesion_count == 1 else 's'}"
    return f"{total.label_name}: {total.volume_ml:.2f} mL in {lesions}"
