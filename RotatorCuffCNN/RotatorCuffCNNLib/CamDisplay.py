"""Shows an activation map: which one, as a layer in the slice views, with its legend, and in 3D.

Whatever is shown is kept in MRML nodes, so that it saves and loads with the scene. A map is shown from 0 to 1: its
positive part with the peak at 1. What is below the threshold is left out.
"""

import slicer
from slicer.i18n import tr as _

from radiologycnn.errors import InputError
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES, TEAR_VERSUS_NONE
from RadiologyCNNLib import SliceViews
from RadiologyCNNLib.ResultMaps import isMap
from RadiologyCNNLib.ScanGeometry import ijkToRas
from RotatorCuffCNNLib import CamColors, CamRendering
from RotatorCuffCNNLib.CamColors import CAM_COLOR_NODES
from RotatorCuffCNNLib.CuffResult import CuffResult, normalized
from RotatorCuffCNNLib.CuffTable import METHOD_NAMES
from RotatorCuffCNNLib.SmoothUpsampling import displayFactor, upsampled, upsampledMatrix

DEFAULT_OPACITY = 0.6
DEFAULT_THRESHOLD = 0.3
BEFORE_ROLE = "RotatorCuffCNN.ForegroundBefore"
BEFORE_OPACITY_ATTRIBUTE = "RotatorCuffCNN.OpacityBefore"

__all__ = [
    "CAM_COLOR_NODES",
    "DEFAULT_OPACITY",
    "DEFAULT_THRESHOLD",
    "goToPeak",
    "hideAll",
    "legendTitle",
    "prepareDisplay",
    "setLegend",
    "setOverlay",
    "setVolumeRendering",
    "showMap",
]


def showMap(result: CuffResult, target, method: str) -> None:
    """Put one of the kept maps into the node that is shown; views, legend and rendering follow.

    Args:
        result: whose map.
        target: class index or "tear_versus_none".
        method: "cam" or "grad_cam".

    Raises:
        InputError: the raw maps were removed from the scene, or this one was never made.
    """
    try:
        raw = result.rawMap(target, method)
    except KeyError as error:
        raise InputError(
            "maps-removed",
            _("This activation map is not in the scene (any more)."),
            _("Classify the scan again."),
        ) from error
    factors = [displayFactor(count) for count in raw.shape]
    matrix = upsampledMatrix(ijkToRas(result.mapsNode), factors)
    camNode = result.camNode
    with slicer.util.NodeModify(camNode):
        slicer.util.updateVolumeFromArray(camNode, upsampled(normalized(raw), factors))
        camNode.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    if result.shownTarget != target or result.shownMethod != method:
        result.updateRecord(shown={"target": target, "method": method})
    prepareDisplay(camNode)
    legend = _legend(result)
    if legend is not None:
        legend.SetTitleText(legendTitle(result))


def prepareDisplay(camNode) -> None:
    """How a map from 0 to 1 is shown, where that was not settled yet."""
    if camNode.GetScalarVolumeDisplayNode() is not None:
        return
    camNode.CreateDefaultDisplayNodes()
    display = camNode.GetScalarVolumeDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.SetAutoThreshold(0)
    display.SetThreshold(DEFAULT_THRESHOLD, 1.0)
    display.ApplyThresholdOn()
    display.SetInterpolate(1)
    display.SetAndObserveColorNodeID(CamColors.colorNode().GetID())


# Slice views


def setOverlay(result: CuffResult, visible: bool, opacity=None, threshold=None, colorNodeId=None) -> None:
    """Lay the map over the scan in all slice views, or take it away and put back what it has replaced.

    Args:
        result: whose map.
        visible: whether it is shown.
        opacity: 0-1; None for as it is (or was when it was last shown).
        threshold: share of the peak, 0-1, below which the map is left out, in slices and in 3D; None for as it is.
        colorNodeId: ID of the colour node for slices, legend and 3D; None for as it is.
    """
    with slicer.util.RenderBlocker():
        display = result.camNode.GetScalarVolumeDisplayNode()
        with slicer.util.NodeModify(display):
            if threshold is not None:
                # where there is no evidence at all nothing is to be drawn, also without a threshold
                display.SetThreshold(max(float(threshold), 1e-3), 1.0)
            if colorNodeId is not None and slicer.mrmlScene.GetNodeByID(colorNodeId) is not None:
                display.SetAndObserveColorNodeID(colorNodeId)
        if opacity is not None and opacity != opacityOf(result):
            result.updateRecord(opacity=float(opacity))
        if visible and result.volumeNode is not None:
            _showScan(result)
        for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            (_overlay if visible else _restore)(result, composite)
        CamRendering.update(result)


