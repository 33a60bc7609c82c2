"""The HemorrhageSeg panel as a person uses it, in the stand-in desktop; the worker's answers are made up here."""

import csv
import json
import os

import numpy as np
import pytest
from panels.clinic import Clinic, unnamedWidgets


class HeadClinic(Clinic):
    """The opened panel with a head CT in the scene."""

    def __init__(self, host, widget) -> None:
        from HemorrhageSegLib import SelfTest
        from HemorrhageSegLib.SyntheticHead import syntheticHead

        super().__init__(host, widget, "HemorrhageSeg")
        self.selfTest = SelfTest
        self.head = syntheticHead()
        self.volume = self.addHead(self.head)

    def addHead(self, head, name="CT"):
        return self.addVolume(head.array, head.ijkToRas, name)

    def startSegmentation(self) -> str:
        """Click Segment; returns the job. A slow machine may have sent a measuring job meanwhile."""
        self.click(self.ui.segmentButton)
        return self.sent("segment")[0]

    def answer(self, job, head=None, **changes) -> None:
        folder = self.sent("segment")[1]["output"]
        message = self.selfTest.resultMessage(head or self.head, folder)
        self.client.result.emit(job, {**message, **changes})

    def segment(self):
        self.answer(self.startSegmentation())
        return self.result

    def waitForMeasuring(self) -> tuple:
        """(job, fields) of the measuring that follows a changed mask."""
        self.waitFor(lambda: self.count("measure"))
        return self.sent("measure")

    def tableCells(self) -> list:
        return self.cellsOf(self.result.tableNode)


@pytest.fixture
def clinic(slicerHost, repository):
    widget = slicerHost.load_module(repository / "HemorrhageSeg", select=False)
    clinic = HeadClinic(slicerHost, widget)
    yield clinic
    slicerHost.clear_scene()
    clinic.slicer.modules.HemorrhageSegWidget.logic.client = None


def testClickSegmentsAndShowsTheVolume(clinic):
    clinic.segment()
    assert clinic.ui.totalLabel.text == f"{clinic.head.bleedMl:.1f} mL"
    assert "ABC/2 25.9 mL" in clinic.ui.abcLabel.text
    assert clinic.ui.segmentButton.text == "Segment"
    assert clinic.result.segmentationNode.GetName() == "CT hemorrhage"
    assert clinic.tableCells()[0][1] == f"{clinic.head.bleedMl:.2f}"
    segment = clinic.result.segmentationNode.GetSegmentation().GetSegment("hemorrhage-1")
    tag = clinic.slicer.vtkSegment.GetTerminologyEntryTagName()
    import vtk

    value = vtk.mutable("")
    assert segment.GetTag(tag, value)
    assert "50960005^Hemorrhage" in str(value)


def testResultsLieBesideTheScanInTheSubjectHierarchy(clinic):
    hierarchy = clinic.slicer.mrmlScene.GetSubjectHierarchyNode()
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(clinic.volume), folder)
    result = clinic.segment()
    for node in (result.segmentationNode, result.tableNode, *result.probabilityNodes):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == folder


def testSlicesJumpToTheBleedAndShowIt(clinic):
    clinic.segment()
    assert clinic.slicePosition("Red")[2] == pytest.approx(4.0, abs=3.0)
    assert clinic.slicePosition("Yellow")[0] == pytest.approx(-34.0, abs=3.0)


def testRowClickJumpsToTheLesion(clinic):
    clinic.segment()
    clinic.slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().SetSliceOffset(-50)
    view = clinic.ui.lesionTable
    cell = view.visualRect(view.model().index(0, 1))
    clinic.host.click(view.viewport(), cell.center())
    assert clinic.slicePosition("Red")[2] == pytest.approx(4.0, abs=3.0)


