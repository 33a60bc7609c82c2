"""Writes a result to files: numbers as CSV, the map as a volume, and one page to read or print."""

import csv
from pathlib import Path

import numpy as np
import slicer
from slicer.i18n import tr as _

from radiologycnn.rotatorcuff.caution import caution as engineCaution
from radiologycnn.rotatorcuff.report_page import html_report
from radiologycnn.rotatorcuff.results import csv_rows, evidence_rows
from RadiologyCNNLib import ResultFiles
from RadiologyCNNLib.ResultFiles import notWritten
from RadiologyCNNLib.ScanGeometry import ijkToWorld
from RotatorCuffCNNLib.CuffResult import CuffResult
from RotatorCuffCNNLib.ReportPictures import reportPictures


def suggestedName(result: CuffResult, suffix: str) -> str:
    """File name for a result, from the scan's name where it is there."""
    node = result.volumeNode or result.camNode
    return ResultFiles.suggestedName(node.GetName(), f" rotator cuff{suffix}", otherwise="shoulder")


def exportCsv(result: CuffResult, path) -> Path:
    """Write the classification, every digit, as the command line's CSV, then where the network looked.

    Raises:
        ResourceError: the file cannot be written.
    """
    path = Path(path)
    classification, record = result.classification, result.record
    caution = engineCaution(classification, record.get("notes") or (), record.get("provenance") or {})
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerows(csv_rows(classification, caution))
            writer.writerow([])
            writer.writerows(evidence_rows(classification))
    except OSError as error:
        raise notWritten(path, error.strerror or str(error)) from error
    return path


def exportMap(result: CuffResult, path, raw: bool = False) -> Path:
    """Write the shown map as NIfTI or NRRD on the network's own grid, in its place in the world.

    Args:
        result: whose map.
        path: ending in .nii.gz, .nii, .nrrd or another that Slicer writes.
        raw: values in units of the score that the map explains; else 0 to 1, as it is shown.

    Raises:
        ResourceError: the file cannot be written.
    """
    path = Path(path)
    scene = slicer.mrmlScene
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    scene.AddNode(node)
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetScene(scene)
    try:
        if result.canSwitch:
            values = np.ascontiguousarray(result.rawMap() if raw else result.normalizedMap(), np.float32)
            matrix = ijkToWorld(result.mapsNode)
        elif raw:
            raise notWritten(path, _("the raw maps were removed from the scene"))
        else:
            values = slicer.util.arrayFromVolume(result.camNode)
            matrix = ijkToWorld(result.camNode)
        slicer.util.updateVolumeFromArray(node, values)
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
        storage.SetFileName(str(path))
        storage.SetUseCompression(True)
        if not path.parent.is_dir() or not storage.WriteData(node) or not path.is_file():
            raise notWritten(path, _("the folder is missing, full or write-protected"))
    finally:
        scene.RemoveNode(node)
    return path


def exportReport(result: CuffResult, path, modelCard=None, caution="") -> Path:
    """Write one HTML page with everything in it: answer, pictures of the views, numbers, model card.

    Args:
        result: what to report.
        path: ending in .html.
        modelCard: of the model package (``ModelPackage.card()``); None where it is not known.
        caution: why the answer is out of date or not to be relied on, as the panel says it; "" where it is neither.

    Raises:
        ResourceError: the file cannot be written.
    """
    path = Path(path)
    record = result.record
    provenance = {"device_name": record.get("device_name"), **(record.get("provenance") or {})}
    page = html_report(
        result.classification,
        model_card=modelCard or {"id": record.get("model") or ""},
        provenance=provenance,
        notes=[note for note in record.get("notes") or () if note],
        caution=caution,
        pictures=reportPictures(result),
        scan_name=result.volumeNode.GetName() if result.volumeNode is not None else "",
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise notWritten(path, error.strerror or str(error)) from error
    return path
