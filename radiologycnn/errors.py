"""Errors that are meant for the person who meets them: what happened, and what to do about it."""

from __future__ import annotations

import errno

#: Numbers with which systems say that a disk, or the space that a person may use on it, is full.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) if hasattr(errno, "EDQUOT") else (errno.ENOSPC, errno.EFBIG)

#: How Windows says that another program holds a file, or a part of it (``winerror``); Python makes a lack of permission
#: of both.
FILE_IN_USE = (32, 33)

#: How Windows says that memory ended, or the paging file is too small for what a program may need (``winerror``);
#: Python makes a lack of memory of the first alone.
_LACK_OF_MEMORY = (8, 14, 1455)

#: How torch and the libraries under it say that memory ended; the last but one is oneDNN's, which convolves on CPUs,
#: the last cuBLAS' and cuDNN's. C++ says "bad_alloc", and "bad allocation" on Windows.
MEMORY_WORDS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "bad_alloc",
    "bad allocation",
    "could not create a primitive",
    "status_alloc_failed",
)


class RadiologyCNNError(Exception):
    """Base of every expected failure.

    Args:
        code: short stable identifier in kebab case, for programs (``"not-a-head-ct"``).
        message: one sentence for the person: what happened.
        hint: one sentence for the person: what to do; may be empty.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.code = code
        self.message = message
        self.hint = hint


class InputError(RadiologyCNNError):
    """The input (scan, model, option) cannot be used as it is."""


class ResourceError(RadiologyCNNError):
    """The machine lacks something: memory, disk space, a package, a device, a connection."""


class Cancelled(RadiologyCNNError):
    """The person asked for the work to stop."""

    def __init__(self) -> None:
        super().__init__("cancelled", "Cancelled.")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ended, a device's or the computer's.

    Torch has no one type for all devices and need not be there, so its errors are known by their names and texts.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM or getattr(error, "winerror", None) in _LACK_OF_MEMORY
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in MEMORY_WORDS)


def missing_package(what: str, package: str, extra: str, otherwise: str = "") -> ResourceError:
    """The error for a Python package that only some of the work needs.

    Args:
        what: needs it, as the beginning of a sentence with its verb: "The figures need".
        package: its name.
        extra: of this program's extras, the one that brings it.
        otherwise: what the person can do instead, as the end of a sentence.
    """
    return ResourceError(
        f"no-{package}",
        f"{what} the Python package {package}, which is not installed.",
        f'Install it with: pip install "radiologycnn[{extra}]"{otherwise and f", or {otherwise}"}.',
    )


def no_permission(name: str) -> InputError:
    """The error for a file that its owner does not let be read."""
    return InputError("no-permission", f"{name} may not be read: there is no permission.", "Ask its owner.")


def damaged_file(name: str, detail: str = "") -> InputError:
    """The error for a file that ends too early or cannot be unpacked."""
    reason = f" ({detail})" if detail else ""
    return InputError(
        "damaged-file",
        f"The file {name} is cut short or damaged{reason}.",
        "Copy or export it again, and try once more.",
    )
