"""A scan or map file as a node of the scene, read by the panel itself where the worker has not read it."""

import slicer

from radiologycnn.images.volume import LPS_TO_RAS


def addScan(path, name: str) -> tuple:
    """Read a file, or a DICOM series by one of its files or its folder, as the worker does; (node, notes on it).

    Slicer's own reader takes slices in the order of their files' names and all gaps between them as equal, and its
    DICOM import would put the patient's name into the scene.

    Raises:
        InputError: it cannot be read.
    """
    from radiologycnn.images import read_volume  # here, because it imports pydicom and SimpleITK

    volume = read_volume(path)
    return _added(volume, name), tuple(volume.notes)


def addMapFile(path, name: str):
    """Read a map that RadiologyCNN has written (NIfTI); its voxels may be fewer and larger than any scan's.

    Raises:
        InputError: it cannot be read.
    """
    from radiologycnn.images.nifti import read_nifti

    return _added(read_nifti(path), name)


def _added(volume, name: str):
    return slicer.util.addVolumeFromArray(volume.array, ijkToRAS=LPS_TO_RAS @ volume.ijk_to_lps, name=name)
