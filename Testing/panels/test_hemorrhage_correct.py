"""Correcting in the HemorrhageSeg panel: strokes, undo of the network too, protected segments, the network beside."""

import numpy as np
import pytest
from panels.typed_answer import typedAnswer


@pytest.fixture
def correcting(room):
    """A result in the scene, the Correct part unfolded."""
    room.segment()
    room.ui.correctCollapsibleButton.collapsed = False
    room.host.process_events()
    return room


def testPartsForAnnotatorsAreFoldedAndTakeNoKeys(room):
    room.segment()
    assert room.ui.correctCollapsibleButton.collapsed
    assert room.ui.worklistCollapsibleButton.collapsed
    before = room.result.totalMl()
    room.press("1")
    room.press("Z")
    room.press("A")
    assert room.result.totalMl() == before
    assert not room.widget.correct.isActive


def testEditorEditsTheResultWithItsOwnParameters(correcting):
    editor = correcting.editor
    assert editor.segmentationNode() is correcting.result.segmentationNode
    assert editor.sourceVolumeNode() is correcting.volume
    assert editor.currentSegmentID() == "hemorrhage-1"
    assert editor.effectNameOrder()[:2] == ["Paint", "Erase"]
    assert not editor.unorderedEffectsVisible
    node = editor.mrmlSegmentEditorNode()
    assert node.GetSingletonTag() == "HemorrhageSeg"
    assert node.GetOverwriteMode() == node.OverwriteNone
    assert correcting.slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode") is None


def testStrokeShowsItsVolumeAndUndoTakesItBack(correcting):
    before = correcting.result.totalMl()
    correcting.stroke(np.s_[16:20, 60:70, 60:70])
    expected = before + (400 - np.count_nonzero(correcting.head.truth[16:20, 60:70, 60:70])) * (
        correcting.result.voxelVolumeMm3() / 1000
    )
    correcting.waitFor(lambda: correcting.ui.correctVolumeLabel.text == f"{expected:.1f} mL")
    assert correcting.ui.totalLabel.text == f"{expected:.1f} mL"
    assert "added" in correcting.ui.correctDetailLabel.text
    assert correcting.result.record["edited"]
    correcting.press("Z")
    correcting.waitFor(lambda: correcting.ui.correctVolumeLabel.text == f"{before:.1f} mL")
    assert correcting.ui.correctDetailLabel.text == "the network's own mask"
    assert not correcting.result.record["edited"]
    assert correcting.ui.thresholdSlider.enabled
    correcting.press("Y")
    correcting.waitFor(lambda: correcting.ui.correctVolumeLabel.text == f"{expected:.1f} mL")


def testUndoTakesBackTheNetworksUpdateToo(correcting):
    correcting.stroke(np.s_[16:20, 60:70, 60:70])
    corrected = correcting.maskOf()
    correcting.segment()
    assert np.array_equal(correcting.maskOf(), correcting.head.truth != 0)
    correcting.press("Ctrl+Z")
    assert np.array_equal(correcting.maskOf(), corrected)


def testBackToTheNetworkAsksNothingAndCanBeUndone(correcting, monkeypatch):
    monkeypatch.setattr(correcting.slicer.util, "confirmOkCancelDisplay", lambda *a: pytest.fail("a pop-up"))
    correcting.stroke(np.s_[16:20, 60:70, 60:70], add=False)
    corrected = correcting.maskOf()
    correcting.settled()
    correcting.click(correcting.ui.networkMaskButton)
    assert np.array_equal(correcting.maskOf(), correcting.head.truth != 0)
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), corrected)


def testADragOfTheThresholdIsOneUndo(correcting):
    before = correcting.maskOf()
    for value in (0.9, 0.92, 0.95):
        correcting.ui.thresholdSlider.value = value
    assert not np.array_equal(correcting.maskOf(), before)
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), before)


def testOtherSegmentsAreProtected(correcting):
    node = correcting.result.segmentationNode
    node.GetSegmentation().AddEmptySegment("own", "drawn by hand", (0, 1, 0))
    correcting.stroke(np.s_[10:14, 20:40, 20:40], segmentId="own")
    own = correcting.maskOf("own")
    correcting.stroke(np.s_[8:20, 10:60, 10:60])
    assert own.any()
    assert np.array_equal(correcting.maskOf("own"), own)


def testRangeOfHuKeepsTheBrushOffOtherTissue(correcting):
    correcting.click(correcting.ui.limitHuCheckBox)
    correcting.ui.minimumHuSpinBox.value = 55
    node = correcting.editor.mrmlSegmentEditorNode()
    assert node.GetSourceVolumeIntensityMask()
    assert node.GetSourceVolumeIntensityMaskRange() == (55, 100)
    correcting.press("I")  # the editor's own key
    assert not node.GetSourceVolumeIntensityMask()
    assert not correcting.ui.limitHuCheckBox.checked
    node.SetSourceVolumeIntensityMaskRange(30, 80)
    assert (correcting.ui.minimumHuSpinBox.value, correcting.ui.maximumHuSpinBox.value) == (30, 80)


