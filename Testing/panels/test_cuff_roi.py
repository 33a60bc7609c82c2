"""RotatorCuffCNN's region: laid along the scan, a cube while it is dragged, told to the worker in the scan's frame."""

import numpy as np
import pytest

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def location(ras, edge_mm=80.0, **more) -> dict:
    lps = (RAS_TO_LPS @ [*ras, 1.0])[:3].tolist()
    return {"centre_lps_mm": lps, "edge_mm": edge_mm, "automatic": True, "confidence": 0.8, **more}


def sizeOf(roi) -> list:
    return [round(side, 4) for side in roi.GetSize()]


def centreOf(roi) -> list:
    centre = [0.0] * 3
    roi.GetCenterWorld(centre)
    return centre


def testRegionLiesOnTheHeadAlongTheScansAxes(cuff):
    volume = cuff.addShoulder()
    roi = cuff.modules.CuffRoi.placeRoi(volume, location(cuff.shoulder.headRas))
    assert np.allclose(centreOf(roi), cuff.shoulder.headRas, atol=1e-6)
    assert sizeOf(roi) == [80.0] * 3
    assert roi.GetName() == "Shoulder humeral head region"
    matrix = cuff.slicer.util.arrayFromVTKMatrix(roi.GetObjectToWorldMatrix())[:3, :3]
    assert np.allclose(matrix.T @ matrix, np.eye(3), atol=1e-6)
    assert np.linalg.det(matrix) > 0
    scan = cuff.shoulder.ijkToRas[:3, :3] / np.linalg.norm(cuff.shoulder.ijkToRas[:3, :3], axis=0)
    assert np.allclose(np.sort(np.abs(matrix.T @ scan), axis=None), [0] * 6 + [1] * 3, atol=1e-6)
    assert np.all(np.diag(matrix) > 0.7)  # each axis is the one nearest to R, A, S


@pytest.mark.parametrize("seed", range(5))
def testAxesAreRightHandedForAnyScan(cuff, seed):
    random = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(random.normal(size=(3, 3)))  # left-handed ones too
    matrix = np.eye(4)
    matrix[:3, :3] = axes @ np.diag([0.6, 0.6, 4.0])
    volume = cuff.slicer.util.addVolumeFromArray(np.zeros((20, 90, 100), np.int16), ijkToRAS=matrix)
    roi = cuff.modules.CuffRoi.ensureRoi(volume)
    found = cuff.slicer.util.arrayFromVTKMatrix(roi.GetObjectToWorldMatrix())[:3, :3]
    assert np.linalg.det(found) == pytest.approx(1.0, abs=1e-6)
    assert np.allclose(np.sort(np.abs(found.T @ axes), axis=None), [0] * 6 + [1] * 3, atol=1e-6)
    middle = (matrix @ [49.5, 44.5, 9.5, 1.0])[:3]
    assert np.allclose(centreOf(roi), middle, atol=0.5)


def testOneRegionAScan(cuff):
    roi = cuff.modules.CuffRoi
    volume, other = cuff.addShoulder(), cuff.addShoulder(name="Other")
    first = roi.ensureRoi(volume)
    assert roi.ensureRoi(volume) is first
    assert roi.placeRoi(volume, location(cuff.shoulder.headRas)) is first
    assert roi.roiOf(other) is None
    assert roi.ensureRoi(other) is not first
    assert roi.roiOf(None) is None


def testItStaysACubeWhileItIsDragged(cuff):
    volume = cuff.addShoulder()
    roi = cuff.modules.CuffRoi.placeRoi(volume, location(cuff.shoulder.headRas))
    events = []
    roi.AddObserver(cuff.vtk.vtkCommand.ModifiedEvent, lambda *_: events.append(sizeOf(roi)))
    roi.SetSize(90.0, 80.0, 80.0)  # one face pulled out
    assert sizeOf(roi) == [90.0] * 3
    roi.SetSize(90.0, 60.0, 90.0)  # another one pushed in
    assert sizeOf(roi) == [60.0] * 3
    roi.SetSize(64.0, 61.0, 75.0)  # a corner: the side that has changed most
    assert sizeOf(roi) == [75.0] * 3
    assert len(events) < 20  # no endless answer to its own change


