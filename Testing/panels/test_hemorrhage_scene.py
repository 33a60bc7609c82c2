"""The HemorrhageSeg panel and the scene: transforms, saved scenes."""

import numpy as np
import pytest
from panels.head_clinic import withoutKey


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
    cells, total, notes = clinic.tableCells(), clinic.ui.totalLabel.text, clinic.ui.notesLabel.text
    path = str(tmp_path / "scene.mrb")
    assert clinic.slicer.util.saveScene(path)
    clinic.slicer.mrmlScene.Clear(0)
    assert clinic.ui.totalLabel.text == ""
    clinic.slicer.util.loadScene(path)
    clinic.useModel()
    assert clinic.ui.totalLabel.text == total
    assert clinic.tableCells() == cells
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)
    assert clinic.ui.thresholdSlider.enabled and clinic.ui.notesLabel.text == notes, "nobody has corrected it"
    clinic.ui.thresholdSlider.value = 0.95
    assert 0 < clinic.result.totalMl() < clinic.head.bleedMl
    before = clinic.nodeCount()
    clinic.segment()
    assert clinic.nodeCount() == before


def correctedElsewhere(clinic, result, volume) -> str:
    """Half of the mask is taken away by Slicer's own editor; the volume that is left, as the panel writes it."""
    util, node = clinic.slicer.util, result.segmentationNode
    mask = util.arrayFromSegmentBinaryLabelmap(node, "hemorrhage-1", volume)
    mask[: mask.shape[0] // 2] = 0
    util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, "hemorrhage-1", volume)
    return f"{np.count_nonzero(mask) * result.voxelVolumeMm3() / 1000:.1f} mL"


def loadedInAnotherModule(clinic, path):
    """A saved scene, while another module than the panel is shown; its result and its scan."""
    from HemorrhageSegLib.SceneResult import SceneResult

    assert clinic.slicer.util.saveScene(str(path))
    clinic.host.leave_module()
    clinic.slicer.mrmlScene.Clear(0)
    clinic.slicer.util.loadScene(str(path))
    volume = clinic.slicer.util.getNode("CT")
    return SceneResult.ofVolume(volume), volume


def assertCorrectionIsKnown(clinic, left, monkeypatch) -> None:
    """The panel tells of the mask as it is now, and gives it up only where the person says so."""
    assert clinic.ui.totalLabel.text == left
    assert clinic.tableCells() == [] and not clinic.ui.exportCsvButton.enabled
    assert not clinic.ui.thresholdSlider.enabled
    sent = np.load(clinic.waitForMeasuring()[1]["mask"])
    assert f"{np.count_nonzero(sent) * clinic.result.voxelVolumeMm3() / 1000:.1f} mL" == left
    monkeypatch.setattr(clinic.slicer.util, "confirmOkCancelDisplay", lambda *arguments: False)
    clinic.ui.correctCollapsibleButton.collapsed = True  # else Undo brings it back, and nothing is asked
    clinic.useModel()
    asked = clinic.count("segment")
    clinic.click(clinic.ui.resetThresholdButton)
    clinic.click(clinic.ui.segmentButton)
    assert f"{clinic.result.totalMl():.1f} mL" == left and clinic.count("segment") == asked
    monkeypatch.setattr(clinic.slicer.util, "confirmOkCancelDisplay", lambda *arguments: True)
    clinic.click(clinic.ui.resetThresholdButton)
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)
    assert clinic.ui.thresholdSlider.enabled


@pytest.mark.parametrize("isOfEarlierVersion", [False, True], ids=["", "saved by an earlier version"])
def testACorrectionBeforeThePanelIsOpenedIsKnown(clinic, tmp_path, monkeypatch, isOfEarlierVersion):
    clinic.segment()
    if isOfEarlierVersion:
        withoutKey(clinic.result)
    result, volume = loadedInAnotherModule(clinic, tmp_path / "scene.mrb")
    left = correctedElsewhere(clinic, result, volume)
    clinic.slicer.util.selectModule("HemorrhageSeg")
    assertCorrectionIsKnown(clinic, left, monkeypatch)


@pytest.mark.parametrize("isMapGone", [False, True], ids=["", "without its probability"])
@pytest.mark.parametrize("isEdited", [False, True], ids=["", "corrected"])
def testASceneOfAnEarlierVersionIsShownAsItWasSaved(clinic, tmp_path, isEdited, isMapGone):
    clinic.segment()
    if isEdited:
        correctedElsewhere(clinic, clinic.result, clinic.volume)
        clinic.widget.results.finishEdit()
        job, _fields = clinic.waitForMeasuring()
        clinic.client.result.emit(
            job, {"measurements": {"total_volume_ml": 8.0, "total_abc2_ml": 0.0, "totals": [], "lesions": []}}
        )
    if isMapGone:
        clinic.slicer.mrmlScene.RemoveNode(clinic.result.probabilityNodes[0])
    withoutKey(clinic.result)
    loadedInAnotherModule(clinic, tmp_path / "scene.mrb")
    clinic.slicer.util.selectModule("HemorrhageSeg")
    assert clinic.ui.totalLabel.text == ("8.0 mL" if isEdited else f"{clinic.head.bleedMl:.1f} mL")
    assert clinic.ui.exportCsvButton.enabled, "nothing has to be measured anew"
    assert clinic.ui.thresholdSlider.enabled is not (isEdited or isMapGone)
    assert bool(clinic.result.record["edited"]) is isEdited
    clinic.result.setMask(np.ones((2, 3, 4), np.uint8), (5, 6, 7))
    clinic.widget.results.finishEdit()
    assert clinic.result.record["edited"] and not clinic.ui.exportCsvButton.enabled


