"""Unusual orders of actions in the HemorrhageSeg panel lose nothing of what was drawn, and mix nothing up."""

import errno

import numpy as np
import pytest
from panels.test_hemorrhage_agreement import AGREEMENT
from panels.test_hemorrhage_lists import listLoadedScans, openAnotherFolder

from radiologycnn.annotation.records import Mask

STROKE = np.s_[6:9, 30:36, 30:36]


def keptMask(room, caseId="case-0001"):
    """The mask that the dataset holds of a case."""
    store = room.widget.worklist.cases.store
    return store.read_mask(store.annotation(caseId))


def isSameMask(mask, voxels) -> bool:
    whole = Mask.of_whole(voxels)
    mask = Mask.of_whole(np.pad(mask.crop, [(start, 0) for start in mask.offset_kji]))
    return np.array_equal(mask.crop, whole.crop) and mask.offset_kji == whole.offset_kji


@pytest.mark.parametrize("keys", ["Shift+F", "Shift+X"])
def testACaseThatIsFlaggedWhileTheNetworkRunsKeepsItsDraft(room, keys):
    room.writeScans(2)
    room.openList()
    room.openCase("case-0001")
    room.stroke(STROKE)
    room.settled()
    drawn = room.maskOf()
    room.openCase("case-0002")
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)
    room.widget.inputs.currentModel.package.weights_sha256 = "1" * 64  # so that the network has to run anew
    before = room.count("segment")
    room.widget.worklist.table.select("case-0001")
    room.click(room.ui.openCaseButton)
    room.waitFor(lambda: room.count("segment") > before)
    room.press(keys)
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)
    assert room.states()["case-0001"] in ("flagged", "rejected")
    assert isSameMask(keptMask(room), drawn)
    room.openCase("case-0001")
    assert np.array_equal(room.maskOf(), drawn)


def testScansAndAnnotationsMayLieInOneFolder(room):
    room.writeScans(2)
    room.ui.worklistCollapsibleButton.collapsed = False
    room.ui.raterLineEdit.text = "ab"
    room.click(room.ui.datasetButton)
    room.click(room.ui.openScansButton)
    room.openCase("case-0001")
    room.accept()
    room.widget.worklist.release()
    room.widget.worklist._dataset = ""  # as after a restart
    room.openList()
    assert room.ui.messageLabel.text == ""
    assert room.states() == {"case-0001": "accepted", "case-0002": "in-progress"}
    assert not (room.folder / "annotations/dataset.json").exists()


# Another list is opened while something is worked out of the one before


def testAComparisonOfTheListBeforeIsNotShownAsOfTheNext(office):
    parts = office.parts
    office.click(parts.compareRatersButton)
    openAnotherFolder(office)
    assert parts.compareRatersButton.text == "Compare the raters"
    office.second.result.emit("job-1", AGREEMENT)  # it was on its way
    assert not parts.agreementFrame.visible and "mask is there" not in parts.agreementLabel.text
    office.click(parts.compareRatersButton)
    assert office.second.requests[-1] == ("agreement", {"dataset": str(office.dataset)})
    office.second.result.emit("job-2", AGREEMENT)
    assert parts.agreementFrame.visible and "mask is there" in parts.agreementLabel.text
    office.openList("cd")
    assert parts.agreementFrame.visible and "mask is there" in parts.agreementLabel.text, "it is the same dataset"


@pytest.mark.parametrize("isDone", [False, True])
def testRankingOfTheListBeforeIsNotSaidOfTheNext(office, isDone):
    office.click(office.ui.rankButton)
    office.second.progress.emit("job-1", 0.4, "Case 2 of 3", 5.0)
    problem = {"case": "case-0002", "message": "This is no head CT."}
    if isDone:
        office.second.result.emit("job-1", {"cases": [], "problems": [problem], "model": "test-1.0.0"})
    openAnotherFolder(office)
    assert office.ui.rankButton.text == "Rank the list" and not office.ui.rankLabel.visible
    office.second.progress.emit("job-1", 0.8, "Case 3 of 3", 5.0)
    assert not office.ui.rankLabel.visible


def testWhatTheNextListLacksIsSaidAlsoWhereTheOneBeforeIsStillBeingWritten(room):
    from RadiologyCNNLib.AnswerlessClient import AnswerlessClient

    room.writeScans(1)
    room.openList()
    room.openCase()
    room.widget.worklist.writer.client = writer = AnswerlessClient()
    room.press("A")
    job = f"job-{len(writer.requests)}"
    openAnotherFolder(room)
    (room.dataset / "cases.csv").write_text("patient\nMeyer\n")  # as a spreadsheet program may leave it
    room.host.click(room.ui.openScansButton)
    assert "cases.csv is left as it is" in room.ui.listStatusLabel.text
    writer.result.emit(job, {"problems": []})
    assert "cases.csv is left as it is" in room.ui.listStatusLabel.text


