"""Segmentations as files: Slicer reads their labels, colours and terms, and so does this program."""

from __future__ import annotations

import numpy as np
import pytest
from engine.oblique_grids import oblique_matrix, sheared_matrix

from radiologycnn.hemorrhage.labels import HEMORRHAGE, LabelDefinition
from radiologycnn.images import read_volume, write_segmentation_nrrd
from radiologycnn.images.volume import LPS_TO_RAS

LABELS = [HEMORRHAGE, LabelDefinition(3, "Subdural: left|right", (0.1, 0.2, 0.9), region=None)]


def test_segmentation_is_read_by_slicer(tmp_path):
    slicer = pytest.importorskip("slicer")
    vtk = pytest.importorskip("vtk")
    from vtkmodules.util.numpy_support import vtk_to_numpy

    labelmap = np.zeros((9, 10, 11), np.int32)
    labelmap[2:5, 3:6, 4:9] = 1
    labelmap[6:8, 7:9, 2:4] = 3
    path = write_segmentation_nrrd(tmp_path / "bleed.seg.nrrd", labelmap, oblique_matrix(), LABELS)
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == 2
    for number, (label, count) in enumerate(zip(LABELS, (3 * 3 * 5, 2 * 2 * 2))):
        segment = segmentation.GetNthSegment(number)
        assert segment.GetName() == label.name
        assert segment.GetLabelValue() == label.value
        np.testing.assert_allclose(segment.GetColor(), label.color_rgb, atol=1e-5)
        tag = vtk.mutable("")
        assert segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), tag)
        assert str(tag) == label.terminology()
        image = slicer.vtkOrientedImageData()
        node.GetBinaryLabelmapRepresentation(segmentation.GetNthSegmentID(number), image)
        values = vtk_to_numpy(image.GetPointData().GetScalars())
        assert (values != 0).sum() == count
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        extent = image.GetExtent()
        first_ijk = [4, 3, 2] if number == 0 else [2, 7, 6]
        inside = np.argwhere(values.reshape(image.GetDimensions()[::-1]))[0][::-1] + np.array(extent[::2])
        ras = matrix.MultiplyPoint((*map(float, inside), 1.0))[:3]
        np.testing.assert_allclose(ras, (LPS_TO_RAS @ oblique_matrix() @ [*first_ijk, 1])[:3], atol=1e-4)


def test_segmentation_comes_back_as_a_volume(tmp_path):
    labelmap = np.zeros((9, 10, 11), np.uint8)
    labelmap[4, 5, 6] = 3
    volume = read_volume(write_segmentation_nrrd(tmp_path / "a.seg.nrrd", labelmap, sheared_matrix(), LABELS))
    np.testing.assert_array_equal(volume.array, labelmap)
    np.testing.assert_allclose(volume.ijk_to_lps, sheared_matrix(), atol=1e-9)


def test_segmentation_with_an_unknown_value_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="7"):
        write_segmentation_nrrd(tmp_path / "a.seg.nrrd", np.full((4, 4, 4), 7), np.eye(4), LABELS)
