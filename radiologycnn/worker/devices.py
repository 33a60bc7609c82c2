"""Which devices of this machine can run a network, by the names that a person knows them by."""

from __future__ import annotations

import contextlib
import os
import platform


def processor_name() -> str:
    """Name of the CPU and the number of its cores that may be used here."""
    name = platform.processor()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        name = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{name or 'CPU'}, {cores} core{'s' if cores != 1 else ''}"


def list_devices() -> list[dict[str, object]]:
    """Devices, best first: ``id`` for torch, ``name`` for the person, ``memory_gb`` of a GPU (else None)."""
    import torch

    found: list[dict[str, object]] = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            memory_gb = round(properties.total_memory / 2**30, 1)
            found.append(
                {"id": f"cuda:{index}", "name": f"{properties.name} ({memory_gb:g} GB)", "memory_gb": memory_gb}
            )
    found.append({"id": "cpu", "name": f"CPU ({processor_name()})", "memory_gb": None})
    return found
