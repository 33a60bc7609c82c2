"""RotatorCuffCNN's result in the scene: nodes, maps in their place, tables, saving and loading."""

import numpy as np
import pytest
from panels.cuff_scene import randomGrid

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def testResultBecomesNodesBesideTheScan(cuff):
    from RadiologyCNNLib.ResultMaps import isMap

    volume = cuff.addShoulder()
    hierarchy = cuff.slicer.mrmlScene.GetSubjectHierarchyNode()
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), folder)
    result = cuff.present(volume)
    assert len(result.nodes) == 4
    for node in result.nodes:
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == folder
    assert result.camNode.GetName() == "Shoulder CAM"
    assert result.classification.predicted == 3
    assert (result.shownTarget, result.shownMethod) == (3, "cam")
    assert cuff.modules.CuffResult.CuffResult.ofVolume(volume).camNode is result.camNode
    assert cuff.modules.CuffResult.CuffResult.ofNode(volume) is None
    # a map must never be taken for a scan
    for node in (result.camNode, result.mapsNode):
        assert isMap(node)
    assert not isMap(volume)


def testShownMapIsTheRawMapsPositivePartWithItsPeakAtOne(cuff):
    result = cuff.present(cuff.addShoulder())
    shown = cuff.slicer.util.arrayFromVolume(result.camNode)
    assert shown.max() == pytest.approx(1.0, abs=1e-6)
    assert shown.min() == 0.0
    raw = result.rawMap(3, "cam")
    assert raw.min() < 0
    assert np.array_equal(result.normalizedMap(3, "cam") > 0, raw > 0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("side", ["right", "left"])
def testABrightVoxelIsShownWhereItIs(cuff, seed, side):
    """Oblique grids anywhere, left-handed ones too, under a transform: to a tenth of a millimetre."""
    random = np.random.default_rng(seed)
    shoulder = cuff.modules.SyntheticShoulder.syntheticShoulder(side=side, obliqueDeg=float(random.uniform(-40, 40)))
    volume = cuff.addShoulder(shoulder)
    moved = randomGrid(random, 1, 1.0)
    cuff.addTransform(moved, volume)
    voxels = int(random.choice([8, 16, 32]))
    grid = randomGrid(random, voxels, 80.0 / voxels)
    if seed % 2:  # as a grid that was mirrored for the network
        flip = np.diag([-1.0, 1.0, 1.0, 1.0])
        flip[0, 3] = voxels - 1
        grid = grid @ flip
    kji = tuple(int(n) for n in random.integers(1, voxels - 1, 3))
    truth = (grid @ [*kji[::-1], 1.0])[:3]
    maps = np.zeros((2, 6, voxels, voxels, voxels), np.float32)
    maps[0, 3][kji] = 2.5
    result = cuff.present(volume, maps, shoulder, maps_ijk_to_lps=(LPS_TO_RAS @ grid).tolist())
    assert np.allclose(cuff.peakOf(result.camNode), truth, atol=0.1)
    assert np.allclose(result.peakRas(), truth, atol=0.1)
    for node in (result.camNode, result.mapsNode):
        matrix = cuff.vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(matrix)
        assert matrix.Determinant() > 0


def testMapsCoverTheSameCubeBeforeAndAfterUpsampling(cuff):
    result = cuff.present(cuff.addShoulder())
    boxes = []
    for node in (result.mapsNode, result.camNode):
        size = np.array(node.GetImageData().GetDimensions())
        corners = [[-0.5, -0.5, -0.5, 1.0], [*(size - 0.5), 1.0]]
        boxes.append([cuff.ijkToWorld(node) @ corner for corner in corners])
    assert np.allclose(boxes[0], boxes[1], atol=1e-3)


def testUpsamplingKeepsValuesAndMakesNoNewPeak(cuff):
    smooth = cuff.modules.SmoothUpsampling
    coarse = np.random.default_rng(3).uniform(0, 1, (6, 5, 4)).astype(np.float32)
    fine = smooth.upsampled(coarse, (5, 3, 7))
    assert fine.shape == (30, 15, 28)
    assert np.allclose(fine[2::5, 1::3, 3::7], coarse, atol=1e-6)
    assert fine.max() <= coarse.max() + 1e-6
    assert fine.min() >= coarse.min() - 1e-6
    ramp = np.linspace(0, 1, 9, dtype=np.float32)[:, None, None]
    assert np.all(np.diff(smooth.upsampled(ramp, (5, 1, 1)).ravel()) >= 0)
    for axis, turned in ((1, (1, 0, 2)), (2, (2, 1, 0))):  # each axis as the first one
        factors = np.where(np.arange(3) == axis, 5, 1)
        along = smooth.upsampled(coarse.transpose(turned), (5, 1, 1)).transpose(turned)
        assert np.array_equal(smooth.upsampled(coarse, factors), along)
    assert np.array_equal(smooth.upsampled(coarse[:, :1], (1, 3, 1)), coarse[:, :1].repeat(3, 1))
    assert all(smooth.displayFactor(count) % 2 == 1 for count in range(1, 130))


def testTransformOfTheScanMovesTheMapWithIt(cuff):
    volume = cuff.addShoulder()
    result = cuff.present(volume)
    before = cuff.peakOf(result.camNode)
    shift = np.eye(4)
    shift[:3, 3] = (7.0, -3.0, 12.0)
    transform = cuff.addTransform(shift, volume)
    # presented again after the scan was moved: the engine's answer is in the world
    grid = shift @ cuff.modules.SyntheticShoulder.mapGrid(cuff.shoulder)
    result = cuff.present(volume, maps_ijk_to_lps=(LPS_TO_RAS @ grid).tolist())
    assert result.camNode.GetParentTransformNode() is transform
    assert np.allclose(cuff.peakOf(result.camNode), before + (7.0, -3.0, 12.0), atol=1e-3)


def testUnderAWarpTheMapIsInTheWorldItself(cuff):
    volume = cuff.addShoulder()
    thinPlate = cuff.vtk.vtkThinPlateSplineTransform()
    source, target = cuff.vtk.vtkPoints(), cuff.vtk.vtkPoints()
    for corner in np.ndindex(2, 2, 2):
        place = np.array(corner) * 100.0
        source.InsertNextPoint(place)
        target.InsertNextPoint(place + (5.0 if corner == (1, 1, 1) else 0.0))
    thinPlate.SetSourceLandmarks(source)
    thinPlate.SetTargetLandmarks(target)
    thinPlate.SetBasisToR()
    transform = cuff.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    transform.SetAndObserveTransformToParent(thinPlate)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    result = cuff.present(volume)
    assert result.camNode.GetParentTransformNode() is None
    assert np.allclose(
        cuff.ijkToWorld(result.mapsNode), cuff.modules.SyntheticShoulder.mapGrid(cuff.shoulder), atol=1e-6
    )


def testSecondRunUpdatesTheSameNodesAndKeepsTheMethod(cuff):
    volume = cuff.addShoulder()
    first = cuff.present(volume)
    cuff.modules.CamDisplay.showMap(first, 1, "grad_cam")
    nodes = cuff.nodeCount()
    second = cuff.present(volume)
    assert cuff.nodeCount() == nodes
    assert second.camNode is first.camNode
    assert (second.shownTarget, second.shownMethod) == (3, "grad_cam")


def testAnotherScanGetsItsOwnResult(cuff):
    first = cuff.present(cuff.addShoulder())
    other = cuff.addShoulder(name="Other")
    second = cuff.present(other)
    assert second.camNode is not first.camNode
    assert {node.GetID() for node in first.nodes}.isdisjoint(node.GetID() for node in second.nodes)


def testNothingStaysBehindWhereTheMessageMakesNoSense(cuff):
    volume = cuff.addShoulder()
    nodes = cuff.nodeCount()
    with pytest.raises(ValueError, match="maps of shape"):
        cuff.present(volume, np.zeros((1, 6, 4, 4, 4), np.float32))
    with pytest.raises(KeyError):
        cuff.present(volume, classification={})
    assert cuff.nodeCount() == nodes


def testRemovingAResultTakesEverythingWithIt(cuff):
    volume = cuff.addShoulder()
    nodes = cuff.nodeCount()
    result = cuff.present(volume)
    cuff.modules.CamDisplay.setOverlay(result, True)
    cuff.modules.CamDisplay.setLegend(result, True)
    cuff.modules.CamDisplay.setVolumeRendering(result, True)
    cuff.modules.CuffPresenter.remove(result)
    assert cuff.nodeCount() == nodes
    assert all(composite.GetForegroundVolumeID() is None for composite in cuff.composites())
    assert cuff.modules.CuffResult.CuffResult.ofVolume(volume) is None


def testACopyOfTheMapGoesAloneAndLeavesTheResultWhole(cuff):
    from RadiologyCNNLib.ResultCleaning import ResultCleaning

    result = cuff.present(cuff.addShoulder())
    cuff.modules.CamDisplay.setVolumeRendering(result, True)
    cleaning, nodes = ResultCleaning(cuff.modules.CuffPresenter.partsOfNode), cuff.nodeCount()
    try:
        copy = cuff.slicer.modules.volumes.logic().CloneVolume(cuff.slicer.mrmlScene, result.camNode, "copy")
        cuff.slicer.mrmlScene.RemoveNode(copy)
    finally:
        cleaning.stop()
    assert result.canSwitch and result.tableNode and result.evidenceTableNode
    assert cuff.modules.CamRendering.isVisible(result)
    assert cuff.nodeCount() == nodes


def testTablesSayWhatAClinicianReads(cuff):
    result = cuff.present(cuff.addShoulder())
    assert cuff.headings(result.tableNode) == ["Answer", "Class", "Definition", "Probability (%)"]
    cells = cuff.cells(result.tableNode)
    assert [row[1] for row in cells] == ["None", "Partial", "Small", "Medium", "Large-to-Massive", "Tear versus none"]
    assert [row[0] for row in cells] == ["○", "○", "○", "●", "○", "●"]
    assert cells[3][2:] == ["full-thickness tear 1-3 cm", "58.0"]
    assert cells[5][3] == "94.0"
    evidence = cuff.cells(result.evidenceTableNode)
    assert len(evidence) == 12
    assert evidence[3][:2] == ["Medium", "CAM"]
    assert [float(text) for text in evidence[3][2:5]] == pytest.approx(cuff.shoulder.tearRas, abs=0.06)


def testTableHoldsTheQuartilesOfRepeats(cuff):
    from radiologycnn.rotatorcuff.results import RepeatSummary

    quartiles = tuple((0.1 * n, 0.1 * n + 0.02, 0.1 * n + 0.05) for n in range(5))
    repeats = RepeatSummary("mc_dropout", 60, quartiles, (0.9, 0.94, 0.96), (2, 3, 5, 45, 5))
    message = cuff.modules.SyntheticShoulder.resultMessage(cuff.shoulder, repeats=repeats)
    result = cuff.present(cuff.addShoulder(), classification=message["classification"])
    assert cuff.headings(result.tableNode)[4:] == ["Median (%)", "Quartiles (%)", "Most probable in 60 runs"]
    assert cuff.cells(result.tableNode)[3][4:] == ["32.0", "30.0 – 35.0", "45"]
    assert cuff.cells(result.tableNode)[5][4:] == ["94.0", "90.0 – 96.0", "58"]


def testPercentNeverRoundsToCertainty(cuff):
    percent = cuff.modules.CuffTable.percent
    assert [percent(share) for share in (0.0, 1e-5, 0.5, 0.99999, 1.0)] == ["0.0", "< 0.1", "50.0", "> 99.9", "100.0"]


@pytest.mark.parametrize("fileName", ["scene.mrb", "scene.mrml"])
def testEverythingSurvivesSavingAndLoading(cuff, tmp_path, fileName):
    volume = cuff.addShoulder()
    shift = np.eye(4)
    shift[:3, 3] = (7.0, -3.0, 12.0)
    cuff.addTransform(shift, volume)
    result = cuff.present(volume)
    maps = cuff.slicer.util.arrayFromVolume(result.mapsNode).copy()
    grid, peak, record = cuff.ijkToWorld(result.mapsNode), result.peakRas(), result.record
    cells = cuff.cells(result.tableNode)
    cuff.reload(tmp_path / fileName)
    result = cuff.modules.CuffResult.CuffResult.ofVolume(cuff.slicer.util.getNode("Shoulder"))
    assert result.canSwitch
    assert np.array_equal(cuff.slicer.util.arrayFromVolume(result.mapsNode), maps)
    assert np.allclose(cuff.ijkToWorld(result.mapsNode), grid, atol=1e-5)
    assert np.allclose(result.peakRas(), peak, atol=1e-3)
    assert result.record == record
    assert cuff.cells(result.tableNode) == cells
    # and it can be worked with: another map, and another run into the same nodes
    cuff.modules.CamDisplay.showMap(result, "tear_versus_none", "grad_cam")
    # interpolation between the map's voxels may move it
    assert np.allclose(cuff.peakOf(result.camNode), result.peakRas(), atol=max(result.mapsNode.GetSpacing()) / 2)
    nodes = cuff.nodeCount()
    cuff.present(result.volumeNode)
    assert cuff.nodeCount() == nodes


def testASingleMapIsKeptToo(cuff, tmp_path):
    """A model whose worker sends one map only: a vector volume of one component."""
    maps = cuff.modules.SyntheticShoulder.resultMaps(cuff.shoulder)[:1, 3:4]
    cuff.present(cuff.addShoulder(), maps, methods=["cam"], targets=[3])
    cuff.reload(tmp_path / "scene.mrb")
    result = cuff.modules.CuffResult.CuffResult.ofVolume(cuff.slicer.util.getNode("Shoulder"))
    assert np.array_equal(result.rawMap(3, "cam"), maps[0, 0])


def testAMapWithoutEvidenceIsEmptyAndHasNoPeak(cuff):
    maps = cuff.modules.SyntheticShoulder.resultMaps(cuff.shoulder)
    maps[:, 0] = -1.0
    maps[0, 1] = np.nan
    result = cuff.present(cuff.addShoulder(), maps)
    for target in (0, 1):
        cuff.modules.CamDisplay.showMap(result, target, "cam")
        assert not cuff.slicer.util.arrayFromVolume(result.camNode).any()
        assert result.peakRas() is None
        assert cuff.modules.CamDisplay.goToPeak(result) is False


def testWithoutTheRawMapsThePersonIsToldWhatToDo(cuff):
    from radiologycnn.errors import InputError

    result = cuff.present(cuff.addShoulder())
    cuff.slicer.mrmlScene.RemoveNode(result.mapsNode)
    assert not result.canSwitch
    with pytest.raises(InputError, match="not in the scene") as raised:
        cuff.modules.CamDisplay.showMap(result, 0, "cam")
    assert "Classify" in raised.value.hint
