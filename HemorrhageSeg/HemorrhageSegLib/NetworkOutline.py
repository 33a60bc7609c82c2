"""The network's own mask as an outline beside the corrected one, in a node of its own that no brush can touch."""

import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib.Labelmaps import writeSegment
from RadiologyCNNLib.ScenePlacement import followTransform

#: Cyan: told from the reds of a bleed by every kind of colour vision, and bright on a CT.
COLOR_RGB = (0.0, 0.85, 1.0)
_ROLE = "HemorrhageSeg.NetworkOutline"
_DRAWN = "_hemorrhageSegDrawn"  # on the Python side of the outline's node: which of the network's masks is in it


def show(result, visible: bool) -> bool:
    """Show or hide the outline of the mask that the network gave at its own threshold.

    It is drawn only where the network's mask is another one than was drawn last.

    Returns:
        Whether it is shown now; False where the network's mask is no longer known.
    """
    node = nodeOf(result)
    if not visible or not result.canThreshold:
        if node is not None and node.GetDisplayNode() is not None:  # it has none where its scene is gone
            node.GetDisplayNode().SetVisibility(False)
        return False
    if node is None:
        node = _makeNode(result)
    followTransform(node, result.volumeNode)
    state = result.networkState()
    if getattr(node, _DRAWN, None) != state:
        _draw(node, result)
        setattr(node, _DRAWN, state)
    node.GetDisplayNode().SetVisibility(True)
    return True


def _draw(node, result) -> None:
    mask, offset = result.networkMask()
    segmentation = node.GetSegmentation()
    segmentation.RemoveAllSegments()  # another model may have other labels
    for label in result.networkLabels:
        segmentId = segmentation.AddEmptySegment(result.segmentId(label), label.name, COLOR_RGB)
        part = (mask == label.value).astype("uint8")
        writeSegment(node, segmentId, part, offset, result.gridMatrix())


def nodeOf(result):
    """The outline's node, or None where it was never shown."""
    return result.segmentationNode.GetNodeReference(_ROLE)


def _makeNode(result):
    name = _("{segmentation} (network)").format(segmentation=result.segmentationNode.GetName())
    node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentationNode")
    node.UnRegister(None)
    node.SetName(name)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)  # it comes from the kept probability
    slicer.mrmlScene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetSaveWithScene(False)
    display.SetVisibility3D(False)
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetSliceIntersectionThickness(2)
    result.segmentationNode.SetNodeReferenceID(_ROLE, node.GetID())
    return node
