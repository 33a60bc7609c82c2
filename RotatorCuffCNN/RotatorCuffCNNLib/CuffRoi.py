"""The cube around the humeral head as a markups ROI: laid along the scan's axes, kept a cube, dragged by the person."""

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from radiologycnn.images.volume import LPS_TO_RAS
from RadiologyCNNLib.DelayedCall import delayedCall
from RadiologyCNNLib.NodeRecord import readRecord, writeRecord
from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform, ijkToWorld
from RadiologyCNNLib.ScenePlacement import followTransform, placeBeside

SCAN_ROLE = "RotatorCuffCNN.RegionOf"
PLACED_ATTRIBUTE = "RotatorCuffCNN.RegionPlaced"
#: What the search has said of the place and the series, so that it is there after a reload.
LOCATION_ATTRIBUTE = "RotatorCuffCNN.Location"
DEFAULT_EDGE_MM = 80.0
#: What the engine takes as an edge.
EDGE_RANGE_MM = (30.0, 300.0)
#: A scan that was moved by less has not left its region behind.
LEFT_BEHIND_MM = 0.5
#: Yellow of one luminance with its blue counterpart: seen on grey tissue, also without colour vision.
COLOR = (1.0, 0.85, 0.2)
ACTIVE_COLOR = (0.35, 0.75, 1.0)
#: So long a lock must last for the views to show it.
LOCK_SHOWN_MS = 500
_KEPT = "_rotatorCuffCubeEdge"


def roisOf(volumeNode) -> list:
    """The scan's region, and copies that somebody has made of it."""
    nodes = slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")
    return [node for node in nodes if node.GetNodeReferenceID(SCAN_ROLE) == volumeNode.GetID()]


def roiOf(volumeNode):
    """The scan's region, or None where it has none."""
    return next(iter(roisOf(volumeNode)), None) if volumeNode is not None else None


def ensureRoi(volumeNode):
    """The scan's region; made in the middle of the scan where it has none. It is kept a cube from now on."""
    roiNode = roiOf(volumeNode)
    if roiNode is None:
        name = _("{volume} humeral head region").format(volume=volumeNode.GetName())
        roiNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", slicer.mrmlScene.GenerateUniqueName(name))
        roiNode.SetNodeReferenceID(SCAN_ROLE, volumeNode.GetID())
        prepareDisplay(roiNode)
        bounds = [0.0] * 6
        volumeNode.GetRASBounds(bounds)
        middle = np.array(bounds).reshape(3, 2).mean(axis=1)
        _place(roiNode, volumeNode, middle, DEFAULT_EDGE_MM)
        placeBeside(roiNode, volumeNode)
    keepCube(roiNode)
    return roiNode


def placeRoi(volumeNode, location: dict):
    """Put the scan's region where the search has found the humeral head.

    Args:
        volumeNode: the scan.
        location: ROI record: "centre_lps_mm" in world LPS, "edge_mm", "automatic", "confidence".
    """
    roiNode = ensureRoi(volumeNode)
    centreRas = (LPS_TO_RAS @ [*(float(c) for c in location["centre_lps_mm"]), 1.0])[:3]
    _place(roiNode, volumeNode, centreRas, float(location["edge_mm"]))
    placement = {
        "automatic": bool(location.get("automatic", False)),
        "place": _placement(roiNode),
        "from_middle_mm": _fromMiddle(roiNode, volumeNode),
    }
    writeRecord(roiNode, PLACED_ATTRIBUTE, placement)
    return roiNode


def moveTo(roiNode, volumeNode, centreRas) -> None:
    """Lay the region around another place (world RAS, mm), as large as it is, along the scan's axes as they are now."""
    _place(roiNode, volumeNode, centreRas, roiRequest(roiNode)["edge_mm"])


def isAutomatic(roiNode) -> bool:
    """Whether the region is still where the search has put it."""
    placed = readRecord(roiNode, PLACED_ATTRIBUTE) if roiNode is not None else {}
    return bool(placed.get("automatic")) and np.allclose(placed["place"], _placement(roiNode), atol=0.05)


def wasLeftBehind(roiNode, volumeNode) -> bool:
    """Whether the scan was moved, or another part cut out of it, under a region that still lies where it was found."""
    if volumeNode is None or volumeNode.GetImageData() is None or not isAutomatic(roiNode):
        return False
    then, now = readRecord(roiNode, PLACED_ATTRIBUTE).get("from_middle_mm"), _fromMiddle(roiNode, volumeNode)
    return then is not None and now is not None and not np.allclose(then, now, atol=LEFT_BEHIND_MM)


