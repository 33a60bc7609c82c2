"""The way in for images: any file or folder that a person gives becomes one Volume, or a sentence why not."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from radiologycnn.dicom_file import looks_like_dicom
from radiologycnn.errors import InputError, damaged_file, no_permission
from radiologycnn.images.checks import check_array, size_note
from radiologycnn.images.dicom import NO_DICOM_ADVICE, list_dicom, read_dicom
from radiologycnn.images.dicom_headers import files_below
from radiologycnn.images.dicom_series import Series
from radiologycnn.images.nifti import UNKNOWN_ORIENTATION, read_nifti
from radiologycnn.images.volume import Volume

_NIFTI = (".nii", ".nii.gz", ".hdr", ".img")
_ITK = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
# What says in the text at the beginning of such a file how the patient lies; without it ITK takes the axes for LPS.
_ORIENTED = {
    "NrrdImageIO": re.compile(rb"^space\s*:", re.IGNORECASE | re.MULTILINE),
    "MetaImageIO": re.compile(rb"^(transformmatrix|rotation|orientation)\s*=", re.IGNORECASE | re.MULTILINE),
}
_LONGEST_TEXT_BYTES = 1 << 16
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pdf")
_HINT = "Give a scan as NIfTI, NRRD, MHA or a DICOM folder."


def read_volume(path: str | os.PathLike[str], series: str | int | None = None) -> Volume:
    """Reads a scan.

    Args:
        path: a NIfTI (.nii, .nii.gz, .hdr/.img), NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd) file, a folder with
            DICOM files (also in folders below it), or one DICOM file, which stands for its series in its folder.
        series: which DICOM series, by its number in :func:`list_series` or its uid; needed only if several are usable.

    Returns:
        A volume of finite numbers in 3D with a believable geometry; ``notes`` say what was left out or resampled.
        Whole numbers are of 32 bits at most, as Slicer's views show no larger ones.

    Raises:
        InputError: with a sentence on what is wrong and one on what to do.
    """
    path = Path(path).expanduser()
    volume = _readable(path, series)
    check_array(volume, allow_constant=True)
    of_dicom = volume.provenance.get("format") == "DICOM"
    note = "" if of_dicom else size_note(volume)
    named = path.resolve()
    # A file of a DICOM series is called IM0001: there the folder is what a person names.
    called = f"{named.parent.name} {named.name}" if of_dicom and path.is_file() else named.name
    return replace(volume, notes=(*volume.notes, note) if note else volume.notes, path_name=called)


def read_map(path: str | os.PathLike[str]) -> Volume:
    """Reads a map of numbers in a file of :func:`read_volume`, which may be coarser than any scan.

    A class activation map of four blocks, for example, has 4 x 4 x 4 voxels of 20 mm.

    Raises:
        InputError: as :func:`read_volume` says, or ``not-a-map``: it is not three-dimensional, or not all numbers.
    """
    path = Path(path).expanduser()
    volume = _readable(path)
    if volume.array.ndim != 3 or not np.isfinite(volume.array).all():
        raise InputError(
            "not-a-map", f"{path.name} is no activation map: not three-dimensional, or not all of it numbers.", ""
        )
    return volume


def _readable(path: Path, series: str | int | None = None) -> Volume:
    try:
        return _narrowed(_read(path, series))
    except PermissionError as error:
        raise no_permission(path.name) from error
    except MemoryError as error:
        raise InputError(
            "too-large",
            f"{path.name} does not fit into the memory, or its header names a wrong size.",
            "Crop the scan.",
        ) from error


def _narrowed(volume: Volume) -> Volume:
    """The volume with whole numbers of 64 bits in 32, or as floating-point numbers where one of them is too large."""
    array = volume.array
    if array.dtype.kind not in "iu" or array.dtype.itemsize <= 4:
        return volume
    limits = np.iinfo(np.int32)
    if limits.min <= int(array.min()) and int(array.max()) <= limits.max:
        return replace(volume, array=array.astype(np.int32))
    note = "The file's whole numbers are too large for 32 bits; they were read as floating-point numbers."
    return replace(volume, array=array.astype(np.float64), notes=(*volume.notes, note))


def list_series(folder: str | os.PathLike[str]) -> list[Series]:
    """The DICOM series in a folder and those below it, usable ones first; ``problem`` says what is wrong with others.

    Raises:
        InputError: the path does not exist.
    """
    path = Path(folder).expanduser()
    _check_exists(path)
    return list_dicom(path)[0]


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise InputError("no-such-file", f"There is no file or folder {path}.", "Check the path.")


def _read(path: Path, series: str | int | None) -> Volume:
    _check_exists(path)
    name = path.name.lower()
    # Raw voxels of a NIfTI pair can begin as an old DICOM file does: a known ending goes first.
    known = name.endswith((*_NIFTI[:3], *_ITK)) or (name.endswith(".img") and path.with_suffix(".hdr").exists())
    if path.is_dir() or (not known and looks_like_dicom(path)):
        try:
            return read_dicom(path, series)
        except InputError as error:
            if error.code != "no-dicom":
                raise
            raise InputError(error.code, error.message, _advice_on_folder(path)) from error
    if not path.is_file():
        raise InputError("not-an-image", f"{path.name} is neither a file nor a folder.", _HINT)
    if path.stat().st_size == 0:
        raise InputError(
            "damaged-file", f"The file {path.name} is empty.", "Copy or export it again, and try once more."
        )
    if name.endswith(_NIFTI):
        return read_nifti(path)
    for ending, reader in _ITK.items():
        if name.endswith(ending):
            return _read_with_itk(path, reader)
    if name.endswith(_PICTURES):
        raise InputError("not-an-image", f"{path.name} is a picture or a document, not a 3D scan.", _HINT)
    if name.endswith((".dcm", ".ima", ".dicom")):
        raise InputError("not-an-image", f"{path.name} is not a DICOM file, whatever its name says.", _HINT)
    raise InputError("not-an-image", f"{path.name} is not an image in a format that can be read.", _HINT)


def _advice_on_folder(folder: Path) -> str:
    """What to give instead of a folder without DICOM images; a mask that lies beside its scan is no example."""
    scans = []
    for path in files_below(folder):
        ending = next((one for one in (*_NIFTI[:2], *_ITK) if path.name.lower().endswith(one)), "")
        if ending and not path.name[: -len(ending)].lower().endswith("-mask"):
            scans.append((path, ending))
    if not scans:
        return NO_DICOM_ADVICE
    path, ending = scans[0]
    if len(scans) == 1:
        return f"Give the file itself, {path.name}."
    return f"Give the file itself, for instance {path.name}, or {path.parent / f'*{ending}'} for all of them."


def _read_with_itk(path: Path, image_io: str) -> Volume:
    """NRRD and MetaImage; ITK keeps sheared directions of both."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(
            "not-an-image", f"The header of {path.name} makes no sense: the file is damaged or of another kind.", _HINT
        ) from error
    sizes = reader.GetSize()
    if 0 in sizes:
        raise InputError("empty-volume", f"The image {path.name} is empty: it has no voxels.", "Export the scan again.")
    if reader.GetNumberOfComponents() > 1:
        raise InputError(
            "not-numbers",
            f"The image holds {reader.GetNumberOfComponents()} numbers a voxel (colours, vectors or layers), not one.",
            "Give the scan itself, or save one of its channels as an image.",
        )
    beyond = [size for size in sizes[3:] if size > 1]
    if beyond:
        raise InputError(
            "not-three-dimensional",
            f"The image has {len(sizes)} dimensions ({' x '.join(map(str, sizes))}): it holds several volumes.",
            "Save one of them as a 3D image and give that.",
        )
    if len(sizes) < 3:
        raise InputError(
            "not-three-dimensional", f"The image has {len(sizes)} dimensions, not three.", "Give a 3D scan."
        )
    try:
        image = reader.Execute()
        array = sitk.GetArrayFromImage(image)
    except RuntimeError as error:
        raise damaged_file(path.name) from error
    if array.dtype.kind not in "iuf":
        raise InputError(
            "not-numbers", "The image holds complex numbers.", "Save its magnitude as an image of its own."
        )
    dimensions = len(sizes)
    direction = np.array(image.GetDirection()).reshape(dimensions, dimensions)[:3, :3]
    ijk_to_lps = np.eye(4)
    ijk_to_lps[:3, :3] = direction * np.array(image.GetSpacing()[:3])
    ijk_to_lps[:3, 3] = image.GetOrigin()[:3]
    notes = () if _says_orientation(path, image_io) else (UNKNOWN_ORIENTATION.format(axes="LPS"),)
    provenance = {"format": path.suffix[1:].upper()}
    volume = Volume(array.reshape(array.shape[-3:]), ijk_to_lps, "", path.stem, notes, provenance)
    modality = image.GetMetaData("modality") if "modality" in image.GetMetaDataKeys() else ""
    return replace(volume, modality=modality.strip().upper()) if modality else volume


def _says_orientation(path: Path, image_io: str) -> bool:
    """Whether the header of a NRRD (fields up to an empty line) or MetaImage (up to ElementDataFile) has the axes."""
    with path.open("rb") as stream:
        text = stream.read(_LONGEST_TEXT_BYTES)
    text = re.split(rb"\r?\n\r?\n|^ElementDataFile", text, maxsplit=1, flags=re.MULTILINE)[0]
    return bool(_ORIENTED[image_io].search(text))
