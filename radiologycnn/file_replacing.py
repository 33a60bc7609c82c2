"""Files that are there whole or not at all, and renaming over a file that Windows says is held for a moment."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from radiologycnn.errors import FILE_IN_USE

#: How Windows says so; access denied (5) is said of a lack of permission, too.
_HELD = (5, *FILE_IN_USE)
_PATIENCE_S = 2.0


def replace_path(source: Path, target: Path) -> None:
    """``os.replace``, tried again for two seconds where Windows says that a file is held.

    Virus scanners and programs that keep a folder in a cloud open what was written just now, and let go of it within
    moments. Elsewhere names can be changed whoever reads the file.

    Raises:
        OSError: as ``os.replace`` says at last.
    """
    last, pause_s = time.monotonic() + _PATIENCE_S, 0.01
    while True:
        try:
            return os.replace(source, target)
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _HELD or time.monotonic() >= last:
                raise
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.2)


@contextmanager
def whole_file(path: Path, partial: Path | None = None) -> Iterator[BinaryIO]:
    """A stream for a file that is there whole after the block, also after a power cut; else what was there stays.

    Args:
        partial: what is written to meanwhile, beside the file. By default it has one name, ``<name>.part``, so that
            what a killed process left goes with the next one; where several processes may write the same file at once,
            each needs a name of its own.

    Raises:
        OSError: what the system refuses; nothing is left behind.
    """
    partial = partial or path.with_name(f"{path.name}.part")
    try:
        with open(partial, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # some file systems report a full disk only here
        replace_path(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
