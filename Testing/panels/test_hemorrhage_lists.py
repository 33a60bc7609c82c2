"""One case list after another in the HemorrhageSeg panel: other scans, other raters, a scene that was closed."""

import numpy as np
import pytest
from panels.next_case import prepare, waitForPreparing


def openAnotherFolder(room, count=2) -> list:
    """The list of other patients' scans, whose cases have the same names; returns their heads."""
    from HemorrhageSegLib.SyntheticHead import syntheticHead
    from panels.annotation_room import SHAPE

    from radiologycnn.images import write_image

    room.folder = room.folder.parent / "others"
    room.folder.mkdir()
    heads = [syntheticHead(SHAPE, (3.6, 3.6, 10.0), (30.0, 10.0, 12.0), seed=100 + n) for n in range(count)]
    for number, head in enumerate(heads):
        matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ head.ijkToRas
        write_image(room.folder / f"Schulz_{number}.nii.gz", head.array, matrix)
        room.heads[f"case-{number + 1:04d}"] = head
    room.host.click(room.ui.openScansButton)
    return heads


def shownScan(room):
    volume = room.widget.parameterNode.inputVolume
    return None if volume is None else room.slicer.util.arrayFromVolume(volume)


def listLoadedScans(room, rater="ab") -> None:
    room.ui.raterLineEdit.text = rater
    room.folder.mkdir(exist_ok=True)
    room.ui.worklistCollapsibleButton.collapsed = False
    room.heads["case-0001"] = room.head
    room.click(room.ui.sceneScansButton)


def sitDown(room, rater) -> None:
    room.ui.raterLineEdit.text = rater
    room.ui.raterLineEdit.editingFinished.emit()


def segmentationNames(room) -> list:
    return [node.GetName() for node in room.slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]


# Another folder


def testScanThatIsPreparedDoesNotBecomeACaseOfAnotherList(room):
    room.writeScans(3)
    room.openList()
    room.openCase("case-0001")
    waitForPreparing(room)
    prepare(room, "case-0002")
    room.waitFor(lambda: room.widget.worklist.opening.nextCase.isReady)
    heads = openAnotherFolder(room)
    asked = room.count("segment")
    room.openCase("case-0002")
    assert np.array_equal(shownScan(room), heads[1].array)
    assert room.count("segment") == asked + 1, "the network's prepared answer is of another patient, too"
    from radiologycnn.images import read_volume

    room.press("A")
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)
    assert np.array_equal(read_volume(room.dataset / "images/case-0002.nii").array, heads[1].array)


def testScanThatIsBeingReadDoesNotBecomeACaseOfAnotherList(room):
    room.writeScans(2)
    room.openList()
    room.widget.worklist.table.select("case-0002")
    room.host.click(room.ui.openCaseButton)
    opening = room.widget.worklist.opening
    assert opening.readingId == "case-0002"
    job, _fields = room.sent("prepare_case")
    heads = openAnotherFolder(room)
    assert (opening.readingId, room.caseId, shownScan(room)) == ("", "", None)
    room.client.cancelled.emit(job)
    room.host.process_events()
    assert room.caseId == "" and not room.ui.decisionFrame.visible
    room.openCase("case-0002")
    assert np.array_equal(shownScan(room), heads[1].array)


def testCaseOfTheListBeforeLeavesTheScreenAndIsKept(room):
    room.writeScans(2)
    before = room.nodeCount()
    room.openList()
    room.openCase("case-0001")
    room.stroke(np.s_[6:9, 30:36, 30:36])
    drawn, dataset = room.maskOf(), room.dataset
    openAnotherFolder(room)
    assert shownScan(room) is None and segmentationNames(room) == []
    assert room.nodeCount() <= before + 1, "an editor's parameter set stays"
    from radiologycnn.annotation.store import AnnotationStore

    store = AnnotationStore(dataset, "ab")
    assert np.count_nonzero(store.read_mask(store.annotation("case-0001")).crop) == np.count_nonzero(drawn)


# Another rater


def testSecondRaterSeesNoStrokeOfTheFirst(room):
    room.writeScans(2)
    room.openList("ab")
    room.openCase("case-0001")
    network = room.maskOf()
    room.press("1")
    room.stroke(np.s_[6:9, 30:36, 30:36])
    drawn = room.maskOf()
    sitDown(room, "cd")
    assert shownScan(room) is None and segmentationNames(room) == []
    assert not room.widget.correct.isActive
    room.openCase("case-0001")
    assert np.array_equal(room.maskOf(), network)
    sitDown(room, "ab")
    room.openCase("case-0001")
    assert np.array_equal(room.maskOf(), drawn)


def testSecondRaterOfLoadedScansBeginsWithTheNetworksMask(room):
    listLoadedScans(room, "ab")
    room.openCase()
    network = room.maskOf()
    room.press("1")
    room.stroke(np.s_[6:12, 30:50, 30:50])
    drawn = room.maskOf()
    room.press("A")
    asked = room.count("segment")
    sitDown(room, "cd")
    assert segmentationNames(room) == [] and "Hidden" not in room.ui.messageLabel.text
    room.openCase("case-0001")
    assert room.count("segment") == asked, "its network has run already"
    assert np.array_equal(room.maskOf(), network) and not room.result.record["edited"]
    room.editor.undo()
    assert np.array_equal(room.maskOf(), network), "nor is a stroke in Undo"
    room.press("A")
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)
    assert room.widget.worklist.cases.store.annotation("case-0001").edits["added_ml"] == 0
    sitDown(room, "ab")
    room.openCase("case-0001")
    assert np.array_equal(room.maskOf(), drawn)


