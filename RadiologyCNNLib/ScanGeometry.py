"""ScanGeometry: where voxels lie, by a volume's own grid and by the transforms that it is under."""

import numpy as np
import slicer.util
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

#: A scan whose points lie nearer than this to where they lay has not been moved.
TOLERANCE_MM = 0.05


def ijkToRas(volumeNode) -> np.ndarray:
    """4x4: voxel index (i, j, k, 1) to RAS in mm, before parent transforms."""
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def parentToWorld(node) -> np.ndarray:
    """4x4, in mm: what a node's parent transforms do to it; the identity without one, and under a warp."""
    matrix = vtk.vtkMatrix4x4()
    transformNode = node.GetParentTransformNode()
    if transformNode is not None and transformNode.IsTransformToWorldLinear():
        transformNode.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def ijkToWorld(volumeNode) -> np.ndarray:
    """4x4: voxel index (i, j, k, 1) to RAS in mm, linear parent transforms included."""
    return parentToWorld(volumeNode) @ ijkToRas(volumeNode)


def generalToWorld(node):
    """The parent transforms of a node, linear or not, as one vtkGeneralTransform."""
    transform = vtk.vtkGeneralTransform()
    if node.GetParentTransformNode() is not None:
        node.GetParentTransformNode().GetTransformToWorld(transform)
    return transform


def hasNonlinearTransform(volumeNode) -> bool:
    """Whether a parent transform bends the volume, so that no matrix describes its place."""
    transformNode = volumeNode.GetParentTransformNode()
    return transformNode is not None and not transformNode.IsTransformToWorldLinear()


def worldPlaces(volumeNode) -> np.ndarray:
    """Where :func:`spreadIndices` of a scan lie in the world: (n, 3), RAS in mm, parent transforms included.

    A scan that lies elsewhere has some of them elsewhere, but for a warp that changes little between them.
    """
    places = ijkToRas(volumeNode) @ spreadIndices(volumeNode.GetImageData().GetDimensions())
    points = vtk.vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(places[:3].T), deep=True))
    moved = vtk.vtkPoints()
    moved.SetDataTypeToDouble()
    generalToWorld(volumeNode).TransformPoints(points, moved)
    return vtk_to_numpy(moved.GetData()).copy()


def liesAt(volumeNode, places) -> bool:
    """Whether a scan still lies where it lay: ``places`` are its :func:`worldPlaces` of then."""
    return np.allclose(places, worldPlaces(volumeNode), rtol=0, atol=TOLERANCE_MM)


def warpedPlaces(volumeNode) -> list | None:
    """What a result keeps of where a warp puts its scan: ``worldPlaces`` to a micrometre; None for an unwarped scan."""
    return worldPlaces(volumeNode).round(3).tolist() if hasNonlinearTransform(volumeNode) else None


def spreadIndices(dimensions) -> np.ndarray:
    """Voxel indices spread over a grid, as columns (i, j, k, 1): 3 x 3 in each of 9 slices.

    They are whole: between two slices a saved acquisition transform comes back otherwise interpolated.

    Args:
        dimensions: voxels as (columns, rows, slices).
    """
    axes = [np.round(np.linspace(0.0, size - 1.0, count)) for size, count in zip(dimensions, (3, 3, 9))]
    return np.stack([*(axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")), np.ones(81)])