def testTrainingGoesOnWhileAnotherListIsOpen(office):
    office.click(office.parts.improveButton)
    openAnotherFolder(office)
    assert office.parts.improveButton.text == "Cancel"


# A folder that can only be read


@pytest.fixture
def readOnly(room, monkeypatch):
    """A function after which no file can be made in the room's folder."""
    write = open

    def refuse(path, mode="r", *arguments, **names):
        if set(mode) & set("wax+") and str(path).startswith(str(room.folder)):
            raise OSError(errno.EROFS, "Read-only file system")
        return write(path, mode, *arguments, **names)

    return lambda: monkeypatch.setattr("builtins.open", refuse)


def testAListWhoseFolderCanOnlyBeReadIsRefusedInASentence(room, readOnly):
    room.writeScans(2)
    room.openList()
    room.widget.worklist.release()
    room.widget.worklist.cases.store = None
    readOnly()
    room.openList()
    assert "cannot be written: Read-only file system." in room.ui.messageLabel.text
    assert not room.widget.worklist.cases.isOpen


def testAFolderThatBecomesReadOnlyIsNamedAtTheKey(room, readOnly):
    room.writeScans(2)
    room.openList()
    room.openCase("case-0001")
    room.waitFor(lambda: not room.widget.worklist.opening._writeTimer.active)
    readOnly()
    room.press("A")
    assert "Read-only file system" in room.ui.messageLabel.text
    assert room.caseId == "case-0001" and room.states()["case-0001"] == "in-progress"


# A case that is corrected without the list


@pytest.fixture
def loaded(room):
    """Two loaded scans as the list, of which the first is accepted with a stroke, ``accepted``, and the other open."""
    other = room.syntheticHead((32, 128, 128), bleedMm=(9.0, 30.0, 8.0), seed=55)
    room.addHead(other, "Other")
    listLoadedScans(room)
    names = {node.GetName(): case for case, node in room.widget.worklist.cases.scans.sceneNodes().items()}
    room.first, room.other = names["CT"], names["Other"]
    room.heads = {room.first: room.head, room.other: other}
    room.openCase(room.first)
    room.stroke(np.s_[6:12, 30:50, 30:50])
    room.settled()
    room.accept()
    room.openCase(room.other)
    room.ui.inputVolumeSelector.setCurrentNode(room.volume)
    room.accepted = room.maskOf()
    return room


def correct(room):
    room.stroke(np.s_[14:18, 30:50, 30:50])
    room.settled()
    return room.maskOf()


def testACorrectionWhileAnotherCaseIsOpenIsKeptWithItsOwnCase(loaded):
    drawn = correct(loaded)
    loaded.openCase(loaded.first)
    assert np.array_equal(loaded.maskOf(), drawn) and not np.array_equal(drawn, loaded.accepted)
    assert "Accept it anew" in loaded.ui.caseNotesLabel.text
    loaded.openCase(loaded.other)
    assert isSameMask(keptMask(loaded, loaded.first), drawn)
    assert loaded.states()[loaded.first] == "in-progress"
    loaded.openCase(loaded.first)
    assert np.array_equal(loaded.maskOf(), drawn) and loaded.ui.caseNotesLabel.text == ""


def testAnOlderMaskOfTheSceneGivesWayToTheOneThatIsKept(loaded):
    """As where a scene is loaded that was saved before the mask was drawn further."""
    record = loaded.result.record
    drawn = correct(loaded)
    loaded.openCase(loaded.first)
    loaded.openCase(loaded.other)
    result = loaded.widget.worklist.cases.scans.sceneNodes()[loaded.first]
    from HemorrhageSegLib.SceneResult import SceneResult

    result = SceneResult.ofVolume(result)
    mask = Mask.of_whole(loaded.accepted)
    result.setMask(mask.crop, mask.offset_kji)
    result.updateRecord(**record)
    loaded.openCase(loaded.first)
    assert np.array_equal(loaded.maskOf(), drawn) and loaded.ui.caseNotesLabel.text == ""


def testWhereBothMasksAreNewTheKeptOneIsShownAndUndoBringsTheOtherBack(loaded):
    drawn = correct(loaded)
    loaded.result.updateRecord(kept_mask="of another day")
    loaded.ui.correctCollapsibleButton.collapsed = True
    loaded.openCase(loaded.first)
    assert np.array_equal(loaded.maskOf(), loaded.accepted)
    assert "Undo brings that back" in loaded.ui.caseNotesLabel.text
    loaded.editor.undo()
    loaded.settled()
    assert np.array_equal(loaded.maskOf(), drawn)
    loaded.openCase(loaded.other)
    assert isSameMask(keptMask(loaded, loaded.first), drawn)
