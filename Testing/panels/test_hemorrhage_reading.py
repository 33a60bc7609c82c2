"""Scans of the case list are read by the worker: nothing waits for a file, and nobody draws on the case before."""

import json

import numpy as np
import pytest


@pytest.fixture
def reading(room, monkeypatch):
    """A list of three scans, of which the first is being read; the panel itself must not read it."""
    import slicer

    room.writeScans()
    room.openList()
    with monkeypatch.context() as patch:
        patch.setattr(slicer.util, "loadVolume", lambda *a, **k: pytest.fail("the scan was read in the panel"))
        assert room.widget.worklist.openCase("case-0001")
        yield room


def testFirstCaseIsReadInTheBackgroundAndSaysSo(reading):
    ui, slicer = reading.ui, reading.slicer
    _job, fields = reading.sent("prepare_case")
    assert fields["path"].endswith("_0.nii.gz") and not fields["segment"], "the scan first, the network then"
    assert ui.stageLabel.text == "Reading the scan of case-0001…" and ui.caseStatusLabel.text == "case-0001"
    assert ui.decisionFrame.visible and not ui.acceptButton.enabled and not ui.flagButton.enabled
    assert reading.caseId == ""
    reading.press("A")  # too early: nothing is decided, and the scan is there after it
    assert reading.caseId == "case-0001"
    assert reading.states()["case-0001"] == "in-progress"
    scan = slicer.util.arrayFromVolume(reading.widget.parameterNode.inputVolume)
    assert np.array_equal(scan, reading.heads["case-0001"].array)
    assert not ui.caseNotesLabel.visible
    reading.answerIfAsked(0)
    assert reading.result is not None and ui.acceptButton.enabled
    sent = reading.count("prepare")
    reading.widget._prepareScan()
    assert reading.count("prepare") == sent, "no second copy of a large scan is written for what is there already"


def testCaseBeforeIsOutOfReachWhileAnotherIsRead(reading):
    reading.finishReading()
    reading.answerIfAsked(0)
    eye = reading.result.segmentationNode.GetDisplayNode()
    assert eye.GetVisibility()
    reading.widget.worklist.openCase("case-0003")
    assert not eye.GetVisibility(), "its bleed does not hang in empty views"
    assert reading.widget.parameterNode.inputVolume is None
    assert not reading.widget.correct.isActive, "no stroke lands in a case that has been left"
    composite = reading.slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    assert not composite.GetBackgroundVolumeID()
    reading.widget.worklist.openCase("case-0002")  # another wish before the first came true
    reading.finishReading()
    assert reading.caseId == "case-0002"

    def scans() -> list:
        return [node.GetName() for node in reading.slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]

    reading.waitFor(lambda: scans() == ["CT", "case-0002"])


def testNotesOfTheReaderAreShownAndNotKept(reading):
    job, fields = reading.sent("prepare_case")
    head = reading.heads["case-0001"]
    path = f"{fields['output']}/scan.npy"
    np.save(path, head.array)
    field = {"array": path, "ijk_to_lps": (np.diag([-1.0, -1.0, 1.0, 1.0]) @ head.ijkToRas).tolist()}
    note = "The gaps between slices of Hans Meyer are uneven: they were resampled."
    reading.client.result.emit(job, {"volume": field, "notes": [note], "segmentation": None})
    reading.waitFor(lambda: reading.caseId)
    assert reading.ui.caseNotesLabel.visible and reading.ui.caseNotesLabel.text == note
    reading.host.process_events()
    reading.answerIfAsked(0)
    reading.press("A")
    assert reading.caseId == "case-0002" and not reading.ui.caseNotesLabel.visible
    reading.widget.worklist.finishWriting()
    texts = [path.read_text() for path in reading.dataset.rglob("*.json")]
    assert not any("Hans" in text for text in texts) and json.loads(texts[0])


def testPanelReadsTheScanItselfWhereTheWorkerFails(room):
    room.writeScans()
    room.openList()
    room.widget.worklist.openCase("case-0001")
    room.fail(room.sent("prepare_case")[0], "worker-died", "The background process ended unexpectedly.")
    assert room.caseId == "case-0001" and room.widget.parameterNode.inputVolume is not None
    room.widget.worklist.openCase("case-0002")
    next(room.folder.glob("*_1.nii.gz")).write_bytes(b"torn")
    room.finishReading()
    assert not room.widget.worklist.opening.isCaseShown and "case-0002" in room.ui.messageLabel.text
    assert room.caseId == "case-0002" and room.ui.decisionFrame.visible  # to be flagged or rejected
    assert "Reading" not in room.ui.stageLabel.text


@pytest.mark.parametrize("isReadByWorker", [True, False], ids=["worker", "panel"])
def testAScanOf64BitsIsOnTheSlices(room, isReadByWorker):
    import SimpleITK as sitk

    room.writeScans(1)
    path = next(room.folder.glob("*.nii.gz"))
    image = sitk.ReadImage(str(path))
    sitk.WriteImage(sitk.Cast(image, sitk.sitkInt64), str(path))
    room.openList()
    layer, refusals = room.slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetBackgroundLayer(), []
    tag = layer.AddObserver("ErrorEvent", lambda *arguments: refusals.append(arguments))
    if isReadByWorker:
        room.openCase("case-0001")
    else:
        room.widget.worklist.openCase("case-0001")
        room.fail(room.sent("prepare_case")[0], "worker-died", "The background process ended unexpectedly.")
    assert room.caseId == "case-0001" and room.widget.worklist.opening.isCaseShown
    volume = room.widget.parameterNode.inputVolume
    assert np.array_equal(room.slicer.util.arrayFromVolume(volume), room.heads["case-0001"].array)
    layer.UpdateImageDisplay()
    layer.RemoveObserver(tag)
    assert layer.GetVolumeNode() is volume and not refusals, "the slice is not blank"


def testAScanThatCannotBeShownIsSaidAndLeavesNoEmptyNode(room, monkeypatch):
    def refuse(node, array) -> None:
        raise RuntimeError("Unsupported numpy array type: long long")

    room.writeScans(1)
    room.openList()
    before = {node.GetID() for node in room.slicer.util.getNodesByClass("vtkMRMLVolumeNode")}
    room.widget.worklist.openCase("case-0001")
    monkeypatch.setattr(room.slicer.util, "updateVolumeFromArray", refuse)
    room.fail(room.sent("prepare_case")[0], "worker-died", "The background process ended unexpectedly.")
    assert "case-0001: The scan was read, but could not be shown" in room.ui.messageLabel.text
    assert {node.GetID() for node in room.slicer.util.getNodesByClass("vtkMRMLVolumeNode")} == before
    assert not room.widget.worklist.opening.isCaseShown and room.ui.flagButton.enabled


def testListThatIsLeftWhileAScanIsReadForgetsIt(reading):
    job, _fields = reading.sent("prepare_case")
    reading.slicer.mrmlScene.Clear(0)
    reading.host.process_events()
    assert reading.caseId == "" and not reading.ui.decisionFrame.visible
    reading.client.result.emit(job, {})
    assert reading.caseId == ""
