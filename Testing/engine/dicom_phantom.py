"""Writes DICOM series of analytic shapes, regular or broken in a chosen way, for the tests of reading."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT_CLASS = "1.2.840.10008.5.1.4.1.1.2.1"
#: Of the ball that most tests scan.
RADIUS_MM = 30.0
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def tilted(degrees: float) -> tuple[float, ...]:
    """Orientation of slices made with a gantry tilted about the left-right axis."""
    return (1.0, 0.0, 0.0, 0.0, float(np.cos(np.radians(degrees))), -float(np.sin(np.radians(degrees))))


def ball(centre_lps: Sequence[float], radius_mm: float, inside: float = 1000.0, outside: float = 0.0) -> Callable:
    """A ball with an edge 1 mm wide, as a function of LPS points (..., 3)."""

    def value(points: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(points - np.asarray(centre_lps, float), axis=-1)
        return outside + (inside - outside) * np.clip(radius_mm - distance + 0.5, 0, 1)

    return value


def slice_points(
    position: Sequence[float], orientation: Sequence[float], spacing: float, shape_ji: tuple
) -> np.ndarray:
    """LPS of every pixel, shape (rows, columns, 3); DICOM PS3.3 C.7.6.2.1.1."""
    j, i = np.mgrid[: shape_ji[0], : shape_ji[1]]
    along, down = np.asarray(orientation[:3], float), np.asarray(orientation[3:], float)
    return np.asarray(position, float) + spacing * (i[..., None] * along + j[..., None] * down)


def write_series(
    folder: Path,
    positions: Sequence[Sequence[float]],
    shape: Callable[[np.ndarray], np.ndarray],
    *,
    orientation: Sequence[float] = AXIAL,
    spacing: float = 1.0,
    shape_ji: tuple[int, int] = (96, 96),
    slope: float = 1.0,
    intercept: float = -1024.0,
    run_length: bool = False,
    series_uid: str | None = None,
    name: str = "slice",
    shuffle: bool = True,
    per_slice: Callable[[int], dict[str, Any]] | None = None,
    **tags: Any,
) -> list[Path]:
    """Writes one CT slice per position (centre of its first pixel), file names and instance numbers shuffled.

    Returns the paths in the order of ``positions``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series_uid = series_uid or generate_uid()
    numbers = list(range(1, len(positions) + 1))
    if shuffle:
        random.Random(5).shuffle(numbers)
    paths = []
    for index, position in enumerate(positions):
        values = shape(slice_points(position, orientation, spacing, shape_ji))
        dataset = image_dataset(values, slope, intercept, series_uid)
        dataset.ImagePositionPatient = [f"{value:.6f}" for value in position]
        dataset.ImageOrientationPatient = [f"{value:.7f}" for value in orientation]
        dataset.PixelSpacing = [spacing, spacing]
        dataset.InstanceNumber = numbers[index]
        for keyword, value in {**tags, **(per_slice(index) if per_slice else {})}.items():
            setattr(dataset, keyword, value)
        if run_length:
            dataset.compress(RLELossless)
        path = folder / f"{name}{numbers[index]:03d}"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def image_dataset(values: np.ndarray, slope: float, intercept: float, series_uid: str, kind: str = CT_CLASS) -> Dataset:
    """A CT dataset that holds ``values`` (HU), rows x columns or frames x rows x columns."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = kind
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = series_uid
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study of", series_uid])  # one for all of a series
    dataset.PatientName = "Roentgen^Wilhelm"
    dataset.PatientID = "WCR-1895"
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Rows, dataset.Columns = values.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    if values.ndim == 3:
        dataset.NumberOfFrames = len(values)
    if kind == CT_CLASS:
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
    dataset.PixelData = np.rint((values - intercept) / slope).astype("<i2").tobytes()
    return dataset


def write_enhanced(
    path: Path,
    positions: Sequence[Sequence[float]],
    shape: Callable[[np.ndarray], np.ndarray],
    shape_ji: tuple = (96, 96),
) -> None:
    """One enhanced CT file with a frame per position, axial, 1 mm pixels, its scaling in the shared groups."""
    values = np.stack([shape(slice_points(position, AXIAL, 1.0, shape_ji)) for position in positions])
    dataset = image_dataset(values, 1, -1024, generate_uid(), ENHANCED_CT_CLASS)

    def item(**fields: Any) -> DicomSequence:
        inner = Dataset()
        for keyword, value in fields.items():
            setattr(inner, keyword, value)
        return DicomSequence([inner])

    shared = Dataset()
    shared.PixelMeasuresSequence = item(PixelSpacing=[1.0, 1.0], SliceThickness=2.0)
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=list(AXIAL))
    shared.PixelValueTransformationSequence = item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")
    dataset.SharedFunctionalGroupsSequence = DicomSequence([shared])
    frames = []
    for position in positions:
        frame = Dataset()
        frame.PlanePositionSequence = item(ImagePositionPatient=[float(value) for value in position])
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = DicomSequence(frames)
    dataset.save_as(path, enforce_file_format=True)


def volume_and_centre(array: np.ndarray, ijk_to_lps: np.ndarray, inside: float = 1000.0) -> tuple[float, np.ndarray]:
    """mm3 and LPS centre of what is brighter than half of ``inside``."""
    mask = array > inside / 2
    centre_ijk = np.argwhere(mask).mean(axis=0)[::-1]
    volume = mask.sum() * abs(np.linalg.det(ijk_to_lps[:3, :3]))
    return float(volume), (ijk_to_lps @ [*centre_ijk, 1])[:3]


def along_z(z_values: Sequence[float], x: float = -48.0, y: float = -48.0) -> list[tuple[float, float, float]]:
    """First pixels of axial slices at these heights, LPS mm."""
    return [(x, y, float(z)) for z in z_values]


def assert_is_the_ball(volume: Any, centre: Sequence[float], tolerance: float = 0.01) -> None:
    """A volume shows a ball of ``RADIUS_MM`` at its place, LPS mm."""
    measured, measured_centre = volume_and_centre(volume.array, volume.ijk_to_lps)
    assert abs(measured / (4 / 3 * np.pi * RADIUS_MM**3) - 1) <= tolerance
    assert np.linalg.norm(measured_centre - centre) < 0.3
