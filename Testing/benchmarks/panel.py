"""The shipped HemorrhageSeg panel in the stand-in desktop, with what a person does to it timed from outside."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from Testing.benchmarks.heartbeat import Heartbeat, Pause
from Testing.benchmarks.prepare import GEOMETRY, SCAN
from Testing.benchmarks.stopwatch import Stopwatch
from Testing.host import SlicerHost

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_WAIT_S = 900.0


@dataclass(frozen=True)
class ClickTimes:
    """One click on Segment.

    Attributes:
        total_s: from the click until the panel and all views show the result.
        export_s, nodes_s: inside the panel: scan written for the worker; result made into MRML nodes.
        show_s: from the nodes' being there until panel and views show them.
        worker_s: seconds of the worker's stages, by name, in order.
        pause: longest time without events from the click to the result.
        found: what the table shows, in words: how much the stages after the network had to do.
    """

    total_s: float
    export_s: float
    nodes_s: float
    show_s: float
    worker_s: dict[str, float]
    pause: Pause
    found: str


@dataclass(frozen=True)
class CancelTimes:
    """A click on Cancel: seconds after Segment at which it came, until the panel is idle, and whether by force."""

    after_s: float
    seconds: float
    was_killed: bool


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


class BenchmarkPanel:
    """The panel with the scan loaded."""

    def __init__(self, folder: Path) -> None:
        self.host = SlicerHost(offscreen=True)
        self.widget = self.host.load_module(REPOSITORY / "HemorrhageSeg")
        self.logic, self.ui = self.widget.logic, self.widget.ui
        import HemorrhageSegLib.Logic
        import slicer

        self._module = HemorrhageSegLib.Logic
        ijk_to_lps = np.array(json.loads((folder / GEOMETRY).read_text())["ijk_to_lps"])
        ijk_to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ ijk_to_lps
        volume = slicer.util.addVolumeFromArray(np.load(folder / SCAN), ijkToRAS=ijk_to_ras, name="Head CT")
        self.ui.inputVolumeSelector.setCurrentNode(volume)
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        self._ends: list[str] = []
        self.logic.finished.connect(lambda result: self._ends.append("finished"))
        self.logic.failed.connect(lambda error: self._ends.append(f"failed: {error.message} {error.details}"))
        self.logic.cancelled.connect(lambda: self._ends.append("cancelled"))
        self.show()

    @property
    def pids(self) -> dict[str, int | None]:
        """Process ids, for :class:`PeakMemory`."""
        return {"panel": os.getpid(), "worker": self.logic.client.pid}

    def use_model(self, model: str) -> None:
        """Choose a model in the panel, as the person does in its list, and wait until nothing is under way."""
        self.widget._parameterNode.model = model
        self.widget.onModelChosen(self.ui.modelSelector.currentIndex)
        self.wait_until_idle()

    def stop_worker(self) -> None:
        """As after the start of the application: the next click finds no worker."""
        self.logic.client.stop()

    def wait_until_idle(self) -> None:
        """Until the worker has answered everything."""
        if not self.host.process_events(LONGEST_WAIT_S, until=lambda: not self.logic.client.isBusy):
            raise RuntimeError("the worker did not answer")
        self.show()

    def show(self) -> None:
        """Handle all events and draw all views."""
        self.host.process_events()
        self.host.render_views()
        self.host.process_events()

    def segment(self) -> ClickTimes:
        """Click Segment and wait for the result."""
        module = self._module
        with (
            Stopwatch(module.VolumeExchange, "exportVolume") as export,
            Stopwatch(module.ResultPresenter, "present") as nodes,
            Heartbeat() as heartbeat,
        ):
            start = time.perf_counter()
            self._click()
            self._wait_for_end("finished")
            finished = time.perf_counter()
            self.host.process_events(0.02)  # views draw themselves after 15 ms
            end = time.perf_counter()
        result = self.widget.results.result
        crop = "x".join(str(size) for size in reversed(result.probability().shape))
        measured = result.measurements
        return ClickTimes(
            end - start,
            export.seconds,
            nodes.seconds,
            end - finished,
            dict(result.record["seconds"]),
            heartbeat.longest_pause(),
            f"{measured.total_volume_ml:.0f} mL in {len(measured.lesions)} parts, crop {crop}",
        )

    def cancel(self, after_s: float) -> CancelTimes:
        """Click Segment and so much later Cancel."""
        pid = self.logic.client.pid
        self._click()
        self.host.process_events(after_s)
        start = time.perf_counter()
        self._click()
        self._wait_for_end("cancelled")
        seconds = time.perf_counter() - start
        was_killed = self.logic.client.pid != pid
        self.wait_until_idle()
        return CancelTimes(after_s, seconds, was_killed)

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

    def close(self) -> None:
        self.host.close()

    def _click(self) -> None:
        self._ends.clear()
        self.host.click(self.ui.segmentButton)

    def _wait_for_end(self, wanted: str) -> None:
        if not self.host.process_events(LONGEST_WAIT_S, until=lambda: bool(self._ends)):
            raise RuntimeError("the segmentation did not end")
        if self._ends != [wanted]:
            raise RuntimeError(f"the segmentation ended with {self._ends}, not with {wanted}")
