"""Scans under a warp, as Slicer's DICOM reader lays it over tilted and uneven series."""

import numpy as np

NUDGE_MM = 0.5


def acquisitionTransform(slicer, volumeNode, tiltMm=20.0, gapMm=20.0, name="acquisition transform"):
    """A grid of one displacement a slice's corner: gantry tilt, and gaps that are wider in the upper part."""
    import vtk

    columns, rows, slices = volumeNode.GetImageData().GetDimensions()
    directions, transform = vtk.vtkMatrix4x4(), slicer.vtkOrientedGridTransform()
    volumeNode.GetIJKToRASDirectionMatrix(directions)
    grid = vtk.vtkImageData()
    grid.SetOrigin(*volumeNode.GetOrigin())
    grid.SetDimensions(2, 2, slices)
    spacing = volumeNode.GetSpacing()
    grid.SetSpacing(spacing[0] * columns, spacing[1] * rows, spacing[2])
    grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
    transform.SetGridDirectionMatrix(directions)
    transform.SetDisplacementGridData(grid)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", name)
    node.SetAndObserveTransformToParent(transform)
    displacements = slicer.util.arrayFromGridTransform(node)
    displacements[:] = 0
    above = np.clip(np.linspace(-0.4, 0.6, slices), 0, None)[:, None, None]
    displacements[:, 1, :, 2] = tiltMm
    displacements[..., 2] += gapMm * above
    slicer.util.arrayFromGridTransformModified(node)
    return node


def lean(slicer, transformNode, mm=NUDGE_MM):
    """Change a grid transform, and have the views know."""
    slicer.util.arrayFromGridTransform(transformNode)[:, 0, :, 2] += mm
    slicer.util.arrayFromGridTransformModified(transformNode)
    transformNode.InvokeCustomModifiedEvent(slicer.vtkMRMLTransformableNode.TransformModifiedEvent)