@pytest.mark.parametrize("effect", ["Paint", "Scissors"])
def testRangeOfHuHoldsForStrokesAndForErasing(correcting, effect):
    editor, ui = correcting.editor, correcting.ui
    voxels = correcting.slicer.util.arrayFromVolume(correcting.volume)
    before, drawn = correcting.maskOf(), np.zeros(voxels.shape, bool)
    block = np.s_[12:18, 40:80, 60:90]
    drawn[block] = True
    editor.setActiveEffectByName(effect)
    correcting.click(ui.limitHuCheckBox)
    assert ui.minimumHuSpinBox.enabled and ui.maximumHuSpinBox.enabled
    ui.minimumHuSpinBox.value, ui.maximumHuSpinBox.value = 20, 66
    inRange = (voxels >= 20) & (voxels <= 66)
    assert (drawn & inRange & ~before).any() and (drawn & before & ~inRange).any()
    correcting.stroke(block)
    painted = before | (drawn & inRange)
    assert np.array_equal(correcting.maskOf(), painted)
    correcting.stroke(block, add=False)
    erased = painted & ~(drawn & inRange)
    assert np.array_equal(correcting.maskOf(), erased)
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), painted)
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), before)
    correcting.press("Y")
    correcting.press("Y")
    assert np.array_equal(correcting.maskOf(), erased)


def testKeyAndThresholdTurnTheRangeOnAndOffWithABrushInHandToo(correcting):
    node, box = correcting.editor.mrmlSegmentEditorNode(), correcting.ui.limitHuCheckBox
    correcting.press("1")
    for expected in (True, False, True):
        correcting.press("I")
        assert box.checked is expected
    correcting.press("3")
    assert box.checked
    correcting.press("I")
    assert not box.checked
    for _time in range(2):  # as Threshold's "Use for masking" does; a second time it stays
        correcting.editor.setActiveEffectByName("Threshold")
        node.SourceVolumeIntensityMaskOn()
        node.SetSourceVolumeIntensityMaskRange(40, 90)
        correcting.editor.setActiveEffectByName("Paint")
        assert box.checked
        assert (correcting.ui.minimumHuSpinBox.value, correcting.ui.maximumHuSpinBox.value) == (40, 90)
    correcting.press("I")


def testNetworksOutlineIsBesideTheMaskAndNotInIt(correcting):
    before = correcting.maskOf()
    correcting.stroke(np.s_[16:20, 60:70, 60:70])
    changed = correcting.maskOf()
    correcting.press("N")
    outline = correcting.slicer.util.getNode("*(network)")
    assert outline.GetDisplayNode().GetVisibility()
    assert not outline.GetDisplayNode().GetVisibility2DFill()
    array = correcting.slicer.util.arrayFromSegmentBinaryLabelmap(outline, "hemorrhage-1", correcting.volume)
    assert np.array_equal(array != 0, before)
    assert np.array_equal(correcting.maskOf(), changed)
    assert correcting.result.segmentationNode.GetSegmentation().GetNumberOfSegments() == 1
    correcting.press("N")
    assert not outline.GetDisplayNode().GetVisibility()


def networkOutline(room):
    """(voxels of the network's outline as it is shown, those of the network's mask), both bool."""
    volume = room.widget.parameterNode.inputVolume
    outline = room.slicer.util.getNode("*(network)")
    assert outline.GetDisplayNode().GetVisibility()
    ids = outline.GetSegmentation().GetSegmentIDs()
    drawn = [room.slicer.util.arrayFromSegmentBinaryLabelmap(outline, segmentId, volume) != 0 for segmentId in ids]
    crop, (k, j, i) = room.result.networkMask()
    expected = np.zeros(drawn[0].shape, bool)
    expected[k : k + crop.shape[0], j : j + crop.shape[1], i : i + crop.shape[2]] = crop != 0
    return np.logical_or.reduce(drawn), expected


