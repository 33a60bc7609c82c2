"""Marks and aids in a reader study: a box or point on the tear, the box and map that a study may show."""

import numpy as np
import pytest
from panels.study_clinic import CASES, classified, settings


def testABoxOnTheTearIsKeptAndTheMapsPeakIsCheckedAgainstIt(clinic, folder):
    from radiologycnn.readers.marks import TearMark

    for case in CASES:
        classified(folder, case, (-5.0, -12.0, 8.0))
    clinic.startStudy()
    clinic.click(clinic.study.markBoxButton)
    box = clinic.section.scene.markNode
    assert box.GetDisplayNode().GetVisibility()
    box.SetCenterWorld(-4, -10, 6)
    box.SetSize(10, 12, 14)
    clinic.read(4)
    clinic.click(clinic.study.markBoxButton)
    clinic.section.scene.markNode.SetCenterWorld(5, -10, 6)
    clinic.section.scene.markNode.SetSize(10, 12, 14)
    clinic.read(4)
    clinic.click(clinic.study.markPointButton)
    clinic.section.scene.markNode.SetNthControlPointPositionWorld(0, -5, -12, 5)
    clinic.read(4)
    clinic.click(clinic.study.markPointButton)
    clinic.click(clinic.study.removeMarkButton)
    clinic.read(1)
    first, second, third, fourth = clinic.rows()
    mark = TearMark.from_text(first["mark"])
    assert mark.centre_lps_mm == pytest.approx((4, 10, 6))
    assert mark.size_mm == pytest.approx((10, 12, 14))
    assert (first["peak_inside"], first["peak_distance_mm"]) == ("yes", "0.00")
    assert (second["peak_inside"], second["peak_distance_mm"]) == ("no", "5.00")
    assert (third["peak_inside"], third["peak_distance_mm"]) == ("no", "3.00")
    assert (fourth["mark"], fourth["peak_distance_mm"]) == ("", "")


def testAMarkBeginsWhereTheSlicesOfAnyLayoutCross(clinic):
    """There may be several of one plane, and they need not be called Red, Yellow and Green."""
    clinic.startStudy()
    nodes = clinic.slicer.util.getNodesByClass("vtkMRMLSliceNode")
    before = [node.IsMappedInLayout() for node in nodes]
    others = []
    try:
        for node in nodes:
            node.SetMappedInLayout(False)
        for number, orientation in enumerate(("Axial", "Axial", "Coronal", "Sagittal")):
            node = clinic.slicer.mrmlScene.CreateNodeByClass("vtkMRMLSliceNode")
            node.UnRegister(None)
            node.SetLayoutName(f"Own {number}")
            others.append(clinic.slicer.mrmlScene.AddNode(node))
            node.SetOrientation(orientation)
            node.SetMappedInLayout(True)
            node.JumpSliceByOffsetting(-4.0, 7.0, 3.0)
        clinic.click(clinic.study.markPointButton)
        place = np.array(clinic.section.scene.mark().centre_lps_mm)
    finally:
        for node, mapped in zip(nodes, before):
            node.SetMappedInLayout(mapped)
        for node in others:
            clinic.slicer.mrmlScene.RemoveNode(node)
    assert place == pytest.approx([4.0, -7.0, 3.0])


def testTheMarkIsDraggedInASliceView(clinic):
    clinic.startStudy()
    clinic.click(clinic.study.markPointButton)
    before = np.array(clinic.section.scene.mark().centre_lps_mm)
    start = before * [-1, -1, 1]
    clinic.host.drag_in_slice("Red", start, start + [6, 4, 0])
    after = np.array(clinic.section.scene.mark().centre_lps_mm)
    assert after - before == pytest.approx([-6, -4, 0], abs=1.5)


def testBoxAndMapAreShownWhereTheStudySaysSo(clinic, folder):
    from radiologycnn.images import write_image

    settings(folder, show_region=True, show_map=True, allow_marks=False)
    for case in CASES:
        classified(folder, case, (0, 0, 0))
        write_image(folder / "network" / case / "cam.nii.gz", np.stack([np.eye(8, dtype=np.float32)] * 4), np.eye(4))
    clinic.startStudy()
    assert not clinic.study.markBoxButton.isVisible()
    (foreground,) = {c.GetForegroundVolumeID() for c in clinic.composites()}
    shownMap = clinic.slicer.mrmlScene.GetNodeByID(foreground)
    assert shownMap.GetName() == "Case 1 map"
    display = shownMap.GetScalarVolumeDisplayNode()
    assert (display.GetApplyThreshold(), display.GetWindowLevelMax()) == (1, 1.0)  # a map's, not a scan's
    boxes = [
        d for d in clinic.slicer.util.getNodesByClass("vtkMRMLMarkupsROINode") if d.GetDisplayNode().GetVisibility()
    ]
    assert len(boxes) == 1
    clinic.click(clinic.study.pauseButton)
    assert not boxes[0].GetDisplayNode().GetVisibility()
    clinic.click(clinic.study.endStudyButton)
    assert not clinic.slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")
