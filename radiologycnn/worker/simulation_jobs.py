"""The worker's job of making a simulated scan to try the panels with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiologycnn.progress import IsCancelled
from radiologycnn.worker.progress import JobProgress

if TYPE_CHECKING:
    from radiologycnn.worker.jobs import JobRunner


def simulate(
    runner: JobRunner, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled
) -> dict[str, Any]:
    """Simulate a sample and write it where the request says; needs no torch and no model."""
    progress.step(0.0, "Simulating the scan")
    from radiologycnn.images import write_image
    from radiologycnn.simulation.samples import find_sample, simulate_sample

    sample = find_sample(request["sample"])
    progress.kind = ("simulate", sample.key)
    volume, _truth = simulate_sample(sample)
    progress.step(0.95, "Writing the scan")
    path = write_image(Path(request["output"]), volume.array, volume.ijk_to_lps)
    return {
        "path": str(path),
        "name": sample.name,
        "modality": volume.modality,
        "notes": list(volume.notes),
        "seconds": progress.finish(),
    }
