"""Which devices and backends of this machine can run a network, and waking one up before it is needed."""

from __future__ import annotations

from typing import Any

from radiologycnn.errors import ResourceError
from radiologycnn.networks.installed import cuda_is_likely, is_installed, start_torch


def list_devices() -> list[dict[str, object]]:
    """Devices, best first: ``id`` as ``open_backend`` takes it, ``name`` for the person, ``memory_gb`` of a GPU.

    Torch is imported only where there may be a CUDA device. "cpu" is always there; "torch-cpu" stands beside it where
    OpenVINO is what "cpu" would use and torch could be used as well, which is slower.
    """
    found = _cuda_devices() if cuda_is_likely() else []
    with_openvino, with_torch = is_installed("openvino"), is_installed("torch")
    name = "CPU, OpenVINO" if with_openvino else "CPU, PyTorch" if with_torch else "CPU"
    if with_openvino and with_torch:
        found.append({"id": "cpu", "name": name, "memory_gb": None, "backend": "openvino"})
        found.append({"id": "torch-cpu", "name": "CPU, PyTorch", "memory_gb": None, "backend": "torch"})
    else:
        backend = "openvino" if with_openvino else "torch"
        found.append({"id": "cpu", "name": name, "memory_gb": None, "backend": backend})
    return found


def _cuda_devices() -> list[dict[str, object]]:
    try:
        start_torch()
    except ResourceError:
        return []  # what is wrong with it is said by the job that needs it
    import torch

    from radiologycnn.networks.devices import describe_device

    found: list[dict[str, object]] = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        memory_gb = round(torch.cuda.get_device_properties(index).total_memory / 2**30, 1)
        device = torch.device("cuda", index)
        name = describe_device(device)
        found.append({"id": str(device), "name": name, "memory_gb": memory_gb, "backend": "torch"})
    return found


def wake_device(device: Any) -> None:
    """Start CUDA on a GPU, which takes seconds at its first use; a CPU needs nothing."""
    if device.type == "cuda":
        import torch

        torch.zeros(1, device=device)
        torch.cuda.synchronize(device)
