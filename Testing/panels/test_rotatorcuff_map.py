"""The RotatorCuffCNN panel and the activation map: how it is shown, and the files that are written of a result."""

import csv

import numpy as np
import pytest

from radiologycnn.networks.activation import peak_place


@pytest.fixture
def clinic(shoulderClinic):
    return shoulderClinic


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


def testAModelThatMakesMapsByOneMethodOnlyIsOfferedThatOneAndItsClassesAreSwitched(clinic):
    maps = clinic.selfTest.resultMaps(clinic.shoulder)[1:]
    clinic.classify(maps=maps, methods=["grad_cam"])  # of a network whose last layers are not linear
    selector = clinic.ui.methodSelector
    assert [selector.itemText(number) for number in range(selector.count)] == ["Grad-CAM"]
    clinic.choose(clinic.ui.targetSelector, "Small")
    assert (clinic.result.shownTarget, clinic.result.shownMethod) == (2, "grad_cam")
    assert np.array_equal(clinic.result.rawMap(), maps[0, 2])
    clinic.classify()
    assert clinic.ui.methodSelector.currentText == "CAM" and clinic.result.shownMethod == "cam"


def testAMapThatCannotBeSwitchedAnyMoreIsNamedAsWhatItIs(clinic):
    clinic.classify()
    clinic.slicer.mrmlScene.RemoveNode(clinic.result.mapsNode)
    clinic.addShoulder(clinic.shoulder, "Other")
    clinic.classify()
    clinic.choose(clinic.ui.targetSelector, "Small")
    clinic.choose(clinic.ui.methodSelector, "Grad-CAM")
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert clinic.ui.targetSelector.currentText == "Predicted (Medium)"
    assert clinic.ui.methodSelector.currentText == "CAM"


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


def testDeletedMapTakesTheRestOfItsResultWithIt(clinic):
    clinic.locate()
    before = clinic.nodeCount()
    for threeD in (False, True):
        clinic.classify()
        clinic.ui.show3DCheckBox.checked = threeD
        clinic.slicer.mrmlScene.RemoveNode(clinic.result.camNode)
        assert clinic.result is None
        assert clinic.ui.predictedLabel.text == ""
        assert not clinic.slicer.util.getNodesByClass("vtkMRMLTableNode")
        assert not clinic.slicer.util.getNodesByClass("vtkMRMLVectorVolumeNode")
        assert not any(c.GetForegroundVolumeID() for c in clinic.composites())
    assert clinic.nodeCount() == before


def testRemoveResultLeavesScanAndBox(clinic):
    roi = clinic.locate()
    before = {node.GetID() for node in clinic.slicer.util.getNodesByClass("vtkMRMLNode")}
    assert not clinic.ui.removeResultButton.enabled
    clinic.classify()
    clinic.ui.tableCollapsibleButton.collapsed = False
    clinic.click(clinic.ui.removeResultButton)
    assert clinic.result is None
    assert "removed" in clinic.ui.messageLabel.text
    assert not clinic.ui.removeResultButton.enabled
    assert clinic.ui.tableCollapsibleButton.collapsed
    left = {node.GetID() for node in clinic.slicer.util.getNodesByClass("vtkMRMLNode")} - before
    assert not [name for name in left if "ColorNode" not in name], left
    assert clinic.roi is roi
    assert clinic.classify() is not None


def testRemovedMapIsNoticedAndTheNextRunMakesANewOne(clinic):
    clinic.slicer.mrmlScene.RemoveNode(clinic.classify().camNode)
    assert clinic.result is None
    assert clinic.ui.predictedLabel.text == ""
    assert clinic.classify() is not None
    assert clinic.isOverlaid()


# Planes of the slice views


def viewAxes(clinic, name):
    matrix = clinic.slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode().GetSliceToRAS()
    return clinic.slicer.util.arrayFromVTKMatrix(matrix)[:3, :3]


