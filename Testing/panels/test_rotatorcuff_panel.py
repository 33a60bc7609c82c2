"""The RotatorCuffCNN panel as a person uses it, in the stand-in desktop; the worker's answers are made up here."""

import csv
import json
import os
from xml.etree import ElementTree

import numpy as np
import pytest
from panels.clinic import Clinic, unnamedWidgets

TO_LPS = np.diag([-1.0, -1.0, 1.0])


class ShoulderClinic(Clinic):
    """The opened panel with a shoulder MRI in the scene."""

    def __init__(self, host, widget) -> None:
        from RotatorCuffCNNLib import SelfTest
        from RotatorCuffCNNLib.SyntheticShoulder import syntheticShoulder

        super().__init__(host, widget, "RotatorCuffCNN")
        self.selfTest, self.syntheticShoulder = SelfTest, syntheticShoulder
        self.shoulder = syntheticShoulder()
        self.volume = self.addShoulder(self.shoulder)

    def addShoulder(self, shoulder, name="Shoulder"):
        return self.addVolume(shoulder.array, shoulder.ijkToRas, name)

    # Humeral head

    def location(self, shoulder=None, **changes) -> dict:
        """What the worker would answer to ``locate``."""
        classification = self.selfTest.resultMessage(shoulder or self.shoulder)["classification"]
        roi = {**classification["roi"], "confidence": changes.pop("confidence", 0.9)}
        series = {"plane": "coronal", "weighting": "T2", "fat_saturated": True, "side": "right"}
        return {"roi": roi, "series": series, "notes": [], "found": True, **changes}

    def locate(self, **changes):
        """Answer the search that choosing a scan has started; returns the box."""
        self.client.result.emit(self.sent("locate")[0], self.location(**changes))
        return self.roi

    @property
    def roi(self):
        return self.widget.region.roiNode

    def roiCentre(self) -> np.ndarray:
        centre = [0.0] * 3
        self.roi.GetCenterWorld(centre)
        return np.array(centre)

    def moveRoi(self, r=0.0, a=0.0, s=0.0) -> None:
        """As dragging it in a view does."""
        self.roi.SetCenterWorld(*(self.roiCentre() + [r, a, s]))

    # Classification

    def startClassification(self) -> str:
        self.click(self.ui.classifyButton)
        return self.sent("classify")[0]

    def answer(self, job, shoulder=None, maps=None, **changes) -> None:
        shoulder = shoulder or self.shoulder
        message = self.selfTest.resultMessage(shoulder)
        roi = self.sent("classify")[1]["roi"]
        if roi is not None:  # as the worker does: the box is the one that it was given
            message["classification"]["roi"].update(roi, automatic=False, confidence=1.0)
        message["classification"].update(changes.pop("classification", {}))
        path = os.path.join(self.sent("classify")[1]["output"], "maps.npy")
        np.save(path, self.selfTest.resultMaps(shoulder) if maps is None else maps)
        self.client.result.emit(job, {**message, "maps": path, **changes})

    def classify(self, **changes):
        self.answer(self.startClassification(), **changes)
        return self.result

    def choose(self, selector, value) -> None:
        """Choose an entry as a person does, by what stands there."""
        index = selector.findText(value)
        assert index >= 0, f"{selector.objectName} has no {value}"
        selector.setCurrentIndex(index)

    def camDisplay(self):
        return self.result.camNode.GetScalarVolumeDisplayNode()

    def composites(self) -> list:
        return self.slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")

    def isOverlaid(self) -> bool:
        return all(c.GetForegroundVolumeID() == self.result.camNode.GetID() for c in self.composites())


@pytest.fixture
def clinic(slicerHost, repository):
    widget = slicerHost.load_module(repository / "RotatorCuffCNN", select=False)
    clinic = ShoulderClinic(slicerHost, widget)
    yield clinic
    slicerHost.clear_scene()
    clinic.slicer.modules.RotatorCuffCNNWidget.logic.client = None


# Humeral head


