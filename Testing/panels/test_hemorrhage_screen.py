"""The HemorrhageSeg panel and the screen: its scan is the one that the slice views show, however that came there."""

import numpy as np
import pytest

STROKE = np.s_[6:9, 30:36, 30:36]


@pytest.fixture
def clinic(headClinic):
    """The panel with a scan that was segmented and is on the slices."""
    headClinic.first = headClinic.segment()
    return headClinic


def loaded(clinic, name="Other CT"):
    """A scan as Slicer's loading leaves it: in all slice views, and chosen by nobody."""
    volume = clinic.slicer.util.addVolumeFromArray(clinic.head.array, ijkToRAS=clinic.head.ijkToRas, name=name)
    shown(clinic, volume)
    return volume


def shown(clinic, volume):
    volume.CreateDefaultDisplayNodes()
    clinic.slicer.util.setSliceViewerLayers(background=volume, fit=True)


def chosen(clinic):
    return clinic.ui.inputVolumeSelector.currentNode()


def eyeOf(result):
    """The display node, whose visibility is the eye in the Data module."""
    return result.segmentationNode.GetDisplayNode()


# Which scan is chosen


def testAScanThatIsLoadedIsChosenAndNoOtherBleedLiesOverIt(clinic):
    clinic.widget.showMessage("Written: table.csv")
    other = loaded(clinic)
    clinic.waitFor(lambda: chosen(clinic) is other)
    assert not eyeOf(clinic.first).GetVisibility() and clinic.words == ""
    assert not clinic.ui.messageLabel.visible  # it was said of the scan before
    assert clinic.segment().volumeNode is other
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    assert eyeOf(clinic.first).GetVisibility() and clinic.words


def testAScanThatIsLoadedInAnotherModuleIsChosenWhenThePanelIsShownAgain(clinic):
    clinic.host.leave_module()
    other = loaded(clinic)
    clinic.host.process_events(0.2)
    assert chosen(clinic) is clinic.volume  # nothing changes behind the person's back
    clinic.slicer.util.selectModule("HemorrhageSeg")
    assert chosen(clinic) is other and not eyeOf(clinic.first).GetVisibility()
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    clinic.segment()
    clinic.host.leave_module()
    shown(clinic, other)  # which is not new any more
    clinic.slicer.util.selectModule("HemorrhageSeg")
    assert chosen(clinic) is clinic.volume


def testTheFirstScanThatIsLoadedIsChosen(clinic):
    clinic.slicer.mrmlScene.Clear(0)
    assert chosen(clinic) is None
    first = loaded(clinic)
    clinic.waitFor(lambda: chosen(clinic) is first)


def testTheChosenScanStaysWhileItIsInAViewOrNoOtherCanBeSegmented(clinic):
    views = [clinic.slicer.app.layoutManager().sliceWidget(name) for name in ("Red", "Yellow", "Green")]
    other = clinic.slicer.util.addVolumeFromArray(clinic.head.array, ijkToRAS=clinic.head.ijkToRas, name="Other CT")
    views[0].mrmlSliceCompositeNode().SetBackgroundVolumeID(other.GetID())  # beside it
    clinic.host.process_events(0.2)
    assert chosen(clinic) is clinic.volume
    shown(clinic, clinic.first.probabilityNodes[0])  # a map of its own, to see the mask on it
    clinic.host.process_events(0.2)
    assert chosen(clinic) is clinic.volume and eyeOf(clinic.first).GetVisibility()


def testTheScanOfARunStaysChosenUntilItsEnd(clinic):
    job = clinic.start()
    other = loaded(clinic)
    clinic.host.process_events(0.2)
    assert chosen(clinic) is clinic.volume
    clinic.fail(job, "lost", "The network has stopped.")
    clinic.waitFor(lambda: chosen(clinic) is other)
    assert "The network has stopped." in clinic.ui.messageLabel.text and clinic.ui.messageLabel.visible
    job = clinic.start()
    loaded(clinic, "Third CT")
    clinic.answer(job)  # which brings its scan back
    clinic.host.process_events(0.2)
    assert chosen(clinic) is other


# The eye in the Data module


def testAnEyeStaysAsThePersonHasSetItUntilAnotherScanIsChosen(clinic):
    clinic.addHead(clinic.syntheticHead(bleedMm=(10.0, 10.0, 10.0)), "Other CT")
    second = clinic.segment()
    eyeOf(clinic.first).SetVisibility(True)  # to compare both
    eyeOf(second).SetVisibility(False)
    clinic.host.leave_module()
    clinic.slicer.util.selectModule("HemorrhageSeg")
    table = clinic.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    clinic.slicer.mrmlScene.RemoveNode(table)
    assert eyeOf(clinic.first).GetVisibility() and not eyeOf(second).GetVisibility()
    eyeOf(second).SetSegmentVisibility("hemorrhage-1", False)
    clinic.segment()  # its mask is a new one, and is to be seen
    assert eyeOf(second).GetVisibility() and eyeOf(second).GetSegmentVisibility("hemorrhage-1")
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.first.volumeNode)
    assert eyeOf(clinic.first).GetVisibility() and not eyeOf(second).GetVisibility()


# A case of a list


def testACaseIsNotDrawnOnOrDecidedWhileAnotherScanIsOnTheScreenAndComesBackAsItWas(room):
    room.writeScans(2)
    room.openList()
    room.openCase("case-0001")
    room.stroke(STROKE)
    room.settled()
    case, result, drawn = chosen(room), room.result, room.maskOf()
    prior = loaded(room, "Prior CT")
    room.waitFor(lambda: chosen(room) is prior)
    assert not eyeOf(result).GetVisibility() and not room.widget.correct.isActive
    room.press("A")
    assert room.states()["case-0001"] == "in-progress"
    room.openCase("case-0001")
    assert chosen(room) is case and room.result.segmentationNode is result.segmentationNode
    assert eyeOf(result).GetVisibility() and np.array_equal(room.maskOf(), drawn)
    red = room.slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    assert red.GetBackgroundVolumeID() == case.GetID()
    room.press("Z")  # what can be undone still can
    room.settled()
    assert room.maskOf().sum() < drawn.sum()
    room.press("A")
    assert room.states()["case-0001"] == "accepted"


def testTheOpenCaseComesBackAlsoWhileItsFolderCannotBeReached(room):
    room.writeScans(1)
    room.openList()
    room.openCase("case-0001")
    room.accept()
    case, prior = chosen(room), loaded(room, "Prior CT")
    room.waitFor(lambda: chosen(room) is prior)
    elsewhere = room.folder.with_name("elsewhere")
    room.folder.rename(elsewhere)
    assert room.widget.worklist.openCase("case-0001") and chosen(room) is case
    elsewhere.rename(room.folder)


def testOutlinesOfTheRatersDoNotStayOverAnotherScan(office):
    room, box = office, office.parts.showRatersCheckBox
    room.openCase("case-0001")
    room.click(room.ui.acceptButton)
    room.openCase("case-0001")
    box.checked = True
    assert room.slicer.util.getNodes("* raters")
    other = loaded(room)
    room.waitFor(lambda: chosen(room) is other)
    assert not room.slicer.util.getNodes("* raters") and not box.checked
