"""The RotatorCuffCNN panel and the humeral head: the search in the background, the box, what the panel says of them."""

import os

import numpy as np
import pytest

TO_LPS = np.diag([-1.0, -1.0, 1.0])


@pytest.fixture
def clinic(shoulderClinic):
    return shoulderClinic


def testChoosingAScanFindsTheHeadInTheBackground(clinic):
    _job, fields = clinic.sent("locate")
    assert np.array_equal(np.load(fields["volume"]["array"]), clinic.shoulder.array)
    assert "Looking" in clinic.ui.regionStatusLabel.text
    assert clinic.ui.classifyButton.enabled
    assert clinic.roi is None
    clinic.locate()
    assert clinic.roiCentre() == pytest.approx(clinic.shoulder.headRas, abs=0.01)
    assert clinic.roi.GetDisplayNode().GetVisibility()
    assert clinic.ui.regionStatusLabel.text == "Found"
    assert not clinic.ui.regionAdviceLabel.visible
    r, a, s = (f"{abs(value):.0f}" for value in clinic.shoulder.headRas)
    assert f"R {r}, A {a}, S {s} mm" in clinic.ui.regionStatusLabel.toolTip
    assert clinic.ui.seriesLabel.text == "Coronal, T2-weighted, fat-saturated"
    assert clinic.ui.sideSelector.itemText(0) == "Automatic (right)"
    assert not os.path.exists(fields["volume"]["array"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"found": False, "confidence": 0.1}, "Drag the box onto the humeral head."),
        ({"confidence": 0.7}, "Please check that the box lies around the humeral head"),
    ],
)
def testUnsurePlaceIsSaidAndDraggingSettlesIt(clinic, changes, words):
    clinic.locate(**changes)
    assert words in clinic.ui.regionAdviceLabel.text
    clinic.moveRoi(r=6)
    assert "Placed by hand" in clinic.ui.regionStatusLabel.text
    assert not clinic.ui.regionAdviceLabel.visible


def testWarningsOnTheSeriesAreShown(clinic):
    clinic.locate(series={"plane": "sagittal", "side": "unknown"}, notes=["This is a sagittal series."])
    assert clinic.ui.seriesLabel.text == "Sagittal"
    assert clinic.ui.seriesNotesLabel.text == "This is a sagittal series."
    assert clinic.ui.sideSelector.itemText(0) == "Automatic (not known)"


def testTheDraggedBoxIsWhatTheNetworkSees(clinic):
    clinic.locate()
    clinic.moveRoi(r=10, s=-4)
    clinic.roi.SetSize(70, 70, 70)
    clinic.start()
    roi = clinic.sent("classify")[1]["roi"]
    assert roi["centre_lps_mm"] == pytest.approx(TO_LPS @ (np.array(clinic.shoulder.headRas) + [10, 0, -4]))
    assert roi["edge_mm"] == pytest.approx(70)


def moveScan(clinic, millimetres) -> None:
    """As a registration does: a transform above the scan alone, baked in."""
    transform = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = millimetres
    transform.SetMatrixTransformToParent(clinic.slicer.util.vtkMatrixFromArray(matrix))
    clinic.volume.SetAndObserveTransformNodeID(transform.GetID())
    clinic.volume.HardenTransform()


def testABoxThatWasFoundIsLookedForAgainWhereTheScanWasMovedUnderIt(clinic):
    clinic.locate()
    clinic.classify()
    searches = clinic.count("locate")
    moveScan(clinic, (20, 0, -15))
    assert "Found" not in clinic.ui.regionStatusLabel.text and "Placed" not in clinic.ui.regionStatusLabel.text
    clinic.waitFor(lambda: clinic.count("locate") == searches + 1)
    message = clinic.location()
    message["roi"]["centre_lps_mm"] = (TO_LPS @ (np.array(clinic.shoulder.headRas) + [20, 0, -15])).tolist()
    clinic.client.result.emit(clinic.sent("locate")[0], message)
    assert clinic.roiCentre() == pytest.approx(np.array(clinic.shoulder.headRas) + [20, 0, -15], abs=0.01)
    assert clinic.ui.regionStatusLabel.text == "Found"
    clinic.start()
    assert clinic.sent("classify")[1]["roi"]["centre_lps_mm"] == pytest.approx(message["roi"]["centre_lps_mm"])