def testChoosingAScanFindsTheHeadInTheBackground(clinic):
    _job, fields = clinic.sent("locate")
    assert np.array_equal(np.load(fields["volume"]["array"]), clinic.shoulder.array)
    assert "Looking for it" in clinic.ui.regionStatusLabel.text
    assert clinic.ui.classifyButton.enabled
    assert clinic.roi is None
    clinic.locate()
    assert clinic.roiCentre() == pytest.approx(clinic.shoulder.headRas, abs=0.01)
    assert clinic.roi.GetDisplayNode().GetVisibility()
    assert clinic.ui.regionStatusLabel.text == "Found"
    assert not clinic.ui.regionAdviceLabel.visible
    r, a, s = (f"{value:.0f}" for value in clinic.shoulder.headRas)
    assert f"R {r}, A {a}, S {s} mm" in clinic.ui.regionStatusLabel.toolTip
    assert clinic.ui.seriesLabel.text == "Coronal, T2-weighted, fat-saturated"
    assert clinic.ui.sideSelector.itemText(0) == "Automatic (right)"
    assert not os.path.exists(fields["volume"]["array"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"found": False, "confidence": 0.1}, "Drag the box onto the humeral head."),
        ({"confidence": 0.45}, "Please check that the box lies around the humeral head"),
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
    clinic.startClassification()
    roi = clinic.sent("classify")[1]["roi"]
    assert roi["centre_lps_mm"] == pytest.approx(TO_LPS @ (np.array(clinic.shoulder.headRas) + [10, 0, -4]))
    assert roi["edge_mm"] == pytest.approx(70)


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
    job = clinic.startClassification()
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
    job = clinic.startClassification()
    assert clinic.sent("classify")[1]["roi"] is None
    clinic.answer(job)
    assert clinic.roiCentre() == pytest.approx(clinic.shoulder.headRas, abs=0.01)
    assert not clinic.ui.outdatedLabel.visible


def testRefusedScanSaysWhyAndIsNotAskedAgain(clinic):
    clinic.fail(clinic.sent("locate")[0], "not-a-shoulder", "This is a knee.", "Choose a shoulder MRI.")
    assert "This is a knee." in clinic.ui.regionAdviceLabel.text
    assert "Choose a shoulder MRI." in clinic.ui.regionAdviceLabel.text
    clinic.widget.enter()
    assert clinic.count("locate") == 1
    clinic.click(clinic.ui.findHeadButton)
    assert clinic.count("locate") == 2


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


def testNothingIsSentWhileAnotherPanelIsShown(clinic):
    clinic.widget.exit()
    clinic.addShoulder(clinic.shoulder, "Loaded meanwhile")
    assert clinic.count("locate") == 1
    clinic.widget.enter()
    assert clinic.count("locate") == 2


# Classification


def testClickClassifiesAndSaysTheClassInWords(clinic):
    clinic.locate()
    clinic.classify()
    ui = clinic.ui
    assert ui.predictedLabel.text.replace("\xa0", " ") == "Medium tear (1-3 cm)"
    assert "94.0 %" in ui.tearLabel.text
    assert [getattr(ui, f"classLabel{n}").text for n in range(5)] == [
        "None", "Partial", "Small", "Medium", "Large-to-Massive",
    ]  # fmt: skip
    assert [getattr(ui, f"classBar{n}").value for n in range(5)] == [60, 90, 170, 580, 100]
    assert ui.percentLabel3.text == "58.0 %"
    assert [getattr(ui, f"classLabel{n}").font.bold() for n in range(5)] == [False, False, False, True, False]
    assert ui.classBar3.accessibleName == "Medium 58.0 %"
    assert "self-test-1.0.0" in ui.notesLabel.text
    assert ui.classifyButton.text == "Classify"
    assert not ui.messageLabel.visible, ui.messageLabel.text


def testRequestHoldsWhatIsSet(clinic):
    clinic.locate()
    clinic.choose(clinic.ui.sideSelector, "Left")
    clinic.choose(clinic.ui.repeatsSelector, "Monte Carlo dropout")
    clinic.ui.repeatCountSpinBox.value = 12
    clinic.startClassification()
    fields = clinic.sent("classify")[1]
    assert fields["side"] == "left"
    assert fields["repeats"] == {"method": "mc_dropout", "count": 12}
    assert fields["model"] == "test-1.0.0"
    assert fields["device"] == "auto"


