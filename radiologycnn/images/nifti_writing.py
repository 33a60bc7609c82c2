"""NIfTI-1 files as bytes, with the whole affine, by the standard that :mod:`radiologycnn.images.nifti` names."""

from __future__ import annotations

import struct

import numpy as np

from radiologycnn.images.nifti import DATATYPES, NIFTI1_FIELDS
from radiologycnn.images.volume import LPS_TO_RAS

#: Of a single file: the standard's 348, and four that say that nothing follows before the voxels.
_HEADER_BYTES = 352


def nifti_bytes(array: np.ndarray, ijk_to_lps: np.ndarray) -> bytes:
    """A NIfTI-1 file (single, uncompressed) as bytes.

    Args:
        array: shape (K, J, I); bool becomes uint8, float16 float32.
        ijk_to_lps: 4x4. The sform holds it whole (in float32, as the standard has it), shear included; the qform holds
            it too where it is orthogonal, else its code is 0.
    """
    array = np.asarray(array)
    if array.dtype == bool:
        array = array.astype(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    return (
        nifti_header(array.shape, array.dtype, ijk_to_lps)
        + np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    )


def nifti_header(shape_kji: tuple[int, ...], dtype: np.dtype, ijk_to_lps: np.ndarray) -> bytes:
    """The 352 bytes before the voxels of a NIfTI-1 file (.nii), in little-endian order.

    Args:
        shape_kji: of the voxels, which follow with I running fastest.
        dtype: of the voxels.
        ijk_to_lps: 4x4, mm; written as sform, and as qform where its axes are at right angles.

    Raises:
        ValueError: NIfTI-1 has no such type or shape.
    """
    code = next((c for c, name in DATATYPES.items() if np.dtype(name) == dtype.newbyteorder("=")), None)
    if code is None or len(shape_kji) != 3:
        raise ValueError(f"NIfTI is written from 3D arrays of plain numbers, not {dtype} {shape_kji}")
    if max(shape_kji) > 32767:
        raise ValueError("NIfTI-1 holds at most 32767 voxels along an axis")
    affine = LPS_TO_RAS @ np.asarray(ijk_to_lps, float)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    rotation = affine[:3, :3] / spacing
    orthogonal = np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-5)
    handedness = -1.0 if np.linalg.det(rotation) < 0 else 1.0
    quaternion = _quaternion(rotation * [1, 1, handedness]) if orthogonal else (0.0, 0.0, 0.0)
    values = {
        "dim": (3, *shape_kji[::-1], 1, 1, 1, 1),
        "datatype": (code,),
        "bitpix": (dtype.itemsize * 8,),
        "pixdim": (handedness, *spacing, 0, 0, 0, 0),
        "vox_offset": (_HEADER_BYTES,),
        "scaling": (1, 0),
        "units": (2,),  # mm
        "codes": (1 if orthogonal else 0, 1),
        "quaternion": quaternion,
        "q_offset": affine[:3, 3],
        "sform": affine[:3].ravel(),
        "magic": (b"n+1\0",),
    }
    header = bytearray(_HEADER_BYTES)
    struct.pack_into("<i", header, 0, 348)
    for name, (layout, offset) in NIFTI1_FIELDS.items():
        struct.pack_into("<" + layout, header, offset, *values[name])
    return bytes(header)


def _quaternion(rotation: np.ndarray) -> tuple[float, float, float]:
    """Vector part of the unit quaternion with a scalar part >= 0 (the eigenvector way is stable at 180 degrees)."""
    r = rotation
    symmetric = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[0, 1] + r[1, 0], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], r[0, 0] + r[1, 1] + r[2, 2]],
        ]
    )
    values, vectors = np.linalg.eigh(symmetric)
    b, c, d, a = vectors[:, np.argmax(values)]
    return (b, c, d) if a >= 0 else (-b, -c, -d)