def testACorrectionOfAScanThatIsNotShownIsKnown(clinic, monkeypatch):
    clinic.segment()
    result, volume = clinic.result, clinic.volume
    clinic.addHead(clinic.syntheticHead(bleedMm=(10.0, 10.0, 10.0)), "Other CT")
    left = correctedElsewhere(clinic, result, volume)
    clinic.ui.inputVolumeSelector.setCurrentNode(volume)
    assertCorrectionIsKnown(clinic, left, monkeypatch)


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


@pytest.mark.parametrize("isShown", [True, False], ids=["shown", "another scan is shown meanwhile"])
def testBleedsThatAreMovedWithTheirScanAreMeasuredWhereTheyLie(clinic, isShown):
    """As in a registration: the scan is under a transform already, which is then changed."""
    transform = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    clinic.volume.SetAndObserveTransformNodeID(transform.GetID())
    clinic.answer(clinic.start())
    if not isShown:
        clinic.ui.inputVolumeSelector.setCurrentNode(None)
    stretched = np.diag([1.0, 1.0, 1.2, 1.0])
    stretched[:3, 3] = 5, -7, 30
    transform.SetMatrixTransformToParent(clinic.slicer.util.vtkMatrixFromArray(stretched))
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert not clinic.ui.outdatedLabel.visible
    assert clinic.ui.totalLabel.text == f"{1.2 * clinic.head.bleedMl:.1f} mL"
    assert clinic.tableCells() == [], "a row would lead to where the bleed lay before"
    toLps = np.array(clinic.waitForMeasuring()[1]["volume"]["ijk_to_lps"])
    assert np.diag([-1, -1, 1, 1]) @ toLps == pytest.approx(stretched @ clinic.head.ijkToRas)
    assert clinic.count("measure") == 1


def mirrored(head, axis):
    """The same head, stored with one axis (of K, J, I) the other way: the axes are left-handed then."""
    from dataclasses import replace

    ijkToRas, column = head.ijkToRas.copy(), 2 - axis
    ijkToRas[:3, 3] += ijkToRas[:3, column] * (head.array.shape[axis] - 1)
    ijkToRas[:3, column] *= -1
    array, truth = (np.ascontiguousarray(np.flip(one, axis)) for one in (head.array, head.truth))
    return replace(head, array=array, truth=truth, ijkToRas=ijkToRas)


@pytest.mark.parametrize("axis", [None, 0, 2])
def testFacetsOfASurfaceLookOutwardsWhicheverWayTheScanIsStored(clinic, axis):
    """Slicer's converter leaves those of left-handed scans inside out, hollows for a printer or a planner."""
    import vtk
    from HemorrhageSegLib.SurfaceFacets import signedVolumeMm3

    head = mirrored(clinic.head, axis) if axis is not None else clinic.head
    clinic.addHead(head, "Live")
    clinic.answer(clinic.start(), head)
    clinic.result.buildSurface()

    def volumeMl() -> float:
        surface = vtk.vtkPolyData()
        clinic.result.segmentationNode.GetClosedSurfaceRepresentation("hemorrhage-1", surface)
        return signedVolumeMm3(surface) / 1000

    assert volumeMl() == pytest.approx(head.bleedMl, rel=0.15)
    mask, offset = clinic.result.maskCrop()
    mask[:, :3] = 1
    clinic.result.setMask(mask, offset)  # as a stroke: Slicer makes the surface anew
    clinic.widget.results.finishEdit()
    assert volumeMl() > 1.05 * head.bleedMl


@pytest.mark.parametrize("isEdited", [False, True], ids=["", "corrected"])
@pytest.mark.parametrize("axis", [0, 2])
def testAScanWhoseSlicesSlicerReversesOnLoadingKeepsItsResult(clinic, tmp_path, axis, isEdited):
    """Slicer makes left-handed scans right-handed when it reads them."""
    head = mirrored(clinic.head, axis)
    clinic.addHead(head, "Left-handed")
    clinic.answer(clinic.start(), head)
    clinic.ui.thresholdSlider.value = 0.95  # one slice of the bleed
    if isEdited:
        mask, offset = clinic.result.maskCrop()
        mask[:, :3] = 1
        clinic.result.setMask(mask, offset)
    clinic.widget.results.finishEdit()
    job, _fields = clinic.waitForMeasuring()
    drawn = wholeMask(clinic.result)
    message = clinic.selfTest.resultMessage(head, str(tmp_path))
    clinic.client.result.emit(job, {"measurements": message["measurements"]})
    lesion = clinic.result.measurements.lesions[0]
    clinic.slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    clinic.slicer.mrmlScene.Clear(0)
    clinic.slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    clinic.useModel()
    assert not clinic.ui.outdatedLabel.visible, clinic.ui.outdatedLabel.text
    volume, count = clinic.result.volumeNode, len(head.array)
    array = clinic.slicer.util.arrayFromVolume(volume)
    assert np.array_equal(array, head.array[::-1])
    assert clinic.result.record["edited"] is isEdited and clinic.ui.exportCsvButton.enabled
    assert clinic.tableCells()[0][5] == f"{count - 1 - lesion.last_slice}–{count - 1 - lesion.first_slice}"
    assert np.array_equal(wholeMask(clinic.result), drawn[::-1])
    clinic.widget.results.backToNetwork()
    assert np.array_equal(wholeMask(clinic.result), (head.truth != 0)[::-1])


def wholeMask(result) -> np.ndarray:
    """The mask on the whole grid of its scan."""
    whole, (mask, offset) = np.zeros(result.record["shape_kji"], bool), result.maskCrop()
    whole[tuple(slice(start, start + size) for start, size in zip(offset, mask.shape))] = mask != 0
    return whole


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
