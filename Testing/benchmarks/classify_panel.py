"""RotatorCuffCNN's panel, benchmarked: a click on Classify, and the choice of another class's map."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from Testing.benchmarks.panel import BenchmarkPanel


@dataclass
class SwitchTimes:
    """Choices of another class's map, one figure a choice, in seconds.

    Attributes:
        changed_s, changed_own_s: until the map's node is changed, and what the GUI thread itself worked in that time.
        drawn_s: until all views are drawn as well, here by software OpenGL.
    """

    changed_s: list[float]
    changed_own_s: list[float]
    drawn_s: list[float]


class ClassifyPanel(BenchmarkPanel):
    module, button, volume_name = "RotatorCuffCNN", "classifyButton", "Shoulder MR"

    def presenter(self) -> Any:
        from RotatorCuffCNNLib import CuffPresenter

        return CuffPresenter

    def found(self) -> str:
        answer = self.result.classification
        grid = "x".join(str(size) for size in reversed(self.result.rawMap().shape))
        maps = len(self.result.methods) * len(self.result.targets)
        return f"class {answer.predicted}, {maps} maps of {grid}"

    def switch_targets(self) -> SwitchTimes:
        """Choose each map's target in the list, the first one again at the end."""
        times = SwitchTimes([], [], [])
        selector = self.ui.targetSelector
        first = selector.currentIndex
        for index in [*(index for index in range(selector.count) if index != first), first]:
            start, own_start = time.perf_counter(), time.thread_time()
            selector.setCurrentIndex(index)
            times.changed_s.append(time.perf_counter() - start)
            times.changed_own_s.append(time.thread_time() - own_start)
            self.show()
            times.drawn_s.append(time.perf_counter() - start)
        return times
