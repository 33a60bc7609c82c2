"""How work that takes long is followed and stopped by whoever started it. Light: standard library only."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Told how much of the work is done, 0-1, and what is being done, for a person."""

IsCancelled = Callable[[], bool]
"""Asked between two steps whether the work is to stop; it then raises :class:`radiologycnn.errors.Cancelled`."""


def part_of(progress: Progress, first: float, last: float, title: str = "") -> Progress:
    """For a part of the work: its 0-1 is told as ``first`` to ``last`` of the whole, its title before each stage."""

    def report(fraction: float, stage: str) -> None:
        done = first + (last - first) * min(max(fraction, 0.0), 1.0)
        progress(done, f"{title}: {stage}" if title else stage)

    return report


def no_progress(fraction: float, stage: str) -> None:
    """For those who do not want to know."""


def never_cancelled() -> bool:
    """For work that nobody stops."""
    return False
