"""One scan's result as it lives in the scene: segmentation, table and probability map, found again after a reload.

The segmentation node is the anchor. It refers to the scan, the table and the probability maps by node references, and
holds what else is worth keeping (labels, threshold, measurements, provenance) as JSON in a node attribute, so that all
of it saves and loads with the scene.
"""

import hashlib
import json

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from HemorrhageSegLib.Threshold import boundingBox, labelNumbers
from radiologycnn.hemorrhage.labels import LabelDefinition
from radiologycnn.hemorrhage.results import Measurements

RECORD_ATTRIBUTE = "HemorrhageSeg.Result"
TABLE_ROLE = "HemorrhageSeg.Table"
PROBABILITY_ROLE = "HemorrhageSeg.Probability"
_KEY_MEMO = "_hemorrhageSegMaskKey"  # on the Python side of a segmentation node: (state, key) of its mask


class SceneResult:
    """Reads and changes the nodes of one result. Holds nothing but the segmentation node itself."""

    def __init__(self, segmentationNode) -> None:
        self.segmentationNode = segmentationNode

    @classmethod
    def ofSegmentation(cls, segmentationNode):
        """The result that a segmentation node stands for, or None where it is none of ours."""
        if segmentationNode is None or not segmentationNode.GetAttribute(RECORD_ATTRIBUTE):
            return None
        return cls(segmentationNode)

    @classmethod
    def ofVolume(cls, volumeNode):
        """The result of a scan, or None where it has none."""
        if volumeNode is None:
            return None
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            result = cls.ofSegmentation(node)
            if result and result.volumeNode is not None and result.volumeNode.GetID() == volumeNode.GetID():
                return result
        return None

    # What it consists of

    @property
    def volumeNode(self):
        """The scan, or None where it was removed."""
        return self.segmentationNode.GetNodeReference(
            slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
        )

    @property
    def tableNode(self):
        """The table of the components; None where somebody has deleted it."""
        return self.segmentationNode.GetNodeReference(TABLE_ROLE)

    @property
    def probabilityNodes(self) -> list:
        """One scalar volume a label: the part of the grid where the probability is not negligible."""
        node = self.segmentationNode
        count = node.GetNumberOfNodeReferences(PROBABILITY_ROLE)
        nodes = [node.GetNthNodeReference(PROBABILITY_ROLE, n) for n in range(count)]
        return [n for n in nodes if n is not None and n.GetImageData() is not None]

    @property
    def record(self) -> dict:
        """Everything that is kept beside the nodes; a copy: change it with :meth:`updateRecord`."""
        return json.loads(self.segmentationNode.GetAttribute(RECORD_ATTRIBUTE) or "{}")

    def updateRecord(self, **fields) -> None:
        """Keep these fields (JSON-able) beside the nodes; the others stay."""
        record = self.record
        record.update(fields)
        self.segmentationNode.SetAttribute(RECORD_ATTRIBUTE, json.dumps(record))

    @property
    def labels(self) -> list:
        """What the network tells apart, a ``LabelDefinition`` each, in the order of the segments."""
        return [LabelDefinition.from_dict(fields) for fields in self.record["labels"]]

    @property
    def measurements(self):
        """Last measurements, or None while the mask has changed and they are not back yet."""
        fields = self.record.get("measurements")
        return Measurements.from_dict(fields) if fields else None

    @staticmethod
    def segmentId(label) -> str:
        """Identifier of a label's segment."""
        return f"hemorrhage-{label.value}"

    # Threshold

    @property
    def canThreshold(self) -> bool:
        """Whether the probability map is still there, whole: all labels, all of one size."""
        nodes = self.probabilityNodes
        shapes = {n.GetImageData().GetDimensions() for n in nodes}
        return len(nodes) == len(self.record["labels"]) and len(shapes) == 1

    def probability(self) -> np.ndarray:
        """float32 crop, shape (K, J, I) for one label, (labels, K, J, I) for several."""
        arrays = [slicer.util.arrayFromVolume(node) for node in self.probabilityNodes]
        return arrays[0] if len(arrays) == 1 else np.stack(arrays)

    def offsetKji(self) -> tuple[int, int, int]:
        """First voxel of the probability's crop on the mask's grid, as (K, J, I)."""
        return tuple(self.record["offset_kji"])

    def applyThreshold(self, threshold: float) -> float:
        """Set the segments from the kept probability.

        Returns:
            Total volume in mL, counted on the spot.
        """
        numbers = labelNumbers(self.probability(), threshold)
        offset, ijkToRas = self.offsetKji(), self.gridMatrix()
        volumeMl = {}
        with slicer.util.NodeModify(self.segmentationNode):
            for number, label in enumerate(self.labels, start=1):
                mask = numbers if len(self.labels) == 1 else (numbers == number).view(np.uint8)
                voxels = int(np.count_nonzero(mask))
                volumeMl[label.value] = voxels * self.voxelVolumeMm3() / 1000.0
                writeSegment(self.segmentationNode, self.segmentId(label), mask, offset, ijkToRas)
        self.updateRecord(threshold=float(threshold), edited=False)
        return sum(volumeMl.values())

    def networkMask(self, threshold: float | None = None) -> tuple[np.ndarray, tuple[int, int, int]] | None:
        """What the network said: uint8 label values (K, J, I) and its offset (k, j, i); None without its probability.

        Args:
            threshold: None for the one that the model was made for.
        """
        if not self.canThreshold:
            return None
        record = self.record
        numbers = labelNumbers(self.probability(), record["operating_threshold"] if threshold is None else threshold)
        values = np.array([0, *(label.value for label in self.labels)], np.uint8)
        return values[numbers], self.offsetKji()

    def isNetworkMask(self) -> bool:
        """Whether the mask is exactly what the network says at the present threshold."""
        found = self.networkMask(self.record["threshold"])
        return found is not None and _cropKey(*found) == maskKey(self)

    def setMask(self, mask: np.ndarray, offsetKji: tuple[int, int, int]) -> None:
        """Replace the segments by label values (K, J, I) that start at voxel ``offsetKji``; nothing is asked."""
        with slicer.util.NodeModify(self.segmentationNode):
            for label in self.labels:
                part = (mask == label.value).astype(np.uint8)
                writeSegment(self.segmentationNode, self.segmentId(label), part, offsetKji, self.gridMatrix())

    def maskCrop(self) -> tuple[np.ndarray, tuple[int, int, int]]:
        """The segments as they are now, corrections included: uint8 label values (K, J, I) and its offset (k, j, i).

        The crop holds all segments; an empty segmentation gives one voxel of 0.
        """
        images = [(label.value, image) for label in self.labels if (image := self._segmentImage(label)) is not None]
        if not images:
            return np.zeros((1, 1, 1), np.uint8), (0, 0, 0)
        extents = np.array([image.GetExtent() for _value, image in images]).reshape(-1, 3, 2)
        first, last = extents[:, :, 0].min(axis=0), extents[:, :, 1].max(axis=0)
        # a brush may have gone over the edge of the scan
        first = np.maximum(first, 0)
        last = np.minimum(last, np.array(self.record["shape_kji"][::-1]) - 1)
        if np.any(last < first):
            return np.zeros((1, 1, 1), np.uint8), (0, 0, 0)
        mask = np.zeros(tuple((last - first + 1)[::-1]), np.uint8)
        for value, image in images:
            extent = np.array(image.GetExtent()).reshape(3, 2)
            low, high = np.maximum(extent[:, 0], first), np.minimum(extent[:, 1], last)
            if np.any(high < low):
                continue
            voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
            part = tuple(slice(int(a - o), int(b - o + 1)) for a, b, o in zip(low, high, extent[:, 0]))[::-1]
            place = tuple(slice(int(a - o), int(b - o + 1)) for a, b, o in zip(low, high, first))[::-1]
            mask[place][voxels[part] != 0] = value
        return mask, tuple(int(c) for c in first[::-1])

    def maskState(self) -> tuple:
        """What is another one whenever a segment has been changed or replaced: VTK's count of changes, by label."""
        segmentation = self.segmentationNode.GetSegmentation()
        name = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
        found = [segmentation.GetSegment(self.segmentId(label)) for label in self.labels]
        images = [segment.GetRepresentation(name) if segment is not None else None for segment in found]
        return tuple(image.GetMTime() if image is not None else None for image in images)

    def _segmentImage(self, label):
        """A label's segment on the scan's grid; None where it was removed or is empty."""
        segmentId = self.segmentId(label)
        if self.segmentationNode.GetSegmentation().GetSegment(segmentId) is None:
            return None
        image = slicer.vtkOrientedImageData()
        self.segmentationNode.GetBinaryLabelmapRepresentation(segmentId, image)
        if image.GetNumberOfPoints() == 0:
            return None
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        grid = self.gridMatrix()
        if np.allclose(slicer.util.arrayFromVTKMatrix(matrix), slicer.util.arrayFromVTKMatrix(grid), atol=1e-3):
            return image
        # the person has edited it on another (finer) grid
        reference, onGrid = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
        reference.SetImageToWorldMatrix(grid)
        reference.SetExtent([bound for size in self.record["shape_kji"][::-1] for bound in (0, size - 1)])
        reference.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(image, reference, onGrid)
        return onGrid

    def totalMl(self) -> float:
        """Volume of all segments as they are now, in mL."""
        return float(np.count_nonzero(self.maskCrop()[0])) * self.voxelVolumeMm3() / 1000.0

    def gridMatrix(self) -> vtk.vtkMatrix4x4:
        """Voxel index to RAS (mm) of the whole grid, before the result's own parent transform."""
        return slicer.util.vtkMatrixFromArray(np.array(self.record["grid_ijk_to_ras"], float))

    def voxelVolumeMm3(self) -> float:
        """|det| of the voxel to world matrix: right for oblique, sheared and scaled grids."""
        toWorld = vtk.vtkMatrix4x4()
        transformNode = self.segmentationNode.GetParentTransformNode()
        if transformNode is not None and transformNode.IsTransformToWorldLinear():
            transformNode.GetMatrixTransformToWorld(toWorld)
        return abs(self.gridMatrix().Determinant() * toWorld.Determinant())

    # Surface

    @property
    def hasSurface(self) -> bool:
        """Whether the closed surface has been built."""
        segmentation = self.segmentationNode.GetSegmentation()
        return segmentation.ContainsRepresentation(slicer.vtkSegmentationConverter.GetClosedSurfaceRepresentationName())

    def removeSurface(self) -> None:
        """Drop the surface, so that a changed mask does not rebuild it at every move of the slider."""
        if self.hasSurface:
            self.segmentationNode.RemoveClosedSurfaceRepresentation()

    def buildSurface(self) -> None:
        """Make the surface; segments are kept cropped to their own box, which makes this fast."""
        self.segmentationNode.CreateClosedSurfaceRepresentation()