def testWithoutRepeatsNoneAreAskedFor(clinic):
    assert not clinic.ui.repeatCountSpinBox.enabled
    clinic.startClassification()
    assert clinic.sent("classify")[1]["repeats"] is None
    assert clinic.sent("classify")[1]["side"] is None


def testRepeatsAreShownAsQuartiles(clinic):
    repeats = {
        "method": "tta",
        "count": 60,
        "class_quartiles": [[0.01, 0.02, 0.03], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.5, 0.58, 0.66], [0, 0, 0.1]],
        "tear_quartiles": [0.9, 0.94, 0.97],
        "predicted_counts": [1, 2, 5, 50, 2],
    }
    clinic.classify(classification={"repeats": repeats})
    assert clinic.ui.percentLabel3.text == "58.0 % (50.0–66.0)"
    assert "(90.0–97.0)" in clinic.ui.tearLabel.text
    assert "60 runs with test-time augmentation" in clinic.ui.repeatsLabel.text
    assert "50 of them" in clinic.ui.repeatsLabel.text
    clinic.classify()
    assert not clinic.ui.repeatsLabel.visible


def testCancelGivesTheButtonBackAndChangesNothing(clinic):
    clinic.locate()
    before = clinic.nodeCount()
    clinic.startClassification()
    assert clinic.ui.classifyButton.text == "Cancel"
    clinic.click(clinic.ui.classifyButton)
    assert clinic.ui.classifyButton.text == "Classify"
    assert "Cancelled" in clinic.ui.messageLabel.text
    assert clinic.result is None
    assert clinic.nodeCount() == before
    assert clinic.classify() is not None


def testProgressIsShownInWords(clinic):
    job = clinic.startClassification()
    clinic.client.progress.emit(job, 0.42, "Running the network", 12.3)
    assert clinic.ui.progressBar.value == 42
    assert clinic.ui.stageLabel.text == "Running the network · about 12 s left"
    clinic.answer(job)
    assert not clinic.ui.progressBar.visible


def testExpectedTimeIsThatOfTheSameNumberOfRuns(clinic):
    clinic.classify()
    assert "Takes about" in clinic.ui.stageLabel.text
    clinic.choose(clinic.ui.repeatsSelector, "Test-time augmentation")
    clinic.ui.repeatCountSpinBox.value = 37
    assert "first run" in clinic.ui.stageLabel.text


def testSecondRunUpdatesItsOwnNodes(clinic):
    clinic.locate()
    camNode = clinic.classify().camNode
    before = clinic.nodeCount()
    assert clinic.classify().camNode is camNode
    assert clinic.nodeCount() == before


def testAnotherScanGetsItsOwnResultAndItsOwnOverlay(clinic):
    first = clinic.classify().camNode
    other = clinic.syntheticShoulder(side="left")
    clinic.addShoulder(other, "Other")
    assert clinic.ui.predictedLabel.text == ""
    assert all(c.GetForegroundVolumeID() != first.GetID() for c in clinic.composites())
    second = clinic.classify(shoulder=other).camNode
    assert second is not first
    assert clinic.isOverlaid()
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert clinic.result.camNode is first
    assert clinic.isOverlaid()


def testWorkerDeathIsSaidAndThePanelStaysUsable(clinic):
    job = clinic.startClassification()
    folder = clinic.sent("classify")[1]["output"]
    clinic.fail(job, "worker-died", "The background process ended.", "Try again.")
    assert "The background process ended." in clinic.ui.messageLabel.text
    assert "Try again." in clinic.ui.messageLabel.text
    assert "trace" not in clinic.ui.messageLabel.text
    assert not os.path.exists(folder)
    assert clinic.classify() is not None


def testBrokenAnswersLeaveNoHalfResultBehind(clinic):
    clinic.locate()
    before = clinic.nodeCount()
    clinic.client.result.emit(clinic.startClassification(), {})
    assert clinic.ui.messageLabel.visible
    assert clinic.ui.classifyButton.text == "Classify"
    clinic.answer(clinic.startClassification(), maps=np.zeros((1, 2, 3, 4, 5), np.float32))
    assert clinic.ui.messageLabel.visible
    assert clinic.result is None
    assert clinic.nodeCount() == before


