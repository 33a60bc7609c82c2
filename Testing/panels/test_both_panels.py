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