def testCancelGivesTheButtonBackAndChangesNothing(clinic):
    before = clinic.nodeCount()
    clinic.startSegmentation()
    assert clinic.ui.segmentButton.text == "Cancel"
    clinic.click(clinic.ui.segmentButton)
    assert clinic.ui.segmentButton.text == "Segment"
    assert "Cancelled" in clinic.ui.messageLabel.text
    assert clinic.result is None
    assert clinic.nodeCount() == before
    clinic.segment()
    assert clinic.result is not None
    assert not clinic.ui.messageLabel.visible


def testProgressIsShownInWords(clinic):
    job = clinic.startSegmentation()
    clinic.client.progress.emit(job, 0.42, "Running the network", 12.3)
    assert clinic.ui.progressBar.value == 42
    assert clinic.ui.stageLabel.text == "Running the network · about 12 s left"
    clinic.answer(job)


def testSecondRunUpdatesItsOwnNodes(clinic):
    clinic.segment()
    before = clinic.nodeCount()
    segmentationNode = clinic.result.segmentationNode
    clinic.segment()
    assert clinic.nodeCount() == before
    assert clinic.result.segmentationNode is segmentationNode


def testAnotherScanGetsItsOwnResult(clinic):
    from HemorrhageSegLib.SyntheticHead import syntheticHead

    first = clinic.segment().segmentationNode
    other = syntheticHead(bleedMm=(10.0, 10.0, 10.0))
    clinic.addHead(other, "Other CT")
    assert clinic.ui.totalLabel.text == ""
    clinic.answer(clinic.startSegmentation(), head=other)
    assert clinic.result.segmentationNode is not first
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert clinic.result.segmentationNode is first
    assert clinic.ui.totalLabel.text == f"{clinic.head.bleedMl:.1f} mL"


def testThresholdIsLiveAndTheTableFollows(clinic):
    clinic.segment()
    clinic.ui.thresholdSlider.value = 0.95
    total = clinic.result.totalMl()
    assert 0 < total < clinic.head.bleedMl
    assert clinic.ui.totalLabel.text == f"{total:.1f} mL"
    assert clinic.tableCells() == []
    assert not clinic.ui.exportCsvButton.enabled
    job, fields = clinic.waitForMeasuring()
    mask = np.load(fields["mask"])
    assert np.count_nonzero(mask) * clinic.result.voxelVolumeMm3() / 1000 == pytest.approx(total)
    k, j, i = fields["offset_kji"]
    part = clinic.head.truth[k : k + mask.shape[0], j : j + mask.shape[1], i : i + mask.shape[2]]
    assert np.all(part[mask > 0] == 1)
    message = clinic.selfTest.resultMessage(clinic.head, clinic.slicer.app.temporaryPath)
    clinic.client.result.emit(job, {"measurements": message["measurements"]})
    assert len(clinic.tableCells()) == 1
    assert clinic.ui.exportCsvButton.enabled
    assert not clinic.ui.tableStatusLabel.visible


def testOldMeasurementsDoNotOverwriteANewResult(clinic):
    clinic.segment()
    clinic.ui.thresholdSlider.value = 0.95
    old, _fields = clinic.waitForMeasuring()
    clinic.segment()
    message = clinic.selfTest.resultMessage(clinic.head, clinic.slicer.app.temporaryPath)
    empty = {"total_volume_ml": 0.0, "total_abc2_ml": 0.0, "totals": [], "lesions": []}
    clinic.client.result.emit(old, {**message, "measurements": empty})
    assert clinic.ui.totalLabel.text == f"{clinic.head.bleedMl:.1f} mL"
    assert len(clinic.tableCells()) == 1


def testResetGoesBackToTheExactOperatingThreshold(clinic):
    clinic.answer(clinic.startSegmentation(), threshold=0.4567)
    assert clinic.result.record["threshold"] == 0.4567
    clinic.ui.thresholdSlider.value = 0.95
    clinic.click(clinic.ui.resetThresholdButton)
    assert clinic.result.record["threshold"] == 0.4567
    assert clinic.ui.thresholdSlider.value == pytest.approx(0.4567, abs=0.005)
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)


