"""Errors that are meant for the person who meets them: what happened, and what to do about it."""

from __future__ import annotations

#: How torch and the libraries under it say that memory ended; the last is oneDNN's, which convolves on CPUs.
MEMORY_WORDS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "bad_alloc",
    "could not create a primitive",
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


def damaged_file(name: str, detail: str = "") -> InputError:
    """The error for a file that ends too early or cannot be unpacked."""
    reason = f" ({detail})" if detail else ""
    return InputError(
        "damaged-file",
        f"The file {name} is cut short or damaged{reason}.",
        "Copy or export it again, and try once more.",
    )
