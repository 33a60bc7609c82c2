"""OtherResults: a scan comes into the views, and what either panel has found in another scan goes out of them."""

import slicer

from RadiologyCNNLib.ResultMaps import isMap

#: Of each panel's results: class and attribute of the node that stands for one, its references to the scan, the first
#: that is there, and to the scan's display in 3D.
_KINDS = (
    (
        "vtkMRMLSegmentationNode",
        "HemorrhageSeg.Result",
        ("HemorrhageSeg.Scan", slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()),
        "HemorrhageSeg.SkullRendering",
    ),
    (
        "vtkMRMLScalarVolumeNode",
        "RotatorCuffCNN.Result",
        ("RotatorCuffCNN.Scan",),
        "RotatorCuffCNN.AnatomyRendering",
    ),
)
_TAKEN_AWAY = "RadiologyCNN.TakenAway"  #: on a display that was visible before it was hidden here


def giveWayTo(volumeNode) -> None:
    """Take the bleeds, maps and renderings of all scans but this one out of slices and 3D.

    They come back when their own scan does, or by their eye in the Data module. A map in the slices is brought back by
    its panel.
    """
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        foreground = slicer.mrmlScene.GetNodeByID(composite.GetForegroundVolumeID() or "")
        if foreground is not None and isMap(foreground) and _scanOf(foreground) is not volumeNode:
            composite.SetForegroundVolumeID(None)
    for className, attribute, _scanRoles, anatomyRole in _KINDS:
        for node in slicer.util.getNodesByClass(className):
            if node.GetAttribute(attribute):
                isOwn = _scanOf(node) is volumeNode
                for display in (*_displaysOf(node), node.GetNodeReference(anatomyRole)):
                    if display is not None:
                        _bringBack(display) if isOwn else _takeAway(display)


def _scanOf(node):
    """The scan that a result's node refers to; None where it was removed, and for all other nodes."""
    scans = (node.GetNodeReference(role) for kind in _KINDS if node.IsA(kind[0]) for role in kind[2])
    return next((scan for scan in scans if scan is not None), None)


def _displaysOf(node) -> list:
    """Those that draw by themselves. A map's others say only how slices draw it, where it is one of their layers."""
    displays = [node.GetNthDisplayNode(number) for number in range(node.GetNumberOfDisplayNodes())]
    kinds = ("vtkMRMLSegmentationDisplayNode", "vtkMRMLVolumeRenderingDisplayNode")
    return [display for display in displays if display is not None and any(display.IsA(kind) for kind in kinds)]


def _takeAway(display) -> None:
    if display.GetVisibility():
        display.SetVisibility(False)
        display.SetAttribute(_TAKEN_AWAY, "1")


def _bringBack(display) -> None:
    if display.GetAttribute(_TAKEN_AWAY):
        display.RemoveAttribute(_TAKEN_AWAY)
        display.SetVisibility(True)
