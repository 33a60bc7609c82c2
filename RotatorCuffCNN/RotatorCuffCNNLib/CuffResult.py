"""One shoulder's result as it lives in the scene: activation map, raw maps and tables, found again after a reload.

The node of the activation map that is shown is the anchor. It refers to the scan, the tables and the raw maps by node
references, and holds what else is worth keeping (classification, notes, provenance) as JSON in a node attribute, so
that all of it saves and loads with the scene.
"""

import numpy as np
import slicer

from radiologycnn.networks.activation import peak_place
from radiologycnn.rotatorcuff.results import Classification
from radiologycnn.rotatorcuff.tear_classes import target_name
from RadiologyCNNLib.NodeRecord import readAs, readRecord, updateRecord
from RadiologyCNNLib.ScanGeometry import ijkToWorld

RECORD_ATTRIBUTE = "RotatorCuffCNN.Result"
SCAN_ROLE = "RotatorCuffCNN.Scan"
MAPS_ROLE = "RotatorCuffCNN.Maps"
TABLE_ROLE = "RotatorCuffCNN.Table"
EVIDENCE_TABLE_ROLE = "RotatorCuffCNN.EvidenceTable"


class CuffResult:
    """Reads and changes the nodes of one result. Holds nothing but the node of the shown map itself."""

    def __init__(self, camNode) -> None:
        self.camNode = camNode

    @classmethod
    def ofNode(cls, node):
        """The result that the node of a shown map stands for, or None where it is none of ours."""
        if node is None or not node.GetAttribute(RECORD_ATTRIBUTE):
            return None
        return cls(node)

    @classmethod
    def ofVolume(cls, volumeNode):
        """The result of a scan, or None where it has none (any more)."""
        if volumeNode is None:
            return None
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
            result = cls.ofNode(node)
            if result and result.volumeNode is not None and result.volumeNode.GetID() == volumeNode.GetID():
                return result
        return None

    # What it consists of

    @property
    def volumeNode(self):
        """The scan, or None where it was removed."""
        return self.camNode.GetNodeReference(SCAN_ROLE)

    @property
    def mapsNode(self):
        """All raw maps as one vector volume, or None where it was removed."""
        return self.camNode.GetNodeReference(MAPS_ROLE)

    @property
    def tableNode(self):
        """The table of the classes, or None where it was removed."""
        return self.camNode.GetNodeReference(TABLE_ROLE)

    @property
    def evidenceTableNode(self):
        """The table of where the network looked, or None where it was removed."""
        return self.camNode.GetNodeReference(EVIDENCE_TABLE_ROLE)

    @property
    def nodes(self) -> list:
        """All nodes of the result that are there."""
        found = (self.camNode, self.mapsNode, self.tableNode, self.evidenceTableNode)
        return [node for node in found if node is not None]

    @property
    def record(self) -> dict:
        """Everything that is kept beside the nodes; only to read: change it with :meth:`updateRecord`."""
        return readRecord(self.camNode, RECORD_ATTRIBUTE)

    def updateRecord(self, **fields) -> None:
        """Keep these fields (JSON-able) beside the nodes; the others stay."""
        updateRecord(self.camNode, RECORD_ATTRIBUTE, **fields)

    @property
    def classification(self) -> Classification:
        """What the network said."""
        return readAs(self.camNode, RECORD_ATTRIBUTE, _classificationOf)

    @property
    def methods(self) -> tuple:
        """Names of the methods by which maps were made, "cam" and so on."""
        return tuple(self.record["methods"])

    @property
    def targets(self) -> tuple:
        """What the maps explain: class indices and "tear_versus_none"."""
        return tuple(self.record["targets"])

    @property
    def shownTarget(self):
        """What the shown map explains."""
        return self.record["shown"]["target"]

    @property
    def shownMethod(self) -> str:
        """The method of the shown map."""
        return self.record["shown"]["method"]

    @property
    def shownName(self) -> str:
        """What the shown map is called, for a heading: "Medium" or "Tear versus none"."""
        return target_name(self.shownTarget)

    # Maps

    @property
    def canSwitch(self) -> bool:
        """Whether the raw maps are still there, whole: without them only the shown map remains."""
        node = self.mapsNode
        if node is None or node.GetImageData() is None:
            return False
        return node.GetImageData().GetNumberOfScalarComponents() >= len(self.methods) * len(self.targets)

    def rawMap(self, target=None, method=None) -> np.ndarray:
        """One raw map, float32 (K, J, I), in units of the score that it explains; a view: do not write.

        Args:
            target: class index or "tear_versus_none"; None for the shown one.
            method: "cam" and so on; None for the shown one.

        Raises:
            KeyError: there is no such map.
        """
        target = self.shownTarget if target is None else target
        method = self.shownMethod if method is None else method
        if target not in self.targets or method not in self.methods or not self.canSwitch:
            raise KeyError((target, method))
        maps = slicer.util.arrayFromVolume(self.mapsNode)
        return maps[..., self.methods.index(method) * len(self.targets) + self.targets.index(target)]

    def normalizedMap(self, target=None, method=None) -> np.ndarray:
        """The positive part of a raw map with its peak at 1, float32 (K, J, I); zeros where no place speaks for it."""
        return normalized(self.rawMap(target, method))

    def peakRas(self, target=None, method=None):
        """World place in mm, (R, A, S), of the strongest evidence, where the maps lie now; None without evidence."""
        raw = self.rawMap(target, method)
        if not raw.max() > 0:
            return None
        k, j, i = peak_place(raw)
        place = ijkToWorld(self.mapsNode) @ [i, j, k, 1.0]
        return tuple(float(c) for c in place[:3])


def _classificationOf(record: dict) -> Classification:
    return Classification.from_dict(record["classification"])


def normalized(raw: np.ndarray) -> np.ndarray:
    """Positive part with its peak at 1, float32; zeros where nothing is positive (or not a number)."""
    positive = np.maximum(np.nan_to_num(raw, nan=0.0, posinf=0.0, neginf=0.0), 0.0).astype(np.float32)
    peak = float(positive.max()) if positive.size else 0.0
    return positive / np.float32(peak) if peak > 0 else positive
