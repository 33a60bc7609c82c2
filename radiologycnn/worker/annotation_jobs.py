"""The worker's jobs on an annotation dataset: agreement, consensus, predictions of many cases; none needs a rater."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiologycnn.errors import Cancelled, RadiologyCNNError
from radiologycnn.progress import IsCancelled
from radiologycnn.tasks import HEMORRHAGE_TASK
from radiologycnn.worker.progress import JobProgress

if TYPE_CHECKING:
    from radiologycnn.annotation.dataset import AnnotationDataset
    from radiologycnn.worker.jobs import JobRunner


def agreement(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """How much the raters and the network agree, as tables and plots; needs no torch and no model."""
    progress.step(0.0, "Reading the masks")
    from radiologycnn.annotation.records import NETWORK
    from radiologycnn.annotation.settled import raters_of_dataset
    from radiologycnn.evaluation.agreement_report import agreement_of_raters, write_agreement
    from radiologycnn.evaluation.rater_agreement import KAPPA_MARGIN
    from radiologycnn.evaluation.summary import plain_record

    found = raters_of_dataset(_dataset(request).folder)
    method = request["method"] or NETWORK
    is_compared = method in found.raters and len(found.raters) > 2
    record = agreement_of_raters(
        found, method if is_compared else None, request["margin"] or KAPPA_MARGIN, progress.between(0.02, 0.98)
    )
    if request["output"]:
        write_agreement(Path(request["output"]), record)
    return {**plain_record(record), "seconds": progress.finish()}


def consensus(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """Combine the raters' accepted masks, and let training learn from that where it is wished; needs no torch."""
    progress.step(0.0, "Reading the masks")
    from radiologycnn.annotation.consensus import make_consensus

    record = make_consensus(
        _dataset(request),
        request["method"],
        bool(request["with_network"]),
        bool(request["use_for_training"]),
        progress.between(0.02, 0.98),
        cancelled,
    )
    return {**record, "seconds": progress.finish()}


def settle_annotations(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """Make the files of what a rater has submitted; what cannot be made is told, and stays submitted."""
    from radiologycnn.annotation.store import AnnotationStore

    return {"problems": AnnotationStore(request["dataset"], request["rater"], opens=False).settle()}


def rank_cases(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """Run the network on cases that nobody has opened yet, so that those which teach most can come first.

    Only the predictions are kept: a case's image and masks enter the dataset when a rater opens it.
    """
    from radiologycnn.annotation.predictions import Prediction
    from radiologycnn.images import read_volume

    dataset = _dataset(request)
    segmenter, package = runner.models_in_memory.engine_for(
        HEMORRHAGE_TASK, request["model"], request["device"], progress
    )
    model = {"id": package.id, "sha256": package.weights_sha256}
    known = {case: found for case, found in dataset.predictions().items() if dict(found.model) == model}
    scans = request["scans"]
    problems = []
    for number, scan in enumerate(scans):
        case, path = str(scan.get("case") or ""), str(scan.get("path") or "")
        if not case or case in known:
            continue
        part = (0.1 + 0.9 * number / len(scans), 0.1 + 0.9 * (number + 1) / len(scans))
        stage = f"Case {number + 1} of {len(scans)}"
        try:
            progress.step(part[0], stage)
            dataset.case(case)
            volume = read_volume(path)
            result = segmenter.segment(
                volume,
                progress=lambda done, _stage, part=part, stage=stage: progress.step(
                    part[0] + done * (part[1] - part[0]), stage
                ),
                cancelled=cancelled,
                log=runner.log,
            )
        except Cancelled:
            raise
        except RadiologyCNNError as error:  # one bad scan must not keep the others from being put in order
            problems.append({"case": case, "message": error.message})
            continue
        voxel_ml = volume.voxel_volume_mm3 / 1000
        known[case] = Prediction.of(case, result.probability, result.threshold, voxel_ml, model)
        dataset.save_prediction(known[case])
    asked = [known[case] for case in dict.fromkeys(str(scan.get("case") or "") for scan in scans) if case in known]
    return {
        "model": package.id,
        "cases": [
            {
                "case": found.case,
                "uncertainty": found.uncertainty,
                "expected_dice": found.expected_dice,
                "volume_ml": found.volume_ml,
                "correction_ml": found.correction_ml,
            }
            for found in asked
        ],
        "problems": problems,
        "seconds": {"total": progress.finish()["total"]},
    }


def _dataset(request: dict[str, Any]) -> AnnotationDataset:
    from radiologycnn.annotation.dataset import AnnotationDataset

    return AnnotationDataset(request["dataset"])
