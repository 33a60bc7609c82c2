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
