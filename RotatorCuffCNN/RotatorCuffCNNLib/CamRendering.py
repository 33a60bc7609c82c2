"""The activation map in 3D: what is above the threshold, in the map's colours, with the scan faintly around it."""

import numpy as np
import slicer
import vtk

from RadiologyCNNLib import AnatomyRendering
from RotatorCuffCNNLib.CuffResult import CuffResult

#: Share of light that a millimetre of the strongest evidence takes; none at the threshold.
CAM_OPACITY_PER_MM = 0.35
#: The same for the borders of the brightest tissue: so little that the map shines through all of it.
ANATOMY_OPACITY_PER_MM = 0.12


def setVisible(result: CuffResult, visible: bool, anatomy: bool = True) -> bool:
    """Show or hide the map in 3D, and the scan around it; False where there is no volume rendering."""
    if not AnatomyRendering.isAvailable():
        return False
    cam = _mapDisplay(result)
    isNew = visible and cam is None
    with slicer.util.RenderBlocker():
        # the scan first: what comes later is drawn over it
        _ANATOMY.setVisible(result.camNode, result.volumeNode, visible and anatomy)
        if isNew:
            cam = slicer.modules.volumerendering.logic().CreateDefaultVolumeRenderingNodes(result.camNode)
            AnatomyRendering.prepare(cam)
        if cam is not None:
            _useColors(cam, result.camNode.GetScalarVolumeDisplayNode())
            cam.SetVisibility(bool(visible))
    if isNew:
        centre()
    return True


def centre() -> None:
    """Turn the 3D views to what they show."""
    if slicer.app.layoutManager() is not None:
        slicer.util.resetThreeDViews()


def isVisible(result: CuffResult) -> bool:
    """Whether the map is shown in 3D."""
    display = _mapDisplay(result)
    return display is not None and bool(display.GetVisibility())


def opacityAt(result: CuffResult, share: float) -> float:
    """Opacity per millimetre of a place with a share (0-1) of the peak's evidence; 0 where it is not rendered."""
    display = _mapDisplay(result)
    if display is None:
        return 0.0
    return display.GetVolumePropertyNode().GetVolumeProperty().GetScalarOpacity().GetValue(share)


def update(result: CuffResult) -> None:
    """Bring colours and opacities in 3D up to those of the slice views."""
    display = _mapDisplay(result)
    if display is not None:
        _useColors(display, result.camNode.GetScalarVolumeDisplayNode())


def nodesOf(result: CuffResult) -> list:
    """The display nodes in 3D and their properties, to be removed with the result."""
    nodes, display = _ANATOMY.nodesOf(result.camNode, result.volumeNode), _mapDisplay(result)
    return nodes if display is None else [*nodes, display.GetVolumePropertyNode(), display]


def _mapDisplay(result: CuffResult):
    """The map's display node in 3D; None where there is none yet, or no volume rendering."""
    if not AnatomyRendering.isAvailable():
        return None
    return slicer.modules.volumerendering.logic().GetFirstVolumeRenderingDisplayNode(result.camNode)


def _useColors(display, scalarDisplay) -> None:
    """Opacity rises from the threshold to the peak; colours are those of the slice views."""
    propertyNode = display.GetVolumePropertyNode()
    threshold = min(max(scalarDisplay.GetLowerThreshold(), 1e-3), 0.999)
    opacity = vtk.vtkPiecewiseFunction()
    for value, alpha in ((0.0, 0.0), (threshold, 0.0), (1.0, CAM_OPACITY_PER_MM)):
        opacity.AddPoint(value, alpha)
    table = scalarDisplay.GetColorNode().GetLookupTable()
    colors, rgb = vtk.vtkColorTransferFunction(), [0.0, 0.0, 0.0]
    count = table.GetNumberOfTableValues()
    for step in range(33):
        rgb = table.GetTableValue(round(step / 32 * (count - 1)))[:3]
        colors.AddRGBPoint(step / 32, *rgb)
    with slicer.util.NodeModify(propertyNode):
        propertyNode.SetScalarOpacity(opacity)
        propertyNode.SetColor(colors)


def _lookOfTissue(volumeNode, propertyNode) -> None:
    """Glass: only borders between tissues are seen, those of the brightest most."""
    dark, middle, bright = _tissueRange(volumeNode)
    opacity, colors = vtk.vtkPiecewiseFunction(), vtk.vtkColorTransferFunction()
    for value, alpha, grey in ((dark, 0.0, 0.3), (middle, 0.2, 0.6), (bright, 1.0, 1.0)):
        opacity.AddPoint(value, alpha * ANATOMY_OPACITY_PER_MM)
        colors.AddRGBPoint(value, grey, grey, grey)
    flat, steep = _borderRange(volumeNode)
    borders = vtk.vtkPiecewiseFunction()
    borders.AddPoint(flat, 0.0)
    borders.AddPoint(steep, 1.0)
    propertyNode.SetScalarOpacity(opacity)
    propertyNode.SetColor(colors)
    propertyNode.SetGradientOpacity(borders)


def _borderRange(volumeNode) -> tuple:
    """Grey value steps over a voxel's mean width from which a border between tissues begins, and is clear, to show."""
    array = slicer.util.arrayFromVolume(volumeNode)
    step = [max(1, count // 64) for count in array.shape]
    spacing = np.array(volumeNode.GetSpacing()[::-1])
    values = array[:: step[0], :: step[1], :: step[2]].astype(np.float32)
    if min(values.shape) < 2:
        return 0.0, 1.0
    slopes = np.gradient(values, *(spacing * step))
    size = np.sqrt(sum(slope**2 for slope in slopes)) * spacing.mean()
    flat, steep = (float(value) for value in np.percentile(size, (75, 98)))
    return flat, max(steep, flat + 1e-6)


def _tissueRange(volumeNode) -> tuple:
    """Grey values from which tissue begins to show, of its middle, and of its brightest; three rising numbers."""
    array = slicer.util.arrayFromVolume(volumeNode)
    step = [max(1, count // 64) for count in array.shape]
    values = array[:: step[0], :: step[1], :: step[2]].astype(float)
    dark, middle, bright = (float(value) for value in np.percentile(values, (50, 80, 99)))
    unit = max((bright - dark) / 100, 1e-6)
    middle = max(middle, dark + unit)
    return dark, middle, max(bright, middle + unit)


_ANATOMY = AnatomyRendering.AnatomyRendering("RotatorCuffCNN.AnatomyRendering", "RotatorCuffCNN.Anatomy", _lookOfTissue)
