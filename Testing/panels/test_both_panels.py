"""Both panels in one window, as a person who has both kinds of scans uses them: switching, one scene, one reload."""

import pytest


@pytest.fixture
def clinics(headClinic, shoulderClinic):
    """The two panels with a scan each in one scene; RotatorCuffCNN is the one that is shown."""
    headClinic.volume.SetName("Head")
    return headClinic, shoulderClinic


def select(clinic, name) -> None:
    clinic.slicer.util.selectModule(name)
    clinic.host.process_events()
    clinic.useModel()  # a panel lists the installed models anew when it is entered


def testOnePanelIsShownAtATimeAndEachKeepsItsScan(clinics):
    head, shoulder = clinics
    shown = []
    for clinic, name in ((head, "HemorrhageSeg"), (shoulder, "RotatorCuffCNN"), (head, "HemorrhageSeg")):
        select(clinic, name)
        shown.append((head.widget.isEntered, shoulder.widget.isEntered))
        assert clinic.widget.parent.isVisible()
        assert head.ui.inputVolumeSelector.currentNode() is head.volume
        assert shoulder.ui.inputVolumeSelector.currentNode() is shoulder.volume
    assert shown == [(True, False), (False, True), (True, False)]


def testResultsOfBothStandSideBySideAndComeBackWithTheScene(clinics, tmp_path):
    head, shoulder = clinics
    select(head, "HemorrhageSeg")
    head.segment()
    select(shoulder, "RotatorCuffCNN")
    shoulder.locate()
    shoulder.classify()
    words, total = shoulder.ui.predictedLabel.text, head.ui.totalLabel.text
    assert head.result.volumeNode is head.volume and shoulder.result.volumeNode is shoulder.volume
    assert words and total.endswith(" mL")

    path = tmp_path / "both.mrb"
    head.slicer.util.saveScene(str(path))
    head.host.clear_scene()
    assert head.widget.results.result is None and shoulder.widget.results.result is None
    head.slicer.util.loadScene(str(path))
    for clinic, name in ((head, "HemorrhageSeg"), (shoulder, "RotatorCuffCNN")):
        select(clinic, name)
    assert (shoulder.ui.predictedLabel.text, head.ui.totalLabel.text) == (words, total)
    assert head.result.volumeNode.GetName() == "Head"
    assert shoulder.result.volumeNode.GetName() == "Shoulder"


def testTheScanOfOnePanelIsRefusedInWordsByTheOther(clinics):
    head, shoulder = clinics
    select(head, "HemorrhageSeg")
    head.segment()
    select(shoulder, "RotatorCuffCNN")
    nodes = shoulder.nodeCount()
    shoulder.ui.inputVolumeSelector.setCurrentNode(head.volume)
    job = shoulder.start()
    shoulder.fail(job, "not-a-shoulder", "This looks like a CT.", "Choose a shoulder MRI.")
    assert "This looks like a CT." in shoulder.ui.messageLabel.text
    assert head.result.volumeNode is head.volume and shoulder.nodeCount() <= nodes + 1  # a box at most


def visible(clinic) -> set:
    """Names of the nodes that are drawn by a display of their own: bleeds, and what is rendered in 3D."""
    kinds = ("vtkMRMLSegmentationDisplayNode", "vtkMRMLVolumeRenderingDisplayNode")
    displays = [node for kind in kinds for node in clinic.slicer.util.getNodesByClass(kind)]
    return {display.GetDisplayableNode().GetName() for display in displays if display.GetVisibility()}


def testNothingOfTheOtherPanelsScanLiesOverTheScanThatIsShown(clinics):
    head, shoulder = clinics
    select(head, "HemorrhageSeg")
    head.segment()
    head.ui.show3DCheckBox.checked = True
    head.waitFor(lambda: "Head" in visible(head))
    select(shoulder, "RotatorCuffCNN")
    shoulder.ui.inputVolumeSelector.nodeActivated.emit(shoulder.volume)
    assert not visible(shoulder)
    shoulder.locate()
    shoulder.classify()
    shoulder.ui.show3DCheckBox.checked = True
    assert visible(shoulder) == {"Shoulder", "Shoulder CAM"}

    select(head, "HemorrhageSeg")
    head.ui.inputVolumeSelector.setCurrentNode(head.volume)
    head.ui.inputVolumeSelector.nodeActivated.emit(head.volume)
    assert {node.GetBackgroundVolumeID() for node in shoulder.composites()} == {head.volume.GetID()}
    assert {node.GetForegroundVolumeID() for node in shoulder.composites()} == {None}
    assert visible(head) == {"Head", "Head hemorrhage"}
    select(shoulder, "RotatorCuffCNN")
    assert shoulder.isOverlaid() and visible(shoulder) == {"Shoulder", "Shoulder CAM"}


def testAPanelDoesNotTakeTheScanThatWasLoadedForTheOther(clinics):
    head, shoulder = clinics
    shoulder.locate()
    shoulder.classify()
    select(head, "HemorrhageSeg")
    other = head.addHead(head.head, "Next head")
    head.ui.inputVolumeSelector.nodeActivated.emit(other)
    select(shoulder, "RotatorCuffCNN")
    assert shoulder.ui.inputVolumeSelector.currentNode() is shoulder.volume and shoulder.isOverlaid()


def testAPanelThatHasNoScanYetDoesNotChooseTheOthers(headClinic, loadModule):
    headClinic.ui.inputVolumeSelector.nodeActivated.emit(headClinic.volume)
    shoulder = headClinic.slicer.util.addVolumeFromArray(headClinic.head.array, name="Shoulder")
    assert loadModule("RotatorCuffCNN").ui.inputVolumeSelector.currentNode() is shoulder
