"""The worker's jobs on shoulder MR: find the humeral head, and classify a tear."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiologycnn.errors import InputError
from radiologycnn.progress import IsCancelled
from radiologycnn.tasks import ROTATOR_CUFF_TASK
from radiologycnn.worker.progress import JobProgress
from radiologycnn.worker.volumes import read_volume_field

if TYPE_CHECKING:
    from radiologycnn.worker.jobs import JobRunner


def locate(runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled) -> dict[str, Any]:
    """What the scan is and where its humeral head lies; needs no torch, and no model to be installed."""
    progress.step(0.0, "Reading the scan")
    volume = read_volume_field(request["volume"])
    from radiologycnn.models.catalog import find_model
    from radiologycnn.rotatorcuff import location
    from radiologycnn.rotatorcuff.padding import without_padding
    from radiologycnn.rotatorcuff.preprocessing import Preprocessing

    preprocessing = Preprocessing()
    try:
        preprocessing = Preprocessing.from_dict(find_model(request["model"], ROTATOR_CUFF_TASK).preprocessing)
    except InputError:
        # The cube can be looked for before there is a model; its size is then the usual one.
        if request["model"] is not None:
            raise
    progress.step(0.1, "Checking the scan")
    volume = without_padding(volume)
    notes = location.check_scan(volume)
    progress.step(0.3, "Finding the humeral head")
    found = location.locate(volume, preprocessing)
    return {
        "roi": found.region.to_dict(),
        "series": found.series.to_dict(),
        "notes": list(dict.fromkeys([*notes, *found.notes])),
        "found": found.found,
        "seconds": progress.finish(),
    }


def classify(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """Class and evidence: the record, and all raw activation maps as ``.npy``."""
    volume, classifier, package = runner.scan_and_engine(ROTATOR_CUFF_TASK, request, progress)
    repeats = request["repeats"]
    kind = (repeats.get("method"), repeats.get("count")) if repeats else None
    progress.kind = (package.id, classifier.device_name, volume.array.shape, kind)
    result = classifier.classify(
        volume,
        roi=request["roi"],
        side=request["side"],
        repeats=repeats,
        progress=progress.between(0.10, 0.97),
        cancelled=cancelled,
        log=runner.log,
        prepared=runner.prepared_scans.of(request, package),
    )
    progress.step(0.97, "Writing the result")
    path = runner.write_job_array(Path(request["output"]), "maps", request["job"], result.maps)
    return {
        "classification": result.classification.to_dict(),
        "maps": str(path),
        "methods": list(result.methods),
        "targets": list(result.targets),
        "maps_ijk_to_lps": result.maps_ijk_to_lps.tolist(),
        "classes": [dict(one) for one in result.classes],
        **runner.result_fields(result, progress),
    }
