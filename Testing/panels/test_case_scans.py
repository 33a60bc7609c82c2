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
