"""A lock on a folder's work that ends with the process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_POLL_S = 0.02
_IS_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@contextlib.contextmanager
def file_lock(path: Path, wait_s: float = 0.0) -> Iterator[bool]:
    """Hold a lock for the block; the value says whether it is held.

    The operating system keeps the lock, so that nothing is left behind by a process that was killed. Where a file
    system knows no locks, the block runs as if it were held: one rater has one Slicer open.

    Args:
        path: of the lock's file; it is made, and stays.
        wait_s: how long to wait for another holder.

    Raises:
        OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        end = time.monotonic() + wait_s
        while not (held := _try_lock(file)) and time.monotonic() < end:
            time.sleep(_POLL_S)
        try:
            yield held
        finally:
            if held:
                _unlock(file)


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _IS_HELD
    return True


def _unlock(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_UN)
