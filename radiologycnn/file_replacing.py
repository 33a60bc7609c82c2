"""Renaming over what is there, also while another program holds a file for a moment, as on Windows."""

from __future__ import annotations

import os
import time
from pathlib import Path

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
