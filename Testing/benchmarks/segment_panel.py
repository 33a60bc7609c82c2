"""HemorrhageSeg's panel, benchmarked: a click on Segment, and moves of the threshold."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from Testing.benchmarks.heartbeat import Heartbeat, Pause
from Testing.benchmarks.panel import LONGEST_WAIT_S, BenchmarkPanel


@dataclass
class ThresholdTimes:
    """Moves of the threshold slider, one figure a move, in seconds.

    Attributes:
        applied_s, applied_own_s: until mask and total are there, and what the GUI thread itself worked in that time.
        drawn_s: until all views are drawn as well, here by software OpenGL.
        pause: longest time without events from the first move until the table is there again.
    """

    applied_s: list[float]
    applied_own_s: list[float]
    drawn_s: list[float]
    pause: Pause | None = None


class SegmentPanel(BenchmarkPanel):
    module, button, volume_name = "HemorrhageSeg", "segmentButton", "Head CT"

    def presenter(self) -> Any:
        from HemorrhageSegLib import ResultPresenter

        return ResultPresenter

    def found(self) -> str:
        crop = "x".join(str(size) for size in reversed(self.result.probability().shape))
        measured = self.result.measurements
        return f"{measured.total_volume_ml:.0f} mL in {len(measured.lesions)} parts, crop {crop}"

    def move_threshold(self, values: list[float]) -> ThresholdTimes:
        """Move the slider to each value, then wait for the table."""
        times = ThresholdTimes([], [], [])
        slider = self.ui.thresholdSlider
        with Heartbeat() as heartbeat:
            for value in values:
                start, own_start = time.perf_counter(), time.thread_time()
                slider.value = value
                times.applied_s.append(time.perf_counter() - start)
                times.applied_own_s.append(time.thread_time() - own_start)
                self.host.render_views()
                times.drawn_s.append(time.perf_counter() - start)
                self.host.process_events(0.02)
            is_measured = lambda: self.widget.results.result.measurements is not None  # noqa: E731
            if not self.host.process_events(LONGEST_WAIT_S, until=is_measured):
                raise RuntimeError("the table did not come back after the slider was moved")
        self.wait_until_idle()
        times.pause = heartbeat.longest_pause()
        return times
