"""The HemorrhageSeg panel, the scene and files: transforms, saved scenes, what is exported."""

import csv

import numpy as np
import pytest


@pytest.fixture
def clinic(headClinic):
    return headClinic


def testResultsLieBesideTheScanInTheSubjectHierarchy(clinic):
    hierarchy = clinic.slicer.mrmlScene.GetSubjectHierarchyNode()
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(clinic.volume), folder)
    result = clinic.segment()
    for node in (result.segmentationNode, result.tableNode, *result.probabilityNodes):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == folder


def testSavedSceneKeepsSliderTableAndVolumeAlive(clinic, tmp_path):
    clinic.segment()
    cells, total = clinic.tableCells(), clinic.ui.totalLabel.text
    path = str(tmp_path / "scene.mrb")
    assert clinic.slicer.util.saveScene(path)
    clinic.slicer.mrmlScene.Clear(0)
    assert clinic.ui.totalLabel.text == ""
    clinic.slicer.util.loadScene(path)
    clinic.useModel()
    assert clinic.ui.totalLabel.text == total
    assert clinic.tableCells() == cells
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)
    clinic.ui.thresholdSlider.value = 0.95
    assert 0 < clinic.result.totalMl() < clinic.head.bleedMl
    before = clinic.nodeCount()
    clinic.segment()
    assert clinic.nodeCount() == before


def testTransformedScanGivesAResultInItsPlace(clinic):
    import vtk

    transform = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkTransform()
    matrix.Translate(5, -7, 11)
    matrix.RotateZ(20)
    transform.SetMatrixTransformToParent(matrix.GetMatrix())
    clinic.volume.SetAndObserveTransformNodeID(transform.GetID())
    clinic.answer(clinic.start())
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
    job = clinic.start()
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
