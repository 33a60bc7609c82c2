"""The skull in 3D: so faint around the bleed that both are seen, for where in the head it lies."""

import vtk

from HemorrhageSegLib.SceneResult import SceneResult
from RadiologyCNNLib.AnatomyRendering import AnatomyRendering

#: Share of light that a millimetre of bone takes: two tables of a skull a quarter or so, along its rim most of it.
OPACITY_PER_MM = 0.012
#: HU from which bone begins to show, and from which it is bone whatever its thickness (ICRU 46: cortical from 1000).
BONE_HU = (150.0, 700.0)


def setVisible(result: SceneResult, visible: bool) -> None:
    """Show or hide the skull around a result; it is not shown where the scan is under a warp."""
    _SKULL.setVisible(result.segmentationNode, result.volumeNode, visible)


def isVisible(result: SceneResult) -> bool:
    """Whether the skull is shown around a result."""
    display = _SKULL.displayOf(result.segmentationNode, result.volumeNode)
    return display is not None and bool(display.GetVisibility())


def nodesOf(result: SceneResult) -> list:
    """What was made for it, to be removed with the result."""
    return _SKULL.nodesOf(result.segmentationNode, result.volumeNode)


def _lookOfBone(volumeNode, propertyNode) -> None:
    first, whole = BONE_HU
    opacity, colors = vtk.vtkPiecewiseFunction(), vtk.vtkColorTransferFunction()
    opacity.AddPoint(first, 0.0)
    opacity.AddPoint(whole, OPACITY_PER_MM)
    colors.AddRGBPoint(first, 0.86, 0.82, 0.74)
    colors.AddRGBPoint(whole, 0.98, 0.96, 0.91)
    propertyNode.SetScalarOpacity(opacity)
    propertyNode.SetColor(colors)


_SKULL = AnatomyRendering("HemorrhageSeg.SkullRendering", "HemorrhageSeg.Skull", _lookOfBone)
