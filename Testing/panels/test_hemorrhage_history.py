"""What Undo gives back of a mask, by whomever it was changed, and what the result then says of itself."""

import numpy as np
import pytest

BLOCK = np.s_[16:20, 60:70, 60:70]
OTHER_BLOCK = np.s_[6:10, 30:40, 30:40]
ALGORITHM_TYPE = "DICOM.SegmentAlgorithmType"


@pytest.fixture
def correcting(room):
    """A result in the scene whose mask is another one at each threshold; the Correct part unfolded."""
    answer(room, room.start(), lambda probability: np.minimum(probability, 0.6)[: len(probability) // 3])
    room.ui.correctCollapsibleButton.collapsed = False
    room.host.process_events()
    return room


def answer(room, job, weakened) -> None:
    """The network's usual answer, with other values in the first slices: those that ``weakened`` makes of the whole."""
    message = room.selfTest.resultMessage(room.head, room.sent("segment")[1]["output"])
    probability = np.load(message["probability"])
    first = weakened(probability)
    probability[: len(first)] = first
    np.save(message["probability"], probability)
    room.client.result.emit(job, message)


def key(room) -> str:
    """The same for the same mask. Reading voxels by ``maskOf`` has the panel show its result anew, and hides faults."""
    from HemorrhageSegLib.MaskOrigin import maskKey

    return maskKey(room.result)


def algorithmTypes(room) -> list:
    """Of each of the network's segments, what a DICOM SEG would say of how it was made."""
    import vtk

    segmentation, found = room.result.segmentationNode.GetSegmentation(), []
    for label in room.result.labels:
        text = vtk.mutable("")
        segmentation.GetSegment(room.result.segmentId(label)).GetTag(ALGORITHM_TYPE, text)
        found.append(str(text))
    return found


# A run that ends while the person is elsewhere


@pytest.mark.parametrize("way", ["folded", "in another module"])
def testARunThatEndsWhileThePersonIsAwayCanBeUndone(correcting, monkeypatch, way):
    monkeypatch.setattr(correcting.slicer.util, "confirmOkCancelDisplay", lambda *a: pytest.fail("a pop-up"))
    correcting.stroke(BLOCK)
    correcting.settled()
    drawn = correcting.maskOf()
    job = correcting.start()
    if way == "folded":
        correcting.ui.correctCollapsibleButton.collapsed = True
    else:
        correcting.widget.exit()
    correcting.answer(job)
    assert not np.array_equal(correcting.maskOf(), drawn)
    assert not correcting.widget.correct.isActive
    if way == "folded":
        correcting.ui.correctCollapsibleButton.collapsed = False
    else:
        correcting.widget.enter()
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), drawn)
    correcting.settled()
    assert correcting.result.record["edited"]
    correcting.press("Y")
    assert np.array_equal(correcting.maskOf(), correcting.head.truth != 0)


# The threshold


def assertThresholdIs(room, threshold) -> None:
    """The mask is the network's at this threshold, and nothing calls it corrected."""
    assert room.result.record["threshold"] == pytest.approx(threshold)
    assert not room.result.record["edited"]
    assert room.ui.thresholdSlider.enabled
    assert room.ui.thresholdSlider.value == pytest.approx(threshold)
    assert room.widget.parameterNode.threshold == pytest.approx(threshold)
    assert "by hand" not in room.ui.notesLabel.text


def testUndoAndRedoOfTheThresholdMoveTheSlider(correcting, monkeypatch):
    slider, results = correcting.ui.thresholdSlider, correcting.widget.results
    masks = {0.5: key(correcting)}
    for value in (0.7, 0.95):
        monkeypatch.setattr(correcting.widget.correct, "_savedAt", float("-inf"))  # a drag of its own
        slider.value = value
        masks[value] = key(correcting)
    assert len(set(masks.values())) == 3
    applied = []
    monkeypatch.setattr(results, "_applyThreshold", lambda *arguments: applied.append(arguments))
    for keys, threshold in (("Z", 0.7), ("Z", 0.5), ("Y", 0.7), ("Y", 0.95), ("Z", 0.7)):
        correcting.press(keys)
        correcting.settled()
        assert key(correcting) == masks[threshold]
        assertThresholdIs(correcting, threshold)
    assert not applied, "the mask is that of the slider already, and writing it anew would take Redo away"


def testAThresholdOfASavedSceneIsKnownAfterUndo(correcting, tmp_path):
    correcting.ui.thresholdSlider.value = 0.7
    before = correcting.maskOf()
    path = str(tmp_path / "scene.mrb")
    assert correcting.slicer.util.saveScene(path)
    correcting.slicer.mrmlScene.Clear(0)
    correcting.slicer.util.loadScene(path)
    correcting.useModel()
    correcting.ui.correctCollapsibleButton.collapsed = False
    correcting.host.process_events()
    correcting.ui.thresholdSlider.value = 0.95
    correcting.press("Z")
    correcting.settled()
    assert np.array_equal(correcting.maskOf(), before)
    assertThresholdIs(correcting, 0.7)


def testUndoOfARunIsTheNetworksMaskAtTheThresholdOfThen(correcting):
    correcting.ui.thresholdSlider.value = 0.95
    before = correcting.maskOf()
    correcting.widget.correct._savedAt = float("-inf")  # the network takes longer than a drag
    correcting.segment()
    assertThresholdIs(correcting, 0.5)
    correcting.press("Z")
    correcting.settled()
    assert np.array_equal(correcting.maskOf(), before)
    assertThresholdIs(correcting, 0.95)