def roiRequest(roiNode) -> dict:
    """The region as the worker wants it: centre in LPS and edge in mm, where the scan lies in the world.

    The scan itself is sent with its parent transforms applied, so both are in one frame.
    """
    centre, size = [0.0] * 3, [0.0] * 3
    roiNode.GetCenterWorld(centre)
    roiNode.GetSizeWorld(size)
    centreLps = (np.linalg.inv(LPS_TO_RAS) @ [*centre, 1.0])[:3]
    return {"centre_lps_mm": [float(c) for c in centreLps], "edge_mm": float(np.mean(size))}


def roiProblem(roiNode, volumeNode) -> str:
    """Why the region cannot be used, as a sentence for the person; "" where it can."""
    if roiNode is None or volumeNode is None or volumeNode.GetImageData() is None:
        return ""
    request = roiRequest(roiNode)
    if roiNode.GetNumberOfDefinedControlPoints() == 0:
        return _("The region has no place yet. Let it be found, or place it onto the humeral head.")
    low, high = EDGE_RANGE_MM
    if not low <= request["edge_mm"] <= high:
        return _("The region is {edge:.0f} mm wide. Make it {low:.0f} to {high:.0f} mm.").format(
            edge=request["edge_mm"], low=low, high=high
        )
    centreRas = (LPS_TO_RAS @ [*request["centre_lps_mm"], 1.0])[:3]
    if not _isInside(volumeNode, centreRas):
        return _("The middle of the region lies outside the image. Drag it onto the humeral head.")
    return ""


def _isInside(volumeNode, pointRas) -> bool:
    """Whether a world point lies in the image, outer faces of its voxels included."""
    if hasNonlinearTransform(volumeNode):
        bounds = [0.0] * 6
        volumeNode.GetRASBounds(bounds)
        low, high = np.array(bounds).reshape(3, 2).T
        return bool(np.all(pointRas >= low) and np.all(pointRas <= high))
    index = np.linalg.inv(ijkToWorld(volumeNode)) @ [*pointRas, 1.0]
    size = np.array(volumeNode.GetImageData().GetDimensions())
    return bool(np.all(index[:3] >= -0.5) and np.all(index[:3] <= size - 0.5))


def setLocked(roiNode, locked: bool) -> None:
    """Keep the region from being dragged, or let it be dragged again."""
    roiNode.SetLocked(bool(locked))
    display = roiNode.GetDisplayNode()
    if display is not None:
        display.SetHandlesInteractive(not locked)


class RoiLock:
    """Keeps a region from being dragged while a job works on it.

    The views show that a while later, if it lasts so long: drawing them would take the processor from the network that
    has just been started.

    Attributes:
        isChanging: whether events of the region come from here.
    """

    def __init__(self) -> None:
        self.isChanging = False
        self._roiNode = None
        self._timer = delayedCall(LOCK_SHOWN_MS, self._show)

    def set(self, roiNode, locked: bool) -> None:
        """Lock a region, or let it be dragged again; None is no region."""
        if roiNode is None or bool(roiNode.GetLocked()) == locked:
            return
        self._roiNode = roiNode
        for node in self._nodes():
            node.DisableModifiedEventOn()
        setLocked(roiNode, locked)
        for node in self._nodes():
            node.DisableModifiedEventOff()
        if locked:
            self._timer.start()
        else:
            self._show()

    def _nodes(self) -> list:
        return [node for node in (self._roiNode, self._roiNode.GetDisplayNode()) if node is not None]

    def _show(self) -> None:
        self._timer.stop()
        self.isChanging = True
        try:
            for node in self._nodes():
                node.InvokePendingModifiedEvent()
        finally:
            self.isChanging = False


def setVisible(roiNode, visible: bool) -> None:
    """Show or hide the region in all views."""
    if roiNode is not None and roiNode.GetDisplayNode() is not None:
        roiNode.GetDisplayNode().SetVisibility(bool(visible))


# Placing


