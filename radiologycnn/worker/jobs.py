"""What the worker can do: one function a command, each from a checked request to a result.

The jobs that every task shares are here; a task's own are in ``<task>_jobs``. Heavy packages are imported inside the
functions, because the worker says that it is ready before it has them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radiologycnn.progress import IsCancelled
from radiologycnn.tasks import HEMORRHAGE_TASK, ROTATOR_CUFF_TASK
from radiologycnn.worker import (
    annotation_jobs,
    case_jobs,
    hemorrhage_jobs,
    improvement_jobs,
    reader_jobs,
    rotatorcuff_jobs,
    simulation_jobs,
)
from radiologycnn.worker.array_files import write_array
from radiologycnn.worker.prepared_scans import PreparedScans
from radiologycnn.worker.progress import DurationMemory, JobProgress
from radiologycnn.worker.volumes import read_volume_field
from radiologycnn.worker.warm_models import WarmModels, unknown_task

if TYPE_CHECKING:
    from radiologycnn.hemorrhage.inference import SegmentationResult
    from radiologycnn.images.volume import Volume
    from radiologycnn.models.package import ModelPackage
    from radiologycnn.rotatorcuff.inference import ClassificationResult

_TASK_JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "segment": hemorrhage_jobs.segment,
    "measure": hemorrhage_jobs.measure,
    "prepare_case": case_jobs.prepare_case,
    "locate": rotatorcuff_jobs.locate,
    "simulate": simulation_jobs.simulate,
    "classify": rotatorcuff_jobs.classify,
    "compare_readers": reader_jobs.compare_readers,
    "agreement": annotation_jobs.agreement,
    "consensus": annotation_jobs.consensus,
    "settle_annotations": annotation_jobs.settle_annotations,
    "rank_cases": annotation_jobs.rank_cases,
    "improve": improvement_jobs.improve,
}

#: Fields of a request that a task's ``prepare`` takes beside the scan.
_PREPARED_FROM: dict[str, tuple[str, ...]] = {HEMORRHAGE_TASK: (), ROTATOR_CUFF_TASK: ("roi", "side")}


class JobRunner:
    """Runs one job after another, and keeps the last used model of each task warm between them.

    Args:
        unfinished_files: receives the files that are being written, so that whoever ends the process removes them.
        log: called with a sentence for the log, such as a fall-back to another device.
    """

    def __init__(
        self, unfinished_files: set[Path] | None = None, log: Callable[[str], None] = lambda text: None
    ) -> None:
        self.unfinished_files = set() if unfinished_files is None else unfinished_files
        self.durations = DurationMemory()
        self.log = log
        self.models_in_memory = WarmModels()
        self.prepared_scans = PreparedScans()

    def run(self, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled) -> dict[str, Any]:
        """Do what the request says; fields of its result."""
        task_job = _TASK_JOBS.get(request["cmd"])
        if task_job is not None:
            return task_job(self, request, progress, cancelled)
        return getattr(self, request["cmd"])(request, progress, cancelled)

    # ---- commands that every task shares: request, progress, cancelled -> fields of the result event ---------------

    def warm(self, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled) -> dict[str, Any]:
        """Import what a job needs, load and compile the model, so that the click finds all of it ready."""
        task = request["task"] or HEMORRHAGE_TASK
        engine, package = self.models_in_memory.engine_for(task, request["model"], request["device"], progress)
        from radiologycnn.worker.devices import wake_device

        wake_device(engine.device)
        return {
            "model": package.id,
            "device": str(engine.device),
            "backend": engine.backend.name,
            "device_name": engine.device_name,
            "seconds": progress.finish(),
        }

    def prepare(self, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled) -> dict[str, Any]:
        """Check a scan and make the network's input from it, for a ``segment`` or ``classify`` that may follow."""
        task = request["task"]
        if task not in _PREPARED_FROM:
            raise unknown_task(task)
        volume, engine, package = self.scan_and_engine(task, request, progress)
        progress.step(0.10, "Preparing the scan")
        if self.prepared_scans.of(request, package) is None:
            chosen = {name: request[name] for name in _PREPARED_FROM[task]}
            self.prepared_scans.keep(request, package, engine.prepare(volume, cancelled=cancelled, **chosen))
        return {"seconds": progress.finish()}

    def devices(self, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled) -> dict[str, Any]:
        """Which devices and backends can run a network."""
        from radiologycnn.worker.devices import list_devices

        return {"devices": list_devices()}

    def models(self, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled) -> dict[str, Any]:
        """The installed models, with the reason for each one that cannot be used."""
        from radiologycnn.models.catalog import list_models

        return {"models": [_summary(package) for package in list_models(request["task"])]}

    def install_model(self, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled) -> dict[str, Any]:
        """Install a model from a file, folder or https address into the user's own folder."""
        from radiologycnn.models.install import install_model

        package = install_model(
            request["source"], sha256=request["sha256"], progress=progress.step, cancelled=cancelled
        )
        return {"model": _summary(package)}

    def remove_model(self, request: dict[str, Any], progress: JobProgress, cancelled: IsCancelled) -> dict[str, Any]:
        """Delete an installed model."""
        from radiologycnn.models.install import remove_model

        self.unload()
        remove_model(request["model"])
        return {"model": request["model"]}

    # ---- what jobs use ---------------------------------------------------------------------------------------------

    @property
    def is_warm(self) -> bool:
        """Whether a model is held in memory."""
        return bool(self.models_in_memory)

    def unload(self) -> None:
        """Forget all models and prepared scans, and give their memory back, the GPU's too."""
        self.prepared_scans.forget()
        self.models_in_memory.unload()

    def scan_and_engine(
        self, task: str, request: dict[str, Any], progress: JobProgress
    ) -> tuple[Volume, Any, ModelPackage]:
        """The request's scan, and the engine of its model, loaded where it is not warm: the first tenth of the job."""
        progress.step(0.0, "Reading the scan")
        volume = read_volume_field(request["volume"])
        return volume, *self.models_in_memory.engine_for(task, request["model"], request["device"], progress)

    @staticmethod
    def result_fields(result: SegmentationResult | ClassificationResult, progress: JobProgress) -> dict[str, Any]:
        """What every task's answer says beside itself; the last that is asked for, as it ends the job's clock."""
        return {
            "notes": list(result.notes),
            "provenance": dict(result.provenance),
            "model": result.provenance["model"],
            # after a fall-back this is not the device that was asked for
            "device": result.provenance["device"],
            "device_name": result.provenance["device_name"],
            "seconds": progress.finish(),
        }

    def write_job_array(self, folder: Path, kind: str, job: str, array: np.ndarray) -> Path:
        """Write an array as ``<kind>-<job>.npy``; nothing is left behind where the process ends meanwhile."""
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in job)
        path = folder / f"{kind}-{name}.npy"
        self.unfinished_files.add(path)
        try:
            return write_array(path, array)
        finally:
            self.unfinished_files.discard(path)


def _summary(package: ModelPackage) -> dict[str, Any]:
    """What a list of models shows of one."""
    return {
        "id": package.id,
        "name": package.name,
        "version": package.version,
        "task": package.task,
        "title": package.title,
        "simulated": package.simulated,
        "problem": package.problem,
    }
