"""How long the GUI thread was kept from its events: a timer that should tick every 10 ms, and its longest pause."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6 import QtCore

INTERVAL_MS = 10


@dataclass(frozen=True)
class Pause:
    """A time without events: its length, and when it began, both in seconds (begin: after the heartbeat's start)."""

    seconds: float
    begin_s: float


class Heartbeat:
    """Counts from ``with`` to the block's end; the event loop must run inside the block."""

    def __enter__(self) -> Heartbeat:
        self.beats = [time.perf_counter()]
        self._timer = QtCore.QTimer()
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(INTERVAL_MS)
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.stop()
        self._beat()

    def _beat(self) -> None:
        self.beats.append(time.perf_counter())

    def longest_pause(self) -> Pause:
        """The longest time between two beats."""
        first = self.beats[0]
        return max(
            (Pause(later - earlier, earlier - first) for earlier, later in zip(self.beats, self.beats[1:])),
            key=lambda pause: pause.seconds,
        )