# The map


def testOverlayShowsTheTearInTheSlices(clinic):
    clinic.locate()
    clinic.classify()
    assert clinic.isOverlaid()
    assert clinic.slicePosition("Yellow")[0] == pytest.approx(clinic.shoulder.tearRas[0], abs=5)
    assert clinic.slicePosition("Red")[2] == pytest.approx(clinic.shoulder.tearRas[2], abs=5)
    clinic.click(clinic.ui.showOverlayCheckBox)
    assert not any(c.GetForegroundVolumeID() for c in clinic.composites())
    clinic.click(clinic.ui.showOverlayCheckBox)
    assert clinic.isOverlaid()


def testClassAndMethodAreSwitchedWithoutTheWorker(clinic):
    maps = clinic.selfTest.resultMaps(clinic.shoulder)
    clinic.classify(maps=maps)
    requests = len(clinic.client.requests)
    assert clinic.ui.targetSelector.currentText == "Predicted (Medium)"
    predicted = clinic.slicer.util.arrayFromVolume(clinic.result.camNode).copy()
    clinic.choose(clinic.ui.targetSelector, "Tear versus none")
    assert clinic.result.shownTarget == "tear_versus_none"
    clinic.choose(clinic.ui.methodSelector, "Grad-CAM")
    assert clinic.result.shownMethod == "grad_cam"
    assert np.array_equal(clinic.result.rawMap(), maps[1, 5])
    assert not np.array_equal(clinic.slicer.util.arrayFromVolume(clinic.result.camNode), predicted)
    assert len(clinic.client.requests) == requests
    clinic.choose(clinic.ui.targetSelector, "None")
    assert clinic.result.shownTarget == 0
    clinic.classify()
    assert clinic.result.shownTarget == 3
    assert clinic.ui.targetSelector.currentText == "Predicted (Medium)"


def testOpacityThresholdColoursAndLegend(clinic):
    clinic.classify()
    clinic.ui.opacitySlider.value = 0.25
    assert {c.GetForegroundOpacity() for c in clinic.composites()} == {0.25}
    clinic.ui.thresholdSlider.value = 0.6
    assert clinic.camDisplay().GetLowerThreshold() == pytest.approx(0.6)
    before = clinic.camDisplay().GetColorNodeID()
    clinic.ui.colorSelector.setCurrentIndex(1)
    assert clinic.camDisplay().GetColorNodeID() != before
    legend = clinic.slicer.modules.colors.logic().GetColorLegendDisplayNode(clinic.camDisplay())
    assert legend.GetVisibility()
    clinic.click(clinic.ui.showLegendCheckBox)
    assert not legend.GetVisibility()


def testThreeDWithAndWithoutAnatomy(clinic):
    clinic.classify()
    assert not clinic.ui.showAnatomyCheckBox.enabled
    clinic.click(clinic.ui.show3DCheckBox)
    rendering = clinic.slicer.modules.volumerendering.logic()
    cam = rendering.GetFirstVolumeRenderingDisplayNode(clinic.result.camNode)
    scan = rendering.GetFirstVolumeRenderingDisplayNode(clinic.volume)
    assert cam.GetVisibility()
    assert scan.GetVisibility()
    clinic.click(clinic.ui.showAnatomyCheckBox)
    assert cam.GetVisibility()
    assert not scan.GetVisibility()
    clinic.click(clinic.ui.show3DCheckBox)
    assert not cam.GetVisibility()


def testGoToPeak(clinic):
    clinic.classify()
    clinic.slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode().SetSliceOffset(-20)
    clinic.click(clinic.ui.peakButton)
    assert clinic.slicePosition("Red")[2] == pytest.approx(clinic.shoulder.tearRas[2], abs=5)


def testEvidenceIsSaidToBeNoMeasurement(clinic):
    clinic.classify()
    text = clinic.ui.evidenceLabel.text
    peak = clinic.result.peakRas()
    assert f"R {peak[0]:.0f}, A {peak[1]:.0f}, S {peak[2]:.0f} mm" in text
    assert "12 × 11 × 12 mm" in text
    assert "not a measurement of the tear" in text


