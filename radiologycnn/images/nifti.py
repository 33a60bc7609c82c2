"""Reads NIfTI with its whole affine.

SimpleITK refuses a NIfTI file whose sform is sheared (a tilted gantry) or silently takes another matrix, so header and
voxels are read here, by the standard: https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h (NIfTI-1) and
nifti2.h (NIfTI-2). World axes are RAS in the file and LPS in the program.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from radiologycnn.errors import InputError, damaged_file, no_permission
from radiologycnn.images.volume import LPS_TO_RAS, Volume

#: Code of each type of number, and its name in numpy.
DATATYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
#: The note on a file without the directions of its axes; to be filled in with those that are assumed.
UNKNOWN_ORIENTATION = (
    "The file does not say how the patient lies in it: left and right, front and back, and the order of the slices are "
    "assumed ({axes})."
)
_COLOURS = {128, 2304}
_COMPLEX = {32, 1792, 2048}
_UNIT_MM = {1: 1000.0, 2: 1.0, 3: 0.001}
_CHUNK_BYTES = 1 << 17  # what is lost of a packed file that is cut off, at most; larger ones read no faster
_UNIT_NAMES = {1: "metres", 3: "micrometres"}


#: Where the fields that place and scale the voxels lie in a header: layout for ``struct``, and offset in bytes.
NIFTI1_FIELDS = {
    "dim": ("8h", 40),
    "datatype": ("h", 70),
    "bitpix": ("h", 72),
    "pixdim": ("8f", 76),
    "vox_offset": ("f", 108),
    "scaling": ("2f", 112),
    "units": ("B", 123),
    "codes": ("2h", 252),
    "quaternion": ("3f", 256),
    "q_offset": ("3f", 268),
    "sform": ("12f", 280),
    "magic": ("4s", 344),
}
_NIFTI2_FIELDS = {
    "magic": ("4s", 4),
    "datatype": ("h", 12),
    "dim": ("8q", 16),
    "pixdim": ("8d", 104),
    "vox_offset": ("q", 168),
    "scaling": ("2d", 176),
    "codes": ("2i", 344),
    "quaternion": ("3d", 352),
    "q_offset": ("3d", 376),
    "sform": ("12d", 400),
    "units": ("i", 500),
}


@dataclass(frozen=True)
class _Header:
    """The fields that place and scale the voxels; ``order`` is the byte order for struct and numpy."""

    order: str
    dim: tuple[int, ...]
    datatype: int
    pixdim: tuple[float, ...]
    vox_offset: int
    slope: float
    intercept: float
    qform_code: int
    sform_code: int
    quaternion: tuple[float, ...]
    q_offset: tuple[float, ...]
    sform: np.ndarray
    units: int
    separate: bool


def read_nifti(path: Path) -> Volume:
    """Reads .nii, .nii.gz or a .hdr/.img pair.

    Raises:
        InputError: ``damaged-file``, ``no-permission``, ``not-three-dimensional``, ``not-numbers``.
    """
    header_path = _sibling(path, ".hdr") if path.suffix == ".img" else path
    try:
        with _open(header_path) as stream:
            header = _parse_header(stream.read(540), path.name)
            _check_content(header)
            shape_kji = _shape_kji(header, path.name)
            dtype = np.dtype(header.order + DATATYPES[header.datatype])
            bytes_wanted = math.prod(shape_kji) * dtype.itemsize
            if header.separate:
                with _open(_sibling(header_path, ".img")) as data:
                    raw = _read_voxels(data, header.vox_offset, bytes_wanted)
            else:
                raw = _read_voxels(stream, max(header.vox_offset, 352), bytes_wanted)
    except PermissionError as error:
        raise no_permission(path.name) from error
    except (OSError, EOFError, zlib.error) as error:
        raise damaged_file(path.name) from error
    if len(raw) < bytes_wanted:
        raise damaged_file(path.name, f"it ends after {100 * len(raw) / max(bytes_wanted, 1):.0f} % of its voxels")
    array = np.frombuffer(raw, dtype).reshape(shape_kji)
    array, scaling = _scale(array.astype(dtype.newbyteorder("="), copy=False), header)
    ijk_to_ras, source, notes = _affine(header)
    provenance = {"format": "NIfTI", "orientation_from": source, **scaling}
    return Volume(array, LPS_TO_RAS @ ijk_to_ras, "", _stem(path), tuple(notes), provenance)


def _open(path: Path) -> BinaryIO:
    """The file, unpacked while it is read where it begins as gzip does, whatever its name."""
    with path.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def _sibling(path: Path, suffix: str) -> Path:
    return path.with_suffix(suffix)


def _stem(path: Path) -> str:
    name = path.name
    return name[: -len(".nii.gz")] if name.endswith(".nii.gz") else path.stem


def _read_voxels(stream: BinaryIO, offset: int, count: int) -> bytes:
    """At most ``count`` bytes from ``offset``; fewer where the file ends early, whatever size its header names."""
    parts = []
    try:
        stream.seek(offset)
        while count > 0 and (part := stream.read(min(count, _CHUNK_BYTES))):
            parts.append(part)
            count -= len(part)
    except (EOFError, zlib.error):
        pass  # packed data break off; the caller sees that there are too few
    return b"".join(parts)


def _parse_header(raw: bytes, name: str) -> _Header:
    for size, fields, magics in ((348, NIFTI1_FIELDS, (b"n+1", b"ni1")), (540, _NIFTI2_FIELDS, (b"n+2", b"ni2"))):
        if len(raw) < size:
            continue
        start = fields["magic"][1]
        for order in "<>":
            if struct.unpack_from(order + "i", raw, 0)[0] == size and raw[start : start + 3] in magics:
                return _from_fields(raw, order, fields)
    if len(raw) < 348:
        raise damaged_file(name, "it ends within its header")
    raise InputError(
        "not-an-image",
        f"The file {name} is not a NIfTI image, whatever its name says.",
        "Give a NIfTI, NRRD, MHA or DICOM scan.",
    )


def _from_fields(raw: bytes, order: str, fields: Mapping[str, tuple[str, int]]) -> _Header:
    values = {name: struct.unpack_from(order + layout, raw, offset) for name, (layout, offset) in fields.items()}
    (vox_offset,) = values["vox_offset"]  # a float in NIfTI-1
    slope, intercept = values["scaling"]
    qform_code, sform_code = values["codes"]
    return _Header(
        order=order,
        dim=values["dim"],
        datatype=values["datatype"][0],
        pixdim=values["pixdim"],
        vox_offset=int(vox_offset) if math.isfinite(vox_offset) else 0,
        slope=slope,
        intercept=intercept,
        qform_code=qform_code,
        sform_code=sform_code,
        quaternion=values["quaternion"],
        q_offset=values["q_offset"],
        sform=np.array(values["sform"], float).reshape(3, 4),
        units=values["units"][0] & 7,
        separate=values["magic"][0].startswith(b"ni"),
    )


def _check_content(header: _Header) -> None:
    if header.datatype in _COLOURS:
        raise InputError("not-numbers", "The image holds colours (RGB), not a scan's values.", "Give the scan itself.")
    if header.datatype in _COMPLEX:
        raise InputError(
            "not-numbers", "The image holds complex numbers.", "Save its magnitude as an image of its own."
        )
    if header.datatype not in DATATYPES:
        raise InputError("not-numbers", f"The image's number type (NIfTI code {header.datatype}) is not known.")


def _shape_kji(header: _Header, name: str) -> tuple[int, int, int]:
    count = header.dim[0]
    sizes = header.dim[1 : 1 + count]
    if not 1 <= count <= 7 or any(size < 0 for size in sizes):
        raise damaged_file(name, "its header makes no sense")
    if 0 in sizes:
        raise InputError("empty-volume", f"The image {name} is empty: it has no voxels.", "Export the scan again.")
    beyond = [size for size in sizes[3:] if size > 1]
    if beyond:
        raise InputError(
            "not-three-dimensional",
            f"The image has {len(sizes)} dimensions ({' x '.join(map(str, sizes))}): it holds "
            f"{math.prod(beyond)} volumes.",
            "Save one of them as a 3D image and give that.",
        )
    i, j, k = (*sizes, 1, 1, 1)[:3]
    return int(k), int(j), int(i)


def _scale(array: np.ndarray, header: _Header) -> tuple[np.ndarray, dict[str, float]]:
    """Applies scl_slope and scl_inter; a slope of 0 (or none) means that the numbers are stored as they are."""
    slope, intercept = float(header.slope), float(header.intercept)
    if not (math.isfinite(slope) and math.isfinite(intercept)) or slope == 0 or (slope == 1 and intercept == 0):
        return array, {}
    scaled = array.astype(np.float32 if array.dtype.itemsize <= 4 else np.float64)
    scaled *= slope
    scaled += intercept
    return scaled, {"scl_slope": slope, "scl_inter": intercept}


def _affine(header: _Header) -> tuple[np.ndarray, str, list[str]]:
    """IJK to RAS in mm by the standard's order: sform, else qform, else voxel sizes alone."""
    notes = []
    affine = np.eye(4)
    if header.sform_code > 0 and np.linalg.det(header.sform[:, :3]) != 0:
        affine[:3] = header.sform
        source = "sform"
    elif header.qform_code > 0:
        handedness = -1.0 if header.pixdim[0] < 0 else 1.0
        affine[:3, :3] = _rotation(header.quaternion) * np.array(header.pixdim[1:4]) * [1, 1, handedness]
        affine[:3, 3] = header.q_offset
        source = "qform"
    else:
        affine[:3, :3] = np.diag(np.abs(header.pixdim[1:4]))
        source = "voxel sizes"
        notes.append(UNKNOWN_ORIENTATION.format(axes="RAS"))
    factor = _UNIT_MM.get(header.units, 1.0)
    if factor != 1.0:
        affine[:3] *= factor
        notes.append(f"The file gives its geometry in {_UNIT_NAMES[header.units]}; it was converted to mm.")
    return affine, source, notes


def _rotation(quaternion: tuple[float, ...]) -> np.ndarray:
    b, c, d = quaternion
    length = b * b + c * c + d * d
    if length > 1:
        b, c, d = (value / math.sqrt(length) for value in (b, c, d))
    a = math.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
