"""The worker's job of comparing a study's readers; it needs SciPy, which the Slicer process should not have to load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiologycnn.progress import IsCancelled
from radiologycnn.worker.progress import JobProgress

if TYPE_CHECKING:
    from radiologycnn.worker.jobs import JobRunner


def compare_readers(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """Compare all who have answered, and write tables and page; needs no torch and no model."""
    progress.step(0.0, "Comparing the readers")
    from radiologycnn.evaluation.summary import plain_record
    from radiologycnn.readers.outputs import PAGE_NAME, write_comparison

    output = Path(request["output"])
    record = write_comparison(Path(request["study"]), output)
    return {"comparison": plain_record(record), "page": str(output / PAGE_NAME), "seconds": progress.finish()}
