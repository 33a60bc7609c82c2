"""``radiologycnn classify``: sort a rotator cuff tear on a shoulder MR, and show where the network saw it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from radiologycnn import scan_options
from radiologycnn.tasks import ROTATOR_CUFF_TASK
from radiologycnn.terminal import show_progress, stop_on_interrupt

if TYPE_CHECKING:
    from radiologycnn.rotatorcuff.inference import ClassificationResult


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(classify)


def classify(
    scan: str = scan_options.SCAN,
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
    seed: int = typer.Option(0, "--seed", help="Of the repeats."),
    precision: str = scan_options.PRECISION,
    quiet: bool = scan_options.QUIET,
) -> None:
    """Sort a rotator cuff tear on an oblique-coronal shoulder MR: None, Partial, Small, Medium, Large-to-Massive.

    The results folder gets classification.json, classification.csv, evidence.csv, report.html (one page to read or
    print), cam.nii.gz (0-1), cam_raw.nii.gz and cam_on_scan.nii.gz (on the scan's own grid). Exit codes: 0 done,
    1 refused or failed, 2 wrong usage, 130 stopped by Ctrl-C.
    """
    roi = _region(roi_centre, roi_edge)
    wish = _repeats(repeats, repeat_method, seed)
    with show_progress(quiet) as report, stop_on_interrupt() as stopped:
        package, volume = scan_options.model_and_scan(ROTATOR_CUFF_TASK, model, scan, series, report, stopped)
        from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
        from radiologycnn.rotatorcuff.report import resolve_target, write_result

        resolve_target(target, 0)  # a word that means nothing is refused before the work, not after it
        classifier = RotatorCuffClassifier(package, device=device, precision=precision)
        result = classifier.classify(
            volume,
            roi=roi,
            side=side,
            repeats=wish,
            progress=lambda fraction, stage: report(0.1 + 0.8 * fraction, stage),
            cancelled=stopped,
            block=block,
        )
        report(0.9, "Writing the results")
        files = write_result(output, result, volume, target, method)
        report(1.0, "Done")
    if not quiet:
        _print_summary(result, files, package.title)


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


def _print_summary(result: ClassificationResult, files: list[Path], model_title: str) -> None:
    from radiologycnn.rotatorcuff.results import place_text
    from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES, TEAR_VERSUS_NONE

    answer = result.classification
    scan_options.print_origin(result, model_title)
    typer.echo(f"{answer.words}; tear of any size: {100 * answer.tear_probability:.1f} %")
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
    typer.echo(f"Results: {files[-1].parent}")
