"""Memory or disk that end amid a training, said to the person; needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from radiologycnn.errors import DISK_FULL, ResourceError, is_out_of_memory


@contextmanager
def shortages_in_words(smaller: str, go_on: str) -> Iterator[None]:
    """While entered, what the machine lacks becomes an error with what to do; other errors pass.

    Args:
        smaller: what to do where memory ends, a sentence.
        go_on: how to go on once there is space on the disk, as the end of a sentence.

    Raises:
        ResourceError: as said.
    """
    try:
        yield
    except (OSError, RuntimeError, MemoryError, ResourceError) as error:
        if _is_disk_full(error):
            where = f" for {error.filename}" if isinstance(error, OSError) and error.filename else " on the disk"
            message = error.message if isinstance(error, ResourceError) else f"There is no space left{where}."
            raise ResourceError("disk-full", message, f"Free some space, then {go_on}.") from error
        if is_out_of_memory(error):
            # torch says in the first sentence how much was wanted, and of which device.
            reason = str(error).strip().splitlines()[0].split(". ")[0].rstrip(".") if str(error).strip() else ""
            raise ResourceError(
                "out-of-memory", f"There is not enough memory to train{f' ({reason})' if reason else ''}.", smaller
            ) from error
        raise


def _is_disk_full(error: Exception) -> bool:
    if isinstance(error, ResourceError):
        return error.code == "disk-full"
    return isinstance(error, OSError) and error.errno in DISK_FULL
