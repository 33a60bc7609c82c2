"""Writes a result to files: the lesion table as CSV, the segmentation as .seg.nrrd."""

import csv
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.results import csv_rows
from RadiologyCNNLib import ResultFiles
from RadiologyCNNLib.ResultFiles import notWritten


def suggestedName(result, suffix: str) -> str:
    """File name for a result, from the segmentation's name."""
    return ResultFiles.suggestedName(result.segmentationNode.GetName(), suffix, otherwise="hemorrhage")


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
        raise notWritten(path, error.strerror or str(error)) from error
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
        raise notWritten(path, _("the folder is missing, full or write-protected"))
    return path
