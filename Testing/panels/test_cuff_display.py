"""RotatorCuffCNN's map in the views: layers, threshold, colours, legend, 3D; looked at as pixels where that says it."""

import numpy as np
import pytest
from panels.cuff_scene import pixelsOfPng


@pytest.fixture
def shown(cuff):
    """A result that is laid over its scan."""
    volume = cuff.addShoulder()
    result = cuff.present(volume)
    cuff.modules.CamDisplay.setOverlay(result, True, 1.0, 0.5)
    cuff.slicer.util.resetSliceViews()
    cuff.modules.CamDisplay.goToPeak(result)
    return result


def pixelsOf(cuff, name) -> np.ndarray:
    """What a slice view shows: uint8 (rows, columns, 3), the first row on top."""
    view = cuff.slicer.app.layoutManager().sliceWidget(name).sliceView()
    return pixelsOfPng(cuff.modules.ReportPictures.viewPng(view))


def coloured(pixels) -> np.ndarray:
    """Which pixels are not grey."""
    values = pixels.astype(int)
    return values.max(axis=-1) - values.min(axis=-1) > 40


def pixelOf(cuff, name, ras) -> tuple:
    """(row, column) of a world place in a slice view."""
    node = cuff.slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode()
    toXy = cuff.vtk.vtkMatrix4x4()
    cuff.vtk.vtkMatrix4x4.Invert(node.GetXYToRAS(), toXy)
    x, y, *_rest = toXy.MultiplyPoint((*ras, 1.0))
    return node.GetDimensions()[1] - 1 - y, x


def testMapIsDrawnOverThePlaceOfItsPeakInEveryView(cuff, shown):
    for name in ("Red", "Yellow", "Green"):
        rows, columns = np.nonzero(coloured(pixelsOf(cuff, name)))
        row, column = pixelOf(cuff, name, shown.peakRas())
        assert len(rows) > 50
        assert abs(rows.mean() - row) < 6
        assert abs(columns.mean() - column) < 6


def testThresholdAndOpacityAreSeen(cuff, shown):
    many = coloured(pixelsOf(cuff, "Green")).sum()
    cuff.modules.CamDisplay.setOverlay(shown, True, threshold=0.8)
    few = coloured(pixelsOf(cuff, "Green")).sum()
    assert 0 < few < 0.6 * many
    cuff.modules.CamDisplay.setOverlay(shown, True, opacity=0.0)
    assert coloured(pixelsOf(cuff, "Green")).sum() == 0


def testWithoutAThresholdNothingIsDrawnWhereThereIsNoEvidence(cuff):
    volume = cuff.addShoulder()
    maps = cuff.modules.SyntheticShoulder.resultMaps(cuff.shoulder)
    maps[0, 3] = -1.0
    result = cuff.present(volume, maps)
    cuff.modules.CamDisplay.setOverlay(result, True, 1.0, 0.0)
    cuff.slicer.util.resetSliceViews()
    assert coloured(pixelsOf(cuff, "Green")).sum() == 0


def testColoursAreThoseOfTheChosenTable(cuff, shown):
    def farFromItsEnd():
        """How far the peak's colour lies from the table's upper tenth: the peak lies between voxels, a bit below 1."""
        row, column = (round(value) for value in pixelOf(cuff, "Green", shown.peakRas()))
        peak = pixelsOf(cuff, "Green")[row, column].astype(int)
        table = shown.camNode.GetDisplayNode().GetColorNode().GetLookupTable()
        count = table.GetNumberOfTableValues()
        upper = np.array([table.GetTableValue(value)[:3] for value in range(int(0.9 * count), count)]) * 255
        return np.abs(upper - peak).max(axis=1).min()

    inferno, viridis = (dict(cuff.modules.CamColors.CAM_COLOR_NODES)[name] for name in ("Inferno", "Viridis"))
    assert shown.camNode.GetDisplayNode().GetColorNodeID() == inferno
    assert farFromItsEnd() < 15
    cuff.modules.CamDisplay.setOverlay(shown, True, colorNodeId=viridis)
    assert shown.camNode.GetDisplayNode().GetColorNodeID() == viridis
    assert farFromItsEnd() < 15


