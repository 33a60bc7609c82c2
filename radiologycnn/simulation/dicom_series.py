"""Simulated CT and MR volumes as DICOM series that say in every file that they are simulated.

The attributes are those that DICOM PS3.3 asks of a CT Image (A.3) and an MR Image (A.4), types 1 and 2. The mark: image
type DERIVED\\SECONDARY with SIMULATED as a further value, Quality Control Image (a phantom, C.7.6.1), a patient named
SIMULATED^..., and words in Image Comments and Derivation Description. UIDs are made from the settings of the
simulation under the 2.25 root (PS3.5 B.2), so that the same scan has the same UIDs on every machine.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    MRImageStorage,
    RLELossless,
)
from pydicom.valuerep import format_number_as_ds

from radiologycnn import __version__
from radiologycnn.errors import InputError
from radiologycnn.file_replacing import replace_path
from radiologycnn.simulation.acquired_slices import AcquiredSlices

#: Names of the transfer syntaxes that can be written, for options. All keep every value.
TRANSFER_SYNTAXES: dict[str, UID] = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg-lossless": JPEGLosslessSV1,
    "jpeg-2000": JPEG2000Lossless,
}
# pydicom packs neither kind of JPEG by itself; the GDCM within SimpleITK does.
_ITK_COMPRESSORS = {"jpeg-lossless": "JPEG", "jpeg-2000": "JPEG2000"}

_NO_PATIENT = "SIMULATED IMAGE, NO PATIENT. Not for diagnosis."
_CT_INTERCEPT = -1024
_DATE = "20000101"  # nothing was ever acquired; type 2 dates could be empty, but some archives refuse that
_NUMBERS = ("RepetitionTime", "EchoTime", "InversionTime", "MagneticFieldStrength", "FlipAngle", "KVP")


@dataclass(frozen=True)
class SeriesIdentity:
    """Which simulated scan this is.

    Attributes:
        kind: population, in capitals ("HEAD-CT"); part of the patient's fictitious name.
        settings: text that holds every number of the simulation; UIDs are made from it.
        seed, index: of the scan.
        study: 0 for a first examination, 1 for its follow-up: another study of the same patient.
        series: number within the study (planes and weightings of one shoulder).
        description: series description; not the word "simulated", which stands in the patient's name and would be
            cut out of the description by readers that protect names.
        age_years: of the fictitious patient.
    """

    kind: str
    settings: str
    seed: int
    index: int
    study: int = 0
    series: int = 1
    description: str = ""
    age_years: int | None = None
    acquisition: Mapping[str, Any] = field(default_factory=dict)  # DICOM keyword -> value, copied into each file

    def uid(self, *parts: object) -> UID:
        """A UID for a thing of this scan, named by ``parts``."""
        text = "\n".join([self.kind, self.settings, str(self.seed), str(self.index), *map(str, parts)])
        name = hashlib.sha256(text.encode()).hexdigest()
        return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}")


def write_dicom_series(
    folder: Path, slices: AcquiredSlices, modality: str, identity: SeriesIdentity, syntax: str = "explicit"
) -> list[Path]:
    """Write one file a slice, in a folder that appears whole or not at all; an earlier one is replaced.

    Args:
        folder: of the series; its parent must exist.
        slices: CT in HU (whole numbers keep their value), or MR, which
            is scaled to 12 bits if its values are no whole numbers from 0 to 65535.
        modality: "CT" or "MR".
        syntax: a key of :data:`TRANSFER_SYNTAXES`.

    Returns:
        The files, from the first slice along the normal to the last.

    Raises:
        InputError: ``transfer-syntax``.
    """
    if syntax not in TRANSFER_SYNTAXES:
        raise InputError(
            "transfer-syntax", f"There is no way “{syntax}” to store DICOM files.",
            "Ways: " + ", ".join(TRANSFER_SYNTAXES) + ".",
        )  # fmt: skip
    order = np.argsort(slices.positions_mm, kind="stable")
    stored, slope, intercept, bits = _stored_values(slices.array, modality, syntax)
    common = _common(slices, modality, identity, slope, intercept, bits)
    common.PixelRepresentation = int(stored.dtype.kind == "i")
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    layout = (syntax, slices.origins_lps_mm.round(4).tolist(), slices.thickness_mm.round(4).tolist())
    series_uid = identity.uid("study", identity.study, "series", identity.series, *layout)
    names = []
    for number, k in enumerate(order, 1):
        dataset = _slice(common, slices, int(k), number)
        dataset.SeriesInstanceUID = series_uid
        dataset.SOPInstanceUID = identity.uid("image", series_uid, number)
        dataset.file_meta = _file_meta(dataset, TRANSFER_SYNTAXES[syntax])
        _add_pixels(dataset, stored[k], syntax)
        names.append(f"slice-{number:04d}.dcm")
        dataset.save_as(partial / names[-1], enforce_file_format=True)
    shutil.rmtree(folder, ignore_errors=True)
    replace_path(partial, folder)
    return [folder / name for name in names]


def _stored_values(array: np.ndarray, modality: str, syntax: str) -> tuple[np.ndarray, float, float, int]:
    """(stored, slope, intercept, bits): 16-bit words, none below zero, so that slope * stored + intercept is the value.

    In JPEG they are signed (int16), because ITK writes streams of 16 bits, and programs that straighten slices
    (dcm2niix) do so for 12 bits or signed 16, not for unsigned 16.
    """
    whole = array.dtype.kind in "iu" or bool((array == np.rint(array)).all())
    low, high = float(array.min()), float(array.max())
    if whole:
        slope, intercept = 1.0, 0.0
        if modality == "CT" or low < 0:
            intercept = float(min(_CT_INTERCEPT, low))
    else:
        intercept = min(low, 0.0)
        slope = max(high - intercept, 1e-6) / 4095
    stored = np.rint((array - intercept) / slope)
    packed = syntax in _ITK_COMPRESSORS
    if stored.max() > (32767 if packed else 65535):
        raise ValueError(f"values from {low} to {high} do not fit into 16 bits")
    bits = 16 if packed or stored.max() > 4095 else 12
    return stored.astype("<i2" if packed else "<u2"), slope, intercept, bits


def _common(
    slices: AcquiredSlices, modality: str, identity: SeriesIdentity, slope: float, intercept: float, bits: int
) -> Dataset:
    """What all files of a series share."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = CTImageStorage if modality == "CT" else MRImageStorage
    data.StudyInstanceUID = identity.uid("study", identity.study)
    # The same head in the same place has the same frame of reference, however its series are written.
    data.FrameOfReferenceUID = identity.uid("frame", identity.study)
    data.PositionReferenceIndicator = ""
    data.Modality = modality
    data.ImageType = ["DERIVED", "SECONDARY", "AXIAL" if modality == "CT" else "OTHER", "SIMULATED"]
    _name_nobody(data, identity)
    for moment in ("Study", "Series", "Acquisition", "Content"):
        setattr(data, f"{moment}Date", _DATE if identity.study == 0 else "20000102")
        setattr(data, f"{moment}Time", "120000")
    data.AccessionNumber = ""
    data.ReferringPhysicianName = ""
    data.StudyID = f"SIM{identity.study + 1}"
    data.StudyDescription = "SIMULATED"
    data.SeriesNumber = identity.series
    data.SeriesDescription = identity.description
    data.ProtocolName = identity.description
    data.AcquisitionNumber = 1
    data.Manufacturer = "RadiologyCNN"
    data.ManufacturerModelName = "RadiologyCNN simulator"
    data.SoftwareVersions = __version__
    data.InstitutionName = "SIMULATED"
    data.PatientPosition = "HFS"
    data.QualityControlImage = "YES"
    data.ImageComments = _NO_PATIENT
    data.DerivationDescription = f"Computed by a simulator: seed {identity.seed}, scan {identity.index}"
    data.BurnedInAnnotation = "NO"
    data.LossyImageCompression = "00"
    _describe_image(data, slices, modality, slope, intercept, bits)
    for keyword, value in identity.acquisition.items():
        if value is not None and keyword not in ("Modality", "SeriesDescription"):
            setattr(data, keyword, _decimal(float(value)) if keyword in _NUMBERS else value)
    return data


