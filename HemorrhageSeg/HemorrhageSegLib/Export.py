"""Writes a result to files: the lesion table as CSV, the segmentation as .seg.nrrd."""

import csv
import re
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.hemorrhage.results import csv_rows


def suggestedName(result, suffix: str) -> str:
    """File name for a result: the segmentation's name without what some file systems refuse."""
    name = re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "_", result.segmentationNode.GetName()).strip(" .") or "hemorrhage"
    return name + suffix


def exportCsv(result, path) -> Path:
    """Write the measurements, every digit, with the same columns as the command line's CSV.

    Raises:
        InputError: the mask has been changed and its measurements are not there (yet).
        ResourceError: the file cannot be written.
    """
    measurements = result.measurements
    if measurements is None:
        raise InputError(
            "not-measured",
            _("The table does not belong to the mask that is shown, so nothing was written."),
            _("Wait until the table is updated, then export again."),
        )
    path = Path(path)
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(csv_rows(measurements))
    except OSError as error:
        raise _notWritten(path, error.strerror or str(error)) from error
    return path


def exportSegmentation(result, path) -> Path:
    """Write the segmentation with names, colours and terminology; the node's own file name is not changed.

    Raises:
        ResourceError: the file cannot be written.
    """
    path = Path(path)
    storage = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.UnRegister(None)  # CreateNodeByClass counts one reference too many for Python
    storage.SetScene(slicer.mrmlScene)
    storage.SetFileName(str(path))
    storage.SetUseCompression(True)
    if not path.parent.is_dir() or not storage.WriteData(result.segmentationNode) or not path.is_file():
        raise _notWritten(path, _("the folder is missing, full or write-protected"))
    return path


def _notWritten(path: Path, reason: str) -> ResourceError:
    return ResourceError(
        "not-written",
        _("{file} could not be written: {reason}.").format(file=path.name, reason=reason),
        _("Choose another folder."),
    )
