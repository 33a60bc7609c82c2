"""The RotatorCuffCNN panel and a changing scene: scans that are moved or edited, scenes closed and loaded."""

import os

import numpy as np
import pytest


@pytest.fixture
def clinic(shoulderClinic):
    return shoulderClinic


# Out of date


def testMovedBoxMakesTheResultOutOfDate(clinic):
    clinic.locate()
    clinic.classify()
    assert not clinic.ui.outdatedLabel.visible
    clinic.moveRoi(s=12)
    assert clinic.ui.outdatedLabel.text == "The box was moved after this result. Classify again."
    clinic.classify()
    assert not clinic.ui.outdatedLabel.visible


def testAnAnswerThatIsNotToBeReliedOnSaysSoAboveItself(clinic):
    clinic.locate(found=False, confidence=0.1)
    clinic.classify()
    label = clinic.ui.outdatedLabel
    assert label.visible and label.text.startswith("The humeral head was not found")
    clinic.moveRoi(s=2)
    assert "moved" in label.text
    clinic.classify()
    assert not label.visible
    clinic.classify(classification={"plane": "axial"})
    assert label.visible and label.text.startswith("Not an oblique-coronal series")
    clinic.classify(classification={"side": "unknown"})
    assert label.visible and label.text.startswith("Nothing tells which shoulder")
    clinic.choose(clinic.ui.sideSelector, "Left")
    assert "Another side was chosen" in label.text


def testAScanOfAScriptIsSeenToo(clinic):
    array = np.full((8, 32, 32), 200, np.int16)
    volume = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Of a script")
    clinic.slicer.util.updateVolumeFromArray(volume, array)
    assert volume.GetDisplayNode() is None
    clinic.widget.showInViews(volume)
    assert volume.GetScalarVolumeDisplayNode() is not None


def testOtherSideMovedScanAndChangedVoxelsMakeTheResultOutOfDate(clinic):
    clinic.locate()
    clinic.classify()
    clinic.choose(clinic.ui.sideSelector, "Left")
    assert "side" in clinic.ui.outdatedLabel.text
    clinic.choose(clinic.ui.sideSelector, "Right")
    assert not clinic.ui.outdatedLabel.visible
    origin = clinic.volume.GetOrigin()
    clinic.volume.SetOrigin(origin[0] + 5, origin[1], origin[2])
    assert "moved" in clinic.ui.outdatedLabel.text
    clinic.volume.SetOrigin(*origin)
    assert not clinic.ui.outdatedLabel.visible
    clinic.slicer.util.arrayFromVolume(clinic.volume)[0] = 0
    clinic.slicer.util.arrayFromVolumeModified(clinic.volume)
    assert "changed" in clinic.ui.outdatedLabel.text


def testASideThatIsNoLongerChosenMakesTheResultOutOfDate(clinic):
    series = clinic.location()["series"]
    assert series["side"] == "right"
    clinic.locate()
    clinic.choose(clinic.ui.sideSelector, "Left")
    clinic.classify(classification={"side": "left", "mirrored": True}, provenance={"series": series})
    assert not clinic.ui.outdatedLabel.visible
    clinic.choose(clinic.ui.sideSelector, "Automatic (right)")
    assert "Another side was chosen" in clinic.ui.outdatedLabel.text
    clinic.choose(clinic.ui.sideSelector, "Left")
    assert not clinic.ui.outdatedLabel.visible


def testScanMovedTogetherWithItsBoxKeepsTheResult(clinic):
    import vtk

    transform = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    clinic.volume.SetAndObserveTransformNodeID(transform.GetID())
    clinic.locate()
    result = clinic.classify()
    peak = np.array(result.peakRas())
    matrix = vtk.vtkTransform()
    matrix.Translate(5, -7, 11)
    matrix.RotateZ(20)
    transform.SetMatrixTransformToParent(matrix.GetMatrix())
    assert not clinic.ui.outdatedLabel.visible, clinic.ui.outdatedLabel.text
    expected = np.array(matrix.TransformPoint(*peak))
    assert result.peakRas() == pytest.approx(expected, abs=1e-3)


def setVoxels(clinic, values, volume=None):
    volume = volume or clinic.volume
    clinic.slicer.util.arrayFromVolume(volume)[:] = values
    clinic.slicer.util.arrayFromVolumeModified(volume)


def testVoxelsChangedDuringAJobMakeNoResult(clinic):
    job = clinic.start()
    setVoxels(clinic, clinic.shoulder.array[::-1])
    clinic.answer(job)
    assert "voxels were changed" in clinic.ui.messageLabel.text and "Start again" in clinic.ui.messageLabel.text
    assert clinic.result is None
    assert clinic.ui.classifyButton.text == "Classify"