def testTargetThatNothingSpeaksForIsSaid(clinic):
    maps = clinic.selfTest.resultMaps(clinic.shoulder)
    maps[0, 0] = -1.0
    evidence = clinic.selfTest.resultMessage(clinic.shoulder)["classification"]["evidence"]
    evidence[0].update(peak_ras_mm=None, extent_mm=[0, 0, 0], volume_ml=0.0)
    clinic.classify(maps=maps, classification={"evidence": evidence})
    clinic.choose(clinic.ui.targetSelector, "None")
    assert "No place in the box speaks for this." in clinic.ui.evidenceLabel.text
    assert not clinic.ui.peakButton.enabled


def testRemovedRawMapsLeaveTheShownOne(clinic):
    result = clinic.classify()
    clinic.slicer.mrmlScene.RemoveNode(result.mapsNode)
    assert not clinic.ui.targetSelector.enabled
    assert "raw maps are no longer in the scene" in clinic.ui.notesLabel.text
    assert clinic.isOverlaid()


def testRemovedMapIsNoticedAndTheNextRunMakesANewOne(clinic):
    clinic.slicer.mrmlScene.RemoveNode(clinic.classify().camNode)
    assert clinic.result is None
    assert clinic.ui.predictedLabel.text == ""
    assert clinic.classify() is not None
    assert clinic.isOverlaid()


# Out of date


def testMovedBoxMakesTheResultOutOfDate(clinic):
    clinic.locate()
    clinic.classify()
    assert not clinic.ui.outdatedLabel.visible
    clinic.moveRoi(s=12)
    assert clinic.ui.outdatedLabel.text == "The box was moved after this result. Classify again."
    clinic.classify()
    assert not clinic.ui.outdatedLabel.visible


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


def testScanChangedDuringAJobIsSaid(clinic):
    job = clinic.startClassification()
    clinic.volume.SetOrigin(10, 0, 0)
    clinic.answer(job)
    assert "moved" in clinic.ui.messageLabel.text
    assert clinic.result is None


def setVoxels(clinic, values, volume=None):
    volume = volume or clinic.volume
    clinic.slicer.util.arrayFromVolume(volume)[:] = values
    clinic.slicer.util.arrayFromVolumeModified(volume)


def testVoxelsChangedDuringAJobMakeNoResult(clinic):
    job = clinic.startClassification()
    setVoxels(clinic, clinic.shoulder.array[::-1])
    clinic.answer(job)
    assert "voxels were changed" in clinic.ui.messageLabel.text and "Start again" in clinic.ui.messageLabel.text
    assert clinic.result is None
    assert clinic.ui.classifyButton.text == "Classify"


def testVoxelsChangedDuringASecondJobLeaveTheFirstResultOutOfDate(clinic):
    clinic.locate()
    first = clinic.classify().classification
    job = clinic.startClassification()
    setVoxels(clinic, 1)
    clinic.answer(job)
    assert clinic.result.classification == first
    assert "scan was changed" in clinic.ui.outdatedLabel.text


def testVoxelsWrittenAgainWithTheSameValuesAreNoChange(clinic):
    job = clinic.startClassification()
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


def testSceneCloseDuringAJobThenANewScan(clinic):
    job = clinic.startClassification()
    clinic.slicer.mrmlScene.Clear(0)
    assert clinic.ui.classifyButton.text == "Classify"
    assert "scene was closed" in clinic.ui.messageLabel.text
    clinic.client.result.emit(job, {})
    assert clinic.result is None
    clinic.volume = clinic.addShoulder(clinic.shoulder)
    clinic.useModel()
    assert clinic.classify() is not None


def testSceneCloseDuringTheSearch(clinic):
    job, fields = clinic.sent("locate")
    clinic.slicer.mrmlScene.Clear(0)
    clinic.client.result.emit(job, clinic.location())
    assert clinic.roi is None
    assert not os.path.exists(fields["volume"]["array"])


def testScanRemovedDuringAJobIsSaid(clinic):
    job = clinic.startClassification()
    clinic.slicer.mrmlScene.RemoveNode(clinic.volume)
    clinic.answer(job)
    assert "removed" in clinic.ui.messageLabel.text
    assert clinic.ui.classifyButton.text == "Classify"


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
    clinic.widget.enter()
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


