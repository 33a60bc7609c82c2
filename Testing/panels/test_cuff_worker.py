"""RotatorCuffCNN from scan to overlay with the real worker and a network that sees light."""

import numpy as np
import pytest
from panels.cuff_scene import randomGrid

MODEL = "sees-light-1.0.0"
CAM_VOXEL_MM = 80.0 / 16


@pytest.fixture
def logic(cuff, realWorker):
    """The panel's logic, with the real worker and what it has said, in order."""
    from RotatorCuffCNNLib.Logic import RotatorCuffCNNLogic

    logic = RotatorCuffCNNLogic(realWorker)
    logic.events = []
    logic.finished.connect(lambda result: logic.events.append(("finished", result)))
    logic.failed.connect(lambda error: logic.events.append(("failed", error)))
    logic.located.connect(lambda volume, message: logic.events.append(("located", message)))
    logic.locatingFailed.connect(lambda error: logic.events.append(("failed", error)))
    yield logic
    logic.client = None


@pytest.fixture
def answer(logic, waitFor):
    """answer() is the next thing that the logic says: what it is about."""

    def next_one():
        waitFor(lambda: logic.events)
        kind, subject = logic.events.pop(0)
        assert kind != "failed", f"{subject.code}: {subject.message} {subject.details}"
        return subject

    return next_one


def addBlockScan(cuff, random, side):
    """A dim oblique coronal series under a transform of its own, with one bright block.

    Returns:
        the scan, world RAS of the block's middle and of the scan's.
    """
    spacing = np.array([*random.uniform(0.8, 1.4, 2), random.uniform(2.5, 4.5)])
    shape = tuple(int(n) for n in (random.integers(24, 30), *random.integers(110, 140, 2)))
    size = np.array(shape[::-1])
    # columns to the left, rows down, slices to the front or the back: either way round
    directions = np.array([[-1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]).T * random.choice([-1.0, 1.0], size=3)
    turn = turned(random, 30.0)
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ directions @ np.diag(spacing)
    middle = np.array([-140.0 if side == "left" else 140.0, -10.0, 40.0])
    matrix[:3, 3] = middle - matrix[:3, :3] @ ((size - 1) / 2)
    wanted = middle + random.uniform(-20, 20, 3)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")[::-1], axis=-1)
    places = index @ matrix[:3, :3].T + matrix[:3, 3]
    block = np.all(np.abs(places - wanted) <= 4.5, axis=-1)
    array = random.uniform(0, 20, shape)
    array[block] = 1000
    volume = cuff.slicer.util.addVolumeFromArray(array.astype(np.int16), ijkToRAS=matrix, name="Blocks")
    volume.CreateDefaultDisplayNodes()
    moved = np.eye(4)
    moved[:3, :3] = turned(random, 20.0)
    moved[:3, 3] = random.uniform(-30, 30, 3)
    cuff.addTransform(moved, volume)
    return volume, (moved @ [*places[block].mean(axis=0), 1.0])[:3], (moved @ [*middle, 1.0])[:3]


def turned(random, largestDeg) -> np.ndarray:
    """A turn by a random angle around a random axis."""
    axis = randomGrid(random, 1, 1.0)[:3, 0]
    angle = np.deg2rad(random.uniform(-largestDeg, largestDeg))
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) - np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


@pytest.mark.parametrize("side", ["right", "left"])
def testOverlayFallsOnTheBlock(cuff, logic, answer, side):
    """Through the scan's transform, the person's region, the worker, mirroring, and upsampling for display."""
    roiModule = cuff.modules.CuffRoi
    for seed in range(2):
        random = np.random.default_rng([seed, side == "left"])
        volume, blockRas, middleRas = addBlockScan(cuff, random, side)
        roi = roiModule.ensureRoi(volume)
        roi.SetCenterWorld(*(middleRas + random.uniform(-8, 8, 3)))
        logic.classify(volume, roi, side=side, model=MODEL)
        result = answer()
        assert result.classification.mirrored is (side == "left")
        away = np.linalg.norm(cuff.peakOf(result.camNode) - blockRas)
        assert away <= CAM_VOXEL_MM, f"seed {seed}: {away:.1f} mm"
        # the worker's own words about the place, the raw map and the shown one agree
        evidence = result.classification.evidence_for(result.shownTarget, result.shownMethod)
        assert np.allclose(evidence.peak_ras_mm, result.peakRas(), atol=0.05)
        assert np.allclose(cuff.peakOf(result.camNode), result.peakRas(), atol=CAM_VOXEL_MM / 2)
        roiRequest, seen = roiModule.roiRequest(roi), result.classification.roi
        assert np.allclose(seen.centre_lps_mm, roiRequest["centre_lps_mm"], atol=1e-6)
        assert seen.edge_mm == pytest.approx(roiRequest["edge_mm"])


def testCubeOfTheWorkerIsTheRegionInTheViews(cuff, logic, answer):
    """Its maps fill the box that the person sees; how a network's layers halve their grid shifts them by less than half
    a voxel of the map."""
    volume, _block, middleRas = addBlockScan(cuff, np.random.default_rng(11), "right")
    roi = cuff.modules.CuffRoi.ensureRoi(volume)
    roi.SetSize(96.0, 96.0, 96.0)
    roi.SetCenterWorld(*(middleRas + (3.0, -2.0, 4.0)))
    logic.classify(volume, roi, side="right", model=MODEL)
    result = answer()
    size = np.array(result.camNode.GetImageData().GetDimensions())
    box = cuff.slicer.util.arrayFromVTKMatrix(roi.GetObjectToWorldMatrix())
    for corner in np.ndindex(2, 2, 2):
        place = cuff.ijkToWorld(result.camNode) @ [*(np.array(corner) * size - 0.5), 1.0]
        assert np.allclose(np.abs((np.linalg.inv(box) @ place)[:3]), 48.0, atol=96.0 / 16 / 2)


@pytest.mark.parametrize("side", ["right", "left"])
def testSyntheticShouldersHeadIsFound(cuff, logic, answer, side):
    shoulder = cuff.modules.SyntheticShoulder.syntheticShoulder(side=side)
    volume = cuff.addShoulder(shoulder)
    logic.locate(volume)
    message = answer()
    roi = cuff.modules.CuffRoi.placeRoi(volume, message["roi"])
    centre = [0.0] * 3
    roi.GetCenterWorld(centre)
    assert message["found"]
    assert np.linalg.norm(np.subtract(centre, shoulder.headRas)) < 8.0
    assert message["series"]["plane"] == "coronal"
    assert cuff.modules.CuffRoi.roiProblem(roi, volume) == ""