def _place(roiNode, volumeNode, centreRas, edgeMm: float) -> None:
    """Lay the region along the scan's axes, below the scan's own transform."""
    followTransform(roiNode, volumeNode)
    with slicer.util.NodeModify(roiNode):
        matrix = np.eye(4)
        matrix[:3, :3] = axesOf(volumeNode)
        roiNode.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(matrix))
        roiNode.SetCenterWorld([float(c) for c in centreRas])
        roiNode.SetSize(edgeMm, edgeMm, edgeMm)
        world = [0.0] * 3
        roiNode.GetSizeWorld(world)
        edge = edgeMm * edgeMm / max(float(np.mean(world)), 1e-6)  # a parent transform may scale
        roiNode.SetSize(edge, edge, edge)
        setattr(roiNode, _KEPT, edge)


def axesOf(volumeNode) -> np.ndarray:
    """3x3, columns: the scan's axes below its own transform, ordered and turned to be nearest to R, A and S.

    So the handles do what their letters say, and the axes are right-handed for every scan.
    """
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASDirectionMatrix(matrix)
    axes = slicer.util.arrayFromVTKMatrix(matrix)[:3, :3]
    left, _sizes, right = np.linalg.svd(axes)  # nearest orthonormal axes: a sheared grid has none of its own
    axes = left @ right
    ordered, free = np.zeros((3, 3)), [0, 1, 2]
    for row in np.argsort(-np.abs(axes).max(axis=1)):
        best = max(free, key=lambda column: abs(axes[row, column]))
        free.remove(best)
        ordered[:, row] = axes[:, best] * (1.0 if axes[row, best] >= 0 else -1.0)
    if np.linalg.det(ordered) < 0:
        ordered[:, 1] *= -1
    return ordered


def _placement(roiNode) -> list:
    """Centre and edges in the coordinates below the region's own transform."""
    centre = [0.0] * 3
    roiNode.GetCenter(centre)
    return [*centre, *roiNode.GetSize()]


def _fromMiddle(roiNode, volumeNode):
    """How far the region's centre is from the scan's middle along each of its axes, mm; None for a scan under a warp.

    Without signs: Slicer turns a left-handed grid round when it loads a scene, and nothing has moved.
    """
    if hasNonlinearTransform(volumeNode):
        return None
    centre, toWorld = [0.0] * 3, ijkToWorld(volumeNode)
    roiNode.GetCenterWorld(centre)
    index = (np.linalg.inv(toWorld) @ [*centre, 1.0])[:3]
    middle = (np.array(volumeNode.GetImageData().GetDimensions()) - 1) / 2
    return (np.abs(index - middle) * np.linalg.norm(toWorld[:3, :3], axis=0)).tolist()


def prepareDisplay(roiNode) -> None:
    """A box of outlines with handles, in the region's colours."""
    roiNode.SetROIType(slicer.vtkMRMLMarkupsROINode.ROITypeBox)
    roiNode.CreateDefaultDisplayNodes()
    display = roiNode.GetDisplayNode()
    display.SetSelectedColor(*COLOR)
    display.SetColor(*COLOR)
    display.SetActiveColor(*ACTIVE_COLOR)
    display.SetFillVisibility(False)  # nothing over the anatomy but the outline
    display.SetPropertiesLabelVisibility(False)
    display.SetHandlesInteractive(True)
    display.SetTranslationHandleVisibility(True)
    display.SetScaleHandleVisibility(True)
    display.SetRotationHandleVisibility(False)  # it stays along the scan's axes


# Staying a cube


def keepCube(roiNode) -> None:
    """Make a change of one side a change of all, as long as the node lives; calling it again does nothing."""
    if getattr(roiNode, _KEPT, None) is not None and getattr(roiNode, "_rotatorCuffObserved", False):
        return
    size = roiNode.GetSize()
    setattr(roiNode, _KEPT, float(np.mean(size)))
    roiNode._rotatorCuffObserved = True
    roiNode.AddObserver(vtk.vtkCommand.ModifiedEvent, _onModified)


def _onModified(roiNode, _event) -> None:
    """The side that has changed most says how long all are; setting them comes back here and finds a cube."""
    size = roiNode.GetSize()
    edge = getattr(roiNode, _KEPT, size[0])
    if max(size) - min(size) <= 1e-6 * max(*size, 1.0):
        setattr(roiNode, _KEPT, size[0])
        return
    changed = max(size, key=lambda side: abs(side - edge))
    setattr(roiNode, _KEPT, changed)
    roiNode.SetSize(changed, changed, changed)