def testThreeDIsBuiltOnDemandAndFollowsTheThreshold(clinic):
    result = clinic.segment()
    assert not result.hasSurface
    clinic.click(clinic.ui.show3DCheckBox)
    clinic.waitFor(lambda: result.hasSurface)
    assert result.segmentationNode.GetDisplayNode().GetVisibility3D()
    clinic.ui.thresholdSlider.value = 0.95
    assert not result.hasSurface
    clinic.waitFor(lambda: result.hasSurface)


def testFillOutlineAndOpacity(clinic):
    display = clinic.segment().segmentationNode.GetDisplayNode()
    clinic.click(clinic.ui.showFillCheckBox)
    assert not display.GetVisibility2DFill()
    assert display.GetVisibility2DOutline()
    clinic.ui.opacitySlider.value = 0.25
    assert display.GetOpacity() == pytest.approx(0.25)


def testBrainWindowIsSetOnceAndGivenBack(clinic):
    display = clinic.volume.GetDisplayNode()
    clinic.segment()
    assert (display.GetWindow(), display.GetLevel()) == (80, 40)
    assert clinic.ui.brainWindowCheckBox.checked
    clinic.click(clinic.ui.brainWindowCheckBox)
    assert display.GetAutoWindowLevel()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(200, 60)
    clinic.segment()
    assert (display.GetWindow(), display.GetLevel()) == (200, 60)
    assert not clinic.ui.brainWindowCheckBox.checked


def testCsvEqualsTheTable(clinic, tmp_path, monkeypatch):
    from radiologycnn.hemorrhage.results import csv_rows

    clinic.segment()
    path = tmp_path / "bleed.csv"
    monkeypatch.setattr(clinic.qt.QFileDialog, "getSaveFileName", lambda *arguments: str(path))
    clinic.click(clinic.ui.exportCsvButton)
    rows = list(csv.reader(path.open()))
    assert rows == csv_rows(clinic.result.measurements)
    lesion = dict(zip(rows[0], rows[1]))
    cells = clinic.tableCells()[0]
    assert float(cells[1]) == round(float(lesion["volume_ml"]), 2)
    assert float(cells[2]) == round(float(lesion["abc2_ml"]), 2)
    assert cells[5] == f"{lesion['first_slice']}–{lesion['last_slice']}"
    assert "bleed.csv" in clinic.ui.messageLabel.text


def testExportedSegmentationHoldsTheSameVoxels(clinic, tmp_path, monkeypatch):
    clinic.segment()
    path = tmp_path / "bleed.seg.nrrd"
    monkeypatch.setattr(clinic.qt.QFileDialog, "getSaveFileName", lambda *arguments: str(path))
    clinic.click(clinic.ui.exportSegmentationButton)
    loaded = clinic.slicer.util.loadSegmentation(str(path))
    segmentId = loaded.GetSegmentation().GetNthSegmentID(0)
    assert loaded.GetSegmentation().GetSegment(segmentId).GetName() == "Hemorrhage"
    mask = clinic.slicer.util.arrayFromSegmentBinaryLabelmap(loaded, segmentId, clinic.volume)
    assert np.array_equal(mask != 0, clinic.head.truth != 0)


def testUnwritableFolderIsSaidInASentence(clinic, tmp_path, monkeypatch):
    clinic.segment()
    missing = tmp_path / "missing" / "bleed.csv"
    monkeypatch.setattr(clinic.qt.QFileDialog, "getSaveFileName", lambda *arguments: str(missing))
    clinic.click(clinic.ui.exportCsvButton)
    assert "could not be written" in clinic.ui.messageLabel.text


