"""One scan's result as it lives in the scene: segmentation, table and probability map, found again after a reload.

The segmentation node is the anchor. It refers to the scan, the table and the probability maps by node references, and
holds what else is worth keeping (labels, threshold, measurements, provenance) as JSON in a node attribute, so that all
of it saves and loads with the scene.
"""

import numpy as np
import slicer
import vtk

from HemorrhageSegLib import LabelSegments, MaskOrigin
from HemorrhageSegLib.Labelmaps import imageOfBox, isOnGrid, labelmapOf, translated, voxelsOf, writeSegment
from HemorrhageSegLib.SurfaceFacets import turnOutward
from radiologycnn.hemorrhage.labels import LabelDefinition
from radiologycnn.hemorrhage.results import Measurements
from radiologycnn.hemorrhage.thresholding import mask_from_probability
from radiologycnn.images.boxes import box_shape, box_start, box_within, common_box, union_box, whole_box
from RadiologyCNNLib.NodeRecord import readRecord, updateRecord
from RadiologyCNNLib.ScanGeometry import parentToWorld

RECORD_ATTRIBUTE = "HemorrhageSeg.Result"
SCAN_ROLE = "HemorrhageSeg.Scan"
TABLE_ROLE = "HemorrhageSeg.Table"
PROBABILITY_ROLE = "HemorrhageSeg.Probability"
_MEMO = "_hemorrhageSegMemo"  # on the Python side of a segmentation node: name -> (state, value)


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
        return next((result for result in cls.ofScene() if result.isOf(volumeNode)), None)

    @classmethod
    def ofScene(cls) -> list:
        """All results, of whatever scan."""
        found = [cls.ofSegmentation(node) for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]
        return [result for result in found if result is not None]

    # What it consists of

    @property
    def volumeNode(self):
        """The scan, or None where it was removed."""
        # scenes of earlier versions have no role of their own for it
        role = self.record.get("scan_role") or slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
        return self.segmentationNode.GetNodeReference(role)

    def isOf(self, volumeNode) -> bool:
        """Whether this is the scan."""
        return self.volumeNode is not None and self.volumeNode.GetID() == volumeNode.GetID()

    def setScan(self, volumeNode) -> None:
        """This is the scan. Slicer's own reference is another one where the Segment Editor's "Specify geometry" has
        taken the grid of another volume."""
        self.segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        self.segmentationNode.SetNodeReferenceID(SCAN_ROLE, volumeNode.GetID())
        self.updateRecord(scan_role=SCAN_ROLE)

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
        """Everything that is kept beside the nodes; only to read: change it with :meth:`updateRecord`."""
        return readRecord(self.segmentationNode, RECORD_ATTRIBUTE)

    def updateRecord(self, **fields) -> None:
        """Keep these fields (JSON-able) beside the nodes; the others stay."""
        updateRecord(self.segmentationNode, RECORD_ATTRIBUTE, **fields)

    @property
    def labels(self) -> list:
        """What the mask tells apart, a ``LabelDefinition`` each, in the order of the segments."""
        return _definitions(self.record["labels"])

    @property
    def networkLabels(self) -> list:
        """The same of the probability maps: others only after Undo has brought another model's mask back."""
        return _definitions(MaskOrigin.networkRun(self.record)["labels"])

    @property
    def measurements(self):
        """Last measurements, or None while the mask has changed and they are not back yet."""
        fields = self.record.get("measurements")
        return Measurements.from_dict(fields) if fields else None

    @staticmethod
    def segmentId(label) -> str:
        """Identifier of a label's segment."""
        return f"{LabelSegments.PREFIX}{label.value}"

    @staticmethod
    def isOwnSegment(segmentId) -> bool:
        """Whether a segment is a label's; a person may add others."""
        return LabelSegments.isOfLabel(segmentId)

    # Threshold

    @property
    def canThreshold(self) -> bool:
        """Whether the probability map is still there, whole: all labels, all of one size."""
        nodes = self.probabilityNodes
        shapes = {n.GetImageData().GetDimensions() for n in nodes}
        return len(nodes) == len(self.networkLabels) and len(shapes) == 1

    def probability(self) -> np.ndarray:
        """float32 crop, shape (K, J, I) for one label, (labels, K, J, I) for several."""
        arrays = self._probabilities()
        return arrays[0] if len(arrays) == 1 else np.stack(arrays)

    def _probabilities(self) -> list:
        """Of each label, float32 (K, J, I)."""
        return [slicer.util.arrayFromVolume(node) for node in self.probabilityNodes]

    def offsetKji(self) -> tuple[int, int, int]:
        """First voxel of the probability's crop on the mask's grid, as (K, J, I)."""
        return tuple(self.record["offset_kji"])

    def applyThreshold(self, threshold: float) -> float:
        """Set the segments from the kept probability.

        Returns:
            Total volume in mL, counted on the spot.
        """
        numbers = mask_from_probability(self._probabilities(), threshold)
        offset, ijkToRas = self.offsetKji(), self.gridMatrix()
        MaskOrigin.rememberThreshold(self)
        isOfOtherRun = bool(self.record.get("network_run"))
        MaskOrigin.takeNetworkRun(self)
        volumeMl = {}
        with slicer.util.NodeModify(self.segmentationNode):
            if isOfOtherRun:
                LabelSegments.present(self)
            LabelSegments.addMissing(self)
            for number, label in enumerate(self.labels, start=1):
                mask = numbers if len(self.labels) == 1 else (numbers == number).view(np.uint8)
                voxels = int(np.count_nonzero(mask))
                volumeMl[label.value] = voxels * self.voxelVolumeMm3() / 1000.0
                writeSegment(self.segmentationNode, self.segmentId(label), mask, offset, ijkToRas)
        self.updateRecord(threshold=float(threshold), edited=False, mask_key=MaskOrigin.maskKey(self))
        MaskOrigin.describe(self)
        return sum(volumeMl.values())

    def networkMask(self, threshold: float | None = None) -> tuple[np.ndarray, tuple[int, int, int]] | None:
        """What the network said: uint8 label values (K, J, I) and its offset (k, j, i); None without its probability.

        Args:
            threshold: None for the one that the model was made for.
        """
        if not self.canThreshold:
            return None
        state, operating = self.networkState(threshold), self.record["operating_threshold"]
        name = "network's mask" if state[0] == operating else "network's mask at another threshold"
        return self.remembered(name, state, lambda: self._labelValues(state[0])).copy(), self.offsetKji()

    def networkState(self, threshold: float | None = None) -> tuple:
        """What is another one whenever :meth:`networkMask` is: its threshold, and VTK's counts of changes."""
        threshold = self.record["operating_threshold"] if threshold is None else threshold
        return (threshold, *(node.GetImageData().GetMTime() for node in self.probabilityNodes))

    def _labelValues(self, threshold: float) -> np.ndarray:
        values = np.array([0, *(label.value for label in self.networkLabels)], np.uint8)
        return translated(mask_from_probability(self._probabilities(), threshold), values)

    def remembered(self, name: str, state: tuple, workOut):
        """What was worked out of the nodes in their present state: a stroke asks for the same several times."""
        memo = getattr(self.segmentationNode, _MEMO, None)
        if memo is None:
            memo = {}
            setattr(self.segmentationNode, _MEMO, memo)
        if name not in memo or memo[name][0] != state:
            memo[name] = (state, workOut())
        return memo[name][1]

    def setMask(self, mask: np.ndarray, offsetKji: tuple[int, int, int]) -> None:
        """Replace the segments by label values (K, J, I) that start at voxel ``offsetKji``; nothing is asked."""
        with slicer.util.NodeModify(self.segmentationNode):
            LabelSegments.addMissing(self)
            for label in self.labels:
                part = (mask == label.value).astype(np.uint8)
                writeSegment(self.segmentationNode, self.segmentId(label), part, offsetKji, self.gridMatrix())

    def maskCrop(self) -> tuple[np.ndarray, tuple[int, int, int]]:
        """The segments as they are now, corrections included: uint8 label values (K, J, I) and its offset (k, j, i).

        The crop holds all segments; an empty segmentation gives one voxel of 0. The array is the caller's own.
        """
        mask, offset = self.remembered("mask", self.maskState(), self._readMask)
        return mask.copy(), offset

    def _readMask(self) -> tuple[np.ndarray, tuple[int, int, int]]:
        layers = {}  # labelmap -> {value in it: label value}; types that do not overlap share one
        for label in self.labels:
            image, value = self._labelmap(label)
            if image is not None:
                layers.setdefault(image, {})[value] = label.value
        whole, parts = whole_box(self.record["shape_kji"]), []
        for image, values in layers.items():
            box, voxels = voxelsOf(image)
            common = common_box(box, whole)  # a brush may have gone over the edge of the scan
            if common is not None:
                parts.append((common, voxels[box_within(common, box)], values))
        if not parts:
            return np.zeros((1, 1, 1), np.uint8), (0, 0, 0)
        crop = union_box([part[0] for part in parts])
        mask = np.zeros(box_shape(crop), np.uint8)
        for common, voxels, values in parts:
            labelOf = np.zeros(max(int(voxels.max()), *values) + 1, np.uint8)
            labelOf[list(values)] = list(values.values())
            found = translated(voxels, labelOf)
            np.copyto(mask[box_within(common, crop)], found, where=found != 0)
        return mask, box_start(crop)

    def maskState(self) -> tuple:
        """What is another one whenever a segment has been changed or replaced: VTK's count of changes, by label."""
        segmentation = self.segmentationNode.GetSegmentation()
        name = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
        found = [segmentation.GetSegment(self.segmentId(label)) for label in self.labels]
        images = [segment.GetRepresentation(name) if segment is not None else None for segment in found]
        return tuple(image.GetMTime() if image is not None else None for image in images)

    def _labelmap(self, label) -> tuple:
        """(labelmap on the scan's grid, the label's value in it); (None, 0) where it was removed or is empty."""
        segmentation = self.segmentationNode.GetSegmentation()
        image, value = labelmapOf(segmentation, self.segmentId(label))
        if image is None or image.GetNumberOfPoints() == 0:
            return None, 0
        grid = self.gridMatrix()
        if isOnGrid(image, grid):
            return image, value
        # the person has edited it on another (finer) grid
        own, onGrid = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
        self.segmentationNode.GetBinaryLabelmapRepresentation(self.segmentId(label), own)
        reference = imageOfBox(whole_box(self.record["shape_kji"]), grid)
        reference.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(own, reference, onGrid)
        return onGrid, 1

    def totalMl(self) -> float:
        """Volume of all segments as they are now, in mL."""
        return float(np.count_nonzero(self.maskCrop()[0])) * self.voxelVolumeMm3() / 1000.0

    def gridMatrix(self) -> vtk.vtkMatrix4x4:
        """Voxel index to RAS (mm) of the whole grid, before the result's own parent transform."""
        return slicer.util.vtkMatrixFromArray(np.array(self.record["grid_ijk_to_ras"], float))

    def voxelVolumeMm3(self) -> float:
        """|det| of the voxel to world matrix: right for oblique, sheared and scaled grids."""
        return abs(self.gridMatrix().Determinant() * np.linalg.det(parentToWorld(self.segmentationNode)))

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
        self.orientSurface()

    def orientSurface(self) -> None:
        """To be called after anything has made the surface, as a stroke does: its facets look outwards."""
        if self.hasSurface and self.gridMatrix().Determinant() < 0:
            turnOutward(self.segmentationNode)


def _definitions(labels: list) -> list:
    return [LabelDefinition.from_dict(fields) for fields in labels]
