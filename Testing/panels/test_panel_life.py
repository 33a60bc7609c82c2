"""A panel's life as Slicer leads it: reloaded while it is shown, its nodes removed, left and entered again."""

import gc

import pytest


@pytest.fixture(params=["headClinic", "shoulderClinic"])
def clinic(request):
    return request.getfixturevalue(request.param)


def testAReloadedPanelWorksAtOnceAndAfterASceneClose(clinic):
    """Slicer does not call ``enter`` after a reload, although the panel is the one that is shown."""
    from RadiologyCNNLib.AnswerlessClient import AnswerlessClient

    clinic.widget.onReload()
    renewed = getattr(clinic.slicer.modules, f"{clinic.MODULE}Widget")
    assert renewed is not clinic.widget and renewed.isEntered
    renewed.logic.client = AnswerlessClient()
    assert renewed._parameterNode.inputVolume is clinic.volume
    clinic.host.clear_scene()
    assert renewed._parameterNode is not None
    volume = clinic.addScan()
    renewed.ui.inputVolumeSelector.setCurrentNode(volume)
    assert renewed._parameterNode.inputVolume is volume


def testNoTimerOfAPanelThatHasGoneGoesOn(clinic):
    """At exit Slicer deletes the widgets of each module, and lets the timers go on after that."""
    from RadiologyCNNLib.AnswerlessClient import AnswerlessClient

    clinic.widget.onReload()
    getattr(clinic.slicer.modules, f"{clinic.MODULE}Widget").logic.client = AnswerlessClient()
    clinic.widget.parent = type(clinic.widget.parent)(clinic.widget.parent._module)
    clinic.widget.parent.delete()
    with pytest.raises(ValueError, match="destroyed"):
        _ = clinic.widget.isEntered  # so that the slot of a timer would fail the test
    clinic.host.process_events(0.5)


def testPanelWithoutAModuleAroundItIsNotShown(clinic):
    parent, clinic.widget.parent = clinic.widget.parent, clinic.slicer.qMRMLWidget()
    try:
        assert not clinic.widget.isEntered
    finally:
        clinic.widget.parent = parent


@pytest.mark.parametrize("isOlderSlicer", [False, True], ids=["", "Slicer 5.10"])
def testOneWrapperOfTheParameterNodeLives(clinic, monkeypatch, isOlderSlicer):
    """Each of them reads every parameter anew whenever one changes: in a long session the panel would get slow."""
    kind = type(clinic.widget._parameterNode)
    if isOlderSlicer:  # its disconnectGui leaves the observer behind
        monkeypatch.setattr(kind, "RemoveObserver", lambda self, tag: None)
    for _again in range(3):
        clinic.widget.enter()
        clinic.host.clear_scene()
    gc.collect()
    assert sum(type(one) is kind for one in gc.get_objects()) == 1


def testARemovedScanIsForgottenByTheParameters(clinic):
    """The scene tells of a removal before the parameter node does, which till then hands out the removed node."""
    clinic.slicer.mrmlScene.RemoveNode(clinic.volume)
    assert clinic.widget._parameterNode.inputVolume is None
    assert not clinic.widget.runButton.enabled
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.addScan())
    assert clinic.widget._parameterNode.inputVolume is not None


# The Segment Editor in HemorrhageSeg


@pytest.fixture
def unfolded(headClinic):
    """The clinic, whose part "Correct" is folded again at the end: the next test finds the same panel."""
    yield headClinic
    headClinic.slicer.modules.HemorrhageSegWidget.ui.correctCollapsibleButton.collapsed = True


def openEditor(clinic):
    clinic.segment()
    clinic.ui.correctCollapsibleButton.collapsed = False
    assert clinic.widget.correct.isActive
    return clinic.widget.correct.editor


