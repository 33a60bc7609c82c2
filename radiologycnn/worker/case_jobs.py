"""The worker's job of getting an annotator's next case ready while the present one is being corrected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiologycnn.errors import Cancelled, RadiologyCNNError
from radiologycnn.progress import IsCancelled
from radiologycnn.worker import hemorrhage_jobs
from radiologycnn.worker.progress import JobProgress

if TYPE_CHECKING:
    from radiologycnn.worker.jobs import JobRunner


def prepare_case(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """Read a scan, keep a plain copy of it where that is asked for, and segment it.

    A scan that cannot be segmented is no failure: ``segmentation`` is None then, and the panel's own run says why.
    ``notes`` are sentences on what was done to the scan on reading it, such as on uneven gaps between slices.

    Raises:
        InputError: the scan cannot be read.
    """
    from radiologycnn.images import read_volume, write_image

    progress.step(0.0, "Reading the scan")
    volume = read_volume(Path(request["path"]))
    progress.step(0.05, "Writing the scan")
    array = runner.write_job_array(Path(request["output"]), "scan", request["job"], volume.array)
    field = {"array": str(array), "ijk_to_lps": volume.ijk_to_lps.tolist(), "modality": volume.modality, "name": ""}
    notes = list(volume.notes)
    if request["image"]:
        write_image(Path(request["image"]), volume.array, volume.ijk_to_lps)
    segmentation = None
    if request["segment"]:
        try:
            segmentation = hemorrhage_jobs.segment(
                runner, {**request, "volume": field, "threshold": None}, progress, cancelled
            )
        except Cancelled:
            raise
        except RadiologyCNNError as error:
            runner.log(f"The next case could not be segmented: {error.code}.")
    return {"volume": field, "notes": notes, "segmentation": segmentation, "seconds": progress.finish()}
