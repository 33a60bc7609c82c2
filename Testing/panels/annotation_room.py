"""AnnotationRoom: the HemorrhageSeg panel with a folder of head CTs, an annotator's hand, and a writer for the files.

The scene, its files and the undo history are Slicer's own; strokes are drawn through Slicer's editor logic, as an
effect draws them.
"""

import json

import numpy as np
from panels.head_clinic import HeadClinic

from radiologycnn.errors import RadiologyCNNError

SHAPE = (16, 64, 64)


def inlineWriter(qt):
    """A client that does the writer's job in this process, a turn of the event loop after it was asked."""
    from radiologycnn.worker.annotation_jobs import settle_annotations
    from RadiologyCNNLib.AnswerlessClient import AnswerlessClient
    from RadiologyCNNLib.WorkerError import WorkerError

    class InlineWriter(AnswerlessClient):
        def request(self, cmd, **fields) -> str:
            job = super().request(cmd, **fields)
            qt.QTimer.singleShot(0, lambda: self._answer(job, fields))
            return job

        def _answer(self, job, fields) -> None:
            try:
                message = settle_annotations(None, fields, None, None)
            except RadiologyCNNError as error:
                self.failed.emit(job, WorkerError(error.code, error.message, error.hint, ""))
            else:
                self.result.emit(job, message)

    return InlineWriter()


class AnnotationRoom(HeadClinic):
    """The opened panel, a folder of head CTs, and a hand with a brush."""

    def __init__(self, host, widget, folder) -> None:
        super().__init__(host, widget)
        self.folder = folder
        self.heads = {}
        self.saidOf = lambda head, folder: {}  # what the network says otherwise than a model of one label

    def writeScans(self, count=3) -> None:
        from HemorrhageSegLib.SyntheticHead import syntheticHead

        from radiologycnn.images import write_image

        self.folder.mkdir(exist_ok=True)
        for number in range(count):
            head = syntheticHead(SHAPE, (3.6, 3.6, 10.0), (14.0 + 4 * number, 20.0, 22.0), seed=number)
            path = self.folder / f"Meyer_Hans_{number}.nii.gz"
            write_image(path, head.array, np.diag([-1.0, -1.0, 1.0, 1.0]) @ head.ijkToRas)
            self.heads[f"case-{number + 1:04d}"] = head

    def openList(self, rater="AB") -> None:
        self.ui.worklistCollapsibleButton.collapsed = False
        self.ui.raterLineEdit.text = rater
        self.click(self.ui.openScansButton)

    def click(self, button) -> None:
        super().click(button)
        self.finishReading()

    def openCase(self, caseId=None) -> str:
        """Open a case and let the network answer where it is asked; returns the case."""
        if caseId is not None:
            self.widget.worklist.table.select(caseId)
        before = self.count("segment")
        self.click(self.ui.openCaseButton)
        self.answerIfAsked(before)
        return self.caseId

    def finishReading(self) -> None:
        """Where a scan is being read for the screen, the worker reads it, in this process."""
        opening = self.widget.worklist.opening
        if opening.readingId:
            from radiologycnn.worker.jobs import JobRunner
            from radiologycnn.worker.progress import JobProgress

            job, fields = self.sent("prepare_case")
            progress = JobProgress(lambda fraction, stage, remaining: None, lambda: False)
            try:
                answer = JobRunner().run({"cmd": "prepare_case", "job": job, **fields}, progress, lambda: False)
            except RadiologyCNNError as error:
                self.fail(job, error.code, error.message, error.hint)
            else:
                self.client.result.emit(job, answer)
            self.waitFor(lambda: not opening.readingId)
            self.host.process_events()

    def accept(self) -> None:
        """Press the accept key, and wait until the mask is in the dataset."""
        asked = self.count("segment")
        self.press("A")
        self.answerIfAsked(asked)
        self.waitFor(lambda: not self.widget.worklist.cases.store.has_submitted)

    def answerIfAsked(self, before) -> None:
        if self.count("segment") > before:
            job, fields = self.sent("segment")
            head = self.heads[self.caseId]
            message = self.selfTest.resultMessage(head, fields["output"])
            message["provenance"] = {"model_sha256": "0" * 64, "input": {"description": "Meyer Hans"}}
            message["notes"] = ["Meyer Hans has a gap between slices."]
            message.update(self.saidOf(head, fields["output"]))
            self.client.result.emit(job, message)

    @property
    def caseId(self) -> str:
        return self.widget.worklist.cases.caseId

    @property
    def editor(self):
        return self.widget.correct.editor.widget

    def stroke(self, kji, add=True, segmentId="hemorrhage-1") -> None:
        """Paint or erase a block of voxels with the editor's own masking and overwriting rules."""
        import vtk
        from vtk.util.numpy_support import vtk_to_numpy

        logic = self.editor._logic
        result = self.result
        image = self.slicer.vtkOrientedImageData()
        image.SetImageToWorldMatrix(result.gridMatrix())
        image.SetExtent([bound for size in result.record["shape_kji"][::-1] for bound in (0, size - 1)])
        image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
        voxels[:] = 0
        voxels[kji] = 1
        self.editor.setCurrentSegmentID(segmentId)
        self.editor.saveStateForUndo()
        mode = logic.ModificationModeAdd if add else logic.ModificationModeRemove
        logic.ModifySegmentByLabelmap(result.segmentationNode, segmentId, image, mode, False, False)

    def press(self, keys) -> None:
        from PySide6 import QtTest

        self.host.activate_window()
        QtTest.QTest.keySequence(self.slicer.util.mainWindow(), self.qt.QKeySequence(keys))
        self.host.process_events()
        self.finishReading()

    def maskOf(self, segmentId="hemorrhage-1"):
        volume = self.widget.parameterNode.inputVolume
        return self.slicer.util.arrayFromSegmentBinaryLabelmap(self.result.segmentationNode, segmentId, volume) != 0

    def settled(self) -> None:
        self.widget.results.finishEdit()

    def states(self) -> dict:
        return {row.id: row.state for row in self.widget.worklist.cases.rows()}

    def word(self, caseId, rater="ab") -> dict:
        return json.loads((self.folder / "annotations" / "annotations" / rater / f"{caseId}.json").read_text())

    @property
    def dataset(self):
        return self.folder / "annotations"
