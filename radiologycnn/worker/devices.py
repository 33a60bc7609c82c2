"""Which devices of this machine can run a network, and waking one up before it is needed."""

from __future__ import annotations

import torch

from radiologycnn.networks.devices import describe_device


def list_devices() -> list[dict[str, object]]:
    """Devices, best first: ``id`` for torch, ``name`` for the person, ``memory_gb`` of a GPU (else None)."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found: list[dict[str, object]] = []
    for index in range(count):
        memory_gb = round(torch.cuda.get_device_properties(index).total_memory / 2**30, 1)
        device = torch.device("cuda", index)
        found.append({"id": str(device), "name": describe_device(device), "memory_gb": memory_gb})
    found.append({"id": "cpu", "name": describe_device(torch.device("cpu")), "memory_gb": None})
    return found


def wake_device(device: torch.device) -> None:
    """Start CUDA on a GPU, which takes seconds at its first use; a CPU needs nothing."""
    if device.type == "cuda":
        torch.zeros(1, device=device)
        torch.cuda.synchronize(device)