def testWorkerDeathIsSaidAndThePanelStaysUsable(clinic):
    from RadiologyCNNLib.WorkerClient import WorkerError

    job = clinic.startSegmentation()
    folder = clinic.sent("segment")[1]["output"]
    clinic.client.failed.emit(job, WorkerError("worker-died", "The background process ended.", "Try again.", "trace"))
    assert "The background process ended." in clinic.ui.messageLabel.text
    assert "Try again." in clinic.ui.messageLabel.text
    assert "trace" not in clinic.ui.messageLabel.text
    assert not os.path.exists(folder)
    assert clinic.segment() is not None


def testTemporaryFolderIsRemovedAfterTheResult(clinic):
    job = clinic.startSegmentation()
    folder = clinic.sent("segment")[1]["output"]
    assert os.listdir(folder)
    clinic.answer(job)
    assert not os.path.exists(folder)


def testSceneCloseDuringAJobThenANewScan(clinic):
    job = clinic.startSegmentation()
    clinic.slicer.mrmlScene.Clear(0)
    assert clinic.ui.segmentButton.text == "Segment"
    clinic.client.result.emit(job, {})
    assert clinic.result is None
    clinic.volume = clinic.addHead(clinic.head)
    clinic.useModel()
    assert clinic.segment() is not None


def testScanRemovedDuringAJobIsSaid(clinic):
    job = clinic.startSegmentation()
    clinic.slicer.mrmlScene.RemoveNode(clinic.volume)
    clinic.answer(job)
    assert "removed" in clinic.ui.messageLabel.text
    assert clinic.ui.segmentButton.text == "Segment"


def testScanMovedDuringAJobIsSaid(clinic):
    job = clinic.startSegmentation()
    clinic.volume.SetOrigin(10, 0, 0)
    clinic.answer(job)
    assert "moved" in clinic.ui.messageLabel.text
    assert clinic.result is None


def testSavedSceneKeepsSliderTableAndVolumeAlive(clinic, tmp_path):
    clinic.segment()
    cells, total = clinic.tableCells(), clinic.ui.totalLabel.text
    path = str(tmp_path / "scene.mrb")
    assert clinic.slicer.util.saveScene(path)
    clinic.slicer.mrmlScene.Clear(0)
    assert clinic.ui.totalLabel.text == ""
    clinic.slicer.util.loadScene(path)
    clinic.widget.enter()
    clinic.useModel()
    assert clinic.ui.totalLabel.text == total
    assert clinic.tableCells() == cells
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)
    clinic.ui.thresholdSlider.value = 0.95
    assert 0 < clinic.result.totalMl() < clinic.head.bleedMl
    before = clinic.nodeCount()
    clinic.segment()
    assert clinic.nodeCount() == before


def testCorrectionByHandIsNoticedMeasuredAndKeptUntilThePersonGivesItUp(clinic, monkeypatch):
    result = clinic.segment()
    mask = clinic.slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentationNode, "hemorrhage-1", clinic.volume)
    mask[: mask.shape[0] // 2] = 0
    clinic.slicer.util.updateSegmentBinaryLabelmapFromArray(
        mask.astype(np.uint8), result.segmentationNode, "hemorrhage-1", clinic.volume
    )
    expected = np.count_nonzero(mask) * result.voxelVolumeMm3() / 1000
    clinic.waitFor(lambda: clinic.ui.totalLabel.text == f"{expected:.1f} mL")
    assert not clinic.ui.thresholdSlider.enabled
    assert clinic.tableCells() == []
    sent = np.load(clinic.waitForMeasuring()[1]["mask"])
    assert np.count_nonzero(sent) == np.count_nonzero(mask)
    monkeypatch.setattr(clinic.slicer.util, "confirmOkCancelDisplay", lambda *arguments: False)
    clinic.click(clinic.ui.resetThresholdButton)
    clinic.click(clinic.ui.segmentButton)
    assert clinic.result.totalMl() == pytest.approx(expected)
    monkeypatch.setattr(clinic.slicer.util, "confirmOkCancelDisplay", lambda *arguments: True)
    clinic.click(clinic.ui.resetThresholdButton)
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)