@pytest.mark.parametrize("hasTypes", [False, True], ids=["same model", "model of types"])
def testNetworksOutlineIsThatOfTheLatestRun(correcting, hasTypes):
    correcting.press("N")
    drawn, expected = networkOutline(correcting)
    assert np.array_equal(drawn, expected)
    job = correcting.start()
    folder = correcting.sent("segment")[1]["output"]
    if hasTypes:
        correcting.answer(job, **typedAnswer(correcting.head, folder))
    else:
        message = correcting.selfTest.resultMessage(correcting.head, folder)
        probability = np.load(message["probability"])
        probability[: len(probability) // 2] = 0
        np.save(message["probability"], probability)
        correcting.client.result.emit(job, message)
    assert correcting.ui.networkOutlineCheckBox.checked
    before, (drawn, expected) = drawn, networkOutline(correcting)
    assert np.array_equal(drawn, expected) and not np.array_equal(drawn, before)


def testNetworksOutlineIsDrawnAnewOnlyWhereItIsAnotherOne(correcting):
    correcting.press("N")
    segmentation = correcting.slicer.util.getNode("*(network)").GetSegmentation()
    before = segmentation.GetSegment("hemorrhage-1")
    correcting.ui.thresholdSlider.value = 0.95  # the outline is of the network's own threshold
    correcting.widget.results.showVolume()
    correcting.press("N")
    correcting.press("N")
    assert segmentation.GetSegment("hemorrhage-1") is before


def testNetworksOutlineIsHiddenWithItsResult(correcting):
    correcting.press("N")
    outline = correcting.slicer.util.getNode("*(network)")
    first = correcting.volume
    correcting.addHead(correcting.syntheticHead(bleedMm=(10.0, 10.0, 10.0)), "Other CT")
    assert not outline.GetDisplayNode().GetVisibility() and not correcting.ui.networkOutlineCheckBox.checked
    correcting.ui.inputVolumeSelector.setCurrentNode(first)
    correcting.press("N")
    assert outline.GetDisplayNode().GetVisibility()
    correcting.slicer.mrmlScene.RemoveNode(correcting.result.probabilityNodes[0])
    assert not outline.GetDisplayNode().GetVisibility(), "nobody knows any more whether it is the network's"
    assert not correcting.ui.networkOutlineCheckBox.checked
    correcting.slicer.mrmlScene.RemoveNode(correcting.result.segmentationNode)
    assert correcting.slicer.util.getNodes("*(network)") == {}


def testARemovedSegmentIsNoticedAndComesBackWithTheNetworksMask(correcting, monkeypatch):
    import vtk

    ui, segmentation = correcting.ui, correcting.result.segmentationNode.GetSegmentation()

    def described() -> tuple:
        segment, terminology = segmentation.GetSegment("hemorrhage-1"), vtk.reference("")
        segment.GetTag(segment.GetTerminologyEntryTagName(), terminology)
        return segment.GetName(), segment.GetColor(), str(terminology)

    before = described()
    correcting.editor.saveStateForUndo()
    segmentation.RemoveSegment("hemorrhage-1")
    correcting.waitFor(lambda: ui.totalLabel.text == "0.0 mL")
    assert ui.correctVolumeLabel.text == "0.0 mL"
    assert correcting.tableCells() == [] and not ui.exportCsvButton.enabled
    assert not ui.thresholdSlider.enabled, "what was corrected by hand is not lost by a touch"
    assert not np.load(correcting.waitForMeasuring()[1]["mask"]).any()
    correcting.click(ui.networkMaskButton)
    assert np.array_equal(correcting.maskOf(), correcting.head.truth != 0)
    assert ui.totalLabel.text == f"{correcting.head.bleedMl:.1f} mL"
    assert described() == before
    correcting.press("Z")
    correcting.waitFor(lambda: ui.totalLabel.text == "0.0 mL")
    correcting.press("Z")
    correcting.waitFor(lambda: ui.totalLabel.text == f"{correcting.head.bleedMl:.1f} mL")
    segmentation.RemoveSegment("hemorrhage-1")
    correcting.settled()
    ui.thresholdSlider.value = 0.95  # as a script may set it
    assert ui.totalLabel.text == f"{correcting.result.totalMl():.1f} mL" != "0.0 mL"


def testKeysBelongToSlicerAgainWhenThePartIsFoldedOrThePanelLeft(correcting):
    correcting.press("1")
    assert correcting.editor.activeEffect().name == "Paint"
    correcting.widget.exit()
    assert correcting.editor.activeEffect() is None
    correcting.press("1")
    assert correcting.editor.activeEffect() is None
    correcting.widget.enter()
    correcting.press("2")
    assert correcting.editor.activeEffect().name == "Erase"
    correcting.ui.correctCollapsibleButton.collapsed = True
    assert correcting.editor.activeEffect() is None


def testSceneCloseWhileCorrectingThenANewScan(correcting):
    correcting.press("1")
    correcting.slicer.mrmlScene.Clear(0)
    assert correcting.editor.segmentationNode() is None
    correcting.volume = correcting.addHead(correcting.head)
    correcting.useModel()
    correcting.segment()
    correcting.ui.correctCollapsibleButton.collapsed = False
    assert correcting.editor.segmentationNode() is correcting.result.segmentationNode
    correcting.stroke(np.s_[16:20, 60:70, 60:70])
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), correcting.head.truth != 0)
