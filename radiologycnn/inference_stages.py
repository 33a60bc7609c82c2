"""The stages of a job in the engine: timed, reported as a fraction of the whole, and where a cancel is noticed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from radiologycnn.errors import Cancelled
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress


class Stages:
    """Times the stages, passes progress on, and stops the work between two steps when asked to.

    Args:
        report: called with a fraction of the whole, 0-1, and the stage's name.
        cancelled: asked at every step.
    """

    def __init__(self, report: Progress = no_progress, cancelled: IsCancelled = never_cancelled) -> None:
        self._report = report
        self._cancelled = cancelled
        self._seconds: dict[str, float] = {}
        self._name = ""
        self._fraction = 0.0
        self._since = 0.0

    def begin(self, fraction: float, name: str) -> None:
        """End the present stage and begin another.

        Raises:
            Cancelled: as ``cancelled`` said; so do :meth:`within`'s function and :meth:`end`.
        """
        self._close()
        self._name, self._since = name, time.perf_counter()
        self._step(fraction)

    def within(self, start: float, end: float) -> Callable[[float], None]:
        """Function of a fraction (0-1) of what runs from ``start`` to ``end`` of the whole."""
        return lambda fraction: self._step(start + (end - start) * fraction)

    def say(self, text: str) -> None:
        """Report a sentence in place of the stage's name, once."""
        self._report(self._fraction, text)

    def end(self) -> Mapping[str, float]:
        """End the last stage; seconds of each, in order."""
        self._close()
        self._step(1.0)
        return self._seconds

    def _step(self, fraction: float) -> None:
        if self._cancelled():
            raise Cancelled
        # A fall-back runs the network again; the bar then waits instead of jumping back.
        self._fraction = max(self._fraction, fraction)
        self._report(self._fraction, self._name)

    def _close(self) -> None:
        if self._name:
            self._seconds[self._name] = round(time.perf_counter() - self._since, 4)
