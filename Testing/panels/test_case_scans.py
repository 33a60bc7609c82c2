"""Scans of a case list as they come from hospitals: DICOM folders whose file names say nothing of the order."""

import math

import numpy as np
import pytest
from engine.dicom_phantom import ball, volume_and_centre, write_series

pytestmark = pytest.mark.usefixtures("hemorrhageSeg")


@pytest.mark.parametrize(
    "positions", [range(-45, 46, 3), [*range(-45, 0, 3), *range(0, 46, 5)]], ids=["even", "uneven"]
)
def testDicomFolderIsOpenedByPlaceNotByFileName(tmp_path, positions):
    import slicer
    import vtk
    from HemorrhageSegLib.AnnotationLogic import AnnotationLogic

    write_series(tmp_path / "scans" / "head", [(-48.0, -48.0, float(z)) for z in positions], ball((5, -3, 2), 20))
    cases = AnnotationLogic()
    assert cases.openFolder(tmp_path / "scans", rater="ab") == 1
    node = cases.openCase("case-0001")
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    ijkToLps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ slicer.util.arrayFromVTKMatrix(matrix)
    volumeMm3, centre = volume_and_centre(slicer.util.arrayFromVolume(node).astype(float), ijkToLps)
    assert volumeMm3 == pytest.approx(4 / 3 * math.pi * 20**3, rel=0.03)
    assert np.allclose(centre, (5, -3, 2), atol=0.5)
    assert bool(cases.notes) == (len(set(np.diff(list(positions)))) > 1)
    cases.forgetCase()


@pytest.fixture
def bySlicer(monkeypatch):
    """Stands for Slicer's reader: it takes another of the file's matrices, and straightens a sheared one."""
    import slicer

    from radiologycnn.images import read_volume

    read = []

    def load(path, properties):
        read.append(path)
        matrix = np.diag([2.0, 2.0, 5.0, 1.0])
        return slicer.util.addVolumeFromArray(read_volume(path).array, ijkToRAS=matrix, name=properties["name"])

    monkeypatch.setattr(slicer.util, "loadVolume", load)
    return read


def shearedScan(folder):
    from radiologycnn.images import write_image

    matrix = np.diag([2.0, 2.0, 5.0, 1.0])
    matrix[1, 2] = 0.8  # as of a tilted gantry
    array = np.random.default_rng(3).integers(-50, 90, (12, 40, 40)).astype(np.int16)
    folder.mkdir()
    write_image(folder / "tilted.nii.gz", array, matrix)
    return matrix


def testFileIsPlacedAsTheWorkerPlacesIt(tmp_path, bySlicer):
    """Volumes, masks and the dataset's copy are on one grid, whichever process has read the file."""
    from HemorrhageSegLib.AnnotationLogic import AnnotationLogic
    from HemorrhageSegLib.AnnotationRecords import ijkToLps

    matrix = shearedScan(tmp_path / "scans")
    cases = AnnotationLogic()
    cases.openFolder(tmp_path / "scans", rater="ab")
    node = cases.openCase("case-0001")
    assert np.allclose(ijkToLps(node), matrix, atol=1e-4) and not bySlicer
    cases.forgetCase()


def testACaseThatWasBegunOnSlicersGridStaysOnIt(tmp_path, bySlicer):
    import slicer
    from HemorrhageSegLib.AnnotationLogic import AnnotationLogic
    from HemorrhageSegLib.AnnotationRecords import ijkToLps

    shearedScan(tmp_path / "scans")
    cases = AnnotationLogic()
    cases.openFolder(tmp_path / "scans", rater="ab")
    grid = np.diag([-2.0, -2.0, 5.0, 1.0])
    cases.store.write_scan("case-0001", np.zeros((12, 40, 40), np.int16), grid)
    node = cases.openCase("case-0001")
    assert np.allclose(ijkToLps(node), grid) and len(bySlicer) == 1
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 1
    cases.forgetCase()


def testAScanThatCannotBeReadCanBeFlaggedAndTheNextOneOpens(room):
    room.writeScans(2)
    path = sorted(room.folder.glob("*.nii.gz"))[0]
    path.write_bytes(path.read_bytes()[:2000])
    room.openList()
    ui, worklist = room.ui, room.widget.worklist
    room.openCase("case-0001")
    assert "case-0001" in ui.messageLabel.text and not worklist.opening.isCaseShown
    assert ui.flagButton.enabled and not ui.acceptButton.enabled
    room.press("A")
    assert room.states()["case-0001"] == "to-do"
    ui.commentLineEdit.text = "file is cut off"
    room.press("Shift+F")
    assert room.states()["case-0001"] == "flagged" and room.caseId == "case-0002"
    assert worklist.cases.store.annotation("case-0001").comment == "file is cut off"


def testLoadedScanIsKnownAgainByItsContentAndPlace():
    import slicer
    from HemorrhageSegLib.AnnotationRecords import voxelsFingerprint

    array = np.random.default_rng(2).integers(-1000, 2000, (40, 256, 256)).astype(np.int16)
    matrix = np.diag([1.0, 1.0, 3.0, 1.0])
    other, moved = array.copy(), matrix.copy()
    other[17], moved[0, 3] = 0, 5.0
    prints = []
    for voxels, place in (
        (array, matrix),
        (array.copy(), matrix),
        (other, matrix),
        (array, moved),
        (array[:-1], matrix),
    ):
        node = slicer.util.addVolumeFromArray(np.ascontiguousarray(voxels), ijkToRAS=place)
        prints.append(voxelsFingerprint(node))
        slicer.mrmlScene.RemoveNode(node)
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4
