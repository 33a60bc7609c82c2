"""``radiologycnn classify``: sort rotator cuff tears on shoulder MRs, and show where the network saw it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from radiologycnn import scan_options
from radiologycnn.progress import IsCancelled, Progress
from radiologycnn.scan_command import ScanCommand
from radiologycnn.tasks import ROTATOR_CUFF_TASK

if TYPE_CHECKING:
    from radiologycnn.images import Volume
    from radiologycnn.models.package import ModelPackage
    from radiologycnn.rotatorcuff.inference import ClassificationResult, RotatorCuffClassifier


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(classify)


def classify(
    scans: list[str] = scan_options.SCANS,
    output: Path = scan_options.OUTPUT,
    model: str = scan_options.MODEL,
    device: str = scan_options.DEVICE,
    series: str = scan_options.SERIES,
    side: str = typer.Option(None, "--side", help="left or right. Default: as the scan says."),
    roi_centre: str = typer.Option(
        None,
        "--roi-centre",
        metavar="R,A,S",
        help="Middle of the humeral head in mm, RAS as 3D Slicer shows it. Default: found automatically.",
    ),
    roi_edge: float = typer.Option(None, "--roi-edge", help="Edge of the cube in mm. Default: the model's."),
    target: str = typer.Option(
        "predicted",
        "--target",
        help="What the written map is evidence for: predicted, none, partial, small, medium, large_to_massive or "
        "tear_versus_none.",
    ),
    method: str = typer.Option(None, "--method", help="cam or grad_cam. Default: cam where the model has one."),
    block: int = typer.Option(
        None, "--block", help="Maps of this block instead, by Grad-CAM alone: a finer grid with less meaning."
    ),
    repeats: int = typer.Option(None, "--repeats", "-r", help="Repeat so many times, and give median and quartiles."),
    repeat_method: str = typer.Option(None, "--repeat-method", help="mc_dropout (default), tta or models."),
    seed: int = typer.Option(0, "--seed", min=0, help="Of the repeats."),
    precision: str = scan_options.PRECISION,
    quiet: bool = scan_options.QUIET,
) -> None:
    """Sort rotator cuff tears on oblique-coronal shoulder MRs: None, Partial, Small, Medium, Large-to-Massive.

    The results folder gets classification.json, classification.csv, evidence.csv, report.html (one page to read or
    print), cam.nii.gz (0-1), cam_raw.nii.gz and cam_on_scan.nii.gz (on the scan's own grid). Of several scans each has
    a folder of its own there, named as the scan; scans.csv has a line for each, which evaluate classes reads,
    refused.csv for those without a result, whose folders keep no earlier one. Exit codes: 0 done, 1 refused or failed,
    also of one among several, 2 wrong usage, 130 stopped by Ctrl-C.
    """
    roi = _region(roi_centre, roi_edge)
    if roi_centre is not None and len(scans) > 1:
        raise typer.BadParameter("--roi-centre is a place in one scan; take the scans one at a time.")
    wish = _repeats(repeats, repeat_method, seed)
    command = _Classify(device, precision, side, roi, wish, block, target, method)
    command.run(scans, output, model, series, quiet)


@dataclass(frozen=True)
class _Classify(ScanCommand["RotatorCuffClassifier", "ClassificationResult"]):
    device: str
    precision: str
    side: str | None
    roi: dict[str, Any] | None
    repeats: dict[str, Any] | None
    block: int | None
    target: str
    method: str | None

    task = ROTATOR_CUFF_TASK

    def load(self, package: ModelPackage) -> RotatorCuffClassifier:
        from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
        from radiologycnn.rotatorcuff.report import check_method, resolve_target

        # what means nothing, or nothing to this model, is refused before the work, not after it
        resolve_target(self.target, 0)
        network = RotatorCuffClassifier(package, device=self.device, precision=self.precision)
        check_method(self.method, network.methods if self.block is None else ("grad_cam",))
        return network

    def look(
        self, network: RotatorCuffClassifier, volume: Volume, folder: Path, report: Progress, stopped: IsCancelled
    ) -> ClassificationResult:
        from radiologycnn.rotatorcuff.report import write_result

        result = network.classify(
            volume,
            roi=self.roi,
            side=self.side,
            repeats=self.repeats,
            progress=lambda fraction, stage: report(0.9 * fraction, stage),
            cancelled=stopped,
            block=self.block,
        )
        report(0.9, "Writing the results")
        write_result(folder, result, volume, self.target, self.method)
        return result

    def result_files(self, folder: Path) -> list[Path]:
        from radiologycnn.rotatorcuff.report import result_files

        return result_files(folder)

    def row(self, result: ClassificationResult) -> dict[str, Any]:
        from radiologycnn.evaluation.class_files import PROBABILITY_COLUMNS

        answer = result.classification
        return {
            "tear_class": answer.predicted_class.name,
            **dict(zip(PROBABILITY_COLUMNS, answer.probabilities)),
            "p_tear": answer.tear_probability,
            "side": answer.side,
            "caution": result.caution,
        }

    def caution(self, result: ClassificationResult) -> str:
        return result.caution

    def words(self, result: ClassificationResult) -> str:
        answer = result.classification
        return f"{answer.words}; tear of any size: {100 * answer.tear_probability:.1f} %"

    def print_summary(self, result: ClassificationResult) -> None:
        from radiologycnn.rotatorcuff.results import place_text
        from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES, TEAR_VERSUS_NONE

        answer = result.classification
        typer.echo(self.words(result))
        for tear_class, probability in zip(TEAR_CLASSES, answer.probabilities):
            line = f"  {tear_class.name:<17}{100 * probability:5.1f} %"
            if answer.repeats:
                low, median, high = answer.repeats.class_quartiles[tear_class.index]
                line += f"   median {100 * median:.1f} ({100 * low:.1f} to {100 * high:.1f})"
                line += f", {answer.repeats.predicted_counts[tear_class.index]} of {answer.repeats.count} runs"
            typer.echo(line)
        evidence = answer.evidence_for(answer.predicted or TEAR_VERSUS_NONE, result.methods[0])
        if evidence and evidence.peak_ras_mm:
            extent = " x ".join(f"{value:.0f}" for value in evidence.extent_mm)
            typer.echo(
                f"The network looked at {place_text(evidence.peak_ras_mm)} ({evidence.target_name}); "
                f"above half of that peak: {extent} mm (R-L x A-P x S-I). This is not a measurement of the tear."
            )


def _region(centre_ras: str | None, edge_mm: float | None) -> dict[str, Any] | None:
    if centre_ras is None:
        return None if edge_mm is None else {"edge_mm": edge_mm}
    try:
        right, anterior, superior = (float(part) for part in centre_ras.split(","))
    except ValueError:
        raise typer.BadParameter(f"{centre_ras!r} is not three numbers with commas between them.") from None
    return {"centre_lps_mm": [-right, -anterior, superior], "edge_mm": edge_mm}


def _repeats(count: int | None, method: str | None, seed: int) -> dict[str, Any] | None:
    if count is None and method is None:
        return None
    record: dict[str, Any] = {"method": method or "mc_dropout", "seed": seed}
    return record if count is None else {**record, "count": count}