@pytest.mark.parametrize("millimetres", [(20, 0, -15), (500, 0, 0)])
def testABoxThatTheScanWasMovedAwayFromIsNotWhatTheNetworkSees(clinic, millimetres):
    clinic.locate()
    moveScan(clinic, millimetres)
    job = clinic.start()
    assert clinic.sent("classify")[1]["roi"] is None
    region = clinic.location()["roi"]
    region["centre_lps_mm"] = (TO_LPS @ (np.array(clinic.shoulder.headRas) + millimetres)).tolist()
    clinic.answer(job, classification={"roi": {**region, "automatic": True, "confidence": 0.9}})
    assert clinic.roiCentre() == pytest.approx(np.array(clinic.shoulder.headRas) + millimetres, abs=0.01)
    assert clinic.ui.regionStatusLabel.text == "Found" and not clinic.ui.outdatedLabel.visible


def testABoxOfThePersonsOwnGoesWithTheScanThatIsMoved(clinic):
    clinic.locate()
    clinic.moveRoi(r=3)
    wanted = clinic.roiCentre() + [20, 0, -15]
    moveScan(clinic, (20, 0, -15))
    clinic.host.process_events(0.5)
    assert clinic.count("locate") == 1 and clinic.roiCentre() == pytest.approx(wanted)
    assert clinic.ui.regionStatusLabel.text == "Placed by hand"
    clinic.start()
    roi = clinic.sent("classify")[1]["roi"]
    assert roi["centre_lps_mm"] == pytest.approx(TO_LPS @ wanted) and roi["edge_mm"] == pytest.approx(80)


def testABoxOfThePersonsOwnGoesWithAScanThatIsTurnedAndIsMovedByHandAsBefore(clinic):
    transform = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    clinic.locate()
    clinic.moveRoi(r=3)
    before = clinic.roiCentre()
    clinic.volume.SetAndObserveTransformNodeID(transform.GetID())
    turned = np.array([[0.0, -1, 0, 7], [1, 0, 0, 0], [0, 0, 1, -4], [0, 0, 0, 1]])
    transform.SetMatrixTransformToParent(clinic.slicer.util.vtkMatrixFromArray(turned))
    assert clinic.roiCentre() == pytest.approx((turned @ [*before, 1])[:3])
    clinic.moveRoi(s=6)
    there = clinic.roiCentre()
    clinic.volume.SetAndObserveTransformNodeID(None)
    assert clinic.roiCentre() == pytest.approx((np.linalg.inv(turned) @ [*there, 1])[:3])


def testABoxOfThePersonsOwnGoesWithAScanThatIsMovedWhileAnotherIsChosen(clinic):
    clinic.locate()
    clinic.moveRoi(r=3)
    wanted = clinic.roiCentre() + [20, 0, -15]
    clinic.addShoulder(clinic.shoulder, "Other")
    moveScan(clinic, (20, 0, -15))
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert clinic.roiCentre() == pytest.approx(wanted)


def testABoxOfThePersonsOwnStaysWhereTheScanIsCropped(clinic):
    clinic.locate()
    clinic.moveRoi(r=3)
    centre = clinic.roiCentre()
    array, corner = clinic.slicer.util.arrayFromVolume(clinic.volume), np.eye(4)
    corner[:3, 3] = (4, 6, 0)  # of i, j and k
    clinic.slicer.util.updateVolumeFromArray(clinic.volume, array[:, 6:, 4:].copy())
    matrix = clinic.shoulder.ijkToRas @ corner
    clinic.volume.SetIJKToRASMatrix(clinic.slicer.util.vtkMatrixFromArray(matrix))
    assert clinic.roiCentre() == pytest.approx(centre)


def testTheRecordSaysWhoHasPlacedTheBox(clinic):
    clinic.locate(confidence=0.8)
    region = clinic.classify().classification.roi
    assert (region.automatic, region.confidence) == (True, 0.8)
    clinic.moveRoi(r=5)
    assert not clinic.classify().classification.roi.automatic


