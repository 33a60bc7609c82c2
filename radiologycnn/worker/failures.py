"""From any exception to an error event that a person can act on."""

from __future__ import annotations

import traceback
from typing import Any

from radiologycnn.errors import DISK_FULL, FILE_IN_USE, InputError, RadiologyCNNError, is_out_of_memory
from radiologycnn.worker import protocol
from radiologycnn.worker.array_files import disk_full_error

#: How torch and the libraries under it say that a GPU failed; then all else fails in that process as well.
_GPU_WORDS = ("cuda error", "cuda unknown error", "hip error", "cudnn_status_", "cublas_status_")

#: Names under which packages are installed, where they differ from the names under which they are imported.
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow", "skimage": "scikit-image"}


def _sentences(error: BaseException) -> tuple[str, str, str]:
    """Code, message and hint of an exception."""
    if isinstance(error, RadiologyCNNError):
        return error.code, error.message, error.hint
    if is_out_of_memory(error):
        return (
            "out-of-memory",
            "There is not enough memory for this scan.",
            "Close other programs or scans, or choose the CPU as device, then try again.",
        )
    if isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _GPU_WORDS):
        return (
            protocol.GPU_FAILED,
            "The GPU stopped answering, as it may after the computer has slept.",
            "Try again: the background process is started anew. If it happens again, choose the CPU as device, or "
            "restart the computer.",
        )
    if isinstance(error, ImportError):
        package = (error.name or "").split(".")[0]
        package = _DISTRIBUTIONS.get(package, package)
        if package == "radiologycnn":
            return "damaged-install", "A part of RadiologyCNN is missing.", "Install the extension again."
        if isinstance(error, ModuleNotFoundError) and package:
            message = f"The Python package {package} is missing."
        else:
            message = f"The Python package {package or 'needed here'} is damaged and cannot be loaded."
        return "missing-package", message, "Install it from the panel, or with pip, then try again."
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        full = disk_full_error(error.filename or "the temporary folder/.")
        return full.code, full.message, full.hint
    if isinstance(error, FileNotFoundError) and error.filename:
        return "missing-file", f"A file or folder is gone: {error.filename}.", "Start the job again."
    if isinstance(error, PermissionError):
        if getattr(error, "winerror", None) in FILE_IN_USE:
            message = f"Another program, such as a virus scanner, holds {error.filename or 'a file'}."
            return "file-in-use", message, "Wait until it is done, then try again."
        return "no-permission", f"No permission to use {error.filename or 'a file'}.", "Check the folder's permissions."
    return (
        "internal",
        f"Something went wrong inside RadiologyCNN ({type(error).__name__}).",
        "Try again; if it happens again, report it with the log.",
    )


def failure_event(job: str | None, error: BaseException) -> dict[str, Any]:
    """The error event for an exception; the traceback goes to ``details``, which is for the log only.

    An input that is refused has none: it is no fault of the program, and not to be looked for in a log of errors.
    """
    code, message, hint = _sentences(error)
    details = ""
    if not isinstance(error, InputError):
        details = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return protocol.error(job, code, message, hint, details)
