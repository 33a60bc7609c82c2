"""The worker's jobs on head CT: outline a bleed, and measure a mask that a person has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.labels import LabelDefinition
from radiologycnn.images.boxes import moved_box, whole_box
from radiologycnn.progress import IsCancelled
from radiologycnn.tasks import HEMORRHAGE_TASK
from radiologycnn.worker.array_files import read_array
from radiologycnn.worker.progress import JobProgress
from radiologycnn.worker.volumes import read_volume_field

if TYPE_CHECKING:
    from radiologycnn.hemorrhage.probability_map import ProbabilityMap
    from radiologycnn.worker.jobs import JobRunner


def segment(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """Outline the bleed: probability (cropped, ``.npy``), measurements, provenance."""
    volume, segmenter, package = runner.scan_and_engine(HEMORRHAGE_TASK, request, progress)
    progress.kind = (package.id, segmenter.device_name, volume.array.shape)
    result = segmenter.segment(
        volume,
        threshold=request["threshold"],
        progress=progress.between(0.10, 0.95),
        cancelled=cancelled,
        log=runner.log,
        prepared=runner.prepared_scans.of(request, package),
    )
    progress.step(0.95, "Writing the result")
    crop = _write_crop(runner, result.probability_map, request, result.mask.shape, float(result.threshold))
    return {
        **crop,
        "threshold": float(result.threshold),
        "measurements": result.measurements.to_dict(),
        "labels": [label.to_dict() for label in result.labels],
        **runner.result_fields(result, progress),
    }


def measure(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """Measure a mask that the person has changed; the mask may be a crop of the volume's grid.

    The labels are the request's, as an earlier result gave them, or else the model's.
    """
    from radiologycnn.hemorrhage.measurements import measure as measure_mask
    from radiologycnn.models.catalog import find_model

    progress.step(0.0, "Reading the mask")
    labels = _labels(request["labels"] or find_model(request["model"], HEMORRHAGE_TASK).labels)
    volume = read_volume_field(request["volume"])
    crop = read_array(request["mask"])
    offset = [int(index) for index in request["offset_kji"] or (0, 0, 0)]
    box = moved_box(whole_box(crop.shape), offset) if crop.ndim == len(offset) == 3 else None
    if box is None or min(offset) < 0 or volume.array[box].shape != crop.shape:
        raise InputError(
            "mask-off-grid",
            "The mask does not lie on the scan's grid.",
            "Choose the scan that the mask belongs to.",
        )
    mask = np.zeros(volume.array.shape, np.uint8)
    mask[box] = crop
    progress.step(0.2, "Measuring")
    measurements = measure_mask(mask, volume, labels)
    return {"measurements": measurements.to_dict(), "seconds": progress.finish()}


def _write_crop(
    runner: JobRunner,
    probability: ProbabilityMap,
    request: dict[str, Any],
    shape_kji: tuple[int, ...],
    threshold: float,
) -> dict[str, Any]:
    """Write the part of a probability map that is not next to nothing; where it lies on the whole grid."""
    from radiologycnn.hemorrhage.probability_map import PROBABILITY_FLOOR

    floor = min(PROBABILITY_FLOOR, threshold)
    crop, box = probability.above(floor)
    return {
        "probability": str(runner.write_job_array(Path(request["output"]), "probability", request["job"], crop)),
        "offset_kji": [part.start for part in box],
        "shape_kji": [int(size) for size in shape_kji],
        "floor": floor,
    }


def _labels(records: Sequence[Mapping[str, Any]]) -> list[LabelDefinition]:
    """Label definitions from a model's or a request's records."""
    try:
        return [LabelDefinition.from_dict(dict(record)) for record in records]
    except (TypeError, ValueError) as error:
        raise InputError("bad-labels", "The labels of the mask are not understood.") from error
