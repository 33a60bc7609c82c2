"""Whether a result still belongs to its scan: made from the same voxels, and lying where the scan lies."""

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from RadiologyCNNLib import VolumeExchange

#: A mask that lies nearer than this to where it belongs has not been left behind by its scan.
TOLERANCE_MM = 0.05


def scanChanged(result) -> None:
    """The scan's voxels were changed after the result was made."""
    if not result.record.get("scan_changed"):
        result.updateRecord(scan_changed=True)


def outdatedReason(result) -> str:
    """Why the result no longer says what a new run would say, as a sentence; "" where it still does."""
    volumeNode = result.volumeNode
    if volumeNode is None:
        return ""
    if result.record.get("scan_changed"):
        return _("The scan was changed after this result. Segment again.")
    bent = VolumeExchange.hasNonlinearTransform(volumeNode)
    if not bent and not _liesOnItsScan(result, VolumeExchange.ijkToWorld(volumeNode)):
        return _("The scan was moved after this result, so that the mask no longer fits it. Segment again.")
    return ""


def _liesOnItsScan(result, scanToWorld) -> bool:
    toWorld = vtk.vtkMatrix4x4()
    transform = result.segmentationNode.GetParentTransformNode()
    if transform is not None and transform.IsTransformToWorldLinear():
        transform.GetMatrixTransformToWorld(toWorld)
    maskToWorld = slicer.util.arrayFromVTKMatrix(toWorld) @ np.array(result.record["grid_ijk_to_ras"], float)
    last = np.array(result.record["shape_kji"][::-1], float) - 1
    corners = np.array([[i, j, k, 1.0] for i in (0, last[0]) for j in (0, last[1]) for k in (0, last[2])]).T
    return np.allclose(maskToWorld @ corners, scanToWorld @ corners, atol=TOLERANCE_MM)