def testEveryOfferedTableIsPerceptuallyOrdered(cuff):
    nodes = cuff.modules.CamColors.availableColorNodes()
    assert [node.GetName() for node in nodes] == [name for name, _id in cuff.modules.CamColors.CAM_COLOR_NODES]
    for node in [*nodes, cuff.modules.CamColors._ownTable()]:
        table = node.GetLookupTable()
        count = table.GetNumberOfTableValues()
        colors = np.array([table.GetTableValue(value)[:3] for value in range(count)])
        linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)  # sRGB
        luminance = linear @ [0.2126, 0.7152, 0.0722]
        assert np.all(np.diff(luminance[::8]) > 0), node.GetName()


def testAnOwnTableStandsInWhereSlicersAreAbsent(cuff, monkeypatch):
    monkeypatch.setattr(cuff.modules.CamColors, "CAM_COLOR_NODES", (("Gone", "vtkMRMLColorTableNodeFileGone.txt"),))
    result = cuff.present(cuff.addShoulder())
    assert result.camNode.GetDisplayNode().GetColorNode().GetName() == "CAM colors"
    again = cuff.modules.CamColors.colorNode()
    assert again is result.camNode.GetDisplayNode().GetColorNode()


def testWhatWasInTheForegroundComesBack(cuff):
    volume, other = cuff.addShoulder(), cuff.addShoulder(name="Other series")
    result = cuff.present(volume)
    first, *rest = cuff.composites()
    first.SetForegroundVolumeID(other.GetID())
    first.SetForegroundOpacity(0.35)
    display = cuff.modules.CamDisplay
    display.setOverlay(result, True, 0.7, 0.3)
    display.setOverlay(result, True, 0.9, 0.3)  # a second time must not forget it
    assert all(composite.GetForegroundVolumeID() == result.camNode.GetID() for composite in cuff.composites())
    assert first.GetForegroundOpacity() == pytest.approx(0.9)
    display.setOverlay(result, False)
    assert first.GetForegroundVolumeID() == other.GetID()
    assert first.GetForegroundOpacity() == pytest.approx(0.35)
    assert all(composite.GetForegroundVolumeID() is None for composite in rest)
    assert not display.isOverlaid(result)


def testALayerThatThePersonHasChosenMeanwhileStays(cuff, shown):
    other = cuff.addShoulder(name="Other series")
    first, *rest = cuff.composites()
    first.SetForegroundVolumeID(other.GetID())
    cuff.modules.CamDisplay.setOverlay(shown, False)
    assert first.GetForegroundVolumeID() == other.GetID()
    assert all(composite.GetForegroundVolumeID() is None for composite in rest)


def testAnotherScansMapDoesNotComeBack(cuff, shown):
    second = cuff.present(cuff.addShoulder(name="Other"))
    display = cuff.modules.CamDisplay
    display.setOverlay(second, True)
    display.setOverlay(second, False)
    assert all(composite.GetForegroundVolumeID() is None for composite in cuff.composites())


def testLegendSaysWhichMapAndFollowsTheSwitch(cuff, shown):
    display = cuff.modules.CamDisplay
    display.setLegend(shown, True)
    legend = cuff.slicer.modules.colors.logic().GetColorLegendDisplayNode(shown.camNode.GetDisplayNode())
    assert legend.GetVisibility()
    assert legend.GetTitleText() == "CAM: Medium tear"
    display.showMap(shown, 0, "grad_cam")
    assert legend.GetTitleText() == "Grad-CAM: No tear"
    display.showMap(shown, "tear_versus_none", "cam")
    assert legend.GetTitleText() == "CAM: Tear versus none"
    nodes = cuff.nodeCount()
    display.setLegend(shown, False)
    assert not legend.GetVisibility()
    display.setLegend(shown, True)
    assert legend.GetVisibility()
    assert cuff.nodeCount() == nodes


def testLegendIsDrawnInTheSliceView(cuff, shown):
    display = cuff.modules.CamDisplay
    without = pixelsOf(cuff, "Red").astype(int)
    display.setLegend(shown, True)
    difference = np.abs(pixelsOf(cuff, "Red").astype(int) - without).max(axis=-1) > 30
    rows, columns = np.nonzero(difference)
    assert len(rows) > 200
    height, width = difference.shape
    assert rows.min() > height / 2  # in the lower right corner: the middle of the picture stays free
    assert columns.min() > width * 0.3


