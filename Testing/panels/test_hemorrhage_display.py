"""The HemorrhageSeg panel and the views: where they go, how the bleed is drawn, and the brain window."""

import pytest


@pytest.fixture
def clinic(headClinic):
    return headClinic


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
    measurements = clinic.result.record["measurements"]
    crescent = {**measurements["lesions"][0], "place_ras_mm": [-60.0, 3.0, 12.0]}  # whose middle is none of its voxels
    clinic.result.updateRecord(measurements={**measurements, "lesions": [crescent]})
    clinic.host.click(view.viewport(), cell.center())
    assert clinic.slicePosition("Red")[2] == pytest.approx(12.0) and clinic.slicePosition("Yellow")[0] == pytest.approx(
        -60.0
    )


def testThreeDIsBuiltOnDemandAndFollowsTheThreshold(clinic):
    result = clinic.segment()
    assert not result.hasSurface
    clinic.click(clinic.ui.show3DCheckBox)
    clinic.waitFor(lambda: result.hasSurface)
    assert result.segmentationNode.GetDisplayNode().GetVisibility3D()
    clinic.ui.thresholdSlider.value = 0.95
    assert not result.hasSurface
    clinic.waitFor(lambda: result.hasSurface)


def skulls(clinic) -> list:
    return clinic.slicer.util.getNodesByClass("vtkMRMLVolumeRenderingDisplayNode")


def testTheSkullIsFaintlyAroundTheBleed(clinic):
    result = clinic.segment()
    assert not clinic.ui.showSkullCheckBox.enabled and not skulls(clinic)
    clinic.click(clinic.ui.show3DCheckBox)
    clinic.waitFor(lambda: result.hasSurface)
    (skull,) = skulls(clinic)
    assert skull.GetVisibility() and skull.GetVolumeNode() is clinic.volume
    assert skull.IsDisplayableInView("a view that is opened later")
    opacity = skull.GetVolumePropertyNode().GetVolumeProperty().GetScalarOpacity()
    assert opacity.GetValue(100.0) == 0.0  # brain and blood are not drawn
    assert 0 < 16 * opacity.GetValue(1000.0) < 0.3  # both tables of a skull leave most of the light
    clinic.ui.thresholdSlider.value = 0.95
    assert skull.GetVisibility()  # while the surface is built anew, too
    clinic.waitFor(lambda: result.hasSurface)
    clinic.click(clinic.ui.showSkullCheckBox)
    assert not skull.GetVisibility() and result.segmentationNode.GetDisplayNode().GetVisibility3D()
    clinic.click(clinic.ui.showSkullCheckBox)
    assert skull.GetVisibility()
    clinic.click(clinic.ui.show3DCheckBox)
    assert not skull.GetVisibility() and not clinic.ui.showSkullCheckBox.enabled
    clinic.click(clinic.ui.removeResultButton)
    assert not skulls(clinic) and not clinic.slicer.util.getNodesByClass("vtkMRMLVolumePropertyNode")
    assert clinic.volume.GetDisplayNode().IsA("vtkMRMLScalarVolumeDisplayNode")


def testTheSkullOfAWarpedScanIsNotDrawnWhereItIsNot(clinic):
    """Volume rendering leaves a warp out."""
    import vtk

    result = clinic.segment()
    clinic.ui.show3DCheckBox.checked = True
    clinic.waitFor(lambda: result.hasSurface)
    (skull,) = skulls(clinic)
    warp = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    warp.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    clinic.volume.SetAndObserveTransformNodeID(warp.GetID())
    clinic.ui.opacitySlider.value = 0.3
    assert not skull.GetVisibility()


def testWithoutVolumeRenderingTheBleedIsShownAlone(clinic, monkeypatch):
    monkeypatch.delattr(clinic.slicer.modules, "volumerendering")
    result = clinic.segment()
    clinic.click(clinic.ui.show3DCheckBox)
    clinic.waitFor(lambda: result.hasSurface)
    assert not skulls(clinic)


def testABleedIsSeenOverItsOwnScanAlone(clinic):
    """Masks of two scans would lie in each other, in slices and in 3D."""
    first, firstScan = clinic.segment(), clinic.volume
    clinic.ui.show3DCheckBox.checked = True
    clinic.waitFor(lambda: first.hasSurface)
    clinic.addHead(clinic.syntheticHead(bleedMm=(10.0, 10.0, 10.0)), "Other CT")  # chosen, without a result
    own, (skull,) = first.segmentationNode.GetDisplayNode(), skulls(clinic)
    assert not own.GetVisibility() and not skull.GetVisibility()
    second = clinic.segment()
    clinic.waitFor(lambda: second.hasSurface)
    other = second.segmentationNode.GetDisplayNode()
    assert other.GetVisibility() and not own.GetVisibility()
    clinic.ui.inputVolumeSelector.setCurrentNode(firstScan)
    assert own.GetVisibility() and not other.GetVisibility()
    assert [node.GetVolumeNode() for node in skulls(clinic) if node.GetVisibility()] == [firstScan]
    other.SetVisibility(True)  # as by the eye in the Data module, to compare both
    clinic.ui.opacitySlider.value = 0.25
    assert other.GetVisibility()


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