def testVoxelsChangedDuringASecondJobLeaveTheFirstResultOutOfDate(clinic):
    clinic.locate()
    first = clinic.classify().classification
    job = clinic.start()
    setVoxels(clinic, 1)
    clinic.answer(job)
    assert clinic.result.classification == first
    assert "scan was changed" in clinic.ui.outdatedLabel.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"notes": ["By its name this series shows a hand, wrist or elbow, not a shoulder."]}, "not show a shoulder"),
        ({"classification": {"weighting": "T1"}}, "T1-weighted"),
        ({"classification": {"plane": "axial"}}, "Not an oblique-coronal series"),
    ],
)
def testAnswerOnAnotherKindOfSeriesSaysAboveItselfThatItIsNotToBeReliedOn(clinic, changes, words):
    clinic.locate()
    clinic.run(**changes)
    assert words in clinic.ui.outdatedLabel.text and "do not rely" in clinic.ui.outdatedLabel.text


def testEveryReasonOfTheEngineHasItsSentenceInThePanel(clinic, monkeypatch):
    from RotatorCuffCNNLib import ResultValidity

    from radiologycnn.rotatorcuff.caution import CAUTIONS

    clinic.locate()
    clinic.run()
    assert not ResultValidity.caution(clinic.result)
    for code in CAUTIONS:
        monkeypatch.setattr(ResultValidity, "caution_code", lambda *_, code=code: code)
        assert ResultValidity.caution(clinic.result), code


def testVoxelsWrittenAgainWithTheSameValuesAreNoChange(clinic):
    job = clinic.start()
    setVoxels(clinic, 1)
    setVoxels(clinic, clinic.shoulder.array)
    clinic.answer(job)
    assert clinic.result is not None
    assert not clinic.ui.outdatedLabel.visible


def testVoxelsChangedWhileAnotherScanIsChosenAreNoticedOnTheWayBack(clinic):
    first = clinic.volume
    clinic.locate()
    clinic.classify()
    clinic.addShoulder(clinic.shoulder, "Other")
    setVoxels(clinic, 1, first)
    assert not clinic.ui.outdatedLabel.visible
    clinic.ui.inputVolumeSelector.setCurrentNode(first)
    assert "scan was changed" in clinic.ui.outdatedLabel.text
    clinic.locate()
    clinic.classify()
    assert not clinic.ui.outdatedLabel.visible


# Scenes


def testSceneCloseDuringTheSearch(clinic):
    job, fields = clinic.sent("locate")
    clinic.slicer.mrmlScene.Clear(0)
    clinic.client.result.emit(job, clinic.location())
    assert clinic.roi is None
    assert not os.path.exists(fields["volume"]["array"])


@pytest.mark.parametrize("ending", ["mrb", "mrml"])
def testSavedSceneKeepsEverythingAlive(clinic, tmp_path, ending):
    clinic.locate(confidence=0.45)
    clinic.classify()
    clinic.choose(clinic.ui.targetSelector, "Small")
    clinic.ui.opacitySlider.value = 0.3
    ui = clinic.ui
    before = (ui.predictedLabel.text, ui.tearLabel.text, ui.evidenceLabel.text, ui.regionStatusLabel.text)
    cells = clinic.cellsOf(clinic.result.tableNode)
    path = str(tmp_path / f"scene.{ending}")
    clinic.selfTest.saveScene(path)
    clinic.slicer.mrmlScene.Clear(0)
    assert ui.predictedLabel.text == ""
    searches = clinic.count("locate")
    clinic.slicer.util.loadScene(path)
    clinic.useModel()
    assert (ui.predictedLabel.text, ui.tearLabel.text, ui.evidenceLabel.text, ui.regionStatusLabel.text) == before
    assert clinic.count("locate") == searches
    assert clinic.cellsOf(clinic.result.tableNode) == cells
    assert ui.targetSelector.currentText == "Small"
    assert ui.opacitySlider.value == pytest.approx(0.3)
    assert clinic.isOverlaid()
    assert not ui.outdatedLabel.visible, ui.outdatedLabel.text
    assert "T2-weighted" in ui.seriesLabel.text
    clinic.choose(ui.targetSelector, "None")
    assert clinic.result.shownTarget == 0
    nodes = clinic.nodeCount()
    clinic.classify()
    assert clinic.nodeCount() == nodes


def testALeftHandedScanThatSlicerTurnsRoundWasNotMoved(clinic, tmp_path):
    shoulder = clinic.shoulder
    turn = np.diag([1.0, 1.0, -1.0, 1.0])
    turn[2, 3] = len(shoulder.array) - 1
    clinic.addVolume(shoulder.array[::-1].copy(), shoulder.ijkToRas @ turn, "Left-handed")
    clinic.locate()
    clinic.classify()
    path = str(tmp_path / "scene.mrb")
    clinic.selfTest.saveScene(path)
    clinic.slicer.mrmlScene.Clear(0)
    clinic.slicer.util.loadScene(path)
    volume = clinic.slicer.util.getNode("Left-handed")
    assert np.array_equal(clinic.slicer.util.arrayFromVolume(volume), shoulder.array)  # turned round
    assert not clinic.ui.outdatedLabel.visible, clinic.ui.outdatedLabel.text
    clinic.moveRoi(r=4)
    assert "box" in clinic.ui.outdatedLabel.text
    volume.SetOrigin(1.0, 2.0, 3.0)
    assert "scan was moved" in clinic.ui.outdatedLabel.text
