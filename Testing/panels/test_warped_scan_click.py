"""A click on a scan under a warp: the panel works on while it is resampled, and hears of whatever happens meanwhile."""

import os

import numpy as np
import pytest
from panels.warped_scan import NUDGE_MM, acquisitionTransform, lean


@pytest.fixture(params=["headClinic", "shoulderClinic"])
def clinic(request, monkeypatch):
    """A panel with a scan under an acquisition transform, not yet resampled."""
    opened = request.getfixturevalue(request.param)
    if request.param == "shoulderClinic":
        opened.locate()
    opened.host.leave_module()  # nothing is prepared unless the test looks at the panel for longer
    return warp(opened, monkeypatch)


@pytest.fixture
def head(headClinic, monkeypatch):
    headClinic.host.leave_module()
    return warp(headClinic, monkeypatch)


def warp(clinic, monkeypatch):
    used = resampling(clinic)
    clinic.parts, clinic.monkeypatch = [], monkeypatch
    step = used["WarpedScan"].step

    def counted(self, volumeNode):
        if not self.isDone:
            clinic.parts.append(self)
        return step(self, volumeNode)

    monkeypatch.setattr(used["WarpedScan"], "step", counted)
    clinic.warp = acquisitionTransform(clinic.slicer, clinic.volume)
    clinic.volume.SetAndObserveTransformNodeID(clinic.warp.GetID())
    clinic.ui.inputVolumeSelector.setCurrentNode(clinic.volume)
    return clinic


def resampling(clinic) -> dict:
    """Names of the module WarpedScan that this panel works with: not the imported one once a panel was reloaded."""
    jobs = next(kind for kind in type(clinic.widget.logic).__mro__ if kind.__module__.endswith("WorkerJobs"))
    function = next(value for value in vars(jobs).values() if hasattr(value, "__globals__"))
    return function.__globals__["warpedScan"].__globals__


def enter(clinic):
    clinic.slicer.util.selectModule(clinic.MODULE)


def waitingRun(clinic) -> None:
    """Click, and let a few parts be done."""
    with clinic.monkeypatch.context() as patch:
        patch.setitem(resampling(clinic), "PART_SECONDS", 0.0)  # many small parts, however fast the computer is
        patch.setitem(resampling(clinic), "_FEWEST_ROWS", 1)
        enter(clinic)
        clinic.click(clinic.widget.runButton)
        clinic.parts.clear()
        clinic.waitFor(lambda: len(clinic.parts) >= 2)
    assert not clinic.count(clinic.TASK)
    assert clinic.widget.logic.isRunning


def testAClickWaitsForTheResamplingWithoutHoldingUpThePanel(clinic):
    waitingRun(clinic)
    assert clinic.widget.runButton.text == "Cancel"
    assert clinic.ui.stageLabel.text == "Resampling the scan…"
    clinic.waitFor(lambda: clinic.count(clinic.TASK))
    job, fields = clinic.sent(clinic.TASK)
    sent = np.load(fields["volume"]["array"])
    copy = clinic.slicer.vtkMRMLScalarVolumeNode()
    copy.CopyContent(clinic.volume)
    clinic.slicer.mrmlScene.AddNode(copy)
    copy.SetAndObserveTransformNodeID(clinic.warp.GetID())
    copy.HardenTransform()
    assert np.array_equal(sent, clinic.slicer.util.arrayFromVolume(copy))
    clinic.answer(job)
    assert clinic.result is not None, clinic.ui.messageLabel.text
    assert not clinic.widget.logic.isRunning
    assert not os.path.exists(fields["output"])
    clinic.parts.clear()
    clinic.start()
    assert not clinic.parts, "the second run resamples nothing"


def testCancelWhileTheScanIsResampled(clinic):
    waitingRun(clinic)
    clinic.click(clinic.widget.runButton)
    assert "Cancelled" in clinic.ui.messageLabel.text
    assert not clinic.widget.logic.isRunning
    assert clinic.widget.runButton.enabled
    clinic.host.leave_module()
    clinic.parts.clear()
    clinic.host.process_events(0.1)
    assert not clinic.parts
    assert not clinic.count(clinic.TASK)


def testScanRemovedTransformChangedOrSceneClosedWhileItIsResampled(clinic):
    waitingRun(clinic)
    lean(clinic.slicer, clinic.warp)
    clinic.waitFor(lambda: not clinic.widget.logic.isRunning)
    assert "changed or moved before the network got it" in clinic.ui.messageLabel.text
    waitingRun(clinic)
    clinic.slicer.mrmlScene.RemoveNode(clinic.volume)
    clinic.waitFor(lambda: not clinic.widget.logic.isRunning)
    assert "removed before the network got it" in clinic.ui.messageLabel.text
    clinic.volume = clinic.addScan()
    if clinic.MODULE == "RotatorCuffCNN":
        clinic.locate()
    clinic.volume.SetAndObserveTransformNodeID(clinic.warp.GetID())
    waitingRun(clinic)
    clinic.slicer.mrmlScene.Clear(0)
    clinic.host.process_events(0.1)
    assert "scene was closed" in clinic.ui.messageLabel.text
    assert not clinic.count(clinic.TASK)
    assert not clinic.widget.logic._jobs


def testAScanThatIsLookedAtIsResampledBeforeTheClick(clinic):
    enter(clinic)
    prepared = clinic.count("prepare")
    clinic.waitFor(lambda: clinic.count("prepare") > prepared)
    fields = clinic.sent("prepare")[1]
    clinic.parts.clear()
    clinic.start()
    assert not clinic.parts
    assert clinic.sent(clinic.TASK)[1]["volume"] == fields["volume"]


def testATransformThatIsChangedDuringTheRunOrAfterItIsNoticed(clinic):
    enter(clinic)
    job = clinic.start()
    lean(clinic.slicer, clinic.warp)
    clinic.answer(job)
    assert clinic.result is None
    assert "changed or moved while the network worked" in clinic.ui.messageLabel.text
    clinic.run()
    assert not clinic.ui.outdatedLabel.text.startswith("The scan was moved")
    lean(clinic.slicer, clinic.warp)
    assert clinic.ui.outdatedLabel.text.startswith("The scan was moved")
    lean(clinic.slicer, clinic.warp, -NUDGE_MM)
    assert not clinic.ui.outdatedLabel.text.startswith("The scan was moved")
    clinic.volume.SetAndObserveTransformNodeID(None)
    assert clinic.ui.outdatedLabel.text.startswith("The scan was moved")


def testMovesOfTheThresholdResampleNothing(head):
    enter(head)
    head.run()
    head.parts.clear()
    for value in (0.3, 0.6):
        measured = head.count("measure")
        head.ui.thresholdSlider.value = value
        head.waitFor(lambda known=measured: head.count("measure") > known)
    assert not head.parts


def testATableAfterALoadedSceneWaitsForTheResampling(head, tmp_path):
    enter(head)
    head.run()
    path = str(tmp_path / "scene.mrb")
    assert head.slicer.util.saveScene(path)
    head.host.clear_scene()
    head.slicer.util.loadScene(path)
    head.waitFor(lambda: head.result is not None)
    assert head.ui.outdatedLabel.text == ""
    head.parts.clear()
    head.ui.thresholdSlider.value = 0.35
    _job, fields = head.waitForMeasuring()
    assert head.parts
    assert os.path.exists(fields["mask"])
    assert np.load(fields["volume"]["array"]).shape != head.head.array.shape
