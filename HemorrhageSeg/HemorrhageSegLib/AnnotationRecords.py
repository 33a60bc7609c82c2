"""What of a scan and of a result in the scene enters an annotation dataset: nothing that may name the patient."""

import hashlib

import numpy as np
import slicer
import vtk

from HemorrhageSegLib.ResultPresenter import KEPT_FIELDS
from radiologycnn.images.volume import LPS_TO_RAS


def networkMessage(result) -> dict:
    """What the worker answered, from what the result keeps of it."""
    record = result.record
    message = {field: record.get(field) for field in (*KEPT_FIELDS, "labels", "offset_kji", "shape_kji")}
    message["threshold"] = record["operating_threshold"]
    message["notes"] = []  # they and the input's origin may hold names
    message["provenance"] = {k: v for k, v in (record.get("provenance") or {}).items() if k != "input"}
    message["measurements"] = None  # of whichever mask was shown
    return message


def ijkToLps(volumeNode) -> np.ndarray:
    """Voxel index to LPS, 4x4 in mm, as the scan's file has it: without transforms of the scene."""
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    return LPS_TO_RAS @ slicer.util.arrayFromVTKMatrix(matrix)


def voxelsFingerprint(volumeNode) -> str:
    """32 hexadecimal digits from voxels and geometry: the same scan is the same case also when it is loaded anew."""
    digest = hashlib.sha256(np.round(ijkToLps(volumeNode), 4).tobytes())
    digest.update(np.ascontiguousarray(slicer.util.arrayFromVolume(volumeNode)).data)
    return digest.hexdigest()[:32]
