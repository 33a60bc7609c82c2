"""The raters' masks of a case and their consensus as outlines beside the mask, in a node that no brush can touch."""

import numpy as np
import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib.Labelmaps import writeSegment
from RadiologyCNNLib.SceneFigures import COLORS
from RadiologyCNNLib.ScenePlacement import followTransform, placeBeside, removeWhole

_ROLE = "HemorrhageSeg.Raters"
CONSENSUS_COLOR_RGB = (1.0, 1.0, 1.0)


def show(result, masks: dict, consensus=None) -> None:
    """Show outlines on the scan of a result; those of before are replaced.

    Args:
        result: SceneResult, whose grid the masks are on.
        masks: rater -> Mask.
        consensus: Mask; None for none.
    """
    remove(result)
    node = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLSegmentationNode", _("{volume} raters").format(volume=result.volumeNode.GetName())
    )
    node.SetReferenceImageGeometryParameterFromVolumeNode(result.volumeNode)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetVisibility3D(False)
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetSliceIntersectionThickness(2)
    followTransform(node, result.volumeNode)
    segments = [(rater, mask, COLORS[n % len(COLORS)]) for n, (rater, mask) in enumerate(masks.items())]
    if consensus is not None:
        segments.append((_("Consensus"), consensus, CONSENSUS_COLOR_RGB))
    for name, mask, color in segments:
        segmentId = node.GetSegmentation().AddEmptySegment("", name, color)
        voxels = (np.asarray(mask.crop) != 0).astype(np.uint8)
        writeSegment(node, segmentId, voxels, mask.offset_kji, result.gridMatrix())
    placeBeside(node, result.volumeNode)
    result.segmentationNode.SetNodeReferenceID(_ROLE, node.GetID())


def nodeOf(result):
    """The outlines' node, or None where they are not shown."""
    return result.segmentationNode.GetNodeReference(_ROLE)


def remove(result) -> None:
    """Take the outlines away."""
    removeWhole(nodeOf(result))
