"""Whether a file is DICOM, by how it begins: files on CDs have names of any kind. Light: standard library only."""

from __future__ import annotations

from pathlib import Path

_PREAMBLE_BYTES, _MAGIC = 128, b"DICM"  # DICOM PS3.10, section 7.1
_FIRST_GROUP = b"\x08\x00"
_FIRST_ELEMENTS = (b"\x00\x00", b"\x05\x00", b"\x08\x00")


def looks_like_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does: "DICM" after the preamble, or, in old files, at once with group 0008.

    False for what cannot be read.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(_PREAMBLE_BYTES + len(_MAGIC))
    except OSError:
        return False
    return start[_PREAMBLE_BYTES:] == _MAGIC or (start[:2] == _FIRST_GROUP and start[2:4] in _FIRST_ELEMENTS)
