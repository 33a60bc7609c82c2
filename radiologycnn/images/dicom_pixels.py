"""Reads the pixels of DICOM frames as modality values (HU for CT), whatever their compression.

Plain and run-length files are unpacked by pydicom. For JPEG, JPEG-LS and JPEG 2000, which pydicom leaves to packages
that Slicer does not have, the compressed stream goes, in a temporary file that holds nothing about the patient, through
SimpleITK (GDCM); the scaling stays here, so that it is applied once, per frame.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, generate_uid

from radiologycnn.errors import InputError, RadiologyCNNError, ResourceError, damaged_file
from radiologycnn.images.dicom_headers import Frame, quiet_pydicom

#: Photometric interpretation of pictures whose lowest values are shown white (DICOM PS3.3 C.7.6.3.1.2).
INVERTED = "MONOCHROME1"

_PIXEL_TAGS = [
    "SamplesPerPixel", "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PixelData",
]  # fmt: skip


def read_slices(frames: Sequence[Frame]) -> np.ndarray:
    """Modality values of frames of one size.

    Returns:
        shape (frames, rows, columns); int16 where all values are whole and fit, else int32 or float32.

    Raises:
        InputError: ``damaged-file``, ``unreadable-pixels``.
    """
    whole = all(float(frame.slope).is_integer() and float(frame.intercept).is_integer() for frame in frames)
    slices = np.empty((len(frames), frames[0].rows, frames[0].columns), np.int32 if whole else np.float32)
    last_path, stored = None, np.empty(0)
    for number, frame in sorted(enumerate(frames), key=lambda pair: (str(pair[1].path), pair[1].index or 0)):
        if frame.path != last_path:
            stored, last_path = _stored_values(frame.path), frame.path
        if stored.dtype.kind == "f":
            whole = False
            slices = slices.astype(np.float32, copy=False)
        values = stored[frame.index or 0]
        if values.shape != slices.shape[1:]:
            raise damaged_file(frame.path.name, "its pixels do not fit its header")
        if frame.slope == 1 and frame.intercept == 0:
            slices[number] = values
        elif whole:
            slices[number] = values.astype(np.int32) * int(frame.slope) + int(frame.intercept)
        else:
            slices[number] = values.astype(np.float32) * np.float32(frame.slope) + np.float32(frame.intercept)
    limits = np.iinfo(np.int16)
    if whole and slices.min() >= limits.min and slices.max() <= limits.max:
        return slices.astype(np.int16)
    return slices


def _stored_values(path: Path) -> np.ndarray:
    """Stored values of a file, shape (frames, rows, columns), before any scaling; of an MR never a negative."""
    try:
        with quiet_pydicom():
            dataset = pydicom.dcmread(path, force=True)
            pixels = _unpack(dataset, path)
            # How a picture is shown says nothing of HU, which the modality LUT gives (DICOM PS3.3 C.11.1). An MR has no
            # such scale, and what is bright in it is what is shown bright.
            if dataset.get("Modality") == "MR" and dataset.get("PhotometricInterpretation") == INVERTED:
                pixels = _inverted(pixels, dataset)
    except RadiologyCNNError:
        raise
    except Exception as error:  # pydicom raises whatever its stage of decoding raises
        raise damaged_file(path.name) from error
    return pixels[np.newaxis] if pixels.ndim == 2 else pixels


def _inverted(pixels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """The negative within the range that the stored bits have (DICOM PS3.3 C.7.6.3.1); fractions are left alone."""
    if pixels.dtype.kind not in "iu":
        return pixels
    lowest_and_highest = -1 if dataset.PixelRepresentation else (1 << int(dataset.BitsStored)) - 1  # added up
    return lowest_and_highest - pixels.astype(np.int64)


def _unpack(dataset: Dataset, path: Path) -> np.ndarray:
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:  # a file without the leading part; PS3.10 7.1 wants one, old files lack it
        syntax = ImplicitVRLittleEndian if dataset.is_implicit_VR else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = syntax
    if not any(keyword in dataset for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise damaged_file(path.name, "its pixels are missing")
    if syntax.is_compressed and syntax != RLELossless and not syntax.is_deflated:
        return _unpack_with_itk(dataset, path)
    return dataset.pixel_array


def _unpack_with_itk(dataset: Dataset, path: Path) -> np.ndarray:
    syntax = dataset.file_meta.TransferSyntaxUID
    bare = Dataset()
    for keyword in _PIXEL_TAGS:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    # GDCM inverts the negatives that it unpacks, which no other way here does.
    shown = dataset.get("PhotometricInterpretation")
    bare.PhotometricInterpretation = "MONOCHROME2" if shown in (None, INVERTED) else shown
    # Secondary capture: the one class for which GDCM applies no scaling and wants no geometry.
    several = int(dataset.get("NumberOfFrames") or 1) > 1
    bare.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7.3" if several else "1.2.840.10008.5.1.4.1.1.7"
    bare.SOPInstanceUID = generate_uid()
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = syntax
    bare.file_meta.MediaStorageSOPClassUID = bare.SOPClassUID
    bare.file_meta.MediaStorageSOPInstanceUID = bare.SOPInstanceUID
    try:
        with tempfile.TemporaryDirectory(prefix="radiologycnn-") as folder:
            file = Path(folder) / "frame.dcm"
            bare.save_as(file, enforce_file_format=True)
            reader = sitk.ImageFileReader()
            reader.SetImageIO("GDCMImageIO")
            reader.SetFileName(str(file))
            return sitk.GetArrayFromImage(reader.Execute())
    except OSError as error:
        raise ResourceError(
            "no-temporary-space",
            f"The compressed file {path.name} could not be unpacked: the folder for temporary files is full or closed.",
            "Free some space and try again.",
        ) from error
    except RuntimeError as error:
        try:
            return dataset.pixel_array  # a decoder of pydicom's may know what GDCM does not
        except Exception:
            raise InputError(
                "unreadable-pixels",
                f"The pixels of {path.name} ({syntax.name}) could not be unpacked: the file is damaged, or "
                "compressed in an unusual way.",
                "Export the series again without compression.",
            ) from error
