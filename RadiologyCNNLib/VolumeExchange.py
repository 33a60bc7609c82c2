"""Volumes from the MRML scene to the worker: voxels as ``.npy``, geometry as a matrix, in a private folder."""

import atexit
import contextlib
import ctypes
import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import slicer
import slicer.util

from radiologycnn.errors import InputError
from radiologycnn.images.volume import LPS_TO_RAS
from radiologycnn.worker.array_files import write_array
from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform, ijkToWorld
from RadiologyCNNLib.WarpedScan import warpedScan

_FOLDER_PREFIX = "RadiologyCNN-"
#: Temporary folders may be shared by computers, which do not know each other's processes.
_MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
#: No job of another computer lasts longer than that.
_OTHER_MACHINES_S = 86400.0
#: Unit that Slicer's DICOM reader gives to CT volumes (UCUM).
_HOUNSFIELD_UNIT = "[hnsf'U]"
_MODALITY_TAG = "0008,0060"
_PATIENT_NAME_TAG = "0010,0010"
_SERIES_TAG, _STUDY_TAG = "0008,103E", "0008,1030"
#: What Slicer keeps of the header in the subject hierarchy, and so in a saved scene: node attributes by tag.
_HIERARCHY_ATTRIBUTES = {
    _MODALITY_TAG: "DICOM.Modality",
    _SERIES_TAG: "DICOM.SeriesDescription",
    _STUDY_TAG: "DICOM.StudyDescription",
    _PATIENT_NAME_TAG: "DICOM.PatientName",
}
#: What the DICOM header says of how the scan was made, by the standard's keywords (PS3.6); nothing about the patient.
_ACQUISITION_TEXTS = {
    "Modality": _MODALITY_TAG,
    "SeriesDescription": _SERIES_TAG,
    "StudyDescription": _STUDY_TAG,
    "ContrastBolusAgent": "0018,0010",
    "BodyPartExamined": "0018,0015",
    "ScanningSequence": "0018,0020",
    "SequenceVariant": "0018,0021",
    "ScanOptions": "0018,0022",
    "MRAcquisitionType": "0018,0023",
    "SequenceName": "0018,0024",
    "ProtocolName": "0018,1030",
    "PatientPosition": "0018,5100",
    "Laterality": "0020,0060",
    "ImageLaterality": "0020,0062",
}
_ACQUISITION_NUMBERS = {
    "RepetitionTime": "0018,0080",
    "EchoTime": "0018,0081",
    "InversionTime": "0018,0082",
    "MagneticFieldStrength": "0018,0087",
    "FlipAngle": "0018,1314",
}
#: Folders that could not be removed when they should have been.
_stubborn = set()


def temporaryFolder():
    """Make a folder that only this user can open; returns its Path. Remove it with ``removeFolder``.

    Folders that an earlier, crashed Slicer has left behind are removed on the way: they hold patient images.
    """
    _removeLeftovers()
    return Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-{_MACHINE}-"))


def removeFolder(path):
    """Remove a folder made by ``temporaryFolder``; one that is gone already is no error."""
    if path and Path(path).name.startswith(_FOLDER_PREFIX):
        shutil.rmtree(path, ignore_errors=True)
        if Path(path).exists():  # on Windows the worker may still have a file open: later, then
            _stubborn.add(Path(path))


def exportVolume(volumeNode, folder):
    """Write a volume for the worker; returns the request's ``volume`` field.

    Parent transforms are taken into account: linear ones in the matrix, others by resampling, once for each state of
    scan and transform and here at once as far as it was not done before (``WarpedScan``). The node is never changed.

    Args:
        volumeNode: vtkMRMLScalarVolumeNode with one component a voxel.
        folder: where to write, from ``temporaryFolder``.

    Raises:
        InputError: the node holds no scan (empty, RGB, label map, no volume at all).
        ResourceError: code ``disk-full``.
    """
    checkVolumeNode(volumeNode)
    name, modality = volumeNode.GetName() or "", modalityOf(volumeNode)
    array, ijkToRas = inWorld(volumeNode)
    path = write_array(Path(folder) / "volume.npy", array)
    ijkToLps = LPS_TO_RAS @ ijkToRas  # its own inverse
    field = {"array": str(path), "ijk_to_lps": ijkToLps.tolist(), "modality": modality, "name": name}
    acquisition = acquisitionOf(volumeNode)
    if acquisition:
        field["acquisition"] = acquisition
    return field


def inWorld(volumeNode) -> tuple[np.ndarray, np.ndarray]:
    """A scan as its parent transforms put it: voxels (K, J, I) and 4x4, index in them to RAS in mm; both only to read.

    What a warp moves is resampled at once, as far as that was not done before.
    """
    if not hasNonlinearTransform(volumeNode):
        return slicer.util.arrayFromVolume(volumeNode), ijkToWorld(volumeNode)
    warped = warpedScan(volumeNode)
    warped.finish(volumeNode)
    return warped.array, warped.ijkToRas


def sameVoxels(volumeNode, arrayPath) -> bool:
    """Whether a scan holds what was exported: a change that was taken back, or written with the same values, is none.

    Args:
        volumeNode: the scan; of one under a warp that was not resampled as it is now, this cannot be told: False.
        arrayPath: the exported ``.npy``, (K, J, I).
    """
    exported = np.load(arrayPath, mmap_mode="r", allow_pickle=False)
    present = slicer.util.arrayFromVolume(volumeNode)
    if hasNonlinearTransform(volumeNode):
        warped = warpedScan(volumeNode)
        if not warped.isDone:
            return False
        present = warped.array
    hasNan = np.issubdtype(present.dtype, np.floating)
    return present.shape == exported.shape and np.array_equal(present, exported, equal_nan=hasNan)