def testThresholdBeginsAtBloodAlsoAfterACloseOfTheScene(unfolded):
    """The parameter set is a singleton, which a close of the scene empties; then its effects put their defaults in."""
    for _scene in range(2):
        node = openEditor(unfolded).node
        values = [float(node.GetAttribute(f"Threshold.{end}Threshold")) for end in ("Minimum", "Maximum")]
        assert values == [45.0, 100.0]
        assert node.GetSourceVolumeIntensityMaskRange() == (45.0, 100.0)
        assert not node.GetSaveWithScene()
        unfolded.host.clear_scene()
        unfolded.ui.correctCollapsibleButton.collapsed = True
        unfolded.volume = unfolded.addScan()


def testNothingOfAReloadedPanelsEditorStays(unfolded):
    """A reload hides the panel's widgets and keeps them; two editors on one parameter set would both draw."""
    from RadiologyCNNLib.AnswerlessClient import AnswerlessClient

    widget = openEditor(unfolded).widget
    gone = []
    widget.connect("destroyed()", lambda: gone.append(True))
    unfolded.widget.onReload()
    unfolded.slicer.modules.HemorrhageSegWidget.logic.client = AnswerlessClient()
    unfolded.host.process_events()
    assert gone


def testEditorOpensWithoutAMainWindow(unfolded, monkeypatch):
    """As under ``Slicer --no-main-window``, where keys have nothing to be given to."""
    monkeypatch.setattr(unfolded.slicer.util, "mainWindow", lambda: None)
    assert openEditor(unfolded).isOpen


# The brain window of a scan from a DICOM series


def testWindowFromTheDicomHeaderGivesWayToTheBrainWindowAndComesBack(headClinic):
    display = headClinic.volume.GetDisplayNode()
    display.AddWindowLevelPreset(1500, 400)
    display.SetWindowLevelFromPreset(0)
    assert not display.GetAutoWindowLevel()
    headClinic.segment()
    assert (display.GetWindow(), display.GetLevel()) == (80, 40)
    headClinic.click(headClinic.ui.brainWindowCheckBox)
    assert (display.GetWindow(), display.GetLevel()) == (1500, 400)


def testTheThreeDViewIsCentredOnceForAResult(headClinic, monkeypatch):
    """With each move of the threshold the surface is built anew; the person may have turned the view meanwhile."""
    centred = []
    monkeypatch.setattr(headClinic.slicer.util, "resetThreeDViews", lambda: centred.append(True))
    result = headClinic.segment()
    headClinic.click(headClinic.ui.show3DCheckBox)
    headClinic.waitFor(lambda: result.hasSurface)
    headClinic.ui.thresholdSlider.value = 0.95
    headClinic.waitFor(lambda: result.hasSurface)
    assert centred == [True]


def testTheThreeDViewIsCentredOnAScanThatIsChosenAgain(headClinic, monkeypatch):
    """The view still looked where the other scan lies, and may have shown nothing."""
    first = headClinic.segment()
    headClinic.click(headClinic.ui.show3DCheckBox)
    headClinic.waitFor(lambda: first.hasSurface)
    head = headClinic.head
    elsewhere = head.ijkToRas.copy()
    elsewhere[:3, 3] += 500
    other = headClinic.slicer.util.addVolumeFromArray(head.array, ijkToRAS=elsewhere, name="Elsewhere")
    other.CreateDefaultDisplayNodes()
    headClinic.ui.inputVolumeSelector.setCurrentNode(other)
    second = headClinic.segment()
    headClinic.waitFor(lambda: second.hasSurface)
    centred = []
    monkeypatch.setattr(headClinic.slicer.util, "resetThreeDViews", lambda: centred.append(True))
    headClinic.ui.inputVolumeSelector.setCurrentNode(headClinic.volume)
    headClinic.host.process_events(0.5)
    assert centred == [True] and first.hasSurface
    headClinic.click(headClinic.ui.showSkullCheckBox)
    headClinic.host.process_events(0.5)
    assert centred == [True]
