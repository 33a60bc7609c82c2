"""An annotator's day in the HemorrhageSeg panel: correct, undo, compare, accept, next, come back after a crash.

The scene, its files and the undo history are Slicer's own; strokes are drawn through Slicer's editor logic, as an
effect draws them.
"""

import csv
import hashlib
import json

import numpy as np
import pytest
from panels.test_hemorrhage_panel import HeadClinic

SHAPE = (16, 64, 64)


class AnnotationRoom(HeadClinic):
    """The opened panel, a folder of head CTs, and a hand with a brush."""

    def __init__(self, host, widget, folder) -> None:
        super().__init__(host, widget)
        self.folder = folder
        self.heads = {}

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

    def openCase(self, caseId=None) -> str:
        """Open a case and let the network answer where it is asked; returns the case."""
        if caseId is not None:
            self.widget.worklist.table.select(caseId)
        before = self.count("segment")
        self.click(self.ui.openCaseButton)
        self.answerIfAsked(before)
        return self.caseId

    def answerIfAsked(self, before) -> None:
        if self.count("segment") > before:
            job, fields = self.sent("segment")
            head = self.heads[self.caseId]
            message = self.selfTest.resultMessage(head, fields["output"])
            message["provenance"] = {"model_sha256": "0" * 64, "input": {"description": "Meyer Hans"}}
            message["notes"] = ["Meyer Hans has a gap between slices."]
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
        self.editor.saveStateForUndo()
        mode = logic.ModificationModeAdd if add else logic.ModificationModeRemove
        logic.ModifySegmentByLabelmap(result.segmentationNode, segmentId, image, mode, False, False)

    def press(self, keys) -> None:
        from PySide6 import QtTest

        QtTest.QTest.keySequence(self.slicer.util.mainWindow(), self.qt.QKeySequence(keys))
        self.host.process_events()

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


@pytest.fixture
def room(slicerHost, repository, tmp_path, monkeypatch):
    widget = slicerHost.load_module(repository / "HemorrhageSeg", select=False)
    room = AnnotationRoom(slicerHost, widget, tmp_path / "scans")
    monkeypatch.setattr(widget.installer, "missing", lambda: [])
    monkeypatch.setattr(room.qt.QFileDialog, "getExistingDirectory", lambda *arguments: str(room.folder))
    yield room
    slicerHost.clear_scene()
    widget.ui.correctCollapsibleButton.collapsed = True
    widget.ui.worklistCollapsibleButton.collapsed = True
    widget.worklist.cases.store = None
    widget.worklist._scans = widget.worklist._dataset = ""
    widget.worklist._show()
    widget.logic.client = None


@pytest.fixture
def correcting(room):
    """A result in the scene, the Correct part unfolded."""
    room.segment()
    room.ui.correctCollapsibleButton.collapsed = False
    room.host.process_events()
    return room


# Correct


def testPartsForAnnotatorsAreFoldedAndTakeNoKeys(room):
    room.segment()
    assert room.ui.correctCollapsibleButton.collapsed
    assert room.ui.worklistCollapsibleButton.collapsed
    before = room.result.totalMl()
    room.press("1")
    room.press("Z")
    room.press("A")
    assert room.result.totalMl() == before
    assert room.slicer.mrmlScene.GetSingletonNode("HemorrhageSeg", "vtkMRMLSegmentEditorNode") is None


def testEditorEditsTheResultWithItsOwnParameters(correcting):
    editor = correcting.editor
    assert editor.segmentationNode() is correcting.result.segmentationNode
    assert editor.sourceVolumeNode() is correcting.volume
    assert editor.currentSegmentID() == "hemorrhage-1"
    assert editor.effectNameOrder()[:2] == ["Paint", "Erase"]
    assert not editor.unorderedEffectsVisible
    node = editor.mrmlSegmentEditorNode()
    assert node.GetSingletonTag() == "HemorrhageSeg"
    assert node.GetOverwriteMode() == node.OverwriteNone
    assert correcting.slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode") is None


def testStrokeShowsItsVolumeAndUndoTakesItBack(correcting):
    before = correcting.result.totalMl()
    correcting.stroke(np.s_[16:20, 60:70, 60:70])
    expected = before + (400 - np.count_nonzero(correcting.head.truth[16:20, 60:70, 60:70])) * (
        correcting.result.voxelVolumeMm3() / 1000
    )
    correcting.waitFor(lambda: correcting.ui.correctVolumeLabel.text == f"{expected:.1f} mL")
    assert correcting.ui.totalLabel.text == f"{expected:.1f} mL"
    assert "added" in correcting.ui.correctDetailLabel.text
    assert correcting.result.record["edited"]
    correcting.press("Z")
    correcting.waitFor(lambda: correcting.ui.correctVolumeLabel.text == f"{before:.1f} mL")
    assert correcting.ui.correctDetailLabel.text == "the network's own mask"
    assert not correcting.result.record["edited"]
    assert correcting.ui.thresholdSlider.enabled
    correcting.press("Y")
    correcting.waitFor(lambda: correcting.ui.correctVolumeLabel.text == f"{expected:.1f} mL")