def testPullingAFaceWithTheMouseKeepsTheOppositeFace(cuff):
    """As Slicer's handle does it: new centre first, then new sizes."""
    volume = cuff.addShoulder()
    roi = cuff.modules.CuffRoi.placeRoi(volume, location(cuff.shoulder.headRas))
    axis = [0.0] * 3
    roi.GetXAxisWorld(axis)
    start = np.array(centreOf(roi))
    for step in range(1, 6):
        roi.SetCenterWorld(*(start + np.array(axis) * step))
        roi.SetSize(80.0 + 2 * step, roi.GetSize()[1], roi.GetSize()[2])
    assert sizeOf(roi) == [90.0] * 3
    opposite = np.array(centreOf(roi)) - np.array(axis) * 45.0
    assert np.allclose(opposite, start - np.array(axis) * 40.0, atol=1e-3)


def testRequestIsInTheFrameThatTheWorkerSees(cuff):
    from RadiologyCNNLib import ScanGeometry

    volume = cuff.addShoulder()
    angle = np.deg2rad(30)
    move = np.eye(4)
    move[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    move[:3, 3] = (20.0, -35.0, 10.0)
    roiModule = cuff.modules.CuffRoi
    roi = roiModule.placeRoi(volume, location(cuff.shoulder.headRas))
    before = roiModule.roiRequest(roi)
    transform = cuff.addTransform(move, volume)
    roi.SetAndObserveTransformNodeID(transform.GetID())
    after = roiModule.roiRequest(roi)
    assert after["edge_mm"] == pytest.approx(80.0)
    # the same voxel of the scan, before and after, where the worker is told that the scan lies
    toLps = RAS_TO_LPS @ ScanGeometry.ijkToWorld(volume)
    voxel = np.linalg.inv(RAS_TO_LPS @ cuff.shoulder.ijkToRas) @ [*before["centre_lps_mm"], 1.0]
    assert np.allclose(np.linalg.inv(toLps) @ [*after["centre_lps_mm"], 1.0], voxel, atol=1e-3)


def testPlacedUnderATransformItIsWhereTheWorkerSaid(cuff):
    volume = cuff.addShoulder()
    move = np.diag([1.5, 1.5, 1.5, 1.0])
    move[:3, 3] = (11.0, 22.0, -33.0)
    transform = cuff.addTransform(move, volume)
    head = (move @ [*cuff.shoulder.headRas, 1.0])[:3]
    roiModule = cuff.modules.CuffRoi
    roi = roiModule.placeRoi(volume, location(head, 90.0))
    assert roi.GetParentTransformNode() is transform
    request = roiModule.roiRequest(roi)
    assert np.allclose(request["centre_lps_mm"], (RAS_TO_LPS @ [*head, 1.0])[:3], atol=1e-4)
    assert request["edge_mm"] == pytest.approx(90.0)


def testItSaysWhetherItIsStillWhereItWasFound(cuff):
    roiModule = cuff.modules.CuffRoi
    volume = cuff.addShoulder()
    assert not roiModule.isAutomatic(roiModule.ensureRoi(volume))
    roi = roiModule.placeRoi(volume, location(cuff.shoulder.headRas))
    assert roiModule.isAutomatic(roi)
    centre = np.array(centreOf(roi))
    roi.SetCenterWorld(*(centre + (3.0, 0.0, 0.0)))
    assert not roiModule.isAutomatic(roi)
    roi.SetCenterWorld(*centre)
    assert roiModule.isAutomatic(roi)
    roiModule.placeRoi(volume, location(cuff.shoulder.headRas, automatic=False))
    assert not roiModule.isAutomatic(roi)


def testProblemsAreSaidInWords(cuff):
    roiModule = cuff.modules.CuffRoi
    volume = cuff.addShoulder()
    roi = roiModule.placeRoi(volume, location(cuff.shoulder.headRas))
    assert roiModule.roiProblem(roi, volume) == ""
    toRas, size = cuff.shoulder.ijkToRas, np.array(volume.GetImageData().GetDimensions())
    for axis in range(3):
        for index, inside in ((-0.4, True), (-0.6, False), (size[axis] - 0.6, True), (size[axis] - 0.4, False)):
            place = (size - 1) / 2
            place[axis] = index
            roi.SetCenterWorld(*(toRas @ [*place, 1.0])[:3])
            assert bool(roiModule.roiProblem(roi, volume)) is not inside
    roi = roiModule.placeRoi(volume, location(cuff.shoulder.headRas, 12.0))
    assert "12 mm" in roiModule.roiProblem(roi, volume)
    assert roiModule.roiProblem(None, volume) == ""


def testTheEngineTakesWhatThePanelTakes(cuff):
    """Same edges, same rule for a centre outside: no refusal after the click."""
    from radiologycnn.rotatorcuff import preprocessing

    assert cuff.modules.CuffRoi.EDGE_RANGE_MM == tuple(preprocessing.EDGE_RANGE_MM)
    assert preprocessing.PRESETS["default"].edge == cuff.modules.CuffRoi.DEFAULT_EDGE_MM


def testLockedItCannotBeDragged(cuff):
    roiModule = cuff.modules.CuffRoi
    roi = roiModule.ensureRoi(cuff.addShoulder())
    display = roi.GetDisplayNode()
    assert display.GetScaleHandleVisibility() and display.GetTranslationHandleVisibility()
    assert not display.GetRotationHandleVisibility()
    assert not display.GetFillVisibility()
    told = []
    for node in (roi, display):
        node.AddObserver(cuff.vtk.vtkCommand.ModifiedEvent, lambda caller, event: told.append(lock.isChanging))
    lock = roiModule.RoiLock()
    lock.set(roi, True)
    assert roi.GetLocked() and not display.GetHandlesInteractive()
    assert told == [], "nothing is drawn while the network begins"
    assert lock._timer.active
    lock._show()
    assert told and all(told), "but where it lasts, and known as no drag"
    told.clear()
    lock.set(roi, False)
    assert not roi.GetLocked() and display.GetHandlesInteractive()
    assert told and all(told)
    lock.set(None, True)


def testAScanIsMovedAwayFromItsRegionButNotByCountingItsVoxelsFromTheOtherEnd(cuff):
    roiModule, volume = cuff.modules.CuffRoi, cuff.addShoulder()
    roi = roiModule.placeRoi(volume, location(cuff.shoulder.headRas))
    assert not roiModule.wasLeftBehind(roi, volume)
    matrix = cuff.shoulder.ijkToRas.copy()
    matrix[:3, 3] += matrix[:3, 0] * (volume.GetImageData().GetDimensions()[0] - 1)
    matrix[:3, 0] *= -1  # as Slicer turns a left-handed grid round when it loads a scene
    volume.SetIJKToRASMatrix(cuff.slicer.util.vtkMatrixFromArray(matrix))
    assert not roiModule.wasLeftBehind(roi, volume)
    matrix[:3, 3] += 2.0
    volume.SetIJKToRASMatrix(cuff.slicer.util.vtkMatrixFromArray(matrix))
    assert roiModule.wasLeftBehind(roi, volume)
    roiModule.placeRoi(volume, location(cuff.shoulder.headRas))
    cuff.addTransform(np.diag([1.0, -1.0, -1.0, 1.0]), volume)
    assert roiModule.wasLeftBehind(roi, volume)
    roi.SetAndObserveTransformNodeID(volume.GetTransformNodeID())  # both moved
    assert not roiModule.wasLeftBehind(roi, volume)


def testRegionComesBackWithTheSceneAsACube(cuff, tmp_path):
    roiModule = cuff.modules.CuffRoi
    roiModule.placeRoi(cuff.addShoulder(), location(cuff.shoulder.headRas))
    cuff.reload(tmp_path / "scene.mrb")
    volume = cuff.slicer.util.getNode("Shoulder")
    roi = roiModule.roiOf(volume)
    assert np.allclose(centreOf(roi), cuff.shoulder.headRas, atol=1e-3)
    assert roiModule.isAutomatic(roi)
    assert roiModule.ensureRoi(volume) is roi
    roi.SetSize(100.0, 80.0, 80.0)
    assert sizeOf(roi) == [100.0] * 3
