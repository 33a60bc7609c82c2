"""A scan under a warp is resampled as Slicer does it, once, in parts, and anew when anything of it changes."""

import numpy as np
import pytest
from panels.warped_scan import acquisitionTransform, lean


@pytest.fixture
def modules(slicerHost):
    import slicer

    from RadiologyCNNLib import ScanGeometry, WarpedScan

    return slicer, ScanGeometry, WarpedScan


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
