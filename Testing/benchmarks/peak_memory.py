"""Peak memory of running processes, by looking often; resident size, in MiB."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import psutil

INTERVAL_S = 0.02
MIB = 1024**2


class PeakMemory:
    """Watches while its ``with`` block runs.

    Args:
        pids: gives the process id of each name now, None where it does not run.
    """

    def __init__(self, pids: Callable[[], dict[str, int | None]]) -> None:
        self._pids = pids
        self._over = threading.Event()
        self.peak_mib: dict[str, float] = {}

    def __enter__(self) -> PeakMemory:
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL_S):
            for name, pid in self._pids().items():
                with contextlib.suppress(psutil.Error):
                    if pid:
                        size = psutil.Process(pid).memory_info().rss / MIB
                        self.peak_mib[name] = max(self.peak_mib.get(name, 0.0), size)
