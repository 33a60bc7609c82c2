"""SliceViews: what the panels do to the slice views: show the scan, turn to its planes, jump to a place."""

import numpy as np
import slicer

from RadiologyCNNLib import OtherResults
from RadiologyCNNLib.NodeRecord import readRecord, writeRecord
from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform

#: On a slice node that was turned to a scan's planes: which scan's, and how it lay before and after.
TURNED_ATTRIBUTE = "RadiologyCNN.TurnedTo"


def showVolume(volumeNode) -> None:
    """Put the scan behind what is drawn on it where no slice view shows it yet.

    What was found in other scans gives way then; other layers stay as they are. Views that were turned to the planes
    of the scan before lie again as they did before.
    """
    if slicer.app.layoutManager() is None:  # started without a main window
        return
    volumeNode.CreateDefaultDisplayNodes()  # a scan that a script has made has none, and would stay black
    if not isShown(volumeNode):
        turnBack()
        OtherResults.giveWayTo(volumeNode)
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)


def isShown(volumeNode) -> bool:
    """Whether a slice view of the layout has the scan behind what is drawn on it; any view in a layout without one."""
    sliceNodes = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    seen = {node.GetLayoutName() for node in sliceNodes if node.IsMappedInLayout()}
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    shown = [one.GetBackgroundVolumeID() for one in composites if not seen or one.GetLayoutName() in seen]
    return volumeNode.GetID() in shown


def turnTo(volumeNode) -> None:
    """Turn the views that show a scan to its own planes, so that each acquired slice is seen whole.

    Done once for each scan: a view that the person turns afterwards stays as she has turned it. Each view takes the
    scan's plane that is nearest to its own.
    """
    layoutManager = slicer.app.layoutManager()
    if layoutManager is None or hasNonlinearTransform(volumeNode):
        return
    for name in layoutManager.sliceViewNames():
        widget = layoutManager.sliceWidget(name)
        node = widget.mrmlSliceNode()
        turned = readRecord(node, TURNED_ATTRIBUTE)
        if widget.mrmlSliceCompositeNode().GetBackgroundVolumeID() != volumeNode.GetID():
            continue
        if turned.get("volume") == volumeNode.GetID():
            continue
        _turnBack(node)  # from one oblique scan to the next, the nearest planes could change places
        before = _axes(node)
        node.RotateToVolumePlane(volumeNode)
        if not np.allclose(before, _axes(node)):
            widget.fitSliceToBackground()
        turned = {"volume": volumeNode.GetID(), "before": before.tolist(), "after": _axes(node).tolist()}
        writeRecord(node, TURNED_ATTRIBUTE, turned)


def turnBack() -> None:
    """Views that still lie as :func:`turnTo` has turned them lie again as they did before."""
    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        _turnBack(node)


def placement() -> list:
    """How the views lie, for :func:`restorePlacement`."""
    return [
        (node.GetID(), slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS()), node.GetAttribute(TURNED_ATTRIBUTE))
        for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")
    ]


def restorePlacement(views: list) -> None:
    """Views that are still there lie again as :func:`placement` found them, and can be turned back as then."""
    for identifier, matrix, turned in views:
        node = slicer.mrmlScene.GetNodeByID(identifier)
        if node is not None:
            _place(node, matrix)
            node.SetAttribute(TURNED_ATTRIBUTE, turned)


def jumpTo(positionRas) -> None:
    """Move every slice view to a point (RAS, mm), without changing zoom or pan."""
    sliceNode = slicer.vtkMRMLSliceNode
    sliceNode.JumpAllSlices(slicer.mrmlScene, *(float(c) for c in positionRas), sliceNode.OffsetJumpSlice)


def _turnBack(node) -> None:
    turned = readRecord(node, TURNED_ATTRIBUTE)
    node.RemoveAttribute(TURNED_ATTRIBUTE)
    if turned and np.allclose(turned["after"], _axes(node), atol=1e-4):
        matrix = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())
        matrix[:3, :3] = turned["before"]
        _place(node, matrix)


def _place(node, sliceToRas) -> None:
    node.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(sliceToRas))
    node.UpdateMatrices()


def _axes(node) -> np.ndarray:
    """3x3, the view's axes in RAS as columns, without its place."""
    return slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, :3]
