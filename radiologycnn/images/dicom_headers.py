"""Reads the headers of DICOM files, without their pixels, into one plain record per image frame.

Enhanced (multi-frame) objects keep position, orientation and scaling per frame (DICOM PS3.3 C.7.6.16); classic ones
per file. Both become :class:`Frame`, so that the rest need not know the difference.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from radiologycnn.dicom_file import looks_like_dicom
from radiologycnn.images.dicom_acquisition import KEYWORDS, acquisition_facts

MAXIMUM_FILES = 50_000
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
SECONDARY_CAPTURE_CLASSES = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame kinds below it

_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "Modality", "ImageType",
    "SeriesDescription", "SeriesNumber",
    "InstanceNumber", "AcquisitionNumber", "TemporalPositionIdentifier", "EchoTime", "TriggerTime", "AcquisitionTime",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "GantryDetectorTilt",
    "RescaleSlope", "RescaleIntercept", "RescaleType", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel",
    "PhotometricInterpretation", "BitsAllocated", "PatientName", "PatientID", "ConvolutionKernel",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "ModalityLUTSequence",
    *KEYWORDS,
]  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One image: a file, or one frame of a multi-frame file. None stands for what the header does not say.

    ``position_lps_mm`` is the centre of the first pixel; ``orientation`` holds the direction cosines along a row (i)
    and down a column (j); ``pixel_spacing_ij_mm`` is (between columns, between rows), the reverse of DICOM's order.
    """

    path: Path
    index: int | None
    series_uid: str
    study_uid: str
    instance_uid: str
    sop_class: str
    modality: str
    image_type: tuple[str, ...]
    description: str
    series_number: int | None
    instance_number: int
    rows: int
    columns: int
    samples: int
    photometric: str
    position_lps_mm: tuple[float, float, float] | None
    orientation: tuple[float, ...] | None
    pixel_spacing_ij_mm: tuple[float, float] | None
    thickness_mm: float | None
    tilt_degrees: float | None
    slope: float
    intercept: float
    rescaled: bool
    echo_time: float | None
    acquisition: int | None
    temporal: int | None
    stack: str | None
    kernel: str | None
    time: str | None
    acquisition_facts: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass
class FolderScan:
    """What a folder holds: the frames, and the files that could not be used."""

    frames: list[Frame] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    without_image: int = 0
    other_files: list[str] = field(default_factory=list)


def hashed_uid(uid: str) -> str:
    """A name for a series that links results of the same series and tells nothing about the patient."""
    return hashlib.sha256(uid.encode()).hexdigest()[:16]


def is_table_of_contents(path: Path) -> bool:
    """Whether a file is the DICOMDIR of a CD (DICOM PS3.10 chapter 8), by whatever name."""
    if not (path.is_file() and looks_like_dicom(path)):
        return False
    try:
        with quiet_pydicom():
            meta = pydicom.filereader.read_file_meta_info(path)
            return str(meta.get("MediaStorageSOPClassUID", "")) == DICOMDIR_CLASS
    except Exception:  # old or damaged files, in which pydicom stumbles over anything
        return False


def scan_files(paths: Iterable[Path]) -> FolderScan:
    """Reads the headers of files; those that are not DICOM, hold no image or are damaged are only counted."""
    scan = FolderScan()
    for path in paths:
        if not looks_like_dicom(path):
            scan.other_files.append(path.name)
            continue
        try:
            with quiet_pydicom():
                dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=_TAGS)
                _add(dataset, path, scan)
        except Exception:
            # pydicom decodes values when they are asked for, and raises nearly anything on one that is damaged.
            scan.damaged.append(path.name)
    return scan


@contextlib.contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Without pydicom's warnings, which quote values of the header: a patient's name, for instance."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _add(dataset: Dataset, path: Path, scan: FolderScan) -> None:
    if str(dataset.file_meta.get("MediaStorageSOPClassUID", "")) == DICOMDIR_CLASS:
        return  # a table of contents
    if "SOPClassUID" not in dataset and "Rows" not in dataset:
        scan.damaged.append(path.name)  # the header breaks off before it says what the file is
    elif not _integer(dataset.get("Rows")) or not _integer(dataset.get("Columns")):
        scan.without_image += 1
    else:
        scan.frames.extend(_frames(path, dataset))


def files_below(folder: Path, recursive: bool = True) -> Iterator[Path]:
    """Files of a folder in a fixed order, hidden ones left out, at most MAXIMUM_FILES."""
    count = 0
    for directory, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        for name in sorted(names):
            if name.startswith("."):
                continue
            count += 1
            if count > MAXIMUM_FILES:
                return
            yield Path(directory) / name


