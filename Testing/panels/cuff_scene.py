"""A shoulder in the stand-in host, with the scene side of RotatorCuffCNN at hand: the fixture ``cuff``."""

import importlib
import io
import sys
from types import SimpleNamespace

import numpy as np

from radiologycnn.networks.activation import peak_place

MODULES = (
    "CamColors", "CamDisplay", "CamRendering", "CuffExport", "CuffPresenter", "CuffResult", "CuffRoi", "CuffTable",
    "ReportPictures", "SelfTest", "SmoothUpsampling", "SyntheticShoulder",
)  # fmt: skip


class ShoulderScene:
    """Adds shoulders and results, and reads back what is in the scene."""

    def __init__(self, modules) -> None:
        import slicer
        import vtk

        self.slicer, self.vtk, self.modules = slicer, vtk, modules
        self.shoulder = modules.SyntheticShoulder.syntheticShoulder()

    def addShoulder(self, shoulder=None, name="Shoulder"):
        shoulder = shoulder or self.shoulder
        volume = self.slicer.util.addVolumeFromArray(shoulder.array, ijkToRAS=shoulder.ijkToRas, name=name)
        volume.CreateDefaultDisplayNodes()
        return volume

    def present(self, volume, maps=None, shoulder=None, **changes):
        synthetic, shoulder = self.modules.SyntheticShoulder, shoulder or self.shoulder
        message = {**synthetic.resultMessage(shoulder), **changes}
        maps = synthetic.resultMaps(shoulder) if maps is None else maps
        return self.modules.CuffPresenter.present(volume, message, maps)

    def addTransform(self, matrix, node):
        transform = self.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(self.slicer.util.vtkMatrixFromArray(np.asarray(matrix, float)))
        node.SetAndObserveTransformNodeID(transform.GetID())
        return transform

    def ijkToWorld(self, node) -> np.ndarray:
        """By way of VTK's own transform, not of the code under test."""
        matrix, toWorld = self.vtk.vtkMatrix4x4(), self.vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(matrix)
        if node.GetParentTransformNode() is not None:
            node.GetParentTransformNode().GetMatrixTransformToWorld(toWorld)
        return self.slicer.util.arrayFromVTKMatrix(toWorld) @ self.slicer.util.arrayFromVTKMatrix(matrix)

    def peakOf(self, node) -> np.ndarray:
        """World place of the peak of a map's volume, mm."""
        array = self.slicer.util.arrayFromVolume(node)
        k, j, i = peak_place(array)
        return (self.ijkToWorld(node) @ [i, j, k, 1.0])[:3]

    def composites(self) -> list:
        return self.slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")

    def nodeCount(self) -> int:
        return self.slicer.mrmlScene.GetNumberOfNodes()

    def cells(self, tableNode) -> list:
        table = tableNode.GetTable()
        rows, columns = table.GetNumberOfRows(), table.GetNumberOfColumns()
        return [[table.GetValue(row, column).ToString() for column in range(columns)] for row in range(rows)]

    def headings(self, tableNode) -> list:
        table = tableNode.GetTable()
        return [table.GetColumnName(column) for column in range(table.GetNumberOfColumns())]

    def reload(self, path) -> None:
        """Save the scene to a .mrb or .mrml file, close it and load it again."""
        self.modules.SelfTest.saveScene(str(path))
        self.slicer.mrmlScene.Clear(False)
        self.slicer.util.loadScene(str(path))


def shoulderScene(repository) -> ShoulderScene:
    """With the modules imported from the source tree."""
    folder = str(repository / "RotatorCuffCNN")
    if folder not in sys.path:
        sys.path.append(folder)
    return ShoulderScene(
        SimpleNamespace(**{name: importlib.import_module(f"RotatorCuffCNNLib.{name}") for name in MODULES})
    )


def pixelsOfPng(png: bytes) -> np.ndarray:
    """A PNG file's content as uint8 (rows, columns, 3), the first row on top."""
    from matplotlib.image import imread

    return np.round(255 * imread(io.BytesIO(png))[..., :3]).astype(np.uint8)


def randomGrid(random, voxels: int, spacing_mm: float) -> np.ndarray:
    """4x4 of an oblique right-handed grid of cubes, at a random place."""
    axes, _ = np.linalg.qr(random.normal(size=(3, 3)))
    if np.linalg.det(axes) < 0:
        axes[:, 0] *= -1
    matrix = np.eye(4)
    matrix[:3, :3] = axes * spacing_mm
    matrix[:3, 3] = random.uniform(-80, 80, 3) - matrix[:3, :3] @ np.full(3, (voxels - 1) / 2)
    return matrix