def testUndoTakesBackTheNetworksUpdateToo(correcting):
    correcting.stroke(np.s_[16:20, 60:70, 60:70])
    corrected = correcting.maskOf()
    correcting.segment()
    assert np.array_equal(correcting.maskOf(), correcting.head.truth != 0)
    correcting.press("Ctrl+Z")
    assert np.array_equal(correcting.maskOf(), corrected)


def testBackToTheNetworkAsksNothingAndCanBeUndone(correcting, monkeypatch):
    monkeypatch.setattr(correcting.slicer.util, "confirmOkCancelDisplay", lambda *a: pytest.fail("a pop-up"))
    correcting.stroke(np.s_[16:20, 60:70, 60:70], add=False)
    corrected = correcting.maskOf()
    correcting.settled()
    correcting.click(correcting.ui.networkMaskButton)
    assert np.array_equal(correcting.maskOf(), correcting.head.truth != 0)
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), corrected)


def testADragOfTheThresholdIsOneUndo(correcting):
    before = correcting.maskOf()
    for value in (0.9, 0.92, 0.95):
        correcting.ui.thresholdSlider.value = value
    assert not np.array_equal(correcting.maskOf(), before)
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), before)


def testOtherSegmentsAreProtected(correcting):
    node = correcting.result.segmentationNode
    node.GetSegmentation().AddEmptySegment("own", "drawn by hand", (0, 1, 0))
    correcting.stroke(np.s_[10:14, 20:40, 20:40], segmentId="own")
    own = correcting.maskOf("own")
    correcting.stroke(np.s_[8:20, 10:60, 10:60])
    assert own.any()
    assert np.array_equal(correcting.maskOf("own"), own)


def testRangeOfHuKeepsTheBrushOffOtherTissue(correcting):
    correcting.click(correcting.ui.limitHuCheckBox)
    correcting.ui.minimumHuSpinBox.value = 55
    node = correcting.editor.mrmlSegmentEditorNode()
    assert node.GetSourceVolumeIntensityMask()
    assert node.GetSourceVolumeIntensityMaskRange() == (55, 100)
    correcting.press("I")  # the editor's own key
    assert not node.GetSourceVolumeIntensityMask()
    assert not correcting.ui.limitHuCheckBox.checked
    node.SetSourceVolumeIntensityMaskRange(30, 80)
    assert (correcting.ui.minimumHuSpinBox.value, correcting.ui.maximumHuSpinBox.value) == (30, 80)


def testNetworksOutlineIsBesideTheMaskAndNotInIt(correcting):
    before = correcting.maskOf()
    correcting.stroke(np.s_[16:20, 60:70, 60:70])
    changed = correcting.maskOf()
    correcting.press("N")
    outline = correcting.slicer.util.getNode("*(network)")
    assert outline.GetDisplayNode().GetVisibility()
    assert not outline.GetDisplayNode().GetVisibility2DFill()
    array = correcting.slicer.util.arrayFromSegmentBinaryLabelmap(outline, "hemorrhage-1", correcting.volume)
    assert np.array_equal(array != 0, before)
    assert np.array_equal(correcting.maskOf(), changed)
    assert correcting.result.segmentationNode.GetSegmentation().GetNumberOfSegments() == 1
    correcting.press("N")
    assert not outline.GetDisplayNode().GetVisibility()


def testKeysBelongToSlicerAgainWhenThePartIsFoldedOrThePanelLeft(correcting):
    correcting.press("1")
    assert correcting.editor.activeEffect().name == "Paint"
    correcting.widget.exit()
    assert correcting.editor.activeEffect() is None
    correcting.press("1")
    assert correcting.editor.activeEffect() is None
    correcting.widget.enter()
    correcting.press("2")
    assert correcting.editor.activeEffect().name == "Erase"
    correcting.ui.correctCollapsibleButton.collapsed = True
    assert correcting.editor.activeEffect() is None


