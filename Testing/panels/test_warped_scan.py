"""Scans under a warp, as Slicer's DICOM reader lays it over tilted and uneven series: resampled once, in parts."""

import os

import numpy as np
import pytest

NUDGE_MM = 0.5


@pytest.fixture
def modules(slicerHost):
    import slicer

    from RadiologyCNNLib import ScanGeometry, WarpedScan

    return slicer, ScanGeometry, WarpedScan


def acquisitionTransform(slicer, volumeNode, tiltMm=20.0, gapMm=20.0, name="acquisition transform"):
    """A grid of one displacement a slice's corner: gantry tilt, and gaps that are wider in the upper part."""
    import vtk

    columns, rows, slices = volumeNode.GetImageData().GetDimensions()
    directions, transform = vtk.vtkMatrix4x4(), slicer.vtkOrientedGridTransform()
    volumeNode.GetIJKToRASDirectionMatrix(directions)
    grid = vtk.vtkImageData()
    grid.SetOrigin(*volumeNode.GetOrigin())
    grid.SetDimensions(2, 2, slices)
    spacing = volumeNode.GetSpacing()
    grid.SetSpacing(spacing[0] * columns, spacing[1] * rows, spacing[2])
    grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
    transform.SetGridDirectionMatrix(directions)
    transform.SetDisplacementGridData(grid)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", name)
    node.SetAndObserveTransformToParent(transform)
    displacements = slicer.util.arrayFromGridTransform(node)
    displacements[:] = 0
    above = np.clip(np.linspace(-0.4, 0.6, slices), 0, None)[:, None, None]
    displacements[:, 1, :, 2] = tiltMm
    displacements[..., 2] += gapMm * above
    slicer.util.arrayFromGridTransformModified(node)
    return node


def lean(slicer, transformNode, mm=NUDGE_MM):
    """Change a grid transform, and have the views know."""
    slicer.util.arrayFromGridTransform(transformNode)[:, 0, :, 2] += mm
    slicer.util.arrayFromGridTransformModified(transformNode)
    transformNode.InvokeCustomModifiedEvent(slicer.vtkMRMLTransformableNode.TransformModifiedEvent)


def addScan(slicer, dtype=np.int16, shape=(6, 40, 30)):
    array = np.random.default_rng(5).normal(100, 400, shape).astype(dtype)
    matrix = np.diag([-1.2, -1.1, 4.0, 1.0])
    matrix[:3, 3] = 17, 22, -9
    return slicer.util.addVolumeFromArray(array, ijkToRAS=matrix, name="Tilted")


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("hasParent", [False, True])
def testVoxelsEqualThoseOfSlicersOwnHardening(modules, dtype, hasParent, monkeypatch):
    slicer, ScanGeometry, WarpedScan = modules
    monkeypatch.setattr(WarpedScan, "_FEWEST_ROWS", 7)
    volume = addScan(slicer, dtype)
    warp = acquisitionTransform(slicer, volume)
    if hasParent:
        turned = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        turned.SetMatrixTransformToParent(
            slicer.util.vtkMatrixFromArray(
                np.array([[0.8, -0.6, 0, 4], [0.6, 0.8, 0, 0], [0, 0, 1, -7], [0, 0, 0, 1.0]])
            )
        )
        warp.SetAndObserveTransformNodeID(turned.GetID())
    volume.SetAndObserveTransformNodeID(warp.GetID())
    before, nodes, changes = slicer.util.arrayFromVolume(volume).copy(), slicer.mrmlScene.GetNumberOfNodes(), []
    volume.AddObserver("AnyEvent", lambda _caller, event: changes.append(event))
    warped = WarpedScan.warpedScan(volume)
    parts = 1
    while not warped.step(volume):
        parts += 1
    assert parts > len(before)
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes
    assert not changes
    assert np.array_equal(slicer.util.arrayFromVolume(volume), before)
    copy = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    copy.CopyContent(volume)
    copy.SetAndObserveTransformNodeID(warp.GetID())
    copy.HardenTransform()
    hardened = slicer.util.arrayFromVolume(copy)
    assert hardened.shape != before.shape
    assert warped.array.dtype == hardened.dtype
    assert np.array_equal(warped.array, hardened)
    assert np.allclose(warped.ijkToRas, ScanGeometry.ijkToWorld(copy), rtol=0, atol=1e-12)


def testIsResampledOnceUntilVoxelsGeometryOrTransformChange(modules):
    slicer, _exchange, WarpedScan = modules
    volume = addScan(slicer)
    warp = acquisitionTransform(slicer, volume)
    volume.SetAndObserveTransformNodeID(warp.GetID())
    known = WarpedScan.warpedScan(volume)
    known.finish(volume)
    array = slicer.util.arrayFromVolume(volume)

    def touch():  # the same voxels, written anew
        array[:] = array.copy()
        slicer.util.arrayFromVolumeModified(volume)

    def rename():
        volume.SetName("Another name")

    for change in (touch, rename):
        change()
        assert WarpedScan.warpedScan(volume) is known, change.__name__

    def voxelOfWhichNobodyIsTold():
        array[2, 3, 4] += 1

    def voxels():
        slicer.util.updateVolumeFromArray(volume, array[::-1].copy())

    def geometry():
        volume.SetOrigin(1, 2, 3)

    def transform():
        lean(slicer, warp)

    def parentOfTransform():
        turned = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        warp.SetAndObserveTransformNodeID(turned.GetID())

    def otherTransform():
        volume.SetAndObserveTransformNodeID(acquisitionTransform(slicer, volume, tiltMm=11.0).GetID())

    for change in (voxelOfWhichNobodyIsTold, voxels, geometry, transform, parentOfTransform, otherTransform):
        change()
        again = WarpedScan.warpedScan(volume)
        assert again is not known, change.__name__
        assert not again.isDone
        again.finish(volume)
        known = again


def testAChangeHalfwayIsNoticed(modules):
    from radiologycnn.errors import InputError

    slicer, _exchange, WarpedScan = modules
    volume = addScan(slicer)
    warp = acquisitionTransform(slicer, volume)
    volume.SetAndObserveTransformNodeID(warp.GetID())
    warped = WarpedScan.warpedScan(volume)
    warped.step(volume)
    lean(slicer, warp)
    with pytest.raises(InputError, match="changed or moved"):
        warped.finish(volume)
    warped = WarpedScan.warpedScan(volume)
    warped.step(volume)
    slicer.mrmlScene.RemoveNode(volume)
    with pytest.raises(InputError, match="removed"):
        warped.finish(volume)


# In the panels


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


def testNothingThatWasWorkedOnInPartsStaysInMemory(slicerHost):
    import gc
    import weakref

    from RadiologyCNNLib.PartwiseCall import PartwiseCall

    class Scan:
        parts = 0

        def step(self):
            self.parts += 1
            return self.parts == 3

    for stopped in (False, True):
        scan, ended = Scan(), []
        call, seen, gone = PartwiseCall(scan.step, ended.append), weakref.ref(scan), []
        call._timer.connect("destroyed()", lambda gone=gone: gone.append(True))
        if stopped:
            call.stop()
        else:
            assert slicerHost.process_events(10, until=lambda ended=ended: ended) and ended == [None]
            assert scan.parts == 3
        del scan
        gc.collect()
        assert seen() is None
        slicerHost.process_events(0.05)
        assert len(ended) == (not stopped)
        assert gone
        call.stop()  # there is nothing left to be stopped
