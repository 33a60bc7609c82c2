"""RotatorCuffCNN's panel, benchmarked: a click on Classify, and the choice of another class's map."""

from __future__ import annotations

import time
from typing import Any

from Testing.benchmarks.panel import BenchmarkPanel


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

    def switch_targets(self) -> tuple[list[float], list[float]]:
        """Choose each map's target in the list; seconds until the map is changed, and until all views are drawn too."""
        changed_s, drawn_s = [], []
        selector = self.ui.targetSelector
        first = selector.currentIndex
        for index in [*(index for index in range(selector.count) if index != first), first]:
            start = time.perf_counter()
            selector.setCurrentIndex(index)
            self.host.process_events()
            changed_s.append(time.perf_counter() - start)
            self.host.render_views()
            drawn_s.append(time.perf_counter() - start)
        return changed_s, drawn_s
