"""Loads a study's scan into the scene without a trace of the file's or the patient's name.

A DICOM folder is not imported into Slicer's DICOM database: that would put the patient's name into the scene. So the
slices are put in order here, by their place along the series' normal (DICOM PS3.3, C.7.6.2.1.1).
"""

from pathlib import Path

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from radiologycnn.errors import InputError


def loadScan(path: Path, name: str):
    """A volume node of that name from an image file or a folder of DICOM files; nothing is shown yet.

    Raises:
        InputError: it cannot be loaded; nothing of it stays in the scene.
    """
    try:
        volumeNode = _loadFolder(path, name) if path.is_dir() else _loadFile(path, name)
    except Exception as error:  # of damaged files, readers say it in many ways
        raise _unreadable(name) from error
    if volumeNode is None or volumeNode.GetImageData() is None:
        raise _unreadable(name)
    volumeNode.SetName(name)
    storageNode = volumeNode.GetStorageNode()
    if storageNode is not None:
        volumeNode.SetAndObserveStorageNodeID(None)
        slicer.mrmlScene.RemoveNode(storageNode)
    return volumeNode


def _unreadable(name) -> InputError:
    return InputError(
        "unreadable-scan",
        _("{case} could not be loaded.").format(case=name),
        _("Tell whoever leads the study; it is left out for now."),
    )


def _loadFile(path: Path, name: str):
    return slicer.util.loadVolume(str(path), {"name": name, "show": False, "singleFile": True})


def _loadFolder(folder: Path, name: str):
    files = sliceFiles(folder)
    if len(files) == 1:  # all slices in one file, or a single one
        return _loadFile(files[0], name)
    names = vtk.vtkStringArray()
    for file in files:
        names.InsertNextValue(str(file))
    return slicer.modules.volumes.logic().AddArchetypeVolume(str(files[0]), name, 0, names)


def sliceFiles(folder: Path) -> list:
    """The files of a folder's largest DICOM series, in the order of their slices."""
    import pydicom  # Slicer has it; here, because it takes time to load

    series = {}
    tags = ["SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "InstanceNumber"]
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.startswith("."):
            continue
        try:
            header = pydicom.dcmread(str(path), stop_before_pixels=True, specific_tags=tags)
        except pydicom.errors.InvalidDicomError:
            continue
        series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append((_place(header), path))
    return [path for _placed, path in sorted(max(series.values(), key=len))]


def _place(header) -> float:
    """Along the normal of the slices, in mm; the instance number where the header has no place."""
    position, orientation = header.get("ImagePositionPatient"), header.get("ImageOrientationPatient")
    if not position or not orientation:
        return float(header.get("InstanceNumber") or 0)
    row, column = np.array(orientation, float).reshape(2, 3)
    return float(np.cross(row, column) @ np.array(position, float))