def testMaskOfAnotherRaterThatOnlyTheSceneHoldsIsHiddenNotLost(room):
    listLoadedScans(room, "ab")
    room.openCase()
    room.stroke(np.s_[6:12, 30:50, 30:50])
    room.settled()
    drawn = room.maskOf()
    node = room.result.segmentationNode
    room.widget.worklist.release()
    room.folder = room.folder.parent / "elsewhere"  # a dataset that knows nothing of the first rater
    room.widget.worklist.cases.store = None
    listLoadedScans(room, "cd")
    assert node.GetName() in room.ui.messageLabel.text and node.GetName().endswith("by ab")
    assert room.result is None and not node.GetDisplayNode().GetVisibility()
    before = room.count("segment")
    room.openCase()
    assert room.count("segment") == before + 1
    assert room.result.segmentationNode is not node
    kept = room.slicer.util.arrayFromSegmentBinaryLabelmap(node, "hemorrhage-1", room.volume) != 0
    assert np.array_equal(kept, drawn) and not np.array_equal(room.maskOf(), drawn)


# A scene that was closed


def anotherPatient(room):
    """Whose scan gets the identifier of the one that was closed with its scene."""
    head = room.syntheticHead((32, 128, 128), bleedMm=(9.0, 30.0, 8.0), seed=55)
    return room.addHead(head, "Another patient")


def testScanOfANewSceneIsNotTakenForTheListedOne(room):
    identifier = room.volume.GetID()
    listLoadedScans(room)
    room.slicer.mrmlScene.Clear(0)
    assert anotherPatient(room).GetID() == identifier
    room.openCase("case-0001")
    assert not room.widget.worklist.opening.isCaseShown
    assert "no longer in the scene" in room.ui.messageLabel.text
    assert "Loaded scans" in room.ui.messageLabel.text


def testScanThatWasReplacedUnderItsIdentifierIsRefused(room):
    listLoadedScans(room)
    array = room.slicer.util.arrayFromVolume(room.volume)
    array[:] = array[::-1].copy()
    room.slicer.util.arrayFromVolumeModified(room.volume)
    room.openCase("case-0001")
    assert not room.widget.worklist.opening.isCaseShown
    assert "not the scan that was listed" in room.ui.messageLabel.text


def testAnotherRaterAfterTheSceneWasClosedListsNoScanThatIsGone(room):
    import gc
    import weakref

    room.head = None  # whose voxels are not the question
    listLoadedScans(room)
    room.slicer.mrmlScene.Clear(0)
    gone, room.volume = weakref.ref(room.volume), None
    other = anotherPatient(room)
    sitDown(room, "cd")
    assert room.ui.raterLineEdit.text == "ab"
    assert "Load scans first" in room.ui.messageLabel.text
    gc.collect()
    assert gone() is None, "the list does not keep a closed scan in memory"
    room.click(room.ui.sceneScansButton)
    assert list(room.states()) == ["case-0002"], other.GetName()


# Where annotations are kept


def testFolderForTheAnnotationsThatIsChosenFirstHolds(room):
    room.writeScans(1)
    scans, elsewhere = room.folder, room.folder.parent / "elsewhere"
    room.folder = elsewhere
    room.ui.worklistCollapsibleButton.collapsed = False
    room.ui.raterLineEdit.text = "ab"
    room.click(room.ui.datasetButton)
    assert "elsewhere" in room.ui.datasetButton.toolTip
    room.folder = scans
    room.click(room.ui.openScansButton)
    assert room.widget.worklist.cases.store.folder == elsewhere
    assert not (scans / "annotations").exists()


@pytest.mark.parametrize("isOfScene", [False, True])
def testFolderForTheAnnotationsOfAnOpenListIsChanged(room, isOfScene):
    if isOfScene:
        listLoadedScans(room)
    else:
        room.writeScans(1)
        room.openList()
    room.openCase()
    room.folder = room.folder.parent / "elsewhere"
    room.click(room.ui.datasetButton)
    assert room.widget.worklist.cases.store.folder == room.folder
    assert room.states() == {"case-0001": "to-do"} and room.caseId == ""
    sitDown(room, "cd")
    assert room.widget.worklist.cases.store.folder == room.folder


def testAFileNameThatIsNoUtf8IsListedAndNamed(slicerHost):
    """Linux lets files have such names, as of an archive from Windows; PythonQt takes no text with what Python makes
    of them."""
    from RadiologyCNNLib.CaseTable import CaseRow, CaseTable
    from RadiologyCNNLib.PanelTexts import linesHtml, messageHtml

    name, qt = b"Sch\xfctz.nii".decode("utf-8", "surrogateescape"), slicerHost.qt
    frame = qt.QWidget()
    view = qt.QTableWidget(frame)
    CaseTable(view, qt.QComboBox(frame), qt.QComboBox(frame)).show([CaseRow("case-0001", "to-do", name)])
    assert view.item(0, 0).toolTip() == "Sch?tz.nii"
    assert messageHtml(f"{name} cannot be read.") == "<b>Sch?tz.nii cannot be read.</b>"
    assert linesHtml([name]) == "Sch?tz.nii"