def maskKey(result) -> str:
    """A short text that is the same for the same mask, whatever crop it is held in."""
    node, state = result.segmentationNode, result.maskState()
    known = getattr(node, _KEY_MEMO, None)
    if known is None or known[0] != state:
        known = (state, _cropKey(*result.maskCrop()))
        setattr(node, _KEY_MEMO, known)
    return known[1]


def _cropKey(mask: np.ndarray, offsetKji: tuple[int, int, int]) -> str:
    box = boundingBox(mask)
    if box is None:
        return ""
    place = [(part.start + offset, part.stop + offset) for part, offset in zip(box, offsetKji)]
    return hashlib.sha256(repr(place).encode() + np.ascontiguousarray(mask[box]).tobytes()).hexdigest()


def writeSegment(segmentationNode, segmentId, mask, offsetKji, ijkToRas) -> None:
    """Replace a segment by a mask that starts at voxel ``offsetKji`` of the reference grid."""
    box = boundingBox(mask)
    image = slicer.vtkOrientedImageData()
    image.SetImageToWorldMatrix(ijkToRas)
    if box is None:
        # one voxel of background: Slicer takes an image without voxels for a mistake
        box, mask = (slice(0, 1),) * 3, np.zeros((1, 1, 1), np.uint8)
    extent = []
    for axisBox, offset in zip(reversed(box), reversed(offsetKji)):
        extent += [axisBox.start + offset, axisBox.stop - 1 + offset]
    image.SetExtent(extent)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    voxels[:] = mask[box]
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(image, segmentationNode, segmentId, logic.MODE_REPLACE, image.GetExtent())