def testBoxOutsideTheImageIsExplainedAndComesBack(clinic):
    clinic.locate()
    clinic.moveRoi(r=500)
    assert not clinic.ui.classifyButton.enabled
    assert "outside" in clinic.ui.regionAdviceLabel.text
    assert "outside" in clinic.ui.stageLabel.text
    clinic.click(clinic.ui.findHeadButton)
    clinic.locate()
    assert clinic.ui.classifyButton.enabled
    assert clinic.roiCentre() == pytest.approx(clinic.shoulder.headRas, abs=0.01)


def testBoxIsShownHiddenAndLockedDuringARun(clinic):
    roi = clinic.locate()
    clinic.click(clinic.ui.showRoiCheckBox)
    assert not roi.GetDisplayNode().GetVisibility()
    clinic.click(clinic.ui.findHeadButton)
    clinic.locate()
    assert roi.GetDisplayNode().GetVisibility()
    job = clinic.start()
    assert roi.GetLocked()
    assert not clinic.ui.findHeadButton.enabled
    clinic.answer(job)
    assert not roi.GetLocked()


def testFindHumeralHeadShowsItInTheSlices(clinic):
    clinic.locate()
    clinic.slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().SetSliceOffset(-50)
    clinic.click(clinic.ui.findHeadButton)
    clinic.locate()
    assert clinic.slicePosition("Red")[2] == pytest.approx(clinic.shoulder.headRas[2], abs=3)


def testClassifyBeforeTheHeadIsFoundLeavesItToTheWorker(clinic):
    job = clinic.start()
    assert clinic.sent("classify")[1]["roi"] is None
    clinic.answer(job)
    assert clinic.roiCentre() == pytest.approx(clinic.shoulder.headRas, abs=0.01)
    assert not clinic.ui.outdatedLabel.visible


def testClassifyBeforeTheHeadIsFoundSaysWhatKindOfSeriesItIs(clinic):
    series = clinic.location()["series"]
    clinic.answer(clinic.start(), provenance={"series": series})
    assert clinic.ui.seriesLabel.text == "Coronal, T2-weighted, fat-saturated"
    assert clinic.ui.sideSelector.currentText == "Automatic (right)"


def testWhatTheClassificationSaysOfTheSeriesHoldsWhereTheSearchHasSaidOtherwise(clinic):
    note = "That this is a right shoulder was taken from the picture; check the side."
    clinic.locate(notes=[note, "This is a proton density series."])
    assert clinic.ui.sideSelector.currentText == "Automatic (right)"
    clinic.volume.SetName("Left shoulder")
    series = {**clinic.location()["series"], "side": "left"}
    answer = {"classification": {"side": "left", "mirrored": True}, "provenance": {"series": series}}
    clinic.classify(**answer, notes=["This is a proton density series."])
    assert clinic.ui.sideSelector.currentText == "Automatic (left)"
    assert clinic.ui.seriesNotesLabel.text == "This is a proton density series."
    assert "proton" not in clinic.ui.notesLabel.text and not clinic.ui.outdatedLabel.visible


def testACancelledClassificationLetsTheSearchGoOn(clinic):
    searches = clinic.count("locate")
    clinic.client.cancel(clinic.start())
    assert clinic.count("locate") == searches + 1
    clinic.locate()
    assert clinic.ui.seriesLabel.text


def testTheWorkerMayNotFindTheHeadEither(clinic):
    roi = {**clinic.location()["roi"], "automatic": True, "confidence": 0.1}
    clinic.classify(classification={"roi": roi})
    assert clinic.ui.regionStatusLabel.text == "Not found"
    assert "Drag the box onto the humeral head." in clinic.ui.regionAdviceLabel.text
    assert "head was not found" in clinic.ui.outdatedLabel.text
    assert clinic.roi.GetDisplayNode().GetVisibility()