def _name_nobody(data: Dataset, identity: SeriesIdentity) -> None:
    """The patient's part of a header, for a patient whom there never was."""
    name = f"{identity.kind}-{identity.seed}-{identity.index:04d}"
    data.PatientName = f"SIMULATED^{name}"
    data.PatientID = f"SIM-{name}"
    data.PatientBirthDate = ""
    data.PatientSex = "O"
    data.PatientComments = _NO_PATIENT
    if identity.age_years is not None:
        data.PatientAge = f"{identity.age_years:03d}Y"
    data.PatientIdentityRemoved = "YES"
    data.DeidentificationMethod = "Simulated, there never was a patient"


def _describe_image(
    data: Dataset, slices: AcquiredSlices, modality: str, slope: float, intercept: float, bits: int
) -> None:
    """The grid of the slices, how their values are stored, and how the machine would have made them."""
    data.ImageOrientationPatient = _decimals([*slices.row, *slices.column])
    data.PixelSpacing = _decimals(slices.pixel_mm[::-1])  # between rows first
    gaps = np.diff(np.sort(slices.positions_mm))
    if len(gaps) and np.ptp(gaps) < 1e-3:
        data.SpacingBetweenSlices = _decimal(gaps.mean())
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = slices.array.shape[1:]
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, bits, bits - 1
    if modality == "CT":
        data.KVP = "120"
        data.GantryDetectorTilt = _decimal(round(slices.tilt_degrees, 6))
        data.RescaleType = "HU"
        data.WindowCenter, data.WindowWidth = ["40", "500"], ["80", "2500"]
        data.WindowCenterWidthExplanation = ["BRAIN", "BONE"]
    else:
        data.ScanningSequence, data.SequenceVariant, data.ScanOptions = "SE", "SK", ""
        data.MRAcquisitionType = "2D"
        data.RepetitionTime = data.EchoTime = None
        data.EchoTrainLength = "1"
        low, high = np.percentile(slices.array, [1, 99])
        data.WindowCenter, data.WindowWidth = _decimal((low + high) / 2), _decimal(max(high - low, 1))
    if modality == "CT" or slope != 1 or intercept != 0:
        data.RescaleSlope, data.RescaleIntercept = _decimal(slope), _decimal(intercept)


