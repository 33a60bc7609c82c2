"""RegionAnchor: a box that a person has placed stays on its place in the scan when the scan is moved."""

from dataclasses import dataclass

import numpy as np

from RadiologyCNNLib.InputWatch import voxelsTime
from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform, ijkToWorld
from RotatorCuffCNNLib import CuffRoi

TOLERANCE_MM = 0.01


@dataclass(frozen=True)
class _Place:
    """Of a box's centre in a scan: world RAS in mm, voxel index, and the voxels that the index is of."""

    ras: np.ndarray
    index: np.ndarray
    voxels: tuple


class RegionAnchor:
    """Remembers where in each scan its box lies.

    A scan whose voxels or numbers of them have changed was cropped or resampled rather than moved: there the box stays
    in the world. So it does under a warp.
    """

    def __init__(self) -> None:
        self._places = {}  # scan's identifier: _Place

    def note(self, roiNode, volumeNode) -> None:
        """The box lies where it belongs."""
        place = _placeOf(roiNode, volumeNode)
        if place is not None:
            self._places[volumeNode.GetID()] = place
        elif volumeNode is not None:
            self._places.pop(volumeNode.GetID(), None)

    def forget(self) -> None:
        """The scene closes, and its identifiers will be given anew."""
        self._places.clear()

    def follow(self, roiNode, volumeNode) -> bool:
        """Take a person's box along where its scan alone was moved since it was noted; whether that was so."""
        now = _placeOf(roiNode, volumeNode)
        then = self._places.get(volumeNode.GetID()) if now is not None else None
        isMoved = (
            then is not None
            and then.voxels == now.voxels
            and np.allclose(then.ras, now.ras, rtol=0, atol=TOLERANCE_MM)  # else it was moved itself
            and not CuffRoi.isAutomatic(roiNode)  # else it is found again
        )
        target = (ijkToWorld(volumeNode) @ [*then.index, 1.0])[:3] if isMoved else None
        if target is None or np.allclose(target, now.ras, rtol=0, atol=TOLERANCE_MM):
            return False
        CuffRoi.moveTo(roiNode, volumeNode, target)
        self.note(roiNode, volumeNode)
        return True


def _placeOf(roiNode, volumeNode):
    """None where there is no box with a place, and for a scan without voxels or under a warp."""
    if roiNode is None or volumeNode is None or volumeNode.GetImageData() is None:
        return None
    if hasNonlinearTransform(volumeNode) or roiNode.GetNumberOfDefinedControlPoints() == 0:
        return None
    centre = [0.0] * 3
    roiNode.GetCenterWorld(centre)
    index = np.linalg.inv(ijkToWorld(volumeNode)) @ [*centre, 1.0]
    return _Place(np.array(centre), index[:3], (volumeNode.GetImageData().GetDimensions(), voxelsTime(volumeNode)))
