"""How long the GUI thread was kept from its events: a timer that should tick every 10 ms, and its longest pause."""

from __future__ import annotations

import time
from dataclasses import dataclass

INTERVAL_MS = 10


@dataclass(frozen=True)
class Pause:
    """A time without events.

    Attributes:
        seconds: its length.
        own_s: what the GUI thread itself worked in it; the rest it waited, for the processor for example.
        begin_s: when it began, after the heartbeat's start.
    """

    seconds: float
    own_s: float
    begin_s: float


class Heartbeat:
    """Counts from ``with`` to the block's end; the event loop must run inside the block."""

    def __enter__(self) -> Heartbeat:
        from PySide6 import QtCore  # not before the host, which decides how Qt is loaded

        self.beats = [(time.perf_counter(), time.thread_time())]
        self._timer = QtCore.QTimer()
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(INTERVAL_MS)
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.stop()
        self._beat()

    def _beat(self) -> None:
        self.beats.append((time.perf_counter(), time.thread_time()))

    def longest_pause(self) -> Pause:
        """The longest time between two beats."""
        start = self.beats[0][0]
        pauses = [
            Pause(later - earlier, later_cpu - earlier_cpu, earlier - start)
            for (earlier, earlier_cpu), (later, later_cpu) in zip(self.beats, self.beats[1:])
        ]
        return max(pauses, key=lambda pause: pause.seconds)
