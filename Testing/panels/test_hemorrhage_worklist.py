"""A list of cases in the HemorrhageSeg panel: accept and next, come back after a crash, raters, problems."""

import csv
import hashlib

import numpy as np
import pytest


def testAcceptIsOneKeyAndTheNextCaseOpensByItself(room):
    room.writeScans()
    room.openList()
    assert room.states() == {"case-0001": "to-do", "case-0002": "to-do", "case-0003": "to-do"}
    assert room.openCase() == "case-0001"
    assert not room.ui.correctCollapsibleButton.collapsed
    room.press("1")
    room.stroke(np.s_[6:9, 30:36, 30:36])
    mask = room.maskOf()
    before = room.count("segment")
    room.press("A")
    assert room.caseId == "case-0002"
    room.answerIfAsked(before)
    assert room.editor.activeEffect().name == "Paint", "the brush stays in hand: a stroke and a key are all of a case"
    assert room.states()["case-0001"] == "accepted"
    word = room.word("case-0001")
    content = (room.dataset / word["mask"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == word["mask_sha256"]
    from radiologycnn.images import read_volume

    kept = read_volume(room.dataset / word["mask"])
    scan = read_volume(room.folder / "Meyer_Hans_0.nii.gz")
    assert np.array_equal(kept.array != 0, mask)
    assert np.allclose(kept.ijk_to_lps, scan.ijk_to_lps, atol=1e-4)
    assert word["model"] == {"id": "self-test-1.0.0", "sha256": "0" * 64}
    assert word["edits"]["changes"] == 1
    assert word["edits"]["added_ml"] > 0
    assert word["software"]["Slicer"]
    assert b"Meyer" not in b"".join(p.name.encode() + p.read_bytes() for p in room.dataset.rglob("*") if p.is_file())


def testOnlyOneCaseStaysLoaded(room):
    room.writeScans()
    room.openList()
    before = None
    for _case in range(3):
        room.openCase()
        room.click(room.ui.networkOutlineCheckBox)
        if before is not None:
            assert room.nodeCount() <= before
        before = room.nodeCount()
        asked = room.count("segment")
        room.press("A")
        room.answerIfAsked(asked)
    assert set(room.states().values()) == {"accepted"}
    assert "All cases" in room.ui.messageLabel.text


def testFlagRejectCommentAndSegmentStatus(room):
    room.writeScans()
    room.openList()
    room.openCase()
    segment = room.result.segmentationNode.GetSegmentation().GetSegment("hemorrhage-1")
    logic = room.slicer.vtkSlicerSegmentationsModuleLogic
    assert logic.GetSegmentStatus(segment) == logic.InProgress
    room.ui.commentLineEdit.text = "subdural or artefact?"
    asked = room.count("segment")
    room.press("Shift+F")
    room.answerIfAsked(asked)
    assert room.caseId == "case-0002"
    assert room.ui.commentLineEdit.text == ""
    room.press("Shift+X")
    assert room.states() == {"case-0001": "flagged", "case-0002": "rejected", "case-0003": "in-progress"}
    assert room.word("case-0001")["comment"] == "subdural or artefact?"
    room.answerIfAsked(asked)
    room.openCase("case-0001")
    assert room.ui.commentLineEdit.text == "subdural or artefact?"
    segment = room.result.segmentationNode.GetSegmentation().GetSegment("hemorrhage-1")
    assert logic.GetSegmentStatus(segment) == logic.Flagged


def testAScanThatTheNetworkCannotReadCanBeFlagged(room):
    room.writeScans(3)
    room.openList()
    room.click(room.ui.openCaseButton)
    assert not room.ui.acceptButton.enabled
    room.click(room.ui.rejectButton)  # while the network runs
    assert room.caseId == "case-0002"
    room.fail(room.sent("segment")[0], "not-a-head-ct", "This is no head CT.")
    assert not room.ui.acceptButton.enabled
    room.press("A")
    room.click(room.ui.flagButton)
    assert room.states() == {"case-0001": "rejected", "case-0002": "flagged", "case-0003": "in-progress"}
    assert room.word("case-0002")["mask"] == ""


def testWhatWasDrawnIsThereAfterAnotherCaseAndAfterARestart(room):
    room.writeScans()
    room.openList()
    room.openCase("case-0001")
    room.stroke(np.s_[6:9, 30:36, 30:36])
    drawn = room.maskOf()
    room.openCase("case-0002")
    assert room.states()["case-0001"] == "in-progress"
    asked = room.count("segment")
    room.openCase("case-0001")
    assert room.count("segment") == asked, "the network's result was kept, and is not computed again"
    assert np.array_equal(room.maskOf(), drawn)
    room.settled()
    assert room.result.record["edited"]
    room.slicer.mrmlScene.Clear(0)  # as after a restart: nothing of the scene is left
    room.widget.worklist.cases.__init__()
    room.openList()
    room.openCase("case-0001")
    assert np.array_equal(room.maskOf(), drawn)
    assert "added" in room.ui.correctDetailLabel.text


def testTwoRatersShareAFolder(room):
    room.writeScans(2)
    room.openList("AB")
    room.openCase()
    room.press("A")
    first = room.word("case-0001")
    room.openList("cd")
    assert room.states() == {"case-0001": "to-do", "case-0002": "to-do"}
    room.openCase("case-0001")
    room.stroke(np.s_[6:9, 30:36, 30:36])
    room.press("A")
    assert room.word("case-0001") == first
    assert room.word("case-0001", "cd")["mask_sha256"] != first["mask_sha256"]
    with (room.dataset / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [sorted(row["accepted_by"].split()) for row in rows] == [["ab", "cd"]]


def testAnotherRaterInTheFieldIsAnotherRaterAtOnce(room):
    room.writeScans(2)
    room.openList("ab")
    room.openCase()
    room.ui.raterLineEdit.text = "cd"
    room.ui.raterLineEdit.editingFinished.emit()
    assert room.widget.worklist.cases.store.rater == "cd"
    assert room.caseId == ""
    room.ui.raterLineEdit.text = "not a rater!"
    room.ui.raterLineEdit.editingFinished.emit()
    assert room.ui.raterLineEdit.text == "cd"
    assert "rater" in room.ui.messageLabel.text


def testClockStopsWhileThePanelIsLeft(room):
    room.writeScans(1)
    room.openList()
    time = [100.0]
    clock = room.widget.worklist.cases.clock
    clock._now = lambda: time[0]
    room.openCase()
    time[0] += 30
    room.widget.exit()
    time[0] += 500
    room.widget.enter()
    time[0] += 12
    room.press("A")
    assert room.word("case-0001")["seconds"] == pytest.approx(42)


def testFilterSortAndNextFollowWhatIsShown(room):
    room.writeScans()
    room.openList()
    room.openCase("case-0002")
    room.press("A")
    table, ui = room.ui.caseTable, room.ui
    ui.caseFilterSelector.setCurrentIndex(ui.caseFilterSelector.findData("accepted"))
    shown = [table.item(row, 0).text() for row in range(table.rowCount) if not table.isRowHidden(row)]
    assert shown == ["case-0002"]
    ui.caseFilterSelector.setCurrentIndex(0)
    table.sortItems(0, room.qt.Qt.DescendingOrder)
    assert room.widget.worklist.table.nextOpen("case-0003") == "case-0001"


def testProblemsAreSaidAndNothingIsLost(room, monkeypatch):
    room.folder.mkdir()
    room.openList()
    assert "no scan" in room.ui.messageLabel.text
    room.writeScans(2)
    room.openList("")
    assert "rater" in room.ui.messageLabel.text
    room.openList()
    (room.folder / "Meyer_Hans_1.nii.gz").write_bytes(b"not an image")
    room.openCase("case-0002")
    assert "case-0002" in room.ui.messageLabel.text
    assert not room.widget.worklist.opening.isCaseShown
    room.openCase("case-0001")
    room.stroke(np.s_[6:9, 30:36, 30:36])
    drawn = room.maskOf()
    from radiologycnn.annotation import journal
    from radiologycnn.errors import ResourceError

    def full(path, content):
        raise ResourceError("disk-full", "The disk is full.", "Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "write_atomically", full)
        room.press("A")
    assert "disk is full" in room.ui.messageLabel.text
    assert room.caseId == "case-0001"
    assert np.array_equal(room.maskOf(), drawn)
    room.press("A")
    assert room.states()["case-0001"] == "accepted"


def testMaskThatCannotBeWrittenYetIsKeptAndTheAnnotatorIsTold(room, monkeypatch):
    from radiologycnn.annotation.store import AnnotationStore
    from radiologycnn.errors import ResourceError

    def full(self, folder, case, mask):
        raise ResourceError("disk-full", "The disk is full.", "Free some space.")

    room.writeScans(3)
    room.openList()
    room.openCase()
    with monkeypatch.context() as patch:
        patch.setattr(AnnotationStore, "write_mask", full)
        asked = room.count("segment")
        room.press("A")
        room.waitFor(lambda: "case-0001 is kept" in room.ui.listStatusLabel.text)
        assert "Free some space" in room.ui.listStatusLabel.text
        assert room.caseId == "case-0002", "nobody is held up"
        assert room.states()["case-0001"] == "accepted"
        assert room.word("case-0001")["status"] == "in-progress"
    room.answerIfAsked(asked)
    room.press("A")
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)
    room.waitFor(lambda: "is kept" not in room.ui.listStatusLabel.text)
    assert [room.word(case)["status"] for case in ("case-0001", "case-0002")] == ["accepted", "accepted"]


def testTableThatASpreadsheetHasSpoiledHoldsNobodyUpAndTheAnnotatorIsTold(room):
    room.writeScans(3)
    room.openList()
    room.openCase()
    asked = room.count("segment")
    room.press("A")
    room.answerIfAsked(asked)
    room.waitFor(lambda: (room.dataset / "cases.csv").read_text().count("\n") == 2)
    path = room.dataset / "cases.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    text = ";".join(rows[0]) + "\n" + ";".join({**rows[0], "patient": "Müller"}.values()) + "\n"
    path.write_text(text, "cp1252")
    room.press("A")
    room.waitFor(lambda: "CSV UTF-8" in room.ui.listStatusLabel.text)
    assert room.caseId == "case-0003", "nobody is held up"
    assert room.word("case-0002")["status"] == "accepted"
    assert path.read_text("cp1252") == text
    room.openList("cd")
    assert "cases.csv is left as it is" in room.ui.listStatusLabel.text, "the folder opens"
    path.write_text(text, "utf-8-sig")
    room.openList()
    assert "cases.csv" not in room.ui.listStatusLabel.text
    with path.open(newline="", encoding="utf-8-sig") as file:
        assert [row["patient"] for row in csv.DictReader(file, delimiter=";")] == ["Müller", ""]


def testFilesAreWrittenHereWhereTheWriterCannotBeStarted(room, monkeypatch):
    from RadiologyCNNLib.WorkerClient import WorkerError

    client = room.widget.worklist.writer.client

    def fail(cmd, **fields):
        client.requests.append((cmd, fields))
        job = f"job-{len(client.requests)}"
        room.qt.QTimer.singleShot(0, lambda: client.failed.emit(job, WorkerError("worker-not-started", "No.", "")))
        return job

    monkeypatch.setattr(client, "request", fail)
    room.writeScans(1)
    room.openList()
    room.openCase()
    room.press("A")
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)
    assert room.word("case-0001")["status"] == "accepted"


def testLoadedScansCanBeTheListToo(room):
    room.ui.raterLineEdit.text = "ab"
    room.folder.mkdir()
    room.ui.worklistCollapsibleButton.collapsed = False
    room.click(room.ui.sceneScansButton)
    assert list(room.states()) == ["case-0001"]
    room.heads["case-0001"] = room.head
    room.openCase()
    room.press("A")
    assert room.states() == {"case-0001": "accepted"}
    assert room.slicer.mrmlScene.IsNodePresent(room.volume), "a scan that the list has not loaded stays"


def testUsableByNameAndKeyboard(room, repository):
    from panels.clinic import unnamedWidgets

    assert unnamedWidgets(room.ui, repository / "HemorrhageSeg/Resources/UI/HemorrhageSeg.ui") == []


def testACaseThatIsOpenedAgainCountsOnlyStrokes(room):
    room.writeScans()
    room.openList()
    for stroke, counted in ((False, 0), (False, 0), (True, 1), (False, 1)):
        assert room.openCase("case-0001") == "case-0001"
        if stroke:
            room.stroke(np.s_[6:9, 30:36, 30:36])
            room.settled()
        room.press("A")
        assert room.word("case-0001")["edits"]["changes"] == counted
