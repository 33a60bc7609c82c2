"""What an annotator has drawn or typed is kept, whatever else is done meanwhile."""

import numpy as np
import pytest

STROKE = np.s_[6:9, 30:36, 30:36]


@pytest.fixture
def begun(room):
    """A list of two, its first case open, with a stroke on it; ``drawn`` is the mask."""
    room.writeScans(2)
    room.openList()
    room.openCase("case-0001")
    room.stroke(STROKE)
    room.settled()
    room.drawn = room.maskOf()
    room.waitFor(lambda: room.widget.worklist.cases._unkeptNetwork is None)
    return room


@pytest.fixture
def fullDisk():
    """A context within which the disk is full."""
    from radiologycnn.annotation import journal
    from radiologycnn.errors import ResourceError

    def full(path, content):
        raise ResourceError("disk-full", "The disk is full.", "Free some space.")

    class FullDisk:
        def __enter__(self):
            self._patch = pytest.MonkeyPatch()
            self._patch.setattr(journal, "write_atomically", full)

        def __exit__(self, *error):
            self._patch.undo()

    return FullDisk()


def keptMask(room, caseId="case-0001"):
    """The mask that the dataset holds, as voxels of the scan."""
    store = room.widget.worklist.cases.store
    mask = store.read_mask(store.annotation(caseId))
    whole = np.zeros(room.heads[caseId].array.shape, bool)
    if mask is not None:
        whole[tuple(slice(o, o + s) for o, s in zip(mask.offset_kji, mask.crop.shape))] = mask.crop != 0
    return whole


# Another scan is looked at


def testStrokesAreKeptWhileAnotherScanIsChosenInThePanel(begun):
    begun.ui.inputVolumeSelector.setCurrentNode(begun.volume)
    assert not begun.widget.worklist.opening.isCaseShown
    timer = begun.widget.worklist.decision._autosaveTimer
    assert timer.active
    timer.timeout.emit()
    assert np.array_equal(keptMask(begun), begun.drawn)
    begun.slicer.mrmlScene.Clear(0)
    assert not timer.active


@pytest.mark.parametrize("how", ["next case", "scene closed", "panel goes", "another list"])
def testStrokesAreKeptHoweverACaseIsLeftWithAnotherScanChosen(begun, how):
    room, store = begun, begun.widget.worklist.cases.store
    room.ui.inputVolumeSelector.setCurrentNode(room.volume)
    if how == "next case":
        room.openCase("case-0002")
    elif how == "scene closed":
        room.slicer.mrmlScene.Clear(0)
    elif how == "panel goes":
        room.widget.worklist.release()
    else:
        room.openList("cd")
    room.widget.worklist.cases.store = store
    store.refresh_submitted()
    assert np.array_equal(keptMask(room), room.drawn)


def testStrokesOnABrainInWhichTheNetworkFoundNothingAreKept(room):
    def nothing(head, folder):
        path = f"{folder}/nothing.npy"
        np.save(path, np.zeros((1, 1, 1), np.float32))
        return {"probability": path, "offset_kji": [0, 0, 0]}

    room.saidOf = nothing
    room.writeScans(2)
    room.openList()
    room.openCase("case-0001")
    assert not room.maskOf().any()
    room.stroke(STROKE)
    room.settled()
    drawn = room.maskOf()
    room.openCase("case-0002")
    assert np.array_equal(keptMask(room), drawn) and drawn.any()


# What cannot be written


def testCaseStaysOpenWhereItsDraftCannotBeWritten(begun, fullDisk):
    with fullDisk:
        begun.openCase("case-0002")
        assert begun.caseId == "case-0001" and np.array_equal(begun.maskOf(), begun.drawn)
        assert "case-0001 could not be kept: The disk is full." in begun.ui.messageLabel.text
        begun.ui.messageLabel.text = ""
        begun.openList("cd")
        assert begun.caseId == "case-0001" and begun.widget.worklist.cases.store.rater == "ab"
        assert "disk is full" in begun.ui.messageLabel.text and begun.ui.messageLabel.visible
        begun.ui.raterLineEdit.editingFinished.emit()
        assert begun.ui.raterLineEdit.text == "ab"
    begun.openCase("case-0002")
    assert begun.caseId == "case-0002" and np.array_equal(keptMask(begun), begun.drawn)


def testWhatIsLostWithAClosedSceneIsTold(begun, fullDisk):
    with fullDisk:
        begun.slicer.mrmlScene.Clear(0)
    assert "case-0001 could not be kept: The disk is full." in begun.ui.messageLabel.text
    assert begun.ui.messageLabel.visible


# Segment on an open case


