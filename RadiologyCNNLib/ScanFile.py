"""A scan file as a node of the scene, read by the panel itself where the worker has not read it."""

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
    node = slicer.util.addVolumeFromArray(volume.array, ijkToRAS=LPS_TO_RAS @ volume.ijk_to_lps, name=name)
    return node, tuple(volume.notes)