def testTransformedScanGivesAResultInItsPlace(clinic):
    import vtk

    transform = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkTransform()
    matrix.Translate(5, -7, 11)
    matrix.RotateZ(20)
    transform.SetMatrixTransformToParent(matrix.GetMatrix())
    clinic.volume.SetAndObserveTransformNodeID(transform.GetID())
    clinic.answer(clinic.startSegmentation())
    sent = np.array(clinic.sent("segment")[1]["volume"]["ijk_to_lps"])
    centre = np.argwhere(clinic.head.truth).mean(axis=0)[::-1]
    expected = np.diag([-1, -1, 1]) @ (sent @ [*centre, 1.0])[:3]
    bounds = np.zeros(6)
    clinic.result.segmentationNode.GetRASBounds(bounds)
    found = bounds.reshape(3, 2).mean(axis=1)
    assert found == pytest.approx(expected, abs=6.0)
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)


def testWarpedScanGivesAResultOnTheGridThatTheWorkerWasGiven(clinic):
    import vtk

    transform = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    warp = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for r, a, s in ((-80, 0, 0), (80, 0, 0), (0, -90, 0), (0, 90, 0), (0, 0, -70), (0, 0, 70)):
        source.InsertNextPoint(r, a, s)
        target.InsertNextPoint(r * 1.1, a, s + 12)
    warp.SetSourceLandmarks(source)
    warp.SetTargetLandmarks(target)
    warp.SetBasisToR()
    transform.SetAndObserveTransformToParent(warp)
    clinic.volume.SetAndObserveTransformNodeID(transform.GetID())
    job = clinic.startSegmentation()
    fields = clinic.sent("segment")[1]
    shape = np.load(fields["volume"]["array"]).shape
    assert shape != clinic.head.array.shape
    message = clinic.selfTest.resultMessage(clinic.head, fields["output"])
    np.save(message["probability"], np.ones((6, 20, 30), np.float32))
    message.update(offset_kji=[12, 40, 50], shape_kji=list(shape))
    clinic.client.result.emit(job, message)
    assert not clinic.ui.messageLabel.visible, clinic.ui.messageLabel.text
    toLps = np.array(fields["volume"]["ijk_to_lps"])
    corners = np.array([[49.5, 39.5, 11.5, 1], [79.5, 59.5, 17.5, 1]])
    expected = np.sort((np.diag([-1, -1, 1]) @ (toLps @ corners.T)[:3]).T, axis=0)
    bounds = np.zeros(6)
    clinic.result.segmentationNode.GetRASBounds(bounds)
    assert bounds.reshape(3, 2).T == pytest.approx(expected, abs=3.0)
    assert clinic.result.totalMl() == pytest.approx(3600 * abs(np.linalg.det(toLps[:3, :3])) / 1000)


def testSeveralLabelsGiveSeveralSegments(clinic):
    from radiologycnn.hemorrhage.labels import LabelDefinition

    labels = [
        LabelDefinition(1, "Intraparenchymal", (0.9, 0.1, 0.1)).to_dict(),
        LabelDefinition(2, "Intraventricular", (0.1, 0.4, 0.9)).to_dict(),
    ]
    job = clinic.startSegmentation()
    folder = clinic.sent("segment")[1]["output"]
    message = clinic.selfTest.resultMessage(clinic.head, folder)
    one = np.load(message["probability"])
    both = np.stack([one, np.zeros_like(one)])
    half = one.shape[2] // 2
    both[1, :, :, half:] = both[0, :, :, half:]
    both[0, :, :, half:] *= 0.1
    np.save(message["probability"], both)
    clinic.client.result.emit(job, {**message, "labels": labels})
    segmentation = clinic.result.segmentationNode.GetSegmentation()
    names = [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())]
    assert names == ["Intraparenchymal", "Intraventricular"]
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)
    crop, _offset = clinic.result.maskCrop()
    assert set(np.unique(crop)) == {0, 1, 2}
    assert len(clinic.result.probabilityNodes) == 2
    clinic.segment()
    assert segmentation.GetNumberOfSegments() == 1
    assert len(clinic.result.probabilityNodes) == 1


