"""A scan or map file as a node of the scene, read by the panel itself where the worker has not read it."""

import slicer
from slicer.i18n import tr as _

from radiologycnn.errors import InputError
from radiologycnn.images.volume import LPS_TO_RAS


def addScan(path, name: str) -> tuple:
    """Read a file, or a DICOM series by one of its files or its folder, as the worker does; (node, notes on it).

    Slicer's own reader takes slices in the order of their files' names and all gaps between them as equal, and its
    DICOM import would put the patient's name into the scene.

    Raises:
        InputError: it cannot be read, or not be shown.
    """
    from radiologycnn.images import read_volume  # here, because it imports pydicom and SimpleITK

    volume = read_volume(path)
    return _added(volume, name), tuple(volume.notes)


def addMapFile(path, name: str):
    """Read a map that RadiologyCNN has written (NIfTI); its voxels may be fewer and larger than any scan's.

    Raises:
        InputError: it cannot be read, or not be shown.
    """
    from radiologycnn.images.nifti import read_nifti

    return _added(read_nifti(path), name)


def _added(volume, name: str):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(LPS_TO_RAS @ volume.ijk_to_lps))
    try:
        slicer.util.updateVolumeFromArray(node, volume.array)
    except Exception as error:  # numpy, VTK and Slicer refuse an array each in its own way
        slicer.mrmlScene.RemoveNode(node)
        raise InputError(
            "unusable-scan",
            _("The scan was read, but could not be shown: {reason}.").format(reason=error),
            _("Close what else takes memory, or save the scan with another type of numbers."),
        ) from error
    node.CreateDefaultDisplayNodes()
    return node
