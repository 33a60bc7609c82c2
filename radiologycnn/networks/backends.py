"""What runs a network here: torch (CUDA, or the CPU as reference) or OpenVINO (CPU), chosen by what there is.

Light: torch and OpenVINO are imported only by the backend that is opened. A backend does the same for both tasks:
``probability`` of a segmenter, ``activation`` and ``probabilities`` of a classifier, each as an :class:`Outcome`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.networks.installed import INSTALL_TORCH, NEEDS_TORCH, cuda_is_likely, is_installed, start_torch

if TYPE_CHECKING:
    from radiologycnn.inference_stages import Stages
    from radiologycnn.models.package import ModelPackage
    from radiologycnn.networks.activation import Activation
    from radiologycnn.networks.torch_backend import TorchBackend

#: What may be asked for, and the short form for the person; "auto" is the backend's choice.
PRECISIONS = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
AUTO = "auto"

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What a run gave, and how it was made in the end.

    Attributes:
        value: as the work returned it.
        device: "cpu" or "cuda:<number>".
        device_name: the device, and where it is not torch the backend and precision, in words.
        backend: "torch" or "openvino".
        precision: one of ``PRECISIONS``.
        libraries: version by name of what computed it.
        fall_backs: a sentence for each smaller way that was taken.
    """

    value: T
    device: str
    device_name: str
    backend: str
    precision: str
    libraries: Mapping[str, str] = field(default_factory=dict)
    fall_backs: tuple[str, ...] = ()

    def provenance(self) -> dict[str, Any]:
        """What stands beside a result, JSON-able."""
        return {
            "backend": self.backend,
            "device": self.device,
            "device_name": self.device_name,
            "precision": self.precision,
            **self.libraries,
            "numpy": np.__version__,
        }


@dataclass(frozen=True)
class CpuDevice:
    """The CPU, where no torch is there to say it; looks like ``torch.device("cpu")``."""

    type: str = "cpu"

    def __str__(self) -> str:
        return self.type


class NetworkBackend(Protocol):
    """A package's network, loaded and ready to run.

    Attributes:
        name: "torch" or "openvino".
        device: used first; ``type`` is "cpu" or "cuda".
        device_name: in words.
        label_count: channels of a segmenter's output; 0 for a classifier.
        class_count: outputs of a classifier; 0 for a segmenter.
        head_is_linear: whether a classifier's class activation maps exist.
        halving_offset: of a classifier, see ``networks.feature_grid``.
    """

    name: str
    device: Any
    device_name: str

    @property
    def label_count(self) -> int: ...

    @property
    def class_count(self) -> int: ...

    @property
    def head_is_linear(self) -> bool: ...

    @property
    def halving_offset(self) -> float: ...

    def probability(
        self, image: np.ndarray, stages: Stages, part: tuple[float, float], log: Callable[[str], None] | None = None
    ) -> Outcome[np.ndarray]:
        """Probability, float32, shape (labels, K, J, I), of an image, shape (K, J, I).

        Args:
            image: on the network's grid.
            stages: told how far the network is, and where a cancel is noticed.
            part: where the run begins and ends in the whole job, 0-1.
            log: called with a sentence at each fall-back.
        """
        ...

    def activation(
        self,
        image: np.ndarray,
        targets: Sequence[int | str],
        methods: Sequence[str],
        stages: Stages,
        part: tuple[float, float],
        block: int | None = None,
        log: Callable[[str], None] | None = None,
    ) -> Outcome[Activation]:
        """Logits and activation maps of an image, shape (K, J, I); arguments as for :meth:`probability`."""
        ...

    def probabilities(
        self,
        images: Callable[[], Iterable[np.ndarray]],
        stages: Stages,
        log: Callable[[str], None] | None = None,
    ) -> Outcome[np.ndarray]:
        """Class probabilities, float64, shape (count, classes), of the images that a call of ``images`` gives."""
        ...


def open_backend(package: ModelPackage, device: str = AUTO, precision: str = AUTO) -> NetworkBackend:
    """The best way to run a package's network on a device.

    Args:
        package: a usable one.
        device: "auto" (CUDA if there is one, else the best way on the CPU), "cpu" (OpenVINO where it is installed and
            the package has an exported network, else torch), "openvino", "torch-cpu", "cuda" or "cuda:<number>".
        precision: "auto" or one of ``PRECISIONS``.

    Raises:
        InputError: the device or precision does not exist here, or the package has no exported network.
        ResourceError: what is needed is not installed, or cannot be loaded.
    """
    if precision != AUTO and precision not in PRECISIONS:
        known = ", ".join((AUTO, *PRECISIONS))
        raise InputError("unknown-precision", f"The precision {precision!r} is unknown.", f"Use one of {known}.")
    if device == "openvino":
        return _open_openvino(package, precision)
    if likely_backend(package, device) == "openvino":
        try:
            return _open_openvino(package, precision)
        except ResourceError:
            # A damaged OpenVINO is no reason to do nothing where torch can do it.
            if not is_installed("torch"):
                raise
    elif device == AUTO and _has_exported_network(package) and not _finds_cuda():
        return _open_openvino(package, precision)
    return _open_torch(package, "cpu" if device in ("cpu", "torch-cpu") else device, precision)


def likely_backend(package: ModelPackage, device: str = AUTO) -> str:
    """ "openvino" or "torch": what :func:`open_backend` will try first; nothing heavy is imported."""
    if device == "openvino":
        return "openvino"
    wants_cpu = device == "cpu" or (device == AUTO and not cuda_is_likely())
    return "openvino" if wants_cpu and _has_exported_network(package) else "torch"


def _has_exported_network(package: ModelPackage) -> bool:
    return bool(package.onnx_sha256) and is_installed("openvino")


def _finds_cuda() -> bool:
    """Whether torch, which is imported for it, finds a CUDA device; a damaged torch finds none."""
    try:
        start_torch()
    except ResourceError:
        return False
    from radiologycnn.networks.devices import resolve_device

    return resolve_device(AUTO).type == "cuda"


def torch_reference(package: ModelPackage, purpose: str) -> TorchBackend:
    """The package in torch on the CPU, for what no other backend can do.

    Args:
        package: a usable one.
        purpose: what for, as the beginning of a sentence: "Repeating with dropout".

    Raises:
        ResourceError: torch is not installed.
    """
    if not is_installed("torch"):
        raise ResourceError(NEEDS_TORCH, f"{purpose} needs PyTorch, which is not installed.", INSTALL_TORCH)
    return _open_torch(package, "cpu", AUTO)


def _open_openvino(package: ModelPackage, precision: str) -> NetworkBackend:
    if not package.onnx_sha256:
        raise InputError(
            "no-exported-network",
            f"The model {package.id} has no exported network, so OpenVINO cannot run it.",
            "Use the device torch-cpu, or write one with radiologycnn models export.",
        )
    if not is_installed("openvino"):
        raise ResourceError(
            "missing-package", "The Python package openvino is missing.", "Install it with pip, or use another device."
        )
    from radiologycnn.networks.openvino_backend import OpenVinoBackend

    return OpenVinoBackend(package, precision)


def _open_torch(package: ModelPackage, device: str, precision: str) -> TorchBackend:
    start_torch(package)
    from radiologycnn.networks.torch_backend import TorchBackend

    return TorchBackend(package, device, "float32" if precision == AUTO else precision)