@pytest.mark.parametrize("kind", ["single slice", "empty", "probability map"])
def testUnusableInputIsExplained(clinic, kind):
    words = {"single slice": "single slice", "empty": "no image", "probability map": "probability map"}
    if kind == "single slice":
        node = clinic.slicer.util.addVolumeFromArray(np.zeros((1, 64, 64), np.int16))
    elif kind == "empty":
        node = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    else:
        node = clinic.segment().probabilityNodes[0]
    clinic.ui.inputVolumeSelector.setCurrentNode(node)
    assert not clinic.ui.segmentButton.enabled
    assert words[kind] in clinic.ui.stageLabel.text
    assert words[kind] in clinic.ui.segmentButton.toolTip


def testColourImageIsExplained(clinic):
    node = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Photo")
    clinic.slicer.util.updateVolumeFromArray(node, np.zeros((4, 8, 8, 3), np.uint8))
    assert "colour" in clinic.widget.logic.inputProblem(node)


def testRefusalByTheWorkerIsShownAsItsSentence(clinic):
    from RadiologyCNNLib.WorkerClient import WorkerError

    job = clinic.startSegmentation()
    error = WorkerError("not-a-head-ct", "This is an MR image, not a CT.", "Choose a non-contrast head CT.", "")
    clinic.client.failed.emit(job, error)
    assert "This is an MR image, not a CT." in clinic.ui.messageLabel.text
    assert clinic.result is None


def testBrokenAnswerLeavesThePanelUsable(clinic):
    job = clinic.startSegmentation()
    clinic.client.result.emit(job, {"labels": []})
    assert clinic.ui.messageLabel.visible
    assert clinic.ui.segmentButton.text == "Segment"
    assert clinic.segment() is not None


def testBrokenResultLeavesNoHalfResultBehind(clinic):
    before = clinic.nodeCount()
    clinic.answer(clinic.startSegmentation(), labels=[{"value": 1, "name": "Bleed", "colour": "red"}])
    assert clinic.ui.messageLabel.visible
    assert clinic.result is None
    assert clinic.nodeCount() == before


def testModelThatCannotBeUsedIsExplained(clinic):
    clinic.useModel(problem="its weights are damaged")
    clinic.widget._updateButtons()
    assert not clinic.ui.segmentButton.enabled
    assert "damaged" in clinic.ui.stageLabel.text


def testDevicesAreListedByName(clinic):
    clinic.widget.onDevicesListed([{"id": "cuda:0", "name": "Big GPU"}, {"id": "cpu", "name": "Some CPU"}])
    texts = [clinic.ui.deviceSelector.itemText(n) for n in range(clinic.ui.deviceSelector.count)]
    assert texts == ["Automatic (Big GPU)", "Big GPU", "Some CPU"]
    clinic.ui.deviceSelector.setCurrentIndex(2)
    clinic.client.cancel(clinic.startSegmentation())
    assert clinic.sent("segment")[1]["device"] == "cpu"


def testNoticeAndBannerAreShown(clinic):
    assert "Research use only" in clinic.ui.researchUseLabel.text
    assert clinic.ui.researchUseLabel.visible
    assert clinic.ui.demonstrationBanner.text == "Demonstration model, trained on simulated scans. Not for patients."


def testEverythingThatCanBeUsedHasANameForScreenReadersAndAToolTip(clinic, repository):
    assert unnamedWidgets(clinic.ui, repository / "HemorrhageSeg/Resources/UI/HemorrhageSeg.ui") == []


def testShortcutSegmentsAndSurvivesTheChangeOfText(clinic):
    shortcut = clinic.qt.QKeySequence("Ctrl+Return")
    assert clinic.ui.segmentButton.shortcut == shortcut
    job = clinic.startSegmentation()
    assert clinic.ui.segmentButton.shortcut == shortcut
    clinic.answer(job)
    assert clinic.ui.segmentButton.shortcut == shortcut