def testSegmentOnAnOpenCaseLosesNoStroke(begun):
    room = begun
    room.widget.worklist.decision.saveDraft()
    room.stroke(np.s_[9:12, 30:40, 30:40])
    room.settled()
    drawn, network = room.maskOf(), room.heads["case-0001"].truth != 0
    before = room.count("segment")
    room.click(room.ui.segmentButton)
    assert np.array_equal(keptMask(room), drawn), "before the network runs"
    room.stroke(np.s_[2:4, 30:40, 30:40])  # meanwhile
    room.settled()
    drawn = room.maskOf()
    room.answerIfAsked(before)
    assert np.array_equal(room.maskOf(), drawn) and np.array_equal(keptMask(room), drawn)
    assert room.ui.caseNotesLabel.text.startswith("Your mask stays.")
    room.click(room.ui.networkMaskButton)
    assert np.array_equal(room.maskOf(), network)
    room.editor.undo()
    room.settled()
    room.openCase("case-0002")
    room.openCase("case-0001")
    assert np.array_equal(room.maskOf(), drawn)


def testNetworkDoesNotRunOverStrokesThatCannotBeKept(begun, fullDisk):
    before = begun.count("segment")
    with fullDisk:
        begun.click(begun.ui.segmentButton)
    assert begun.count("segment") == before
    assert "disk is full" in begun.ui.messageLabel.text
    assert np.array_equal(begun.maskOf(), begun.drawn)


def testAFolderThatCannotBeReachedIsNamedAndTheCaseWaitsForIt(begun):
    elsewhere = begun.folder.with_name("elsewhere")
    begun.folder.rename(elsewhere)
    begun.press("A")
    assert begun.caseId == "case-0001" and np.array_equal(begun.maskOf(), begun.drawn)
    assert "cannot be reached" in begun.ui.messageLabel.text and str(begun.dataset) in begun.ui.messageLabel.text
    assert not begun.folder.exists()  # no second one is begun in its place
    elsewhere.rename(begun.folder)
    begun.press("A")
    assert begun.states()["case-0001"] == "accepted" and np.array_equal(keptMask(begun), begun.drawn)


def testTheListStaysAsItWasWhileItsFolderCannotBeReached(begun):
    begun.press("A")
    begun.settled()
    begun.waitFor(lambda: not begun.widget.worklist.cases.store.has_submitted)
    parts = begun.widget.datasetUi
    parts.improveCollapsibleButton.collapsed = False
    shown = begun.caseId, begun.states(), begun.ui.listStatusLabel.text, parts.learnFromLabel.text
    assert shown[0] != "case-0001" and shown[1]["case-0001"] == "accepted" and "1 so far" in shown[3]
    elsewhere = begun.folder.with_name("elsewhere")
    begun.folder.rename(elsewhere)
    begun.widget.worklist.openCase("case-0001")
    assert "cannot be reached" in begun.ui.messageLabel.text
    begun.widget.worklist.showRows()
    begun.widget.improvement.update()
    after = begun.caseId, begun.states(), begun.ui.listStatusLabel.text, parts.learnFromLabel.text
    assert after == shown
    elsewhere.rename(begun.folder)
    begun.openCase("case-0001")
    assert begun.caseId == "case-0001" and begun.states()["case-0001"] == "accepted"


# Comment and clock


def testCommentAloneIsKeptAndAnAcceptedCaseStaysAccepted(room):
    room.writeScans(2)
    room.openList()
    room.openCase("case-0001")
    room.accept()
    accepted = room.word("case-0001")
    room.openCase("case-0001")
    room.ui.commentLineEdit.text = "old infarct, ask Dr. B."
    room.openCase("case-0002")
    assert room.ui.commentLineEdit.text == ""
    room.openCase("case-0001")
    assert room.ui.commentLineEdit.text == "old infarct, ask Dr. B."
    assert room.states()["case-0001"] == "accepted"
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)
    word = room.word("case-0001")
    assert word["comment"] == "old infarct, ask Dr. B."
    same = ("status", "mask", "mask_sha256", "network_mask", "model", "edits", "volume_ml")
    assert [word[name] for name in same] == [accepted[name] for name in same]
    assert (room.dataset / "masks/ab/case-0001.nii.gz").is_file()


def testCommentOnACaseWithoutAMaskIsKept(room):
    room.writeScans(2)
    room.openList()
    room.click(room.ui.openCaseButton)
    room.ui.commentLineEdit.text = "motion"
    room.openCase("case-0002")
    assert room.widget.worklist.cases.store.annotation("case-0001").comment == "motion"
    assert room.states()["case-0001"] == "in-progress"