def _frames(path: Path, dataset: Dataset) -> list[Frame]:
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    if per_frame:
        shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
        # The first frame's facts stand for all of a file: there may be thousands.
        facts = acquisition_facts(dataset, [per_frame[0], shared[0]], without_patient)
        return [_frame(path, dataset, index, [group, shared[0]], facts) for index, group in enumerate(per_frame)]
    count = _integer(dataset.get("NumberOfFrames")) or 1
    facts = acquisition_facts(dataset, [], without_patient)
    if count > 1:
        return [_frame(path, dataset, index, [], facts) for index in range(count)]
    return [_frame(path, dataset, None, [], facts)]


def _frame(path: Path, dataset: Dataset, index: int | None, groups: list[Dataset], facts: Mapping[str, Any]) -> Frame:
    def inner(sequence: str, keyword: str) -> Any:
        for group in groups:
            items = group.get(sequence)
            if items and items[0].get(keyword) is not None:
                return items[0].get(keyword)
        return None

    def value(sequence: str, keyword: str) -> Any:
        found = inner(sequence, keyword)
        return dataset.get(keyword) if found is None else found

    modality = str(dataset.get("Modality") or "")
    spacing = _numbers(value("PixelMeasuresSequence", "PixelSpacing"), 2)
    slope = _number(value("PixelValueTransformationSequence", "RescaleSlope"))
    intercept = _number(value("PixelValueTransformationSequence", "RescaleIntercept"))
    image_type = dataset.get("ImageType")
    for sequence in ("CTImageFrameTypeSequence", "MRImageFrameTypeSequence"):
        image_type = inner(sequence, "FrameType") or image_type
    # A multi-frame object without positions per frame has, at best, the position of its first frame.
    placed = index is None or bool(groups)
    position = _numbers(value("PlanePositionSequence", "ImagePositionPatient"), 3) if placed else None
    orientation = _numbers(value("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    return Frame(
        path=path,
        index=index,
        series_uid=str(dataset.get("SeriesInstanceUID") or ""),
        study_uid=str(dataset.get("StudyInstanceUID") or ""),
        instance_uid=str(dataset.get("SOPInstanceUID") or ""),
        sop_class=str(dataset.get("SOPClassUID") or ""),
        modality=modality,
        image_type=tuple(str(part).upper() for part in _listed(image_type)),
        description=without_patient(str(dataset.get("SeriesDescription") or ""), dataset),
        series_number=_integer(dataset.get("SeriesNumber")),
        instance_number=(_integer(dataset.get("InstanceNumber")) or 0) if index is None else index + 1,
        rows=_integer(dataset.get("Rows")) or 0,
        columns=_integer(dataset.get("Columns")) or 0,
        samples=_integer(dataset.get("SamplesPerPixel")) or 1,
        photometric=str(dataset.get("PhotometricInterpretation") or ""),
        position_lps_mm=position,
        orientation=orientation,
        pixel_spacing_ij_mm=(spacing[1], spacing[0]) if spacing else None,
        thickness_mm=_number(value("PixelMeasuresSequence", "SliceThickness")),
        tilt_degrees=_number(dataset.get("GantryDetectorTilt")),
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        rescaled=slope is not None or intercept is not None,
        echo_time=_number(inner("MREchoSequence", "EffectiveEchoTime") or dataset.get("EchoTime")),
        acquisition=_integer(
            inner("FrameContentSequence", "FrameAcquisitionNumber") or dataset.get("AcquisitionNumber")
        ),
        temporal=_integer(
            inner("FrameContentSequence", "TemporalPositionIndex") or dataset.get("TemporalPositionIdentifier")
        ),
        stack=str(inner("FrameContentSequence", "StackID") or "") or None,
        kernel=str(dataset.get("ConvolutionKernel") or "") or None,
        time=str(dataset.get("TriggerTime") or dataset.get("AcquisitionTime") or "") or None if index is None else None,
        acquisition_facts=facts,
    )


def without_patient(text: str, dataset: Dataset) -> str:
    """A free text of the header without the patient's name and identifier, should somebody have typed them there."""
    words = str(dataset.get("PatientName") or "").replace("^", " ").replace("=", " ").split()
    words.append(str(dataset.get("PatientID") or "").strip())
    for word in words:
        if len(word) < 3:
            continue
        start = text.lower().find(word.lower())
        while start >= 0:
            text = text[:start] + "..." + text[start + len(word) :]
            start = text.lower().find(word.lower(), start + 3)
    return " ".join(text.split())[:80]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _integer(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    parts = _listed(value)
    numbers = tuple(number for part in parts if (number := _number(part)) is not None)
    return numbers if len(numbers) == len(parts) == count else None
