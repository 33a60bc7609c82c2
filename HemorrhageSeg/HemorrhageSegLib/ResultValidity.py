"""Whether a result still belongs to its scan: made from the same voxels, and lying where the scan lies."""

import numpy as np
from slicer.i18n import tr as _

from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform, liesAt, parentToWorld, spreadIndices


def scanChanged(result) -> None:
    """The scan's voxels were changed after the result was made."""
    if not result.record.get("scan_changed"):
        result.updateRecord(scan_changed=True)


def measuredAt(result) -> list:
    """Where the mask lies, as a record keeps it with what is measured there: 4x4 of its parent transforms, mm."""
    return parentToWorld(result.segmentationNode).tolist()


def wasMovedWithScan(result) -> bool:
    """Whether scan and mask were moved, or stretched, together after the mask was measured."""
    then = result.record.get("measured_at")  # none in scenes of earlier versions
    return then is not None and not np.allclose(then, measuredAt(result), rtol=0, atol=1e-6)


def fitsVoxelsOfScan(result) -> bool:
    """Whether the mask's voxels can be those of its scan; else nothing in them can be measured."""
    volumeNode = result.volumeNode
    if result.record.get("warped_places") is not None or hasNonlinearTransform(volumeNode):
        return True  # measured on the resampled scan, which the worker compares
    image = volumeNode.GetImageData()
    return image is not None and list(image.GetDimensions()[::-1]) == list(result.record["shape_kji"])


def outdatedReason(result) -> str:
    """Why the result no longer says what a new run would say, as a sentence; "" where it still does."""
    volumeNode = result.volumeNode
    if volumeNode is None or volumeNode.GetImageData() is None:
        return ""
    if result.record.get("scan_changed"):
        return _("The scan was changed after this result. Segment again.")
    if not _liesOnItsScan(result):
        return _("The scan was moved after this result, so that the mask no longer fits it. Segment again.")
    return ""


def _liesOnItsScan(result) -> bool:
    places = result.record.get("warped_places")
    if places is None:  # the mask lies on the scan's own grid
        maskToWorld = parentToWorld(result.segmentationNode) @ np.array(result.record["grid_ijk_to_ras"], float)
        places = (maskToWorld @ spreadIndices(result.record["shape_kji"][::-1]))[:3].T
    return liesAt(result.volumeNode, places)
