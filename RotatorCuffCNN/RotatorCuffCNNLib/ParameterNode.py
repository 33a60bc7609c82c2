"""What the panel's person can set, as a typed parameter node: it saves and loads with the scene."""

from typing import Annotated

from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode, vtkMRMLTableNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


@parameterNodeWrapper
class RotatorCuffCNNParameterNode:
    """All settings of RotatorCuffCNN.

    inputVolume: the shoulder MRI.
    roi: the box of ``inputVolume`` that the network sees.
    cam, table: the result that is shown (of ``inputVolume``), updated by the next run.
    side: "auto", "left" or "right".
    model: identifier of the model package, "" for the first one installed.
    device: what the network runs on: "auto", "cpu", "cuda:0", ...
    repeats, repeatCount: kind of repeated runs ("none", "mc_dropout", "tta"), and how many.
    target: what the shown map explains: "predicted", a class index as text, or "tear_versus_none".
    method: how the shown map is made: "cam" or "grad_cam".
    showOverlay, opacity, threshold, colorNodeId: the map in the slices; the threshold is a share of its peak.
    showLegend: whether the views show the colour scale.
    show3D, showAnatomy: the map in 3D, and the scan faintly around it.
    showRoi: whether the box is visible.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    roi: vtkMRMLMarkupsROINode
    cam: vtkMRMLScalarVolumeNode
    table: vtkMRMLTableNode
    side: str = "auto"
    model: str = ""
    device: str = "auto"
    repeats: str = "none"
    repeatCount: Annotated[int, WithinRange(2, 200)] = 20
    target: str = "predicted"
    method: str = "cam"
    opacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5
    threshold: Annotated[float, WithinRange(0.0, 0.99)] = 0.3
    colorNodeId: str = ""
    showOverlay: bool = True
    showLegend: bool = True
    show3D: bool = False
    showAnatomy: bool = True
    showRoi: bool = True
