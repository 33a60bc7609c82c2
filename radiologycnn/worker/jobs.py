"""What the worker can do: one method a command, each from a checked request to a result.

Heavy packages are imported inside the methods, because the worker says that it is ready before it has them.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.hemorrhage.labels import LabelDefinition
from radiologycnn.worker.array_files import bounding_box, read_array, write_array
from radiologycnn.worker.progress import DurationMemory, JobProgress
from radiologycnn.worker.protocol import PROBABILITY_FLOOR

if TYPE_CHECKING:
    from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
    from radiologycnn.images.volume import Volume
    from radiologycnn.models.package import ModelPackage

HEMORRHAGE_TASK = "hemorrhage-segmentation"


def read_volume_field(field: dict[str, Any]) -> Volume:
    """The ``Volume`` that a request's ``volume`` field describes; its voxels stay on disk, memory-mapped.

    Raises:
        InputError: the file is gone or broken, or the matrix is not 4x4 and finite.
    """
    from radiologycnn.images.volume import Volume

    path, matrix = field.get("array"), field.get("ijk_to_lps")
    if not isinstance(path, str):
        raise InputError("bad-request", "The volume's field 'array' must be a path.")
    try:
        ijk_to_lps = np.asarray(matrix, float)
    except (TypeError, ValueError) as error:
        raise InputError("bad-request", "The volume's field 'ijk_to_lps' must be a 4x4 matrix.") from error
    if ijk_to_lps.shape != (4, 4):
        raise InputError("bad-request", "The volume's field 'ijk_to_lps' must be a 4x4 matrix.")
    return Volume(
        array=read_array(path),
        ijk_to_lps=ijk_to_lps,
        modality=str(field.get("modality") or ""),
        name=str(field.get("name") or ""),
    )


class JobRunner:
    """Runs one job after another, and keeps the last used model warm between them.

    Args:
        unfinished_files: receives the files that are being written, so that whoever ends the process removes them.
        log: called with a sentence for the log, such as a fall-back to another device.
    """

    def __init__(
        self, unfinished_files: set[Path] | None = None, log: Callable[[str], None] = lambda text: None
    ) -> None:
        self.unfinished_files = set() if unfinished_files is None else unfinished_files
        self.durations = DurationMemory()
        self._log = log
        self._segmenter: HemorrhageSegmenter | None = None
        self._segmenter_key: tuple[str, str, str] | None = None

    # ---- commands: request, progress, cancelled -> fields of the result event -------------------------------------

    def run(self, request: dict[str, Any], progress: JobProgress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Do what the request says; fields of its result."""
        return getattr(self, request["cmd"])(request, progress, cancelled)

    def warm(self, request: dict[str, Any], progress: JobProgress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Import what a job needs and load the model, so that the click finds both ready."""
        if (request["task"] or HEMORRHAGE_TASK) != HEMORRHAGE_TASK:
            raise InputError("unknown-task", f"This version has no task {request['task']!r}.")
        segmenter, package = self._segmenter_for(request, progress)
        from radiologycnn.worker.devices import wake_device

        wake_device(segmenter.device)
        return {
            "model": package.id,
            "device": str(segmenter.device),
            "device_name": segmenter.device_name,
            "seconds": progress.finish(),
        }

    def devices(self, request: dict[str, Any], progress: JobProgress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Which devices can run a network."""
        from radiologycnn.worker.devices import list_devices

        return {"devices": list_devices()}

    def models(self, request: dict[str, Any], progress: JobProgress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """The installed models, with the reason for each one that cannot be used."""
        from radiologycnn.models.catalog import list_models

        return {"models": [_summary(package) for package in list_models(request["task"])]}

    def install_model(
        self, request: dict[str, Any], progress: JobProgress, cancelled: Callable[[], bool]
    ) -> dict[str, Any]:
        """Install a model from a file, folder or https address into the user's own folder."""
        from radiologycnn.models.install import install_model

        package = install_model(
            request["source"], sha256=request["sha256"], progress=progress.step, cancelled=cancelled
        )
        return {"model": _summary(package)}

    def remove_model(
        self, request: dict[str, Any], progress: JobProgress, cancelled: Callable[[], bool]
    ) -> dict[str, Any]:
        """Delete an installed model."""
        from radiologycnn.models.install import remove_model

        self.unload()
        remove_model(request["model"])
        return {"model": request["model"]}

    def segment(self, request: dict[str, Any], progress: JobProgress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Outline the bleed: probability (cropped, ``.npy``), measurements, provenance."""
        progress.step(0.0, "Reading the scan")
        volume = read_volume_field(request["volume"])
        segmenter, package = self._segmenter_for(request, progress)
        progress.kind = (package.id, str(segmenter.device), volume.array.shape)
        result = segmenter.segment(
            volume,
            threshold=request["threshold"],
            progress=progress.between(0.10, 0.95),
            cancelled=cancelled,
            log=self._log,
        )
        progress.step(0.95, "Writing the result")
        crop = self._write_crop(result.probability, Path(request["output"]), request["job"], float(result.threshold))
        return {
            **crop,
            "threshold": float(result.threshold),
            "measurements": result.measurements.to_dict(),
            "notes": list(result.notes),
            "provenance": dict(result.provenance),
            "model": package.id,
            # after a fall-back this is not the device that was asked for
            "device": result.provenance["device"],
            "device_name": result.provenance["device_name"],
            "labels": [label.to_dict() for label in result.labels],
            "seconds": progress.finish(),
        }

    def measure(self, request: dict[str, Any], progress: JobProgress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Measure a mask that the person has changed; the mask may be a crop of the volume's grid.

        The labels are the request's, as an earlier result gave them, or else the model's.
        """
        from radiologycnn.hemorrhage.measurements import measure
        from radiologycnn.models.catalog import find_model

        progress.step(0.0, "Reading the mask")
        labels = _labels(request["labels"] or find_model(request["model"], HEMORRHAGE_TASK).labels)
        volume = read_volume_field(request["volume"])
        crop = read_array(request["mask"])
        offset = [int(index) for index in request["offset_kji"] or (0, 0, 0)]
        box = tuple(slice(start, start + size) for start, size in zip(offset, crop.shape))
        if crop.ndim != 3 or len(offset) != 3 or min(offset) < 0 or volume.array[box].shape != crop.shape:
            raise InputError(
                "mask-off-grid",
                "The mask does not lie on the scan's grid.",
                "Choose the scan that the mask belongs to.",
            )
        mask = np.zeros(volume.array.shape, np.uint8)
        mask[box] = crop
        progress.step(0.2, "Measuring")
        measurements = measure(mask, volume, labels)
        return {"measurements": measurements.to_dict(), "seconds": progress.finish()}

    # ---- the warm model --------------------------------------------------------------------------------------------

    @property
    def is_warm(self) -> bool:
        """Whether a model is held in memory."""
        return self._segmenter is not None

    def unload(self) -> None:
        """Forget the model and give its memory back, the GPU's too."""
        self._segmenter = self._segmenter_key = None
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _segmenter_for(
        self, request: dict[str, Any], progress: JobProgress
    ) -> tuple[HemorrhageSegmenter, ModelPackage]:
        """The segmenter for the request's model and device: the warm one where it fits."""
        if "torch" not in sys.modules:
            progress.step(0.01, "Starting PyTorch")
            _start_torch()
        progress.step(0.04, "Loading the model")
        from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
        from radiologycnn.models.catalog import find_model

        package = find_model(request["model"], HEMORRHAGE_TASK)
        device = request["device"] or "auto"
        key = (str(package.path), package.weights_sha256, device)
        if self._segmenter is None or key != self._segmenter_key:
            self.unload()  # first, so that two models never share a small GPU
            self._segmenter = HemorrhageSegmenter(package, device=device)
            self._segmenter_key = key
        progress.step(0.10, "Loading the model")
        return self._segmenter, package

    def _write_crop(self, probability: np.ndarray, folder: Path, job: str, threshold: float) -> dict[str, Any]:
        """Write the part of a probability map that is not next to nothing; where it lies on the whole grid."""
        floor = min(PROBABILITY_FLOOR, threshold)
        highest = probability.max(axis=0) if probability.ndim == 4 else probability
        box = bounding_box(highest >= floor)
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in job)
        path = folder / f"probability-{name}.npy"
        self.unfinished_files.add(path)
        try:
            write_array(path, np.asarray(probability[(..., *box)], np.float32))
        finally:
            self.unfinished_files.discard(path)
        return {
            "probability": str(path),
            "offset_kji": [part.start for part in box],
            "shape_kji": [int(size) for size in highest.shape],
            "floor": floor,
        }


def _start_torch() -> None:
    """Import torch, whose half-finished installations fail in many ways.

    Raises:
        ResourceError: it is there but cannot be loaded.
    """
    try:
        import torch

        reason = "" if hasattr(torch, "nn") else "parts of it are missing"
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise
        reason = str(error)
    except (ImportError, OSError, AttributeError) as error:  # on Windows a missing library is an OSError
        reason = str(error)
    if reason:
        raise ResourceError(
            "torch-damaged",
            f"PyTorch is installed but cannot be loaded: {reason}.",
            "Restart Slicer. If that does not help, uninstall and install PyTorch in the module PyTorch Utils.",
        )


def _labels(records: Sequence[LabelDefinition | dict[str, Any]]) -> list[LabelDefinition]:
    """Label definitions from a model's or a request's records."""
    try:
        return [
            record if isinstance(record, LabelDefinition) else LabelDefinition.from_dict(dict(record))
            for record in records
        ]
    except (TypeError, ValueError) as error:
        raise InputError("bad-labels", "The labels of the mask are not understood.") from error


def _summary(package: ModelPackage) -> dict[str, Any]:
    """What a list of models shows of one."""
    return {
        "id": package.id,
        "name": package.name,
        "version": package.version,
        "task": package.task,
        "title": package.title,
        "simulated": package.simulated,
        "problem": str(getattr(package, "problem", "") or ""),
    }
