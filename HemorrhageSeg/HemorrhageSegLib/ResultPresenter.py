"""Turns the worker's result into nodes of the scene: segmentation, table and probability map, beside the scan."""

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from HemorrhageSegLib import LabelSegments, NetworkOutline, RaterSegments, SkullRendering
from HemorrhageSegLib.Labelmaps import imageOfBox
from HemorrhageSegLib.ResultTexts import typeCell
from HemorrhageSegLib.ResultValidity import measuredAt
from HemorrhageSegLib.SceneResult import PROBABILITY_ROLE, TABLE_ROLE, SceneResult
from radiologycnn.images.boxes import whole_box
from RadiologyCNNLib.ResultMaps import PROBABILITY_ATTRIBUTE, addMap
from RadiologyCNNLib.ScanGeometry import ijkToRas, warpedPlaces
from RadiologyCNNLib.ScenePlacement import (
    addDisplay,
    followTransform,
    placeBeside,
    removeParts,
    withDisplaysAndStorages,
)

KEPT_FIELDS = ("model", "floor", "measurements", "notes", "provenance", "device", "device_name", "seconds")


def present(volumeNode, message: dict, probability: np.ndarray, ijkToWorld: np.ndarray) -> SceneResult:
    """Show a result, in the nodes of the scan's earlier result where there is one.

    Args:
        volumeNode: the scan that was segmented.
        message: the worker's ``result`` message: labels, offset_kji, threshold, measurements, notes, ...
        probability: float32 crop, (K, J, I) or (labels, K, J, I), that starts at voxel ``message["offset_kji"]``.
        ijkToWorld: 4x4, voxel index to world RAS in mm, of the grid that the worker was given.
    """
    labels = message["labels"]
    maps = probability[np.newaxis] if probability.ndim == 3 else probability
    if len(maps) != len(labels):
        raise ValueError(f"the worker sent {len(maps)} probability maps for {len(labels)} labels")
    earlier = SceneResult.ofVolume(volumeNode)
    result = earlier or _newResult(volumeNode)
    try:
        _fill(result, volumeNode, message, maps, ijkToWorld)
    except Exception:
        if earlier is None:  # no half result stays behind
            remove(result)
        else:  # its numbers are those of the run before
            result.updateRecord(measurements=None)
            updateTable(result)
        raise
    return result


def _newResult(volumeNode) -> SceneResult:
    scene = slicer.mrmlScene
    name = scene.GenerateUniqueName(_("{volume} hemorrhage").format(volume=volumeNode.GetName()))
    return SceneResult(scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name))


def remove(result: SceneResult) -> None:
    """Take a result out of the scene."""
    removeParts(partsOf(result))


def partsOf(result: SceneResult) -> list:
    """All nodes of a result with their display and storage nodes, the segmentation last."""
    outlines = (NetworkOutline.nodeOf(result), RaterSegments.nodeOf(result))
    nodes = [*outlines, result.tableNode, *result.probabilityNodes, result.segmentationNode]
    return SkullRendering.nodesOf(result) + withDisplaysAndStorages(nodes)


def partsOfNode(node):
    """All nodes of the result whose segmentation this node is; None where it is none."""
    result = SceneResult.ofSegmentation(node) if node.IsA("vtkMRMLSegmentationNode") else None
    return None if result is None else partsOf(result)


def _fill(result: SceneResult, volumeNode, message: dict, maps, ijkToWorld) -> None:
    """Bring all nodes of a result up to the message."""
    segmentationNode = result.segmentationNode
    result.removeSurface()
    followTransform(segmentationNode, volumeNode)
    result.setScan(volumeNode)
    result.updateRecord(
        labels=message["labels"],
        offset_kji=[int(o) for o in message["offset_kji"]],
        shape_kji=[int(s) for s in message["shape_kji"]],
        grid_ijk_to_ras=_localGrid(segmentationNode, volumeNode, ijkToWorld).tolist(),
        operating_threshold=float(message["threshold"]),
        warped_places=warpedPlaces(volumeNode),
        scan_changed=False,
        network_run=None,
        measured_at=measuredAt(result),
        **{field: message.get(field) for field in KEPT_FIELDS},
    )
    setReferenceGeometry(result)
    _presentProbability(result, volumeNode, maps)
    _presentSegments(result)
    result.applyThreshold(float(message["threshold"]))
    _ensureTable(result)
    updateTable(result)
    for node in (segmentationNode, result.tableNode, *result.probabilityNodes):
        placeBeside(node, volumeNode)


def _localGrid(segmentationNode, volumeNode, ijkToWorld) -> np.ndarray:
    """Voxel index to RAS below the segmentation's own parent transform, 4x4.

    Taken from the scan where that is the same grid, so that it is equal to the last digit.
    """
    if segmentationNode.GetParentTransformNode() is None and volumeNode.GetParentTransformNode() is not None:
        return np.asarray(ijkToWorld, float)
    return ijkToRas(volumeNode)


def setReferenceGeometry(result: SceneResult) -> None:
    """Tell the Segment Editor the grid; that of a warped scan is larger than the scan's own."""
    converter = slicer.vtkSegmentationConverter
    grid = imageOfBox(whole_box(result.record["shape_kji"]), result.gridMatrix())
    result.segmentationNode.GetSegmentation().SetConversionParameter(
        converter.GetReferenceImageGeometryParameterName(), converter.SerializeImageGeometry(grid)
    )


