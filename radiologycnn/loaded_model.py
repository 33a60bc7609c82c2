"""A model on its device, ready to work on scans: what the inference of both tasks shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from radiologycnn import __version__
from radiologycnn.images.volume import Volume
from radiologycnn.models.package import SIMULATED_NOTE, ModelPackage
from radiologycnn.networks.backends import NetworkBackend, Outcome, open_backend


class LoadedModel:
    """The base of what runs a task's models; a task says its name and adds what it does with a scan.

    Args:
        package: a model for the task.
        device: "auto" (CUDA if there is one, else the best way on the CPU), "cpu", "openvino", "torch-cpu", "cuda" or
            "cuda:<number>"; see ``open_backend``.
        precision: "auto", "float32", "bfloat16" (faster on new CPUs, changes the result slightly) or "float16".

    Attributes:
        device: that is used first; its ``type`` is "cpu" or "cuda".
        device_name: the device in words, with the backend where it is not torch.
        backend: runs the network.

    Raises:
        InputError: the model is not for this task or damaged, or the device does not exist.
        ResourceError: what runs the network is not installed.
    """

    #: One of ``radiologycnn.tasks.TASKS``.
    TASK: ClassVar[str]

    def __init__(self, package: ModelPackage, device: str = "auto", precision: str = "auto") -> None:
        package.check_task(self.TASK)
        self.package = package
        self.backend = self._open(package, device, precision)
        self.device = self.backend.device
        self.device_name = self.backend.device_name

    def _open(self, package: ModelPackage, device: str, precision: str) -> NetworkBackend:
        """The network, checked to be one for the task."""
        return open_backend(package, device, precision)

    def _first_notes(self, volume: Volume) -> list[str]:
        """What the person is to know of any result on this scan: the reader's notes, and where the model comes from."""
        return [*volume.notes, *([SIMULATED_NOTE] if self.package.simulated else [])]

    def _provenance(
        self, volume: Volume, outcome: Outcome[Any], seconds: Mapping[str, float], **of_the_task: Any
    ) -> dict[str, Any]:
        """What makes a result repeatable, JSON-able; ``seconds`` are those of each stage."""
        return {
            "radiologycnn": __version__,
            "model": self.package.id,
            "model_sha256": self.package.weights_sha256,
            "simulated": self.package.simulated,
            **of_the_task,
            **outcome.provenance(),
            "input": dict(volume.provenance),
            "seconds": seconds,
        }
