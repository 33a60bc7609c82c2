"""What this computer has to run networks with, Python packages and CUDA, told with as little importing as it takes."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from radiologycnn.errors import ResourceError, is_out_of_memory

if TYPE_CHECKING:
    from radiologycnn.models.package import ModelPackage

#: Code of the error that only PyTorch, or what trains with it, can do what was asked for, and is not installed: a panel
#: can offer it.
NEEDS_TORCH = "needs-torch"
INSTALL_TORCH = "Install PyTorch, in Slicer with the extension PyTorch (its module PyTorch Utils), or with pip."


def is_installed(name: str) -> bool:
    """Whether a package can be found; nothing is imported.

    A folder without the package's own files, as a broken removal leaves it, is none.
    """
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return sys.modules.get(name) is not None
    return spec is not None and spec.origin is not None


def cuda_is_likely() -> bool:
    """Whether it is worth the seconds of importing torch to look for a CUDA (or ROCm) device.

    Torch must be installed, not be a build for the CPU alone, and a driver must be there.
    """
    if not is_installed("torch"):
        return False
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda"):
        return bool(torch.cuda.is_available())
    spec = importlib.util.find_spec("torch")
    origin = (spec and spec.origin) or ""
    try:
        versions = (Path(origin).parent / "version.py").read_text()
    except OSError:
        return True  # a damaged torch: its import says what is wrong
    if re.search(r"^hip\b.*=\s*['\"]", versions, re.MULTILINE):
        return True
    return re.search(r"^cuda\b.*=\s*['\"]", versions, re.MULTILINE) is not None and _has_cuda_driver()


def _has_cuda_driver() -> bool:
    """Whether NVIDIA's driver is there and knows a device that may be used."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
        count = ctypes.c_int(0)
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except (OSError, AttributeError):
        return False


def start_monai(part: str) -> ModuleType:
    """A part of MONAI, such as "transforms"; its import takes seconds.

    Raises:
        ResourceError: it is not there, or cannot be loaded, or PyTorch cannot take NumPy's numbers, as it must here.
    """
    if not is_installed("monai"):
        raise ResourceError(
            NEEDS_TORCH,
            "Training needs the Python package monai, which is not installed.",
            "Install it from the panel, or with: pip install monai.",
        )
    try:
        _check_torch_takes_arrays()
        return importlib.import_module(f"monai.{part}")
    except (ImportError, OSError, AttributeError) as error:
        raise ResourceError(
            "monai-damaged",
            f"The Python package monai is installed but cannot be loaded: {error}.",
            "Install it again with: pip install --force-reinstall --no-deps monai.",
        ) from error


def _check_torch_takes_arrays() -> None:
    """Networks run without that (``devices.to_tensor``); training, MONAI's part of it too, does not."""
    import numpy as np
    import torch

    try:
        torch.from_numpy(np.zeros(1, np.float32))
    except (RuntimeError, TypeError) as error:
        raise ResourceError(
            "torch-without-numpy",
            f"PyTorch {torch.__version__} cannot train here: it was made for an older NumPy than {np.__version__}.",
            "Update PyTorch. None newer than 2.2 exists for Macs with Intel processors, or a Slicer made for them: "
            "train on another computer then, or with a Python of your own (setting RadiologyCNN/WorkerPython).",
        ) from error


def start_torch(package: ModelPackage | None = None) -> None:
    """Import torch, whose half-finished installations fail in many ways.

    Raises:
        ResourceError: it is not there, or it is there but cannot be loaded, for lack of memory or otherwise.
    """
    try:
        import torch

        reason = "" if hasattr(torch, "nn") else "parts of it are missing"
    except ModuleNotFoundError as error:
        if error.name != "torch":
            reason = str(error)
        elif package is not None and package.onnx_sha256:
            raise ResourceError(
                "missing-package",
                "Neither OpenVINO nor PyTorch is installed, and one of them is needed to run a network.",
                "Install openvino from the panel, or with pip, then try again.",
            ) from error
        else:
            raise ResourceError(
                NEEDS_TORCH,
                f"{f'The model {package.id} has no exported network, so it' if package else 'This'} needs PyTorch, "
                "which is not installed.",
                INSTALL_TORCH,
            ) from error
    except (ImportError, OSError, AttributeError) as error:  # on Windows a missing library is an OSError
        if is_out_of_memory(error):
            raise ResourceError(
                "out-of-memory",
                "There is not enough memory to load PyTorch.",
                "Close other programs, or let Windows choose the size of its paging file, then try again.",
            ) from error
        reason = str(error)
    if reason:
        raise ResourceError(
            "torch-damaged",
            f"PyTorch is installed but cannot be loaded: {reason}.",
            "Restart Slicer. If that does not help, uninstall and install PyTorch in the module PyTorch Utils.",
        )
