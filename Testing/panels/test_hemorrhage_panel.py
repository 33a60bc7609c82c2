"""The HemorrhageSeg panel as a person uses it: the volume, the table, the threshold, and scans that cannot be used."""

import numpy as np
import pytest


@pytest.fixture
def clinic(headClinic):
    return headClinic


def testClickSegmentsAndShowsTheVolume(clinic):
    clinic.segment()
    assert clinic.ui.totalLabel.text == f"{clinic.head.bleedMl:.1f} mL"
    assert "ABC/2 25.9 mL" in clinic.ui.abcLabel.text
    assert clinic.ui.segmentButton.text == "Segment"
    assert clinic.result.segmentationNode.GetName() == "CT hemorrhage"
    assert clinic.tableCells()[0][1] == f"{clinic.head.bleedMl:.2f}"
    segment = clinic.result.segmentationNode.GetSegmentation().GetSegment("hemorrhage-1")
    tag = clinic.slicer.vtkSegment.GetTerminologyEntryTagName()
    import vtk

    value = vtk.mutable("")
    assert segment.GetTag(tag, value)
    assert "50960005^Hemorrhage" in str(value)


def testAnotherScanGetsItsOwnResult(clinic):
    first = clinic.segment().segmentationNode
    other = clinic.syntheticHead(bleedMm=(10.0, 10.0, 10.0))
    clinic.addHead(other, "Other CT")
    assert clinic.ui.totalLabel.text == ""
    clinic.answer(clinic.start(), head=other)
    assert clinic.result.segmentationNode is not first
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert clinic.result.segmentationNode is first
    assert clinic.ui.totalLabel.text == f"{clinic.head.bleedMl:.1f} mL"


def testSeveralLabelsGiveSeveralSegments(clinic):
    from radiologycnn.hemorrhage.labels import LabelDefinition

    labels = [
        LabelDefinition(1, "Intraparenchymal", (0.9, 0.1, 0.1)).to_dict(),
        LabelDefinition(2, "Intraventricular", (0.1, 0.4, 0.9)).to_dict(),
    ]
    job = clinic.start()
    folder = clinic.sent("segment")[1]["output"]
    message = clinic.selfTest.resultMessage(clinic.head, folder)
    one = np.load(message["probability"])
    both = np.stack([one, np.zeros_like(one)])
    half = one.shape[2] // 2
    both[1, :, :, half:] = both[0, :, :, half:]
    both[0, :, :, half:] *= 0.1
    np.save(message["probability"], both)
    clinic.client.result.emit(job, {**message, "labels": labels})
    segmentation = clinic.result.segmentationNode.GetSegmentation()
    names = [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())]
    assert names == ["Intraparenchymal", "Intraventricular"]
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)
    crop, _offset = clinic.result.maskCrop()
    assert set(np.unique(crop)) == {0, 1, 2}
    assert len(clinic.result.probabilityNodes) == 2
    clinic.segment()
    assert segmentation.GetNumberOfSegments() == 1
    assert len(clinic.result.probabilityNodes) == 1


def testThresholdIsLiveAndTheTableFollows(clinic):
    clinic.segment()
    clinic.ui.thresholdSlider.value = 0.95
    total = clinic.result.totalMl()
    assert 0 < total < clinic.head.bleedMl
    assert clinic.ui.totalLabel.text == f"{total:.1f} mL"
    assert clinic.tableCells() == []
    assert not clinic.ui.exportCsvButton.enabled
    job, fields = clinic.waitForMeasuring()
    mask = np.load(fields["mask"])
    assert np.count_nonzero(mask) * clinic.result.voxelVolumeMm3() / 1000 == pytest.approx(total)
    k, j, i = fields["offset_kji"]
    part = clinic.head.truth[k : k + mask.shape[0], j : j + mask.shape[1], i : i + mask.shape[2]]
    assert np.all(part[mask > 0] == 1)
    message = clinic.selfTest.resultMessage(clinic.head, clinic.slicer.app.temporaryPath)
    clinic.client.result.emit(job, {"measurements": message["measurements"]})
    assert len(clinic.tableCells()) == 1
    assert clinic.ui.exportCsvButton.enabled
    assert not clinic.ui.tableStatusLabel.visible


def testOldMeasurementsDoNotOverwriteANewResult(clinic):
    clinic.segment()
    clinic.ui.thresholdSlider.value = 0.95
    old, _fields = clinic.waitForMeasuring()
    clinic.segment()
    message = clinic.selfTest.resultMessage(clinic.head, clinic.slicer.app.temporaryPath)
    empty = {"total_volume_ml": 0.0, "total_abc2_ml": 0.0, "totals": [], "lesions": []}
    clinic.client.result.emit(old, {**message, "measurements": empty})
    assert clinic.ui.totalLabel.text == f"{clinic.head.bleedMl:.1f} mL"
    assert len(clinic.tableCells()) == 1


def testResetGoesBackToTheExactOperatingThreshold(clinic):
    clinic.answer(clinic.start(), threshold=0.4567)
    assert clinic.result.record["threshold"] == 0.4567
    clinic.ui.thresholdSlider.value = 0.95
    clinic.click(clinic.ui.resetThresholdButton)
    assert clinic.result.record["threshold"] == 0.4567
    assert clinic.ui.thresholdSlider.value == pytest.approx(0.4567, abs=0.005)
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)