@pytest.mark.parametrize(("confidence", "found", "shown"), [(0.9, True, False), (0.7, True, True), (0.1, False, True)])
def testABoxThatIsToBeLookedAtIsShownAlsoAfterAnEarlierResult(clinic, confidence, found, shown):
    clinic.locate()
    clinic.classify()
    assert not clinic.roi.GetDisplayNode().GetVisibility()  # in the way of the map
    clinic.addShoulder(clinic.syntheticShoulder(side="left"), "The next patient's")
    clinic.locate(confidence=confidence, found=found)
    assert bool(clinic.roi.GetDisplayNode().GetVisibility()) == shown == clinic.ui.showRoiCheckBox.checked


def testRefusedScanSaysWhyAndIsNotAskedAgain(clinic):
    clinic.fail(clinic.sent("locate")[0], "not-a-shoulder", "This is a knee.", "Choose a shoulder MRI.")
    assert "This is a knee." in clinic.ui.regionAdviceLabel.text
    assert "Choose a shoulder MRI." in clinic.ui.regionAdviceLabel.text
    assert clinic.ui.stageLabel.text == "Not ready: see the message above."
    clinic.widget.enter()
    assert clinic.count("locate") == 1
    clinic.click(clinic.ui.findHeadButton)
    assert clinic.count("locate") == 2
    clinic.locate()
    assert clinic.ui.stageLabel.text.startswith("Ready.")


def testSearchInAnEarlierScanDoesNotDisturbTheChosenOne(clinic):
    first, _fields = clinic.sent("locate")
    clinic.addShoulder(clinic.syntheticShoulder(side="left"), "Other")
    clinic.client.result.emit(first, clinic.location())
    assert clinic.roi is None
    clinic.locate(shoulder=clinic.syntheticShoulder(side="left"))
    assert clinic.roiCentre()[0] < 0


def testEachScanHasItsOwnBoxAndOnlyTheChosenOnesIsShown(clinic):
    first = clinic.locate()
    other = clinic.syntheticShoulder(side="left")
    clinic.addShoulder(other, "Other")
    second = clinic.locate(shoulder=other)
    assert first is not second
    assert not first.GetDisplayNode().GetVisibility()
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert clinic.roi is first
    assert first.GetDisplayNode().GetVisibility()
    assert not second.GetDisplayNode().GetVisibility()


def testRemovedBoxIsNoticed(clinic):
    clinic.slicer.mrmlScene.RemoveNode(clinic.locate())
    assert clinic.roi is None
    assert clinic.ui.classifyButton.enabled


def testTheBoxOfADeletedScanDoesNotStayInTheViews(clinic):
    clinic.locate()
    other = clinic.syntheticShoulder(side="left")
    clinic.addShoulder(other, "Other")
    kept = clinic.locate(shoulder=other)
    clinic.slicer.mrmlScene.RemoveNode(clinic.volume)
    assert clinic.slicer.util.getNodesByClass("vtkMRMLMarkupsROINode") == [kept]
    assert clinic.roi is kept and kept.GetDisplayNode().GetVisibility()


def testNothingIsSentWhileAnotherPanelIsShown(clinic):
    clinic.host.leave_module()
    clinic.addShoulder(clinic.shoulder, "Loaded meanwhile")
    assert clinic.count("locate") == 1
    clinic.slicer.util.selectModule(clinic.MODULE)
    assert clinic.count("locate") == 2


def testASideChosenForOneScanIsNotTakenToTheNext(clinic):
    clinic.locate()
    clinic.choose(clinic.ui.sideSelector, "Left")
    clinic.addShoulder(clinic.shoulder, "Next patient")
    clinic.locate()
    assert clinic.ui.sideSelector.currentText == "Automatic (right)"
    clinic.classify()
    assert clinic.sent("classify")[1]["side"] is None
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert clinic.ui.sideSelector.currentText == "Left"  # as it was chosen for that one
    clinic.choose(clinic.ui.sideSelector, "Automatic (right)")
    clinic.ui.inputVolumeSelector.setCurrentNode(None)
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert clinic.ui.sideSelector.currentText == "Automatic (right)"


def testASideThatWasChosenStaysWhenThePanelIsOpenedAgain(clinic):
    clinic.locate()
    clinic.choose(clinic.ui.sideSelector, "Left")
    clinic.host.leave_module()
    clinic.slicer.util.selectModule(clinic.MODULE)
    assert clinic.ui.sideSelector.currentText == "Left"