def isAlongTheScan(clinic, name, ijkToRas):
    """Whether each axis of a view is one of the scan's."""
    scan = ijkToRas[:3, :3] / np.linalg.norm(ijkToRas[:3, :3], axis=0)
    return np.allclose(np.abs(viewAxes(clinic, name).T @ scan).max(axis=0), 1, atol=1e-3)


VIEWS = ("Red", "Yellow", "Green")


def testClassifyTurnsTheViewsToTheScansOwnPlanes(clinic):
    scan = clinic.shoulder.ijkToRas
    assert not any(isAlongTheScan(clinic, name, scan) for name in VIEWS)  # this shoulder is scanned obliquely
    clinic.classify()
    assert all(isAlongTheScan(clinic, name, scan) for name in VIEWS)
    peak = np.array(clinic.result.peakRas())
    for name in VIEWS:  # the map is on each of them
        axes = viewAxes(clinic, name)
        assert axes[:, 2] @ (peak - clinic.slicePosition(name)) == pytest.approx(0, abs=0.01)
    slices = scan[:3, 2] / np.linalg.norm(scan[:3, 2])
    assert abs(viewAxes(clinic, "Green")[:, 2] @ slices) == pytest.approx(1)  # coronal slices in the coronal view


def testViewsThatThePersonHasTurnedStay(clinic):
    clinic.classify()
    red = clinic.slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    red.SetOrientationToAxial()
    axial = viewAxes(clinic, "Red")
    clinic.classify()
    assert np.allclose(viewAxes(clinic, "Red"), axial)
    assert isAlongTheScan(clinic, "Yellow", clinic.shoulder.ijkToRas)


def testAnotherScanIsShownInItsOwnPlanesAndAnotherPanelsInTheUsualOnes(clinic):
    from RadiologyCNNLib import SliceViews

    usual = [viewAxes(clinic, name) for name in VIEWS]
    clinic.classify()
    other = clinic.syntheticShoulder(side="left")
    volume = clinic.addShoulder(other, "Other")
    clinic.widget.onVolumeChosen(volume)  # as picking it in the list does
    assert all(isAlongTheScan(clinic, name, other.ijkToRas) for name in VIEWS)
    head = clinic.slicer.util.addVolumeFromArray(np.zeros((8, 8, 8), np.int16), name="Head CT")
    SliceViews.showVolume(head)
    assert all(np.allclose(viewAxes(clinic, name), axes) for name, axes in zip(VIEWS, usual))


def testAClosedSceneLeavesTheViewsAsUsual(clinic):
    usual = [viewAxes(clinic, name) for name in VIEWS]
    clinic.classify()
    clinic.slicer.mrmlScene.Clear(0)
    assert all(np.allclose(viewAxes(clinic, name), axes) for name, axes in zip(VIEWS, usual))


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
    k, j, i = peak_place(array)
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


def testAFileThatTheDialogHasNotAskedAboutIsNotOverwrittenUnasked(clinic, tmp_path, monkeypatch):
    clinic.classify()
    (tmp_path / "cuff.csv").write_text("mine")
    asked, answers = [], [False, True]

    def confirm(text, title):
        asked.append(text)
        return answers[len(asked) - 1]

    monkeypatch.setattr(clinic.slicer.util, "confirmOkCancelDisplay", confirm)
    exportTo(clinic, monkeypatch, clinic.ui.exportCsvButton, tmp_path / "cuff")
    assert "cuff.csv is there already" in asked[0] and (tmp_path / "cuff.csv").read_text() == "mine"
    exportTo(clinic, monkeypatch, clinic.ui.exportCsvButton, tmp_path / "cuff")
    assert "probability" in (tmp_path / "cuff.csv").read_text()
    exportTo(clinic, monkeypatch, clinic.ui.exportCsvButton, tmp_path / "cuff.csv")  # about this one it has asked
    exportTo(clinic, monkeypatch, clinic.ui.exportCsvButton, tmp_path / "other")
    assert len(asked) == 2 and (tmp_path / "other.csv").is_file()