def testCorrectionByHandIsNoticedMeasuredAndKeptUntilThePersonGivesItUp(clinic, monkeypatch):
    result = clinic.segment()
    mask = clinic.slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentationNode, "hemorrhage-1", clinic.volume)
    mask[: mask.shape[0] // 2] = 0
    clinic.slicer.util.updateSegmentBinaryLabelmapFromArray(
        mask.astype(np.uint8), result.segmentationNode, "hemorrhage-1", clinic.volume
    )
    expected = np.count_nonzero(mask) * result.voxelVolumeMm3() / 1000
    clinic.waitFor(lambda: clinic.ui.totalLabel.text == f"{expected:.1f} mL")
    assert not clinic.ui.thresholdSlider.enabled
    assert clinic.tableCells() == []
    sent = np.load(clinic.waitForMeasuring()[1]["mask"])
    assert np.count_nonzero(sent) == np.count_nonzero(mask)
    monkeypatch.setattr(clinic.slicer.util, "confirmOkCancelDisplay", lambda *arguments: False)
    clinic.click(clinic.ui.resetThresholdButton)
    clinic.click(clinic.ui.segmentButton)
    assert clinic.result.totalMl() == pytest.approx(expected)
    monkeypatch.setattr(clinic.slicer.util, "confirmOkCancelDisplay", lambda *arguments: True)
    clinic.click(clinic.ui.resetThresholdButton)
    assert clinic.result.totalMl() == pytest.approx(clinic.head.bleedMl)


@pytest.mark.parametrize("kind", ["single slice", "empty"])
def testUnusableInputIsExplained(clinic, kind):
    words = {"single slice": "single slice", "empty": "no image"}
    if kind == "single slice":
        node = clinic.slicer.util.addVolumeFromArray(np.zeros((1, 64, 64), np.int16))
    else:
        node = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    clinic.ui.inputVolumeSelector.setCurrentNode(node)
    assert not clinic.ui.segmentButton.enabled
    assert words[kind] in clinic.ui.stageLabel.text
    assert words[kind] in clinic.ui.segmentButton.toolTip


def testProbabilityMapIsNotOfferedAndNotSegmented(clinic):
    node = clinic.segment().probabilityNodes[0]
    clinic.ui.inputVolumeSelector.setCurrentNode(node)
    assert clinic.ui.inputVolumeSelector.currentNode() is not node
    assert "map of an earlier result" in clinic.widget.logic.inputProblem(node)


def testMriIsRefusedBeforeTheClick(clinic, monkeypatch):
    from HemorrhageSegLib import Logic

    monkeypatch.setattr(Logic.VolumeExchange, "modalityOf", lambda node: "MR")  # as its DICOM header says
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.addScan())
    assert not clinic.ui.segmentButton.enabled
    assert "This is an MRI" in clinic.ui.stageLabel.text


def testColourImageIsExplained(clinic):
    node = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Photo")
    clinic.slicer.util.updateVolumeFromArray(node, np.zeros((4, 8, 8, 3), np.uint8))
    assert "colour" in clinic.widget.logic.inputProblem(node)


def testBrokenResultLeavesNoHalfResultBehind(clinic):
    before = clinic.nodeCount()
    clinic.answer(clinic.start(), labels=[{"value": 1, "name": "Bleed", "colour": "red"}])
    assert clinic.ui.messageLabel.visible
    assert clinic.result is None
    assert clinic.nodeCount() == before


def corrected(clinic):
    """The mask after a correction in another editor than the panel's, as voxels."""
    node, volume = clinic.result.segmentationNode, clinic.volume
    mask = clinic.slicer.util.arrayFromSegmentBinaryLabelmap(node, "hemorrhage-1", volume).copy()
    mask[5:9, 20:40, 20:40] = 1
    clinic.slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "hemorrhage-1", volume)
    return mask


@pytest.mark.parametrize("noticed", [True, False])
def testAMaskThatIsCorrectedElsewhereWhileTheNetworkWorksIsNotReplaced(clinic, noticed):
    clinic.segment()
    job = clinic.start()
    clinic.host.leave_module()
    mask = corrected(clinic)
    if noticed:
        clinic.waitFor(lambda: clinic.result.record["edited"])
    clinic.answer(job)
    node, volume = clinic.result.segmentationNode, clinic.volume
    assert np.array_equal(clinic.slicer.util.arrayFromSegmentBinaryLabelmap(node, "hemorrhage-1", volume), mask)
    assert clinic.result.record["edited"]
    assert "corrected by hand while the network worked" in clinic.ui.messageLabel.text
    clinic.waitFor(lambda: clinic.words == "53.3 mL")


def testACorrectionThatThePersonHasGivenUpBeforeTheRunIsReplaced(clinic, monkeypatch):
    monkeypatch.setattr(clinic.slicer.util, "confirmOkCancelDisplay", lambda *arguments: True)
    clinic.segment()
    corrected(clinic)
    clinic.waitFor(lambda: clinic.result.record["edited"])
    clinic.answer(clinic.start())
    assert clinic.words == "27.4 mL" and not clinic.result.record["edited"]


def testNothingIsMeasuredInAScanThatWasCroppedSince(clinic):
    clinic.segment()
    clinic.slicer.util.updateVolumeFromArray(clinic.volume, clinic.head.array[3:].copy())
    clinic.ui.thresholdSlider.value = 0.8
    clinic.waitFor(lambda: "could not be updated" in clinic.ui.tableStatusLabel.text)
    assert not clinic.count("measure") and "other slices" in clinic.ui.tableStatusLabel.text
    assert clinic.tableCells() == []