def testReloadKeepsTheResult(clinic):
    clinic.segment()
    total = clinic.ui.totalLabel.text
    clinic.widget.onReload()
    widget = clinic.slicer.modules.HemorrhageSegWidget
    assert widget is not clinic.widget
    assert widget.ui.totalLabel.text == total


def testResultRecordNamesNoPathOfThisComputer(clinic):
    record = json.dumps(clinic.segment().record)
    assert clinic.slicer.app.temporaryPath not in record
    assert "/tmp" not in record


def testModelIsInstalledFromAFileAndRefusalsAreSaid(clinic, monkeypatch):
    from RadiologyCNNLib.WorkerClient import WorkerError

    monkeypatch.setattr(clinic.qt.QFileDialog, "getOpenFileName", lambda *arguments: "/models/new.zip")
    clinic.click(clinic.ui.installModelButton)
    job, fields = clinic.sent("install_model")
    assert fields["source"] == "/models/new.zip"
    assert not clinic.ui.installModelButton.enabled
    clinic.client.failed.emit(job, WorkerError("bad-model", "The model is damaged.", "Download it again.", ""))
    assert "The model is damaged." in clinic.ui.messageLabel.text
    clinic.click(clinic.ui.installModelButton)
    clinic.client.result.emit(clinic.sent("install_model")[0], {"model": {"id": "new-1.0.0"}})
    assert "new-1.0.0" in clinic.ui.messageLabel.text
    assert clinic.ui.installModelButton.enabled


def testPyTorchIsOfferedWhereOnlyItCanDoTheJob(clinic):
    from RadiologyCNNLib.Installer import InstallOutcome
    from RadiologyCNNLib.WorkerClient import WorkerError

    class Installer:
        isReady = True
        asked = []
        outcome = InstallOutcome(False, "Nothing was installed.", wasDeclined=True)

        def missing(self):
            return []

        def ensure(self, withTorch=False):
            self.asked.append(withTorch)
            return self.outcome

    installer, before = Installer(), clinic.widget.installer
    clinic.widget.installer = installer
    try:
        for outcome, words in (
            (installer.outcome, "needs PyTorch"),
            (InstallOutcome(False, "The disk is full."), "The disk is full"),
            (InstallOutcome(True, ""), "PyTorch is installed"),
        ):
            installer.outcome = outcome
            clinic.click(clinic.ui.segmentButton)
            error = WorkerError("needs-torch", "The model needs PyTorch.", "Install PyTorch.", "")
            clinic.client.failed.emit(clinic.sent("segment")[0], error)
            assert words in clinic.ui.messageLabel.text
        assert installer.asked == [True] * 3
    finally:
        clinic.widget.installer = before


def testMissingPackagesAreOfferedNotForcedAndRefusalIsExplained(clinic):
    from RadiologyCNNLib.Installer import InstallOutcome

    class Installer:
        isReady = False

        def missing(self):
            return [] if self.isReady else ["torch>=2.2"]

        def ensure(self):
            message = "The installation failed: No space left on device"
            return InstallOutcome(self.isReady, "" if self.isReady else message, "Free some gigabytes, then try again.")

    installer, before = Installer(), clinic.widget.installer
    clinic.widget.installer = installer
    try:
        clinic.widget.enter()
        clinic.useModel()
        assert clinic.ui.installFrame.visible
        assert "torch>=2.2" in clinic.ui.installLabel.text
        clinic.widget._updateButtons()
        clinic.click(clinic.ui.segmentButton)
        assert "No space left" in clinic.ui.messageLabel.text
        assert not clinic.widget.logic.isSegmenting
        installer.isReady = True
        clinic.click(clinic.ui.installButton)
        assert not clinic.ui.installFrame.visible
        clinic.segment()
        assert clinic.result is not None
    finally:
        clinic.widget.installer = before