def testGoToPeakMovesAllSlices(cuff):
    from RadiologyCNNLib import SliceViews

    volume = cuff.addShoulder()
    result = cuff.present(volume)
    SliceViews.turnTo(volume)
    assert cuff.modules.CamDisplay.goToPeak(result)
    index = np.linalg.inv(cuff.ijkToWorld(result.mapsNode)) @ [*result.peakRas(), 1.0]
    assert np.abs(index - np.round(index)).max() > 0.05  # the peak lies between the map's voxels
    for name in ("Red", "Yellow", "Green"):
        node = cuff.slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode()
        toSlice = cuff.vtk.vtkMatrix4x4()
        cuff.vtk.vtkMatrix4x4.Invert(node.GetSliceToRAS(), toSlice)
        assert toSlice.MultiplyPoint((*result.peakRas(), 1.0))[2] == pytest.approx(0.0, abs=1e-3)


def testRenderingShowsTheMapAboveItsThresholdAndTheScanFaintly(cuff, shown):
    display, rendering = cuff.modules.CamDisplay, cuff.modules.CamRendering
    assert display.setVolumeRendering(shown, True)
    assert rendering.isVisible(shown)
    display.setOverlay(shown, True, threshold=0.6)
    assert rendering.opacityAt(shown, 0.59) == 0.0
    assert rendering.opacityAt(shown, 1.0) == pytest.approx(rendering.CAM_OPACITY_PER_MM)
    logic = cuff.slicer.modules.volumerendering.logic()
    cam = logic.GetFirstVolumeRenderingDisplayNode(shown.camNode)
    scan = logic.GetFirstVolumeRenderingDisplayNode(shown.volumeNode)
    for node in (cam, scan):
        assert node.GetVisibility()
        assert not node.GetVolumePropertyNode().GetVolumeProperty().GetShade()
        assert not node.GetCroppingEnabled()
        assert node.GetROINode() is None
    faint = scan.GetVolumePropertyNode().GetVolumeProperty()
    assert 0 < faint.GetScalarOpacity().GetValue(1e4) < 0.5 * rendering.CAM_OPACITY_PER_MM
    assert faint.GetGradientOpacity().GetValue(0.0) == 0.0  # the inside of a tissue hides nothing
    assert faint.GetGradientOpacity().GetValue(1e4) == 1.0
    nodes = cuff.nodeCount()
    display.setVolumeRendering(shown, True, anatomy=False)
    assert cam.GetVisibility() and not scan.GetVisibility()
    display.setVolumeRendering(shown, False)
    assert not cam.GetVisibility() and not scan.GetVisibility()
    display.setVolumeRendering(shown, True)
    assert cuff.nodeCount() == nodes


def testAScanUnderAWarpIsNotDrawnWhereItIsNot(cuff, shown):
    """Volume rendering leaves a warp out; the map has its place in the world."""
    rendering, logic = cuff.modules.CamRendering, cuff.slicer.modules.volumerendering.logic()
    rendering.setVisible(shown, True)
    warp = cuff.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    warp.SetAndObserveTransformToParent(cuff.vtk.vtkThinPlateSplineTransform())
    shown.volumeNode.SetAndObserveTransformNodeID(warp.GetID())
    rendering.setVisible(shown, True)
    assert rendering.isVisible(shown)
    assert not logic.GetFirstVolumeRenderingDisplayNode(shown.volumeNode).GetVisibility()


