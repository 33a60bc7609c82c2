"""The network's own mask as an outline beside the corrected one, in a node of its own that no brush can touch."""

import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib.Labelmaps import writeSegment
from RadiologyCNNLib.ScenePlacement import followTransform

#: Cyan: told from the reds of a bleed by every kind of colour vision, and bright on a CT.
COLOR_RGB = (0.0, 0.85, 1.0)
_ROLE = "HemorrhageSeg.NetworkOutline"


def show(result, visible: bool) -> bool:
    """Show or hide the outline of the mask that the network gave at its own threshold.

    Returns:
        Whether it is shown now; False where the network's mask is no longer known.
    """
    node = nodeOf(result)
    found = result.networkMask() if visible else None
    if found is None:
        if node is not None:
            node.GetDisplayNode().SetVisibility(False)
        return False
    if node is None:
        node = _makeNode(result)
    followTransform(node, result.volumeNode)
    for label in result.labels:
        mask = (found[0] == label.value).astype("uint8")
        writeSegment(node, result.segmentId(label), mask, found[1], result.gridMatrix())
    node.GetDisplayNode().SetVisibility(True)
    return True


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
    for label in result.labels:
        node.GetSegmentation().AddEmptySegment(result.segmentId(label), label.name, COLOR_RGB)
    result.segmentationNode.SetNodeReferenceID(_ROLE, node.GetID())
    return node
