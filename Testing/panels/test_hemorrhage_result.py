"""HemorrhageSeg's result leaves the scene whole, and says where the scan is no longer the one it was made from."""

from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture
def clinic(headClinic):
    return headClinic


def nodes(clinic) -> set:
    return {node.GetID() for node in clinic.slicer.util.getNodesByClass("vtkMRMLNode")}


def corrected(clinic) -> None:
    """Half of the mask is taken away by hand."""
    mask, offset = clinic.result.maskCrop()
    mask[: len(mask) // 2] = 0
    clinic.result.setMask(mask, offset)
    clinic.widget.results.finishEdit()


def testRemoveResultLeavesTheScan(clinic):
    before = nodes(clinic)
    assert not clinic.ui.removeResultButton.enabled
    clinic.segment()
    clinic.ui.networkOutlineCheckBox.checked = True
    clinic.click(clinic.ui.removeResultButton)
    assert clinic.result is None and clinic.ui.totalLabel.text == ""
    assert "removed" in clinic.ui.messageLabel.text
    assert not clinic.ui.removeResultButton.enabled and clinic.ui.resultCollapsibleButton.collapsed
    left = nodes(clinic) - before
    assert not [name for name in left if "ColorNode" not in name and "SubjectHierarchy" not in name], left
    clinic.segment()
    assert clinic.ui.totalLabel.text.endswith("mL")


def testRemovingACorrectedResultIsAskedFor(clinic, monkeypatch):
    clinic.segment()
    corrected(clinic)
    answers = [False, True]
    monkeypatch.setattr(clinic.slicer.util, "confirmOkCancelDisplay", lambda *arguments: answers.pop(0))
    clinic.click(clinic.ui.removeResultButton)
    assert clinic.result is not None
    clinic.click(clinic.ui.removeResultButton)
    assert clinic.result is None and not answers


def testRemovingWhileCorrectingClosesTheEditor(clinic):
    clinic.segment()
    clinic.ui.correctCollapsibleButton.collapsed = False
    clinic.click(clinic.ui.removeResultButton)
    assert clinic.widget.correct.editor.widget.segmentationNode() is None
    assert not clinic.ui.correctCollapsibleButton.enabled


def testDeletedSegmentationTakesTheRestOfItsResultWithIt(clinic):
    result = clinic.segment()
    clinic.slicer.mrmlScene.RemoveNode(result.segmentationNode)
    assert clinic.result is None
    assert not clinic.slicer.util.getNodesByClass("vtkMRMLTableNode")
    assert clinic.slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == [clinic.volume]


def testASegmentThatIsAddedByHandIsSaidNotToCount(clinic):
    segmentation = clinic.segment().segmentationNode.GetSegmentation()
    total = clinic.ui.totalLabel.text
    added = segmentation.AddEmptySegment("", "Second bleed")
    clinic.result.segmentationNode.GetSegmentation().GetSegment(added).SetName("Second bleed <2>")
    clinic.widget.results.finishEdit()
    assert "Second bleed &lt;2&gt;" in clinic.ui.notesLabel.text and clinic.ui.totalLabel.text == total
    segmentation.RemoveSegment(added)
    clinic.widget.results.finishEdit()
    assert "Second bleed" not in clinic.ui.notesLabel.text


def testASegmentThatIsCopiedFromAnotherResultIsAddedByHand(headClinic):
    """Slicer then makes an identifier that begins as that of the label's own segment."""
    headClinic.segment()
    segmentation, earlier = headClinic.result.segmentationNode.GetSegmentation(), headClinic.slicer.vtkSegmentation()
    earlier.DeepCopy(segmentation)
    earlier.GetSegment("hemorrhage-1").SetName("Yesterday")
    segmentation.CopySegmentFromSegmentation(earlier, "hemorrhage-1")
    headClinic.widget.results.finishEdit()
    assert "in none of these numbers: Yesterday." in headClinic.ui.notesLabel.text
    headClinic.segment()
    names = [segmentation.GetSegment(one).GetName() for one in segmentation.GetSegmentIDs()]
    assert names[1:] == ["Yesterday"], "a new run leaves what somebody has added"


def testAResultStaysWithItsScanWhenItsMaskIsDrawnOnAnothersGrid(clinic):
    """Slicer's "Specify geometry" with another volume makes that one the segmentation's reference volume."""
    other = clinic.addHead(clinic.syntheticHead((40, 64, 64), (3.6, 3.6, 4.0)), "Thin slices")
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    result = clinic.segment()
    total = clinic.ui.totalLabel.text
    geometry = clinic.slicer.vtkSlicerSegmentationGeometryLogic()
    geometry.SetInputSegmentationNode(result.segmentationNode)
    geometry.SetSourceGeometryNode(other)
    geometry.CalculateOutputGeometry()
    geometry.SetReferenceImageGeometryInSegmentationNode()
    clinic.ui.inputVolumeSelector.setCurrentNode(other)
    assert clinic.result is None
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert clinic.ui.totalLabel.text == total and not clinic.ui.outdatedLabel.visible
    clinic.slicer.mrmlScene.RemoveNode(clinic.volume)
    clinic.ui.inputVolumeSelector.setCurrentNode(other)
    assert clinic.result is None


def testChangedVoxelsMakeTheResultOutOfDateUntilTheNextRun(clinic):
    clinic.segment()
    assert not clinic.ui.outdatedLabel.visible
    array = clinic.slicer.util.arrayFromVolume(clinic.volume)
    array += 5
    clinic.slicer.util.arrayFromVolumeModified(clinic.volume)
    assert clinic.ui.outdatedLabel.text == "The scan was changed after this result. Segment again."
    clinic.volume.SetName("another name")
    assert clinic.ui.outdatedLabel.visible
    clinic.segment()
    assert not clinic.ui.outdatedLabel.visible


def testAScanThatIsMovedLeavesItsMaskBehind(clinic):
    clinic.segment()
    transform = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    clinic.volume.SetAndObserveTransformNodeID(transform.GetID())
    clinic.result.segmentationNode.SetAndObserveTransformNodeID(transform.GetID())
    matrix = np.diag([1.0, 1.0, 1.0, 1.0])
    matrix[:3, 3] = 7, -3, 2
    transform.SetMatrixTransformToParent(clinic.slicer.util.vtkMatrixFromArray(matrix))
    assert not clinic.ui.outdatedLabel.visible  # both were moved
    clinic.volume.SetAndObserveTransformNodeID(None)
    assert "no longer fits" in clinic.ui.outdatedLabel.text


def testTheTableIsAsHighAsItsRows(clinic):
    from panels.typed_answer import segmentTypes

    clinic.segment()
    one = clinic.ui.lesionTable.maximumHeight
    segmentTypes(clinic)
    assert clinic.ui.lesionTable.maximumHeight == one + 4 * clinic.ui.lesionTable.verticalHeader().defaultSectionSize
    clinic.widget.results.logic.maskChanged(clinic.result)
    clinic.widget.results.showVolume()  # the table is empty until the mask has been measured
    assert clinic.ui.lesionTable.maximumHeight > one


def testASpeckIsNotShownAsNothing(clinic):
    from HemorrhageSegLib import ResultPresenter

    _name, heading, _meaning, textOf = ResultPresenter.tableColumns(["Hemorrhage"])[1]
    assert heading == "mL"
    shown = [textOf(SimpleNamespace(volume_ml=ml)) for ml in (0.0, 0.004, 0.006, 12.5)]
    assert shown == ["0.00", "<0.01", "0.01", "12.50"]
