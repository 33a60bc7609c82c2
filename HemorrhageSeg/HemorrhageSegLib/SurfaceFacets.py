"""SurfaceFacets: which way the facets of a surface look. Slicer's converter makes those of a left-handed scan look
inwards, which other programs take for a hollow in everything else."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy


def turnOutward(segmentationNode) -> None:
    """Turn the facets of each segment's closed surface that looks inwards; all others stay."""
    segmentation = segmentationNode.GetSegmentation()
    name = slicer.vtkSegmentationConverter.GetClosedSurfaceRepresentationName()
    surfaces = [segmentation.GetSegment(one).GetRepresentation(name) for one in segmentation.GetSegmentIDs()]
    inward = [surface for surface in surfaces if surface is not None and signedVolumeMm3(surface) < 0]
    for surface in inward:
        reversal = vtk.vtkReverseSense()
        reversal.SetInputData(surface)
        reversal.ReverseCellsOn()
        reversal.ReverseNormalsOn()
        reversal.Update()
        surface.ShallowCopy(reversal.GetOutput())
    if inward and segmentationNode.GetDisplayNode() is not None:
        segmentationNode.GetDisplayNode().Modified()  # the 3D views look at it again


def signedVolumeMm3(surface) -> float:
    """Volume within a closed surface (vtkPolyData, mm); negative where its facets look inwards."""
    triangles = vtk.vtkTriangleFilter()
    triangles.SetInputData(surface)
    triangles.PassLinesOff()
    triangles.PassVertsOff()
    triangles.Update()
    polygons = triangles.GetOutput()
    if polygons.GetNumberOfPolys() == 0:
        return 0.0
    points = vtk_to_numpy(polygons.GetPoints().GetData()).astype(float)
    points -= points.mean(axis=0)
    corners = points[vtk_to_numpy(polygons.GetPolys().GetConnectivityArray()).reshape(-1, 3)]
    return float(np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))) / 6.0