def testReloadKeepsTheResult(clinic):
    clinic.locate()
    clinic.classify()
    words = clinic.ui.predictedLabel.text
    clinic.widget.onReload()
    widget = clinic.slicer.modules.RotatorCuffCNNWidget
    assert widget is not clinic.widget
    assert widget.ui.predictedLabel.text == words


def testResultRecordNamesNoPathOfThisComputer(clinic):
    record = json.dumps(clinic.classify().record)
    assert clinic.slicer.app.temporaryPath not in record
    assert "/tmp" not in record


# Export


def exportTo(clinic, monkeypatch, button, path):
    monkeypatch.setattr(clinic.qt.QFileDialog, "getSaveFileName", lambda *arguments: str(path))
    clinic.click(button)
    return clinic.ui.messageLabel.text


def testCsvHoldsTheSameNumbers(clinic, tmp_path, monkeypatch):
    clinic.classify()
    path = tmp_path / "cuff.csv"
    assert "cuff.csv" in exportTo(clinic, monkeypatch, clinic.ui.exportCsvButton, path)
    rows = {row[0]: row[1] for row in csv.reader(path.open()) if row}
    assert float(rows["probability_medium"]) == 0.58
    assert rows["predicted_class"] == "Medium"


@pytest.mark.parametrize("name", ["map.nii.gz", "map.nrrd"])
def testExportedMapLiesInItsPlace(clinic, tmp_path, monkeypatch, name):
    result = clinic.classify()
    assert name in exportTo(clinic, monkeypatch, clinic.ui.exportCamButton, tmp_path / name)
    loaded = clinic.slicer.util.loadVolume(str(tmp_path / name))
    array = clinic.slicer.util.arrayFromVolume(loaded)
    k, j, i = np.unravel_index(int(np.argmax(array)), array.shape)
    matrix = clinic.slicer.util.arrayFromVTKMatrix(ijkToRas(clinic, loaded))
    assert (matrix @ [i, j, k, 1])[:3] == pytest.approx(result.peakRas(), abs=0.01)


def ijkToRas(clinic, node):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return matrix


def testReportIsOnePageWithNoticeAndPictures(clinic, tmp_path, monkeypatch):
    clinic.classify()
    path = tmp_path / "report.html"
    assert "report.html" in exportTo(clinic, monkeypatch, clinic.ui.exportReportButton, path)
    page = path.read_text(encoding="utf-8")
    assert "Medium tear" in page
    assert "data:image/png;base64," in page
    assert "research" in page.lower()


def testUnwritableFolderIsSaidInASentence(clinic, tmp_path, monkeypatch):
    clinic.classify()
    for button in (clinic.ui.exportCsvButton, clinic.ui.exportCamButton, clinic.ui.exportReportButton):
        text = exportTo(clinic, monkeypatch, button, tmp_path / "missing" / "file.nrrd")
        assert "could not be written" in text


# What cannot be classified