def _presentSegments(result: SceneResult) -> None:
    segmentationNode = result.segmentationNode
    segmentationNode.CreateDefaultDisplayNodes()
    binaryLabelmap = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
    segmentationNode.GetSegmentation().SetSourceRepresentationName(binaryLabelmap)
    LabelSegments.present(result)
    display = segmentationNode.GetDisplayNode()
    display.SetVisibility(True)  # somebody may have hidden the mask before, or one type of it
    for label in result.labels:
        display.SetSegmentVisibility(result.segmentId(label), True)
    display.SetPreferredDisplayRepresentationName2D(binaryLabelmap)
    display.SetPreferredDisplayRepresentationName3D(
        slicer.vtkSegmentationConverter.GetClosedSurfaceRepresentationName()
    )


def _presentProbability(result: SceneResult, volumeNode, maps) -> None:
    """Keep each label's probability as a volume of its own: the crop, in its own place.

    They are not hidden from the editors, because Slicer's save dialog leaves hidden nodes out of a saved scene.
    """
    segmentationNode = result.segmentationNode
    nodes = result.probabilityNodes
    for node in nodes[len(maps) :]:
        slicer.mrmlScene.RemoveNode(node)
    segmentationNode.RemoveNodeReferenceIDs(PROBABILITY_ROLE)
    labels = result.labels
    for number, values in enumerate(maps):
        if number < len(nodes):
            node = nodes[number]
        else:
            name = _("{segmentation} probability").format(segmentation=segmentationNode.GetName())
            if len(maps) > 1:
                name = f"{name} {labels[number].name}"
            node = addMap("vtkMRMLScalarVolumeNode", name, PROBABILITY_ATTRIBUTE, volumeNode)
        with slicer.util.NodeModify(node):
            slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(values, np.float32))
            matrix, shift = result.gridMatrix(), vtk.vtkMatrix4x4()
            for axis, offset in enumerate(reversed(result.offsetKji())):
                shift.SetElement(axis, 3, offset)
            vtk.vtkMatrix4x4.Multiply4x4(matrix, shift, matrix)
            node.SetIJKToRASMatrix(matrix)
            followTransform(node, volumeNode)
        if node.GetDisplayNode() is None:
            addDisplay(node, window=1.0, level=0.5)
        segmentationNode.AddNodeReferenceID(PROBABILITY_ROLE, node.GetID())


def _ensureTable(result: SceneResult) -> None:
    if result.tableNode is not None:
        return
    name = _("{segmentation} table").format(segmentation=result.segmentationNode.GetName())
    tableNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
    tableNode.SetLocked(True)  # measured, not typed
    tableNode.SetUseColumnTitleAsColumnHeader(True)  # else Slicer shows the headings as the first row
    result.segmentationNode.SetNodeReferenceID(TABLE_ROLE, tableNode.GetID())


def tableColumns(labelNames) -> list:
    """(name, heading, what it is, text of a lesion's cell) of each column; CSV files hold every digit and more.

    The headings are short, so that a narrow panel shows all columns of ``panelColumns``.
    """
    sides = {"left": _("left"), "right": _("right"), "midline": _("mid")}
    columns = [
        (_("No."), _("No."), _("Number of the lesion, the largest first"), lambda lesion: str(lesion.index)),
        (_("Volume (mL)"), _("mL"), _("Volume of the lesion in mL"), lambda lesion: _millilitres(lesion.volume_ml)),
        (
            _("ABC/2 (mL)"),
            _("ABC/2"),
            _("The same by ABC/2, in mL"),
            lambda lesion: _millilitres(lesion.abc2.volume_ml),
        ),
        (_("Ø (mm)"), _("Ø mm"), _("Largest diameter in mm"), lambda lesion: f"{lesion.max_diameter_mm:.1f}"),
        (_("Side"), _("Side"), _("Side; mid: on the midline"), lambda lesion: sides.get(lesion.side, lesion.side)),
        (_("Slices"), _("Slices"), _("First and last slice, counted from 0"), _slicesText),
        (_("Mean (HU)"), _("HU"), _("Mean of its voxels in HU"), lambda lesion: f"{lesion.mean_hu:.0f}"),
        (_("SD (HU)"), _("SD HU"), _("Their standard deviation in HU"), lambda lesion: f"{lesion.sd_hu:.0f}"),
    ]
    if len(labelNames) > 1:
        columns.insert(1, (_("Type"), _("Type"), ", ".join(labelNames), lambda lesion: typeCell(lesion.label_name)))
    return columns


def panelColumns(count: int) -> range:
    """Which of so many columns the panel shows: all but the number, which the order tells, and the SD."""
    return range(1, count - 1)


def _millilitres(volumeMl: float) -> str:
    """Two decimals; a speck that they would call nothing is called what it is."""
    return "<0.01" if 0 < volumeMl < 0.005 else f"{volumeMl:.2f}"


def _slicesText(lesion) -> str:
    """Slice numbers (k index, from 0, as Slicer's Data Probe and the CSV file count them)."""
    if lesion.first_slice == lesion.last_slice:
        return str(lesion.first_slice)
    return f"{lesion.first_slice}–{lesion.last_slice}"


def updateTable(result: SceneResult) -> None:
    """Fill the table node from the kept measurements; without measurements it is emptied: no number is better than a
    wrong one."""
    tableNode = result.tableNode
    if tableNode is None:
        return
    measurements = result.measurements
    lesions = measurements.lesions if measurements else ()
    with slicer.util.NodeModify(tableNode):
        tableNode.RemoveAllColumns()
        for name, heading, meaning, textOf in tableColumns([label.name for label in result.labels]):
            column = vtk.vtkStringArray()
            column.SetName(name)
            for lesion in lesions:
                column.InsertNextValue(textOf(lesion))
            tableNode.AddColumn(column)
            tableNode.SetColumnTitle(name, heading)
            tableNode.SetColumnDescription(name, meaning)