def _showScan(result: CuffResult) -> None:
    """Bring the scan into the views where none shows it, in its own planes, at the map's strongest place."""
    if not SliceViews.isShown(result.volumeNode):
        SliceViews.showVolume(result.volumeNode)
        SliceViews.turnTo(result.volumeNode)
        goToPeak(result)


def isOverlaid(result: CuffResult) -> bool:
    """Whether any slice view shows the map."""
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return any(composite.GetForegroundVolumeID() == result.camNode.GetID() for composite in composites)


def opacityOf(result: CuffResult) -> float:
    """Opacity of the map in slice views."""
    return float(result.record.get("opacity", DEFAULT_OPACITY))


def _overlay(result: CuffResult, composite) -> None:
    camId = result.camNode.GetID()
    if composite.GetForegroundVolumeID() != camId:
        before = slicer.mrmlScene.GetNodeByID(composite.GetForegroundVolumeID() or "")
        if before is None or not isMap(before):  # not that of another result's map
            composite.SetNodeReferenceID(BEFORE_ROLE, before.GetID() if before is not None else None)
            composite.SetAttribute(BEFORE_OPACITY_ATTRIBUTE, str(composite.GetForegroundOpacity()))
        composite.SetForegroundVolumeID(camId)
    composite.SetForegroundOpacity(opacityOf(result))


def _restore(result: CuffResult, composite) -> None:
    if composite.GetForegroundVolumeID() != result.camNode.GetID():
        return
    before = composite.GetNodeReference(BEFORE_ROLE)
    composite.SetForegroundVolumeID(before.GetID() if before is not None else None)
    composite.SetForegroundOpacity(float(composite.GetAttribute(BEFORE_OPACITY_ATTRIBUTE) or 0.0))
    composite.SetNodeReferenceID(BEFORE_ROLE, None)
    composite.RemoveAttribute(BEFORE_OPACITY_ATTRIBUTE)


def goToPeak(result: CuffResult) -> bool:
    """Move every slice view to the shown map's strongest evidence; False where there is none."""
    peak = result.peakRas() if result.canSwitch else None
    if peak is not None:
        SliceViews.jumpTo(peak)
    return peak is not None


# Legend


def legendTitle(result: CuffResult) -> str:
    """Which map is shown, in words: "CAM: Medium tear"."""
    target = result.shownTarget
    if target == TEAR_VERSUS_NONE:
        words = _("Tear versus none")
    else:
        words = TEAR_CLASSES[target].words.split(" (")[0]
    return f"{METHOD_NAMES.get(result.shownMethod, result.shownMethod)}: {words}"


def setLegend(result: CuffResult, visible: bool) -> None:
    """Show or hide the colour legend in the slice views; Slicer draws it only where the map is shown."""
    legend = _legend(result)
    if legend is None and visible:
        legend = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(result.camNode.GetDisplayNode())
        if legend is None:
            return
        legend.SetTitleText(legendTitle(result))
        legend.SetNumberOfLabels(6)
        legend.SetLabelFormat("%.1f")
        # Slicer makes all texts as large as the labels fit, and the title beside a narrow bar runs over the picture
        legend.SetSize(0.08, 0.28)
        legend.SetPosition(0.98, 0.04)
        for textProperty in (legend.GetTitleTextProperty(), legend.GetLabelTextProperty()):
            textProperty.SetBackgroundColor(0.0, 0.0, 0.0)  # white letters are lost on fat
            textProperty.SetBackgroundOpacity(0.5)
    if legend is not None:
        legend.SetVisibility(bool(visible))


def _legend(result: CuffResult):
    display = result.camNode.GetDisplayNode()
    return slicer.modules.colors.logic().GetColorLegendDisplayNode(display) if display is not None else None


# 3D


def setVolumeRendering(result: CuffResult, visible: bool, anatomy: bool = True) -> bool:
    """Show the map in 3D, and the scan faintly around it, or hide both.

    Returns:
        False where this Slicer has no volume rendering.
    """
    return CamRendering.setVisible(result, visible, anatomy)


def hideAll(result: CuffResult) -> None:
    """Take the map out of all views."""
    if result.camNode.GetDisplayNode() is not None:
        setOverlay(result, False)
        setLegend(result, False)
    CamRendering.setVisible(result, False)