@pytest.mark.parametrize("kind", ["single slice", "empty", "activation map", "CT", "label map"])
def testUnusableInputIsExplained(clinic, kind):
    scene = clinic.slicer.mrmlScene
    if kind == "single slice":
        node = clinic.slicer.util.addVolumeFromArray(np.zeros((1, 64, 64), np.int16))
    elif kind == "empty":
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    elif kind == "activation map":
        node = clinic.classify().camNode
    elif kind == "CT":
        node = clinic.slicer.util.addVolumeFromArray(np.zeros((8, 64, 64), np.int16))
        unit = clinic.slicer.vtkCodedEntry()
        unit.SetValueSchemeMeaning("[hnsf'U]", "UCUM", "Hounsfield unit")
        node.SetVoxelValueUnits(unit)
    else:
        node = clinic.slicer.util.addVolumeFromArray(
            np.zeros((8, 64, 64), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode"
        )
        assert "label map" in clinic.widget.logic.inputProblem(node)
        return
    searches = clinic.count("locate")
    clinic.ui.inputVolumeSelector.setCurrentNode(node)
    words = "no image" if kind == "empty" else kind
    assert not clinic.ui.classifyButton.enabled
    assert words in clinic.ui.stageLabel.text
    assert words in clinic.ui.classifyButton.toolTip
    assert clinic.count("locate") == searches


def testRefusalByTheWorkerIsShownAsItsSentence(clinic):
    clinic.fail(clinic.startClassification(), "not-a-shoulder", "This is an axial series.", "Choose a coronal one.")
    assert "This is an axial series." in clinic.ui.messageLabel.text
    assert "Choose a coronal one." in clinic.ui.messageLabel.text
    assert clinic.result is None


def testModelThatCannotBeUsedIsExplained(clinic):
    clinic.useModel(problem="its weights are damaged")
    assert not clinic.ui.classifyButton.enabled
    assert "damaged" in clinic.ui.stageLabel.text


def testMissingPackagesAreOfferedAndNothingIsSent(clinic):
    class Installer:
        isReady = False

        def missing(self):
            return ["torch>=2.2"]

    before = clinic.widget.installer
    clinic.widget.installer = Installer()
    try:
        clinic.slicer.mrmlScene.Clear(0)
        clinic.addShoulder(clinic.shoulder, "Another")
        clinic.widget.enter()
        assert clinic.ui.installFrame.visible
        assert "torch>=2.2" in clinic.ui.installLabel.text
        assert clinic.count("locate") == 1
    finally:
        clinic.widget.installer = before


# The panel itself


def testNoticeAndBannerAreShown(clinic):
    assert "Research use only" in clinic.ui.researchUseLabel.text
    assert clinic.ui.researchUseLabel.visible
    assert clinic.ui.demonstrationBanner.visible
    assert clinic.ui.demonstrationBanner.text == "Demonstration model, trained on simulated scans. Not for patients."


def testAPanelWithAResultFitsOnALaptopScreen(clinic):
    clinic.locate(notes=["This is a proton density series."], confidence=0.45)
    clinic.classify(notes=["The cube reaches beyond the image."])
    clinic.ui.modelCollapsibleButton.collapsed = True  # as it is at first
    clinic.host.process_events(0.2)
    panel = clinic.ui.researchUseLabel.parent()
    assert panel.heightForWidth(460) <= 850


def testAModelThatCannotBeUsedOpensItsSectionOnce(clinic):
    section = clinic.ui.modelCollapsibleButton
    section.collapsed = True
    clinic.useModel(problem="its weights are damaged")
    assert not section.collapsed
    section.collapsed = True
    clinic.widget._updateButtons()
    assert section.collapsed


def testEverythingThatCanBeUsedHasANameAToolTipAndAPlaceInTheTabOrder(clinic, repository):
    uiFile = repository / "RotatorCuffCNN/Resources/UI/RotatorCuffCNN.ui"
    assert unnamedWidgets(clinic.ui, uiFile) == []
    tree = ElementTree.parse(uiFile)
    usable = {
        element.get("name")
        for element in tree.iter("widget")
        if element.get("class").endswith(("Button", "ComboBox", "CheckBox", "SliderWidget", "SpinBox", "TableView"))
        and not element.get("class").startswith("ctkCollapsible")
    }
    assert {element.text for element in tree.iter("tabstop")} == usable - {"installButton"}


def testShortcutClassifiesAndSurvivesTheChangeOfText(clinic):
    shortcut = clinic.qt.QKeySequence("Ctrl+Return")
    assert clinic.ui.classifyButton.shortcut == shortcut
    job = clinic.startClassification()
    assert clinic.ui.classifyButton.shortcut == shortcut
    clinic.answer(job)
    assert clinic.ui.classifyButton.shortcut == shortcut


def testBothPanelsWorkSideBySide(clinic, slicerHost, repository):
    """Jobs of one panel are none of the other's, though both talk to one worker."""
    head = slicerHost.load_module(repository / "HemorrhageSeg", select=False)
    head.logic.client = clinic.client
    try:
        clinic.locate()
        job = clinic.startClassification()
        assert not head.logic.isRunning
        clinic.answer(job)
        assert clinic.result is not None
        assert not head.ui.messageLabel.text
    finally:
        head.logic.client = None