def testSceneCloseWhileCorrectingThenANewScan(correcting):
    correcting.press("1")
    correcting.slicer.mrmlScene.Clear(0)
    assert correcting.editor.segmentationNode() is None
    correcting.volume = correcting.addHead(correcting.head)
    correcting.useModel()
    correcting.segment()
    correcting.ui.correctCollapsibleButton.collapsed = False
    assert correcting.editor.segmentationNode() is correcting.result.segmentationNode
    correcting.stroke(np.s_[16:20, 60:70, 60:70])
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), correcting.head.truth != 0)


# The list


def testAcceptIsOneKeyAndTheNextCaseOpensByItself(room):
    room.writeScans()
    room.openList()
    assert room.states() == {"case-0001": "to-do", "case-0002": "to-do", "case-0003": "to-do"}
    assert room.openCase() == "case-0001"
    assert not room.ui.correctCollapsibleButton.collapsed
    room.stroke(np.s_[6:9, 30:36, 30:36])
    mask = room.maskOf()
    before = room.count("segment")
    room.press("A")
    assert room.caseId == "case-0002"
    room.answerIfAsked(before)
    assert room.states()["case-0001"] == "accepted"
    word = room.word("case-0001")
    content = (room.dataset / word["mask"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == word["mask_sha256"]
    from radiologycnn.images import read_volume

    kept = read_volume(room.dataset / word["mask"])
    scan = read_volume(room.folder / "Meyer_Hans_0.nii.gz")
    assert np.array_equal(kept.array != 0, mask)
    assert np.allclose(kept.ijk_to_lps, scan.ijk_to_lps, atol=1e-4)
    assert word["model"] == {"id": "self-test-1.0.0", "sha256": "0" * 64}
    assert word["edits"]["changes"] == 1
    assert word["edits"]["added_ml"] > 0
    assert word["software"]["Slicer"]
    assert b"Meyer" not in b"".join(p.name.encode() + p.read_bytes() for p in room.dataset.rglob("*") if p.is_file())


def testOnlyOneCaseStaysLoaded(room):
    room.writeScans()
    room.openList()
    before = None
    for _case in range(3):
        room.openCase()
        room.click(room.ui.networkOutlineCheckBox)
        if before is not None:
            assert room.nodeCount() <= before
        before = room.nodeCount()
        asked = room.count("segment")
        room.press("A")
        room.answerIfAsked(asked)
    assert set(room.states().values()) == {"accepted"}
    assert "All cases" in room.ui.messageLabel.text


def testFlagRejectCommentAndSegmentStatus(room):
    room.writeScans()
    room.openList()
    room.openCase()
    segment = room.result.segmentationNode.GetSegmentation().GetSegment("hemorrhage-1")
    logic = room.slicer.vtkSlicerSegmentationsModuleLogic
    assert logic.GetSegmentStatus(segment) == logic.InProgress
    room.ui.commentLineEdit.text = "subdural or artefact?"
    asked = room.count("segment")
    room.press("Shift+F")
    room.answerIfAsked(asked)
    assert room.caseId == "case-0002"
    assert room.ui.commentLineEdit.text == ""
    room.press("Shift+X")
    assert room.states() == {"case-0001": "flagged", "case-0002": "rejected", "case-0003": "in-progress"}
    assert room.word("case-0001")["comment"] == "subdural or artefact?"
    room.answerIfAsked(asked)
    room.openCase("case-0001")
    assert room.ui.commentLineEdit.text == "subdural or artefact?"
    segment = room.result.segmentationNode.GetSegmentation().GetSegment("hemorrhage-1")
    assert logic.GetSegmentStatus(segment) == logic.Flagged


def testAScanThatTheNetworkCannotReadCanBeFlagged(room):
    room.writeScans(3)
    room.openList()
    room.click(room.ui.openCaseButton)
    assert not room.ui.acceptButton.enabled
    room.click(room.ui.rejectButton)  # while the network runs
    assert room.caseId == "case-0002"
    room.fail(room.sent("segment")[0], "not-a-head-ct", "This is no head CT.")
    assert not room.ui.acceptButton.enabled
    room.press("A")
    room.click(room.ui.flagButton)
    assert room.states() == {"case-0001": "rejected", "case-0002": "flagged", "case-0003": "in-progress"}
    assert room.word("case-0002")["mask"] == ""


def testWhatWasDrawnIsThereAfterAnotherCaseAndAfterARestart(room):
    room.writeScans()
    room.openList()
    room.openCase("case-0001")
    room.stroke(np.s_[6:9, 30:36, 30:36])
    drawn = room.maskOf()
    room.openCase("case-0002")
    assert room.states()["case-0001"] == "in-progress"
    asked = room.count("segment")
    room.openCase("case-0001")
    assert room.count("segment") == asked, "the network's result was kept, and is not computed again"
    assert np.array_equal(room.maskOf(), drawn)
    room.settled()
    assert room.result.record["edited"]
    room.slicer.mrmlScene.Clear(0)  # as after a restart: nothing of the scene is left
    room.widget.worklist.cases.__init__()
    room.openList()
    room.openCase("case-0001")
    assert np.array_equal(room.maskOf(), drawn)
    assert "added" in room.ui.correctDetailLabel.text


def testTwoRatersShareAFolder(room):
    room.writeScans(2)
    room.openList("AB")
    room.openCase()
    room.press("A")
    first = room.word("case-0001")
    room.openList("cd")
    assert room.states() == {"case-0001": "to-do", "case-0002": "to-do"}
    room.openCase("case-0001")
    room.stroke(np.s_[6:9, 30:36, 30:36])
    room.press("A")
    assert room.word("case-0001") == first
    assert room.word("case-0001", "cd")["mask_sha256"] != first["mask_sha256"]
    with (room.dataset / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [sorted(row["accepted_by"].split()) for row in rows] == [["ab", "cd"]]


def testAnotherRaterInTheFieldIsAnotherRaterAtOnce(room):
    room.writeScans(2)
    room.openList("ab")
    room.openCase()
    room.ui.raterLineEdit.text = "cd"
    room.ui.raterLineEdit.editingFinished.emit()
    assert room.widget.worklist.cases.store.rater == "cd"
    assert room.caseId == ""
    room.ui.raterLineEdit.text = "not a rater!"
    room.ui.raterLineEdit.editingFinished.emit()
    assert room.ui.raterLineEdit.text == "cd"
    assert "rater" in room.ui.messageLabel.text


def testClockStopsWhileThePanelIsLeft(room):
    room.writeScans(1)
    room.openList()
    time = [100.0]
    clock = room.widget.worklist.cases.clock
    clock._now = lambda: time[0]
    room.openCase()
    time[0] += 30
    room.widget.exit()
    time[0] += 500
    room.widget.enter()
    time[0] += 12
    room.press("A")
    assert room.word("case-0001")["seconds"] == pytest.approx(42)


def testFilterSortAndNextFollowWhatIsShown(room):
    room.writeScans()
    room.openList()
    room.openCase("case-0002")
    room.press("A")
    table, ui = room.ui.caseTable, room.ui
    ui.caseFilterSelector.setCurrentIndex(ui.caseFilterSelector.findData("accepted"))
    shown = [table.item(row, 0).text() for row in range(table.rowCount) if not table.isRowHidden(row)]
    assert shown == ["case-0002"]
    ui.caseFilterSelector.setCurrentIndex(0)
    table.sortItems(0, room.qt.Qt.DescendingOrder)
    assert room.widget.worklist.table.nextOpen("case-0003") == "case-0001"


def testProblemsAreSaidAndNothingIsLost(room, monkeypatch):
    room.folder.mkdir()
    room.openList()
    assert "no scan" in room.ui.messageLabel.text
    room.writeScans(2)
    room.openList("")
    assert "rater" in room.ui.messageLabel.text
    room.openList()
    (room.folder / "Meyer_Hans_1.nii.gz").write_bytes(b"not an image")
    room.openCase("case-0002")
    assert "case-0002" in room.ui.messageLabel.text
    assert room.caseId == ""
    room.openCase("case-0001")
    room.stroke(np.s_[6:9, 30:36, 30:36])
    drawn = room.maskOf()
    import radiologycnn.annotation.store as store
    from radiologycnn.errors import ResourceError

    def full(path, content):
        raise ResourceError("disk-full", "The disk is full.", "Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_atomically", full)
        room.press("A")
    assert "disk is full" in room.ui.messageLabel.text
    assert room.caseId == "case-0001"
    assert np.array_equal(room.maskOf(), drawn)
    room.press("A")
    assert room.states()["case-0001"] == "accepted"


def testLoadedScansCanBeTheListToo(room):
    room.ui.raterLineEdit.text = "ab"
    room.folder.mkdir()
    room.ui.worklistCollapsibleButton.collapsed = False
    room.click(room.ui.sceneScansButton)
    assert list(room.states()) == ["case-0001"]
    room.heads["case-0001"] = room.head
    room.openCase()
    room.press("A")
    assert room.states() == {"case-0001": "accepted"}
    assert room.slicer.mrmlScene.IsNodePresent(room.volume), "a scan that the list has not loaded stays"


def testUsableByNameAndKeyboard(room, repository):
    from panels.clinic import unnamedWidgets

    assert unnamedWidgets(room.ui, repository / "HemorrhageSeg/Resources/UI/HemorrhageSeg.ui") == []