def testTimeOfACaseThatIsOnlyLookedAtCounts(room):
    room.writeScans(2)
    room.openList()
    time = [100.0]
    room.widget.worklist.cases.clock._now = lambda: time[0]
    room.openCase("case-0001")
    time[0] += 40
    room.openCase("case-0002")
    word = room.widget.worklist.cases.store.annotation("case-0001")
    assert (word.status, word.seconds) == ("in-progress", pytest.approx(40))
    room.openCase("case-0001")
    time[0] += 2
    room.press("A")
    assert room.widget.worklist.cases.store.annotation("case-0001").seconds == pytest.approx(42)


# A scan that somebody deletes


def testMaskOfADeletedScanIsKeptAndDoesNotStayOverTheNextCase(begun):
    room, mrml = begun, begun.slicer.mrmlScene
    room.stroke(np.s_[9:12, 30:40, 30:40])
    room.settled()
    drawn = room.maskOf()
    mrml.RemoveNode(room.widget.parameterNode.inputVolume)
    room.openCase("case-0002")
    room.host.process_events()
    names = [node.GetName() for node in room.slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]
    assert names == ["case-0002 hemorrhage"]
    assert np.array_equal(keptMask(room), drawn)
    room.openCase("case-0001")
    assert np.array_equal(room.maskOf(), drawn)


# A scan under a warp


def testLoadedScanOfATiltedGantryIsAcceptedOnTheGridOfItsResult(room):
    from panels.warped_scan import acquisitionTransform

    from radiologycnn.images import read_volume
    from RadiologyCNNLib.VolumeExchange import inWorld

    slicer, volume = room.slicer, room.volume
    volume.SetAndObserveTransformNodeID(acquisitionTransform(slicer, volume).GetID())
    room.ui.raterLineEdit.text = "ab"
    room.folder.mkdir()
    room.ui.worklistCollapsibleButton.collapsed = False
    room.click(room.ui.sceneScansButton)
    before = room.count("segment")
    room.click(room.ui.openCaseButton)
    assert room.widget.worklist.opening.isCaseShown
    room.waitFor(lambda: room.count("segment") > before)
    job, fields = room.sent("segment")
    shape = np.load(fields["volume"]["array"]).shape
    assert shape != room.head.array.shape
    message = room.selfTest.resultMessage(room.head, fields["output"])
    np.save(message["probability"], np.ones((6, 20, 30), np.float32))
    message.update(offset_kji=[12, 40, 50], shape_kji=list(shape), provenance={"model_sha256": "0" * 64})
    room.client.result.emit(job, message)
    assert room.ui.messageLabel.text == ""
    room.stroke(np.s_[2:4, 30:40, 30:40])
    room.settled()
    mask = room.result.maskCrop()[0]
    room.press("A")
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)
    store = room.widget.worklist.cases.store
    word = store.annotation("case-0001")
    assert word.status == "accepted"
    array, ijkToRas = inWorld(volume)
    kept, image = read_volume(store.folder / word.mask), read_volume(store.folder / "images/case-0001.nii")
    assert np.array_equal(image.array, array) and kept.array.shape == shape
    assert np.count_nonzero(kept.array) == np.count_nonzero(mask)
    for one in (kept, image):
        assert np.allclose(np.diag([-1.0, -1.0, 1.0, 1.0]) @ one.ijk_to_lps, ijkToRas, atol=1e-3)
    # shown anew from what was kept, it lies on the same grid
    room.widget.logic.removeResult(room.result)
    room.widget.results.showVolume()
    asked = room.count("segment")
    room.openCase("case-0001")
    assert room.count("segment") == asked
    assert np.array_equal(room.result.maskCrop()[0], mask) and "grid" not in room.ui.messageLabel.text
    assert not room.ui.outdatedLabel.visible


def testADraftOfACaseThatWasAcceptedKeepsRedo(begun):
    """Undo brings the segment with the status of before back: saying that it is in progress again is no change."""
    begun.press("A")
    begun.openCase("case-0001")
    begun.ui.correctCollapsibleButton.collapsed = False
    begun.stroke(np.s_[2:5, 20:26, 20:26])
    drawn = begun.maskOf()
    segmentation = begun.result.segmentationNode.GetSegmentation()
    logic = begun.slicer.vtkSlicerSegmentationsModuleLogic
    for keys in ("", "Z", "Y"):
        if keys:
            begun.press(keys)
        begun.settled()
        begun.widget.worklist.decision._autosaveTimer.timeout.emit()
        assert logic.GetSegmentStatus(segmentation.GetSegment("hemorrhage-1")) == logic.InProgress
    assert np.array_equal(begun.maskOf(), drawn)
