"""A clock that stands still while the computer sleeps, on every system."""

from __future__ import annotations

import ctypes
import sys
import time


def awake_seconds() -> float:
    """Seconds that only rise, from no particular moment on.

    Python's monotonic clock is that on Linux and macOS; on Windows it counts sleep: a lid that was closed over night
    would be a run, or a reading, of ten hours.
    """
    if sys.platform != "win32":
        return time.monotonic()
    ticks = ctypes.c_ulonglong()  # of 100 ns
    ctypes.windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(ticks))
    return ticks.value / 1e7
