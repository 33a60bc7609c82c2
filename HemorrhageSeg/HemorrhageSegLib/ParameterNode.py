"""What the panel's person can set, as a typed parameter node: it saves and loads with the scene."""

from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTableNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


@parameterNodeWrapper
class HemorrhageSegParameterNode:
    """All settings of HemorrhageSeg.

    inputVolume: the head CT.
    segmentation, table, probability: the result that is shown (of ``inputVolume``), updated by the next run.
    model: identifier of the model package, "" for the first one installed.
    device: what the network runs on: "auto", "cpu", "cuda:0", ...
    threshold: probability from which a voxel counts as bleed.
    showFill, showOutline, opacity: how the bleed looks in the slices and in 3D.
    show3D, showSkull: its surface in the 3D view, and the skull faintly around it.
    brainWindow: whether the scan is shown with W 80, L 40 HU.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    table: vtkMRMLTableNode
    probability: vtkMRMLScalarVolumeNode
    model: str = ""
    device: str = "auto"
    threshold: Annotated[float, WithinRange(0.01, 0.99)] = 0.5
    opacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.6
    showFill: bool = True
    showOutline: bool = True
    show3D: bool = False
    showSkull: bool = True
    brainWindow: bool = True