def testRenderingIsInEveryThreeDViewAndFollowsAnotherWayOfRendering(cuff, shown):
    """Slicer's logic lists the views that are there, and makes all display nodes anew for the CPU or the GPU."""
    logic, rendering = cuff.slicer.modules.volumerendering.logic(), cuff.modules.CamRendering
    view = cuff.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLViewNode")
    before = logic.GetDefaultRenderingMethod()
    try:
        rendering.setVisible(shown, True)
        for node in (shown.camNode, shown.volumeNode):
            display = logic.GetFirstVolumeRenderingDisplayNode(node)
            assert display.IsDisplayableInView("a view that is opened later")
        logic.ChangeVolumeRenderingMethod("vtkMRMLMultiVolumeRenderingDisplayNode")
        rendering.setVisible(shown, False)
        for node in (shown.camNode, shown.volumeNode):
            assert not logic.GetFirstVolumeRenderingDisplayNode(node).GetVisibility()
        cuff.modules.CuffPresenter.remove(shown)
        assert not cuff.slicer.util.getNodesByClass("vtkMRMLVolumeRenderingDisplayNode")
    finally:
        logic.SetDefaultRenderingMethod(before)
        cuff.slicer.mrmlScene.RemoveNode(view)


def testRenderingUsesTheSlicesColours(cuff, shown):
    display = cuff.modules.CamDisplay
    display.setVolumeRendering(shown, True, anatomy=False)
    viridis = dict(cuff.modules.CamColors.CAM_COLOR_NODES)["Viridis"]
    display.setOverlay(shown, True, colorNodeId=viridis)
    logic = cuff.slicer.modules.volumerendering.logic()
    colors = logic.GetFirstVolumeRenderingDisplayNode(shown.camNode).GetVolumePropertyNode().GetVolumeProperty()
    table = cuff.slicer.mrmlScene.GetNodeByID(viridis).GetLookupTable()
    for share in (0.0, 0.5, 1.0):
        expected = table.GetTableValue(round(share * (table.GetNumberOfTableValues() - 1)))[:3]
        assert np.allclose(colors.GetRGBTransferFunction().GetColor(share), expected, atol=0.02)


def testAPersonsOwnRenderingOfTheScanIsLeftAlone(cuff):
    volume = cuff.addShoulder()
    logic = cuff.slicer.modules.volumerendering.logic()
    own = logic.CreateDefaultVolumeRenderingNodes(volume)
    before = own.GetVolumePropertyNode().GetVolumeProperty().GetScalarOpacity().GetValue(200.0)
    result = cuff.present(volume)
    cuff.modules.CamDisplay.setVolumeRendering(result, True)
    cuff.modules.CamDisplay.setVolumeRendering(result, False)
    assert own.GetVisibility()
    assert own.GetVolumePropertyNode().GetVolumeProperty().GetScalarOpacity().GetValue(200.0) == before


def testWithoutVolumeRenderingTheRestWorks(cuff, monkeypatch):
    monkeypatch.delattr(cuff.slicer.modules, "volumerendering")
    result = cuff.present(cuff.addShoulder())
    display = cuff.modules.CamDisplay
    assert display.setVolumeRendering(result, True) is False
    display.setOverlay(result, True, 0.5, 0.4)
    assert display.isOverlaid(result)


def testWhatIsShownComesBackWithTheScene(cuff, shown, tmp_path):
    display = cuff.modules.CamDisplay
    display.setOverlay(shown, True, 0.45, 0.35, dict(cuff.modules.CamColors.CAM_COLOR_NODES)["Plasma"])
    display.setLegend(shown, True)
    display.setVolumeRendering(shown, True)
    cuff.reload(tmp_path / "scene.mrb")
    result = cuff.modules.CuffResult.CuffResult.ofVolume(cuff.slicer.util.getNode("Shoulder"))
    assert display.isOverlaid(result)
    assert display.opacityOf(result) == pytest.approx(0.45)
    node = result.camNode.GetScalarVolumeDisplayNode()
    assert (node.GetLowerThreshold(), node.GetColorNode().GetName()) == (pytest.approx(0.35), "Plasma")
    assert (node.GetWindowLevelMin(), node.GetWindowLevelMax()) == (pytest.approx(0.0), pytest.approx(1.0))
    assert cuff.modules.CamRendering.isVisible(result)
    nodes = cuff.nodeCount()
    display.setVolumeRendering(result, False)
    display.setLegend(result, True)
    display.setVolumeRendering(result, True)
    assert cuff.nodeCount() == nodes  # the loaded ones are used again
    display.setOverlay(result, False)
    assert all(composite.GetForegroundVolumeID() is None for composite in cuff.composites())
