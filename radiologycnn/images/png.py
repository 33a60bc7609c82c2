"""Small pictures as PNG bytes (ISO/IEC 15948), with NumPy and the standard library only."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2


def png_bytes(picture: np.ndarray) -> bytes:
    """A picture as the content of a PNG file.

    Args:
        picture: uint8, shape (rows, columns) for grey or (rows, columns, 3) for RGB; the first row is on top.

    Raises:
        ValueError: another shape or type.
    """
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)):
        raise ValueError(f"A picture is uint8 grey or RGB, not {picture.dtype} of shape {picture.shape}.")
    rows, columns = picture.shape[:2]
    header = struct.pack(">IIBBBBB", columns, rows, 8, _GREY if picture.ndim == 2 else _RGB, 0, 0, 0)
    # Each row begins with its filter: 0, none.
    lines = np.zeros((rows, 1 + picture[0].size), np.uint8)
    lines[:, 1:] = picture.reshape(rows, -1)
    body = zlib.compress(lines.tobytes(), 6)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
