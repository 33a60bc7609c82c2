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