def checkVolumeNode(volumeNode):
    """Refuse what is no scan.

    Raises:
        InputError: with a sentence for the person.
    """
    if volumeNode is None:
        raise InputError("no-volume", "No scan is chosen.", "Choose the scan to work on.")
    name = volumeNode.GetName()
    if volumeNode.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError("label-map", f"{name} is a label map, not a scan.", "Choose the scan that it was drawn on.")
    if not volumeNode.IsA("vtkMRMLScalarVolumeNode"):
        raise InputError("not-a-volume", f"{name} is not a scan.", "Choose a scan.")
    image = volumeNode.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0 or image.GetPointData().GetScalars() is None:
        raise InputError("empty-volume", f"{name} holds no image.", "Load the scan again, or choose another one.")
    components = image.GetNumberOfScalarComponents()
    if components in (3, 4):
        raise InputError(
            "not-scalar",
            f"{name} is a colour or vector image ({components} values a voxel), not a scan.",
            "Choose the original scan, not a picture of it.",
        )
    if components != 1:
        raise InputError(
            "not-scalar",
            f"{name} holds {components} values a voxel, as a series of volumes does.",
            "Choose a single volume of it.",
        )


def modalityOf(volumeNode):
    """DICOM modality of a volume ("CT", "MR"), "" where neither DICOM nor its unit tells."""
    modality = _headerValue(volumeNode, _MODALITY_TAG)
    if modality:
        return modality
    unit = volumeNode.GetVoxelValueUnits()
    if unit is not None and unit.GetCodeValue() == _HOUNSFIELD_UNIT:
        return "CT"
    return ""


def acquisitionOf(volumeNode):
    """How the scan was made, by its DICOM header: {keyword: text, list of texts or number (ms, tesla, degrees)}.

    Empty for a scan that did not come from DICOM. Nothing in it names the patient.
    """
    acquisition = {}
    name = _headerValue(volumeNode, _PATIENT_NAME_TAG)
    for keyword, tag in _ACQUISITION_TEXTS.items():
        texts = [_withoutName(text, name) for text in _headerValue(volumeNode, tag).split("\\")]
        texts = [text for text in texts if text]
        if texts:
            acquisition[keyword] = texts[0] if len(texts) == 1 else texts
    for keyword, tag in _ACQUISITION_NUMBERS.items():
        with contextlib.suppress(ValueError):
            acquisition[keyword] = float(_headerValue(volumeNode, tag).split("\\")[0])
    return acquisition


def _withoutName(text, patientName):
    """A free text of the header without the patient's name, which some scanners write into it."""
    for part in re.split(r"[\^=,\s]+", patientName):
        if len(part) > 2:
            text = re.sub(rf"\b{re.escape(part)}\b", "", text, flags=re.IGNORECASE)
    return text.strip(" ^_-,")


def _headerValue(volumeNode, tag):
    """A DICOM value of the scan's first slice, "" where there is none.

    Of a scene from elsewhere the database has no slice; then what the subject hierarchy has kept of it.
    """
    uids = (volumeNode.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    value = database.instanceValue(uids[0], tag) if uids and database is not None and database.isOpen else ""
    return str(value or _hierarchyValue(volumeNode, _HIERARCHY_ATTRIBUTES.get(tag, ""))).strip()


def _hierarchyValue(volumeNode, attribute):
    """An attribute of the scan's item in the subject hierarchy, or of the study and patient above it; "" for none."""
    # by its class: the scene's own getter makes one where there is none
    scene = volumeNode.GetScene()
    hierarchy = scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode") if scene is not None and attribute else None
    item = hierarchy.GetItemByDataNode(volumeNode) if hierarchy is not None else 0
    value = ""
    while item and not value and item != hierarchy.GetSceneItemID():
        value = hierarchy.GetItemAttribute(item, attribute)
        item = hierarchy.GetItemParent(item)
    return value


def _removeLeftovers():
    """Remove folders whose Slicer no longer runs, and what could not be removed before."""
    for folder in list(_stubborn):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            _stubborn.discard(folder)
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        match = re.fullmatch(rf"{_FOLDER_PREFIX}(\d+)-(?:([0-9a-f]{{8}})-)?\w+", folder.name)
        if match and not _isUsed(folder, int(match.group(1)), match.group(2) or _MACHINE):
            shutil.rmtree(folder, ignore_errors=True)


atexit.register(_removeLeftovers)


def _isUsed(folder, pid, machine):
    """Whether the Slicer that has made a folder may still need it."""
    if machine == _MACHINE:
        return _isRunning(pid)
    with contextlib.suppress(OSError):
        return time.time() - folder.stat().st_mtime < _OTHER_MACHINES_S
    return True


def _isRunning(pid):
    """Whether a process with this id exists; True where that cannot be told."""
    if sys.platform == "win32":  # os.kill(pid, 0) would end the process there
        return _isRunningOnWindows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _isRunningOnWindows(pid):
    SYNCHRONIZE, WAIT_TIMEOUT, ACCESS_DENIED = 0x00100000, 0x102, 5
    # Not ctypes.windll: that loses the reason of a refusal, and others may have told it how to call these functions.
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = ctypes.c_void_p
    kernel.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_ulong)
    kernel.CloseHandle.argtypes = (ctypes.c_void_p,)
    handle = kernel.OpenProcess(SYNCHRONIZE, False, pid)
    if not handle:
        return ctypes.get_last_error() == ACCESS_DENIED  # it runs, but is somebody else's
    try:
        return kernel.WaitForSingleObject(handle, 0) == WAIT_TIMEOUT
    finally:
        kernel.CloseHandle(handle)
