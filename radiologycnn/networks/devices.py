"""The device that a network runs on: chosen, named, and the ways around what some of them lack."""

from __future__ import annotations

import platform

import numpy as np
import torch
from torch import Tensor

from radiologycnn.errors import InputError, is_out_of_memory


def resolve_device(wish: str = "auto") -> torch.device:
    """The device for "auto" (CUDA if there is one that computes, else CPU), "cpu", "cuda" or "cuda:<number>".

    Raises:
        InputError: it does not exist here, or cannot compute.
    """
    if wish == "auto":
        first = torch.device("cuda:0")
        return first if torch.cuda.is_available() and not _cuda_problem(first) else torch.device("cpu")
    try:
        device = torch.device(wish)
    except RuntimeError as error:
        raise InputError("unknown-device", f"The device {wish!r} is unknown.", "Use auto, cpu or cuda:0.") from error
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        there = "no CUDA device" if not count else f"only cuda:0 to cuda:{count - 1}"
        raise InputError("no-such-device", f"There is no device {wish}: PyTorch finds {there}.", "Use auto or cpu.")
    if device.type not in ("cpu", "cuda"):
        raise InputError("unknown-device", f"The device {wish!r} is not supported.", "Use auto, cpu or cuda:0.")
    if device.type == "cpu":
        return device
    found = torch.device("cuda", device.index or 0)
    problem = _cuda_problem(found)
    if problem:
        raise InputError(
            "unusable-device",
            f"{describe_device(found)} cannot compute here: {problem}.",
            "Use auto or cpu, or install a PyTorch that is made for this GPU.",
        )
    return found


def _cuda_problem(device: torch.device) -> str:
    """Why a CUDA device computes nothing; "" where it does, or only lacks memory now.

    PyTorch also finds GPUs that it holds no code for (older or newer ones than its build), and such as another program
    has for itself alone.
    """
    try:
        torch.ones(2, device=device).sum().item()
    except RuntimeError as error:
        return "" if is_out_of_memory(error) else str(error).strip().splitlines()[0].rstrip(".")
    return ""


def describe_device(device: torch.device) -> str:
    """The device in words: "NVIDIA ... (cuda:0)", or "CPU (2 threads)"."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    threads = torch.get_num_threads()
    return f"CPU ({platform.machine() or 'unknown type'}, {threads} thread{'s' if threads > 1 else ''})"


def computes_bfloat16(device: torch.device | str) -> bool:
    """Whether a device has instructions for bfloat16.

    Without them PyTorch computes it step by step: CNN-DS learned from a head 30 times slower so than in float32, VRN 23
    times, on one core of a processor with AVX2 alone.
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # from Ampere on
    # Older versions of PyTorch cannot say; then float32, which is right anyway.
    asked = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
    return any(ask is not None and ask() for ask in asked)


def _numpy_bridge_works() -> bool:
    """PyTorch built for NumPy 1 cannot exchange arrays with NumPy 2 (PyTorch 2.2.2, the last for Intel Macs)."""
    try:
        torch.from_numpy(np.zeros(1, np.float32)).numpy()
    except (RuntimeError, TypeError):
        return False
    return True


_BRIDGE = _numpy_bridge_works()


def to_tensor(array: np.ndarray, bridge: bool = _BRIDGE) -> Tensor:
    """An array as a float32 tensor of the same shape on the CPU; shares its memory where that can be.

    Args:
        bridge: whether torch can be handed NumPy's memory; builds for another NumPy cannot, and copy bytes.
    """
    array = np.ascontiguousarray(array, np.float32)
    if bridge and array.flags.writeable:
        return torch.from_numpy(array)
    return torch.frombuffer(bytearray(array.data.cast("B")), dtype=torch.float32).reshape(array.shape)


def to_array(tensor: Tensor, bridge: bool = _BRIDGE) -> np.ndarray:
    """A float32 tensor on the CPU as an array of the same shape; ``bridge`` as for :func:`to_tensor`."""
    tensor = tensor.contiguous()
    if bridge:
        return tensor.numpy()
    array = np.empty(tuple(tensor.shape), np.float32)
    torch.frombuffer(array.reshape(-1).data, dtype=torch.float32).copy_(tensor.reshape(-1))
    return array