def testAMaskOfAnotherNetworkIsNotThatOfThisOne(correcting):
    correcting.ui.thresholdSlider.value = 0.95
    correcting.widget.correct._savedAt = float("-inf")
    answer(correcting, correcting.start(), lambda probability: 0 * probability[: 2 * len(probability) // 3])
    correcting.press("Z")
    correcting.settled()
    assert correcting.result.record["edited"] and not correcting.ui.thresholdSlider.enabled


def testUndoOfAStrokeKeepsTheThresholdItWasDrawnAt(correcting):
    correcting.ui.thresholdSlider.value = 0.7
    correcting.stroke(BLOCK)
    correcting.settled()
    assert not correcting.ui.thresholdSlider.enabled
    correcting.click(correcting.ui.networkMaskButton)
    assertThresholdIs(correcting, 0.5)
    correcting.press("Z")
    correcting.settled()
    assert correcting.result.record["edited"]
    correcting.press("Z")
    correcting.settled()
    assertThresholdIs(correcting, 0.7)


def testErasingAllIsACorrectionThoughTheThresholdWasOnceThatHigh(correcting):
    for threshold in (0.99, 0.5):
        correcting.ui.thresholdSlider.value = threshold
    correcting.stroke(np.s_[:], add=False)
    correcting.settled()
    assert correcting.result.totalMl() == 0.0
    assert correcting.result.record["edited"] and correcting.result.record["threshold"] == 0.5


def testAStrokeRightAfterADragHasItsOwnUndo(correcting):
    correcting.ui.thresholdSlider.value = 0.9
    correcting.stroke(BLOCK)
    drawn = correcting.maskOf()
    correcting.click(correcting.ui.resetThresholdButton)  # all of it within a second
    assert np.array_equal(correcting.maskOf(), correcting.head.truth != 0)
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), drawn)


def testAChangeOfAnotherScansMaskHasItsOwnUndo(correcting):
    first, slider = correcting.volume, correcting.ui.thresholdSlider
    second = correcting.addHead(correcting.head, "Other CT")
    correcting.segment()
    before = correcting.maskOf()
    correcting.ui.inputVolumeSelector.setCurrentNode(first)
    slider.value = 0.95
    correcting.ui.inputVolumeSelector.setCurrentNode(second)
    slider.value = 0.95  # all of it within a second
    assert not np.array_equal(correcting.maskOf(), before)
    correcting.press("Z")
    assert np.array_equal(correcting.maskOf(), before)


# What a DICOM SEG says


def testACorrectedMaskIsNotExportedAsTheNetworksOwn(correcting):
    assert algorithmTypes(correcting) == ["AUTOMATIC"]
    correcting.ui.thresholdSlider.value = 0.7
    assert algorithmTypes(correcting) == ["AUTOMATIC"]
    correcting.stroke(BLOCK)
    correcting.settled()
    assert algorithmTypes(correcting) == ["SEMIAUTOMATIC"]
    correcting.click(correcting.ui.networkMaskButton)
    assert algorithmTypes(correcting) == ["AUTOMATIC"]
    correcting.press("Z")
    correcting.settled()
    assert algorithmTypes(correcting) == ["SEMIAUTOMATIC"]
    correcting.segment()
    assert algorithmTypes(correcting) == ["AUTOMATIC"]


def testTheAlgorithmTypeIsSaidWithoutTakingRedoAway(correcting):
    correcting.stroke(BLOCK)  # not taken note of before the next one
    first = key(correcting)
    correcting.stroke(OTHER_BLOCK)
    both = key(correcting)
    correcting.settled()
    correcting.press("Z")
    correcting.settled()
    assert key(correcting) == first
    assert algorithmTypes(correcting) == ["SEMIAUTOMATIC"]
    correcting.press("Z")
    correcting.settled()
    assert algorithmTypes(correcting) == ["AUTOMATIC"]
    correcting.press("Y")
    correcting.press("Y")
    correcting.settled()
    assert key(correcting) == both
    assert algorithmTypes(correcting) == ["SEMIAUTOMATIC"]


def testAllTypesOfACorrectedMaskAreSaidToBeCorrected(correcting):
    from panels.typed_answer import segmentTypes

    segmentTypes(correcting)
    types = algorithmTypes(correcting)
    assert len(types) > 1 and set(types) == {"AUTOMATIC"}
    correcting.stroke(OTHER_BLOCK)
    correcting.settled()
    assert set(algorithmTypes(correcting)) == {"SEMIAUTOMATIC"}


@pytest.mark.parametrize("isOfEarlierVersion", [False, True], ids=["", "saved by an earlier version"])
def testACorrectedMaskOfASavedSceneIsNotExportedAsTheNetworksOwn(correcting, tmp_path, isOfEarlierVersion):
    from panels.head_clinic import withoutKey

    correcting.stroke(BLOCK)
    correcting.settled()
    if isOfEarlierVersion:
        withoutKey(correcting.result)
        segmentation = correcting.result.segmentationNode.GetSegmentation()
        segmentation.GetSegment("hemorrhage-1").SetTag(ALGORITHM_TYPE, "AUTOMATIC")
    path = str(tmp_path / "scene.mrb")
    assert correcting.slicer.util.saveScene(path)
    correcting.slicer.mrmlScene.Clear(0)
    correcting.slicer.util.loadScene(path)
    assert correcting.result.record["edited"]
    assert algorithmTypes(correcting) == ["SEMIAUTOMATIC"]


def testTheRatersOwnMaskOfACaseIsNotExportedAsTheNetworksOwn(room):
    room.writeScans(2)
    room.openList()
    room.openCase("case-0001")
    room.stroke(np.s_[6:9, 30:36, 30:36])
    room.openCase("case-0002")
    assert algorithmTypes(room) == ["AUTOMATIC"]
    room.openCase("case-0001")
    assert room.result.record["edited"]
    assert algorithmTypes(room) == ["SEMIAUTOMATIC"]