def _slice(common: Dataset, slices: AcquiredSlices, k: int, number: int) -> Dataset:
    data = Dataset()
    data.update(common)
    data.InstanceNumber = number
    data.ImagePositionPatient = _decimals(slices.origins_lps_mm[k])
    data.SliceLocation = _decimal(slices.positions_mm[k])
    data.SliceThickness = _decimal(slices.thickness_mm[k])
    return data


def _file_meta(dataset: Dataset, syntax: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    return meta


def _add_pixels(dataset: Dataset, stored: np.ndarray, syntax: str) -> None:
    dataset.PixelData = np.ascontiguousarray(stored).tobytes()
    dataset["PixelData"].VR = "OW"
    if syntax == "rle":
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, generate_instance_uid=False)
    elif syntax in _ITK_COMPRESSORS:
        dataset.PixelData = encapsulate([_itk_stream(stored, _ITK_COMPRESSORS[syntax])])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True


def _itk_stream(stored: np.ndarray, compressor: str) -> bytes:
    """The compressed code stream of one slice, out of a file that GDCM writes."""
    with tempfile.TemporaryDirectory(prefix="radiologycnn-") as folder:
        file = str(Path(folder) / "slice.dcm")
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.SetFileName(file)
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.Execute(sitk.GetImageFromArray(stored))
        return next(generate_frames(pydicom.dcmread(file).PixelData, number_of_frames=1))


def _decimal(value: float) -> str:
    """A decimal string of at most 16 characters (PS3.5 6.2, DS)."""
    return format_number_as_ds(float(value) + 0.0)  # no minus zero


def _decimals(values: Any) -> list[str]:
    return [_decimal(value) for value in values]
