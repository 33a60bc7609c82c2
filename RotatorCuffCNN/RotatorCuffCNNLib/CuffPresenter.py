"""Turns the worker's result into nodes of the scene: activation map, raw maps and tables, beside the scan."""

import numpy as np
import slicer
from slicer.i18n import tr as _

from radiologycnn.images.volume import LPS_TO_RAS
from radiologycnn.rotatorcuff.results import Classification
from RadiologyCNNLib.ResultMaps import ACTIVATION_ATTRIBUTE, addMap
from RadiologyCNNLib.ScanGeometry import parentToWorld
from RadiologyCNNLib.ScenePlacement import followTransform, placeBeside, removeParts, withDisplaysAndStorages
from RotatorCuffCNNLib import CamDisplay, CamRendering, CuffRoi, CuffTable
from RotatorCuffCNNLib.CuffResult import MAPS_ROLE, RECORD_ATTRIBUTE, SCAN_ROLE, CuffResult

KEPT_FIELDS = ("model", "classes", "notes", "provenance", "device", "device_name", "seconds")


def present(volumeNode, message: dict, maps: np.ndarray, mapsIjkToWorld=None) -> CuffResult:
    """Show a result, in the nodes of the scan's earlier result where there is one.

    The map of the predicted class is the one that is shown first.

    Args:
        volumeNode: the scan that was classified.
        message: the worker's ``result`` message: classification, methods, targets, maps_ijk_to_lps, notes, ...
        maps: float32 raw maps, (methods, targets, K, J, I).
        mapsIjkToWorld: 4x4, voxel index of the maps (not of the scan) to world RAS in mm; None for what the message
            says in LPS.
    """
    methods, targets = list(message["methods"]), list(message["targets"])
    if maps.ndim != 5 or maps.shape[:2] != (len(methods), len(targets)):
        raise ValueError(
            f"the worker sent maps of shape {maps.shape} for {len(methods)} methods and {len(targets)} targets"
        )
    if mapsIjkToWorld is None:
        mapsIjkToWorld = LPS_TO_RAS @ np.array(message["maps_ijk_to_lps"], float)
    classification = Classification.from_dict(message["classification"])  # before anything of an earlier result goes
    earlier = CuffResult.ofVolume(volumeNode)
    result = earlier or _newResult(volumeNode)
    method = _methodToShow(result, methods)
    try:
        _presentMaps(result, volumeNode, maps, np.asarray(mapsIjkToWorld, float))
        target = classification.predicted if classification.predicted in targets else targets[0]
        result.updateRecord(
            classification=classification.to_dict(),
            methods=methods,
            targets=targets,
            shown={"target": target, "method": method},
            **{field: message.get(field) for field in KEPT_FIELDS},
        )
        CamDisplay.showMap(result, target, method)
        CuffTable.updateTables(result)
    except Exception:
        if earlier is None:  # no half result stays behind
            remove(result)
        raise
    for node in result.nodes:
        placeBeside(node, volumeNode)
    return result


def remove(result: CuffResult) -> None:
    """Take a result out of the scene, and what shows it out of the views."""
    CamDisplay.hideAll(result)
    removeParts(partsOf(result))


def partsOf(result: CuffResult) -> list:
    """All nodes of a result with their display and storage nodes, the shown map last.

    A copy of the map (Crop Volume makes one) refers to what belongs to the map itself, which stays where a copy goes.
    """
    maps = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    others = [CuffResult(node) for node in maps if node is not result.camNode and CuffResult.ofNode(node)]
    used = {part.GetID() for other in others for part in _allParts(other)}
    return [part for part in _allParts(result) if part.GetID() not in used]


def _allParts(result: CuffResult) -> list:
    """What a map refers to, and itself, with the display and storage nodes of all."""
    rendering = [node for node in CamRendering.nodesOf(result) if node is not None]
    return [*rendering, *withDisplaysAndStorages(reversed(result.nodes))]


def partsOfNode(node):
    """What goes with a node: with a shown map, which is hidden, all of its result; with a scan its box; else None.

    The box would stay in the views over the next scan, and be nobody's; what was found in a scan stays without it.
    """
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        return None
    result = CuffResult.ofNode(node)
    if result is None:
        return withDisplaysAndStorages(CuffRoi.roisOf(node)) or None
    CamDisplay.hideAll(result)
    return partsOf(result)


def _newResult(volumeNode) -> CuffResult:
    scene = slicer.mrmlScene
    name = scene.GenerateUniqueName(_("{volume} CAM").format(volume=volumeNode.GetName()))
    camNode = addMap("vtkMRMLScalarVolumeNode", name, ACTIVATION_ATTRIBUTE, volumeNode)
    camNode.SetAttribute(RECORD_ATTRIBUTE, "{}")
    camNode.SetNodeReferenceID(SCAN_ROLE, volumeNode.GetID())
    return CuffResult(camNode)


def _methodToShow(result: CuffResult, methods: list) -> str:
    """The method that the person looked at before, else the first."""
    before = (result.record.get("shown") or {}).get("method")
    return before if before in methods else methods[0]


def _presentMaps(result: CuffResult, volumeNode, maps: np.ndarray, ijkToWorld: np.ndarray) -> None:
    """Keep all raw maps in one vector volume, a component each: method by method, target by target.

    It is not hidden from the editors, because Slicer's save dialog leaves hidden nodes out of a saved scene. But the
    Data module leaves it out: an eye clicked there would fill the log, as slice views show four components at most.
    """
    node = result.mapsNode
    if node is None:
        name = _("{cam} raw maps").format(cam=result.camNode.GetName())
        node = addMap("vtkMRMLVectorVolumeNode", name, ACTIVATION_ATTRIBUTE, volumeNode)
        hierarchyNames = slicer.vtkMRMLSubjectHierarchyConstants
        node.SetAttribute(hierarchyNames.GetSubjectHierarchyExcludeFromTreeAttributeName(), "1")
        result.camNode.SetNodeReferenceID(MAPS_ROLE, node.GetID())
        _useNrrdStorage(node)
    for each in (node, result.camNode):
        followTransform(each, volumeNode)
    stacked = maps.reshape(-1, *maps.shape[2:])
    matrix = _belowParent(node, ijkToWorld)
    if np.linalg.det(matrix[:3, :3]) < 0:
        # Slicer's volume rendering and slice views want right-handed grids: count the other way along i
        stacked, matrix = stacked[..., ::-1], matrix @ _reversedI(stacked.shape[-1])
    if len(stacked) == 1:  # a file with one value a voxel is no vector volume when it is read again
        stacked = np.concatenate([stacked, np.zeros_like(stacked)])
    with slicer.util.NodeModify(node):
        slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(np.moveaxis(stacked, 0, -1), np.float32))
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))


def _useNrrdStorage(node) -> None:
    """A vector volume's usual storage writes one or three components only; Slicer's NRRD storage writes any number."""
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLNRRDStorageNode")
    storage.SetDefaultWriteFileExtension("nrrd")
    storage.SetUseCompression(True)
    node.SetAndObserveStorageNodeID(storage.GetID())


def _belowParent(node, ijkToWorld: np.ndarray) -> np.ndarray:
    """A matrix to the world as one to the coordinates below the node's own parent transform."""
    return np.linalg.inv(parentToWorld(node)) @ ijkToWorld


def _reversedI(count: int) -> np.ndarray:
    """Index i counted from the other end, as a matrix."""
    matrix = np.diag([-1.0, 1.0, 1.0, 1.0])
    matrix[0, 3] = count - 1
    return matrix
