"""The worker's job of improving a model with accepted corrections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiologycnn.progress import IsCancelled
from radiologycnn.worker.progress import JobProgress

if TYPE_CHECKING:
    from radiologycnn.worker.jobs import JobRunner


def improve(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """Fine-tune a model on a dataset's accepted masks; a package is written only where it is better held out."""
    progress.step(0.0, "Reading the dataset")
    from radiologycnn.training.improvement.run import improve_model

    record = improve_model(
        Path(request["dataset"]),
        request["model"],
        settings=request["settings"] or {},
        device=request["device"] or "auto",
        fresh=bool(request["fresh"]),
        progress=progress.step,
        cancelled=cancelled,
    )
    return {**record, "seconds": {"total": progress.finish()["total"]}}
