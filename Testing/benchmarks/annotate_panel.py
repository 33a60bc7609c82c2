"""HemorrhageSeg's case list, benchmarked: accept-and-next on large scans, what each turn of the event loop works."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from Testing.benchmarks.prepare import REPOSITORY
from Testing.host import SlicerHost, views

LONGEST_WAIT_S = 300.0
MARGIN_KJI = (15, 40, 40)  # a real map reaches beyond the bleed


@dataclass(frozen=True)
class Turn:
    """One turn of the event loop: what the GUI thread itself worked, and what of it drew views, in seconds."""

    own_s: float
    drawing_s: float

    @property
    def blocking_s(self) -> float:
        """Without the views: they are drawn by software OpenGL here, and at once where Slicer draws them later."""
        return self.own_s - self.drawing_s


class AnnotatePanel:
    """The panel with a list of simulated heads in it, each prepared for the next key as the worker prepares it.

    Args:
        folder: gets the scans, and beside them the annotations.
        shape_kji: voxels of each scan.
        count: of scans.
    """

    def __init__(self, folder: Path, shape_kji: tuple[int, int, int], count: int) -> None:
        self.host = SlicerHost(offscreen=True)
        self.widget = self.host.load_module(REPOSITORY / "HemorrhageSeg", select=False)
        import slicer
        from HemorrhageSegLib import SyntheticHead

        from RadiologyCNNLib.AnswerlessClient import AnswerlessClient

        spacing = tuple(230.0 / size for size in (shape_kji[2], shape_kji[1])) + (160.0 / shape_kji[0],)
        self.head = SyntheticHead.syntheticHead(shape_kji, spacing, (30.0, 40.0, 25.0))
        self.ijk_to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ self.head.ijkToRas
        self._heads = SyntheticHead
        self._write_scans(folder, count)
        self.client = self.widget.logic.client = AnswerlessClient()
        slicer.util.selectModule("HemorrhageSeg")
        self.ui, self.worklist = self.widget.ui, self.widget.worklist
        self.ui.worklistCollapsibleButton.collapsed = False
        self.ui.raterLineEdit.text = "benchmark"
        self.worklist.openFolder(str(folder))
        self._wait(lambda: self.worklist.writer.client.state == "ready")
        self._drawing_s = 0.0
        self._time_drawing()
        self.answered = 0
        self.first_s = self._open_first()
        self._wait(lambda: self._asked("segment"))
        job, fields = self._asked("segment")
        self.client.result.emit(job, self._answer(Path(fields["output"])))
        self.prepare_next()

    def _write_scans(self, folder: Path, count: int) -> None:
        from radiologycnn.images import write_image

        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            self.head.array[0, 0, 0] = number  # each is a scan of its own
            write_image(folder / f"scan_{number}.nii", self.head.array, self.ijk_to_lps)

    def _answer(self, folder: Path) -> dict[str, Any]:
        """What the worker says of a head: its bleed with a rim of low probabilities around it."""
        places = np.nonzero(self.head.truth)
        low = [max(int(n.min()) - m, 0) for n, m in zip(places, MARGIN_KJI)]
        high = [min(int(n.max()) + m + 1, s) for n, m, s in zip(places, MARGIN_KJI, self.head.truth.shape)]
        crop = self.head.truth[tuple(slice(a, b) for a, b in zip(low, high))]
        probability = np.where(crop == 1, 0.9, 0.02).astype(np.float32)
        message = self._heads.resultMessage(self.head, str(folder), probability)
        return {**message, "offset_kji": low, "model": self.widget.inputs.modelId}

    def _open_first(self) -> float:
        """Open a case that nothing was prepared of; the longest turn, in seconds, until its scan is on the screen."""
        clicked = self._turn(self.worklist.onOpenCaseButton)
        self._answer_reading()
        turns = self._turns(lambda: self.worklist.cases.caseId and self._asked("segment"))
        return max(turn.blocking_s for turn in (clicked, *turns))

    def open_loaded(self, count: int) -> float:
        """Make a list of scans that are loaded and open its first case; the longest turn until its scan is written."""
        from slicer import util

        for number in range(count):
            self.head.array[0, 0, 0] = -number - 1
            util.addVolumeFromArray(self.head.array, ijkToRAS=self.head.ijkToRas, name=f"loaded {number}")
        first = self._turn(self.worklist.onSceneScansButton)
        clicked = self._turn(self.worklist.onOpenCaseButton)
        cases = self.worklist.cases
        turns = self._turns(lambda: cases.store.case(cases.caseId).image)
        return max(turn.blocking_s for turn in (first, clicked, *turns))

    def prepare_next(self) -> float:
        """Answer the request for the next case as the worker would; the longest turn of taking it into memory."""
        self._answer_reading()
        turns = self._turns(lambda: self.worklist.opening.nextCase.isReady)
        self.host.render_views()
        return max(turn.blocking_s for turn in turns)

    def _answer_reading(self) -> None:
        from radiologycnn.images import write_image

        self._wait(lambda: self._count("prepare_case") > self.answered)
        self.answered = self._count("prepare_case")
        job, fields = self._asked("prepare_case")
        folder = Path(fields["output"])
        np.save(folder / "scan.npy", self.head.array)
        if fields["image"]:
            write_image(fields["image"], self.head.array, self.ijk_to_lps)
        volume = {"array": str(folder / "scan.npy"), "ijk_to_lps": self.ijk_to_lps.tolist(), "modality": "CT"}
        segmentation = self._answer(folder) if fields["segment"] else None
        self.client.result.emit(job, {"volume": volume, "notes": [], "segmentation": segmentation})

    def draw(self) -> None:
        """Change the mask a little, as a stroke does."""
        result = self.widget.results.result
        mask, offset = result.maskCrop()
        mask[: mask.shape[0] // 8] = 0
        result.setMask(mask, offset)
        self._wait(lambda: result.record.get("edited"))
        self.host.render_views()

    def accept(self) -> list[Turn]:
        """Press the key, and follow the event loop until the next case is there and the one after it is asked for."""
        before = self.worklist.cases.caseId
        first = self._turn(lambda: self.worklist.decision.decide("accepted"))
        turns = self._turns(lambda: self._count("prepare_case") > self.answered)
        if self.worklist.cases.caseId == before or self.worklist.result is None:
            raise RuntimeError("the next case was not opened")
        return [first, *turns]

    def close(self) -> None:
        self.widget.worklist.finishWriting()
        self.host.close()

    def _turns(self, until) -> list[Turn]:
        turns, end = [], time.monotonic() + LONGEST_WAIT_S
        while not turns or not until():
            turns.append(self._turn(self.host.app.processEvents))
            time.sleep(0.002)
            if time.monotonic() > end:
                raise RuntimeError("the panel did not come to rest")
        return turns

    def _turn(self, function) -> Turn:
        start, drawn = time.thread_time(), self._drawing_s
        function()
        return Turn(time.thread_time() - start, self._drawing_s - drawn)

    def _time_drawing(self) -> None:
        original = views._AbstractView._draw

        def draw(view) -> None:
            start = time.thread_time()
            original(view)
            self._drawing_s += time.thread_time() - start

        views._AbstractView._draw = draw

    def _wait(self, condition) -> None:
        if not self.host.process_events(LONGEST_WAIT_S, until=lambda: bool(condition())):
            raise RuntimeError("nothing happened")

    def _count(self, command: str) -> int:
        return sum(sent == command for sent, _fields in self.client.requests)

    def _asked(self, command: str) -> tuple[str, dict] | None:
        found = [(f"job-{n}", fields) for n, (sent, fields) in enumerate(self.client.requests, 1) if sent == command]
        return found[-1] if found else None
