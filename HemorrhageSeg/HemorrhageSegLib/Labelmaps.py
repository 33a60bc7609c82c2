"""Slicer's binary labelmaps as numpy arrays; several segments may share one, each with a value of its own."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from radiologycnn.images.boxes import bounding_box, box_start, moved_box, whole_box


def labelmapOf(segmentation, segmentId) -> tuple:
    """(labelmap that holds a segment, the segment's value in it); (None, 0) where there is none."""
    segment = segmentation.GetSegment(segmentId)
    name = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
    image = segment.GetRepresentation(name) if segment is not None else None
    return (image, segment.GetLabelValue()) if image is not None else (None, 0)


def voxelsOf(image) -> tuple:
    """(box of the grid, view of its values (K, J, I)) of a labelmap."""
    scalars = image.GetPointData().GetScalars()
    if scalars is None or image.GetNumberOfPoints() == 0:
        return whole_box((0, 0, 0)), np.zeros((0, 0, 0), np.uint8)
    i, j, k = (slice(first, last + 1) for first, last in np.reshape(image.GetExtent(), (3, 2)).tolist())
    return (k, j, i), vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1])


def translated(numbers, values):
    """``values[numbers]`` (uint8); where each number stands for itself, as usual, the same array without that pass."""
    isItself = np.array_equal(values, np.arange(len(values)))
    return np.asarray(numbers, np.uint8) if isItself else values[numbers]


def imageOfBox(box, ijkToRas):
    """An image of a box of the grid, without voxels yet; ``ijkToRas`` is the vtkMatrix4x4 of the whole grid."""
    image = slicer.vtkOrientedImageData()
    image.SetImageToWorldMatrix(ijkToRas)
    k, j, i = box
    image.SetExtent([bound for axis in (i, j, k) for bound in (axis.start, axis.stop - 1)])
    return image


def isOnGrid(image, ijkToRas) -> bool:
    """Whether the voxels of an image are those of a grid (vtkMatrix4x4), wherever it begins and ends."""
    own = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(own)
    return np.allclose(slicer.util.arrayFromVTKMatrix(own), slicer.util.arrayFromVTKMatrix(ijkToRas), atol=1e-3)


def makeLabelmap(box, voxels, ijkToRas):
    """A labelmap of a box of the grid.

    Args:
        voxels: (K, J, I) of the box's shape, 0 and 1.
        ijkToRas: vtkMatrix4x4 of the whole grid.
    """
    image = imageOfBox(box, ijkToRas)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    voxelsOf(image)[1][:] = voxels
    return image


def writeSegment(segmentationNode, segmentId, mask, offsetKji, ijkToRas) -> None:
    """Replace a segment by a mask (K, J, I) that starts at voxel ``offsetKji`` of the grid."""
    box = bounding_box(mask)
    if box is None:
        # one voxel of background: Slicer takes an image without voxels for a mistake
        box, mask = (slice(0, 1),) * 3, np.zeros((1, 1, 1), np.uint8)
    image = makeLabelmap(moved_box(box, offsetKji), mask[box], ijkToRas)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(image, segmentationNode, segmentId, logic.MODE_REPLACE, image.GetExtent())


def changeSegment(segmentationNode, segmentId, voxels, box, isAdded) -> None:
    """Give a segment that has a labelmap these voxels of a box (bool, (K, J, I)), or take them from it."""
    part = bounding_box(voxels)
    if part is None:
        return
    matrix = vtk.vtkMatrix4x4()
    labelmapOf(segmentationNode.GetSegmentation(), segmentId)[0].GetImageToWorldMatrix(matrix)
    image = makeLabelmap(moved_box(part, box_start(box)), voxels[part] if isAdded else ~voxels[part], matrix)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    mode = logic.MODE_MERGE_MASK if isAdded else logic.MODE_MERGE_MIN
    logic.SetBinaryLabelmapToSegment(image, segmentationNode, segmentId, mode, image.GetExtent())
