"""Where a job stands: progress events at a readable rate, seconds of each stage, and the time still to go."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from radiologycnn.awake_clock import awake_seconds
from radiologycnn.errors import Cancelled
from radiologycnn.progress import IsCancelled, Progress, part_of

#: Least time between two progress events of one stage, so that a window loop does not flood the pipe.
SHORTEST_INTERVAL_S = 0.1


class DurationMemory:
    """How earlier jobs of one kind went on, as (fraction, elapsed seconds), to tell how long the next will take."""

    def __init__(self) -> None:
        self._courses: dict[object, list[tuple[float, float]]] = {}

    def remember(self, kind: object, course: list[tuple[float, float]]) -> None:
        """Keep the course of the latest finished job of this kind (model, device, size)."""
        self._courses[kind] = course

    def remaining_s(self, kind: object, fraction: float, elapsed_s: float) -> float | None:
        """Seconds still expected, or None where it is too early to tell.

        An earlier job of the same kind gives the course, stretched by how much slower or faster this one is so far.
        Without one, the fraction done is taken as the time done.
        """
        course = self._courses.get(kind)
        if course:
            at = min(bisect_left(course, (fraction, 0.0)), len(course) - 1)
            expected_s, total_s = course[at][1], course[-1][1]
            stretch = elapsed_s / expected_s if expected_s > 1.0 else 1.0
            return max(total_s - expected_s, 0.0) * min(max(stretch, 0.25), 4.0)
        if elapsed_s < 1.0 or fraction < 0.05:
            return None
        return elapsed_s * (1.0 - fraction) / fraction


class JobProgress:
    """Progress of one job: counts the seconds of its stages, sends events, and is where a cancel is noticed.

    Args:
        send: called with fraction 0-1, stage and remaining seconds (or None).
        cancelled: asked at every step; the step raises ``Cancelled`` where it says yes.
        memory: durations of earlier jobs; None gives no remaining time.
    """

    def __init__(
        self,
        send: Callable[[float, str, float | None], None],
        cancelled: IsCancelled,
        memory: DurationMemory | None = None,
    ) -> None:
        self._send = send
        self._cancelled = cancelled
        self._memory = memory
        self.kind: object = None
        self.seconds: dict[str, float] = {}
        self.course: list[tuple[float, float]] = []
        self._start = self._stage_start = awake_seconds()
        self._stage = ""
        self._sent_at = float("-inf")

    def step(self, fraction: float, stage: str) -> None:
        """Say how far the job is.

        Raises:
            Cancelled: the person asked for the job to stop.
        """
        now = awake_seconds()
        is_new_stage = stage != self._stage
        if is_new_stage:
            self._close_stage(now)
            self._stage = stage
        if self._cancelled():
            raise Cancelled
        elapsed_s = now - self._start
        if not self.course or fraction > self.course[-1][0]:
            self.course.append((fraction, elapsed_s))
        if is_new_stage or now - self._sent_at >= SHORTEST_INTERVAL_S:
            self._sent_at = now
            remaining_s = self._memory.remaining_s(self.kind, fraction, elapsed_s) if self._memory else None
            self._send(fraction, stage, remaining_s)

    def between(self, first: float, last: float) -> Progress:
        """A progress function for a part of the job: its 0-1 is this job's ``first`` to ``last``."""
        return part_of(self.step, first, last)

    def finish(self) -> dict[str, float]:
        """Close the last stage, remember the course; seconds of each stage, in order, and of the whole (``total``)."""
        now = awake_seconds()
        self._close_stage(now)
        self.course.append((1.0, now - self._start))
        if self._memory is not None and self.kind is not None:
            self._memory.remember(self.kind, self.course)
        return {**{stage: round(s, 3) for stage, s in self.seconds.items()}, "total": round(now - self._start, 3)}

    def _close_stage(self, now: float) -> None:
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._stage_start
        self._stage = ""
        self._stage_start = now
