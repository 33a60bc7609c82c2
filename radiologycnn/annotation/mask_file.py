"""Masks as ``.nii.gz`` bytes, made from the crop that holds them: a person waits for these, so zeros cost nothing."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import numpy as np

from radiologycnn.images.nifti_writing import nifti_header

_LEVEL = 1  # a mask packs well at any level
_ZERO_BYTES = 1 << 20
_GZIP_START = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # RFC 1952: deflate, no name, no time, unknown system
_CRC_POLYNOMIAL = 0xEDB88320


def mask_file_bytes(
    crop: np.ndarray, offset_kji: tuple[int, int, int], shape_kji: tuple[int, int, int], ijk_to_lps: np.ndarray
) -> bytes:
    """A mask on its scan's whole grid as one NIfTI-1 file, gzip-packed (RFC 1952, one member).

    Args:
        crop: uint8 label values, shape (K, J, I), that starts at voxel ``offset_kji``; all around it is 0.
        offset_kji: where it starts; the crop lies within the grid.
        shape_kji: voxels of the grid as (slices, rows, columns).
        ijk_to_lps: 4x4, mm, of the grid.

    Raises:
        ValueError: the crop reaches outside the grid, or is no 3D uint8 array.
    """
    first, last = np.array(offset_kji), np.array(offset_kji) + crop.shape
    if crop.ndim != 3 or crop.dtype != np.uint8 or np.any(first < 0) or np.any(last > shape_kji):
        raise ValueError(f"no mask within {shape_kji}: {crop.dtype} {crop.shape} at {offset_kji}")
    slab = np.zeros((crop.shape[0], *shape_kji[1:]), np.uint8)
    slab[:, first[1] : last[1], first[2] : last[2]] = crop
    slice_bytes = int(shape_kji[1]) * int(shape_kji[2])
    packed = _Gzip()
    packed.add(nifti_header(tuple(int(n) for n in shape_kji), np.dtype(np.uint8), np.asarray(ijk_to_lps, float)))
    packed.add_zeros(int(first[0]) * slice_bytes)
    packed.add(slab.tobytes())
    packed.add_zeros(int(shape_kji[0] - last[0]) * slice_bytes)
    return packed.finish()


class _Gzip:
    """One gzip member, to which long runs of zeros are added as blocks that have been packed before."""

    def __init__(self) -> None:
        self._parts = [_GZIP_START]
        self._crc = 0
        self._size = 0

    def add(self, data: bytes) -> None:
        self._parts.append(_packed_block(data))
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)

    def add_zeros(self, count: int) -> None:
        whole, rest = divmod(count, _ZERO_BYTES)
        self._parts += [_packed_zeros()] * whole
        self._crc = crc_after_zeros(self._crc, whole * _ZERO_BYTES)
        self._size += whole * _ZERO_BYTES
        self.add(bytes(rest))

    def finish(self) -> bytes:
        end = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS).flush()
        return b"".join([*self._parts, end, struct.pack("<II", self._crc, self._size & 0xFFFFFFFF)])


def _packed_block(data: bytes) -> bytes:
    """Deflate blocks that end on a byte and refer to nothing before them, so that any others may follow."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


@lru_cache(maxsize=1)
def _packed_zeros() -> bytes:
    return _packed_block(bytes(_ZERO_BYTES))


def crc_after_zeros(crc: int, count: int) -> int:
    """CRC-32 of what had ``crc``, followed by so many zero bytes; by squaring the step, as zlib's crc32_combine."""
    crc ^= 0xFFFFFFFF
    step = [_CRC_POLYNOMIAL] + [1 << bit for bit in range(31)]  # one zero bit: linear over GF(2)
    bits = count * 8
    while bits:
        if bits & 1:
            crc = _times(step, crc)
        step = [_times(step, row) for row in step]
        bits >>= 1
    return crc ^ 0xFFFFFFFF


def _times(matrix: list[int], vector: int) -> int:
    product = 0
    for row in matrix:
        if not vector:
            break
        if vector & 1:
            product ^= row
        vector >>= 1
    return product
