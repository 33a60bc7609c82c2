"""A shipped panel in the stand-in desktop, and what a person does to any of them timed from outside."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from Testing.benchmarks.heartbeat import Heartbeat, Pause
from Testing.benchmarks.prepare import REPOSITORY, load_scan
from Testing.benchmarks.stopwatch import Stopwatch
from Testing.host import SlicerHost

LONGEST_WAIT_S = 900.0


@dataclass(frozen=True)
class ClickTimes:
    """One click on the panel's big button.

    Attributes:
        total_s: from the click until the panel and all views show the result.
        export_s, nodes_s: inside the panel: scan written for the worker; result made into MRML nodes.
        show_s: from the nodes' being there until panel and views show them.
        worker_s: seconds of the worker's stages, by name, in order.
        pause: longest time without events from the click to the result.
        found: what came out, in words: how much the stages after the network had to do.
        device_name: what the network ran on.
    """

    total_s: float
    export_s: float
    nodes_s: float
    show_s: float
    worker_s: dict[str, float]
    pause: Pause
    found: str
    device_name: str = ""


@dataclass(frozen=True)
class CancelTimes:
    """A click on Cancel: seconds after the start at which it came, until the panel is idle, and whether by force."""

    after_s: float
    seconds: float
    was_killed: bool


class BenchmarkPanel:
    """A module's panel with the prepared scan loaded and chosen; a subclass says which one.

    Args:
        folder: with the prepared scan.
    """

    module = ""  #: the module's name, which is its folder's
    button = ""  #: name of the panel's big button
    volume_name = ""

    def __init__(self, folder: Path) -> None:
        self.host = SlicerHost(offscreen=True)
        self.widget = self.host.load_module(REPOSITORY / self.module)
        self.logic, self.ui = self.widget.logic, self.widget.ui
        import slicer

        array, ijk_to_ras = load_scan(folder)
        volume = slicer.util.addVolumeFromArray(array, ijkToRAS=ijk_to_ras, name=self.volume_name)
        self.ui.inputVolumeSelector.setCurrentNode(volume)
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        self._ends: list[str] = []
        self.result: Any = None
        self.logic.finished.connect(self._on_finished)
        self.logic.failed.connect(lambda error: self._ends.append(f"failed: {error.message} {error.details}"))
        self.logic.cancelled.connect(lambda: self._ends.append("cancelled"))
        self.show()

    def presenter(self) -> Any:
        """The module of the panel's code whose ``present`` makes a result into nodes."""
        raise NotImplementedError

    def found(self) -> str:
        """What the last result is, in words."""
        raise NotImplementedError

    @property
    def pids(self) -> dict[str, int | None]:
        """Process ids, for :class:`PeakMemory`."""
        return {"panel": os.getpid(), "worker": self.logic.client.pid}

    def use_model(self, model: str) -> None:
        """Choose a model in the panel, as the person does in its list, and wait until nothing is under way."""
        self.widget._parameterNode.model = model
        self.widget.onModelChosen(self.ui.modelSelector.currentIndex)
        self.wait_until_idle()

    def use_device(self, device: str) -> None:
        """Choose a device in the panel, as the person does in its list, and wait until its network is warm."""
        self.widget._parameterNode.device = device
        self.wait_until_idle()

    def stop_worker(self) -> None:
        """As after the start of the application: the next click finds no worker."""
        self.logic.client.stop()

    def wait_until_idle(self) -> None:
        """Until the worker has answered everything."""
        if not self.host.process_events(LONGEST_WAIT_S, until=lambda: not self.logic.client.isBusy):
            raise RuntimeError("the worker did not answer")
        self.show()

    def look_at_scan(self) -> None:
        """What a person does before a click: the panel has time to have the scan prepared."""
        from RadiologyCNNLib.PanelChoices import PREPARE_DELAY_MS

        self.host.process_events(PREPARE_DELAY_MS / 1000 + 0.1)
        self.wait_until_idle()

    def show(self) -> None:
        """Handle all events and draw all views."""
        self.host.process_events()
        self.host.render_views()
        self.host.process_events()

    def click(self) -> ClickTimes:
        """Click the big button and wait for the result."""
        from RadiologyCNNLib import VolumeExchange

        with (
            Stopwatch(VolumeExchange, "exportVolume") as export,
            Stopwatch(self.presenter(), "present") as nodes,
            Heartbeat() as heartbeat,
        ):
            start = time.perf_counter()
            self._press()
            self._wait_for_end("finished")
            finished = time.perf_counter()
            self.host.process_events(until=lambda: not self.host.views_to_draw())
            end = time.perf_counter()
        return ClickTimes(
            end - start,
            export.seconds,
            nodes.seconds,
            end - finished,
            dict(self.result.record["seconds"]),
            heartbeat.longest_pause(),
            self.found(),
            str(self.result.record.get("device_name", "")),
        )

    def cancel(self, after_s: float) -> CancelTimes | None:
        """Click the big button and so much later Cancel; None where the result came sooner."""
        pid = self.logic.client.pid
        self._press()
        self.host.process_events(after_s)
        if self._ends:
            self._wait_for_end("finished")
            self.wait_until_idle()
            return None
        start = time.perf_counter()
        self._press()
        self._wait_for_end("cancelled")
        seconds = time.perf_counter() - start
        was_killed = self.logic.client.pid != pid
        self.wait_until_idle()
        return CancelTimes(after_s, seconds, was_killed)

    def close(self) -> None:
        self.host.close()

    def _on_finished(self, result: Any) -> None:
        self.result = result
        self._ends.append("finished")

    def _press(self) -> None:
        self._ends.clear()
        self.host.click(getattr(self.ui, self.button))

    def _wait_for_end(self, wanted: str) -> None:
        if not self.host.process_events(LONGEST_WAIT_S, until=lambda: bool(self._ends)):
            raise RuntimeError("the job did not end")
        if self._ends != [wanted]:
            raise RuntimeError(f"the job ended with {self._ends}, not with {wanted}")
