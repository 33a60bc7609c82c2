"""Which scans lie in a folder, and a fingerprint by which each is known again without its name."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from radiologycnn.dicom_file import looks_like_dicom
from radiologycnn.errors import InputError

SCAN_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
NOT_SCANS = (".seg.nrrd", ".seg.nhdr")
_END_BYTES = 1 << 16
#: Of headers whose voxels lie in another file, and how they name it.
_DETACHED = (".nhdr", ".mhd")
_DATA_FILE = re.compile(r"^\s*(?:ElementDataFile\s*=|data ?file:)\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class ScanFile:
    """One scan on the disk: an image file, or for a DICOM series the first file of its folder.

    Attributes:
        name: relative to the folder that was searched.
        fingerprint: of the content, see :func:`scan_fingerprint`.
    """

    path: Path
    name: str
    fingerprint: str


def find_scans(folder: Path) -> list[ScanFile]:
    """Image files, and folders of DICOM files, in a folder and below it; by name, each content once.

    A folder that holds an annotation dataset is not entered.

    Raises:
        InputError: no such folder, or no scan in it.
    """
    if not folder.is_dir():
        raise InputError("no-such-folder", f"There is no folder {folder}.", "Check the path.")
    found: list[ScanFile] = []
    seen: set[str] = set()
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if "dataset.json" in files:
            folders[:] = []
            continue
        names = sorted(name for name in files if not name.startswith("."))
        scans = [n for n in names if n.lower().endswith(SCAN_ENDINGS) and not n.lower().endswith(NOT_SCANS)]
        if not scans:
            first = next((name for name in names if looks_like_dicom(Path(place) / name)), None)
            scans = [] if first is None else [first]
        for name in scans:
            path = Path(place) / name
            fingerprint = scan_fingerprint(path)
            if fingerprint not in seen:
                seen.add(fingerprint)
                found.append(ScanFile(path, path.relative_to(folder).as_posix(), fingerprint))
    if not found:
        raise InputError(
            "no-scans",
            f"There is no scan in {folder.name}.",
            f"Scans are DICOM folders or files that end with {', '.join(SCAN_ENDINGS)}.",
        )
    return found


def scan_fingerprint(path: Path) -> str:
    """Of a scan's file, as :func:`file_fingerprint`; of one whose voxels lie in another file, of both.

    Scans that are cut or resampled alike often have headers that are the same to the letter.
    """
    data = _data_file(path)
    if data is None:
        return file_fingerprint(path)
    both = file_fingerprint(path) + file_fingerprint(data)
    return hashlib.sha256(both.encode()).hexdigest()[:32]


def _data_file(header: Path) -> Path | None:
    """The file that holds a header's voxels; None where they are in the file itself, or in several."""
    if not header.name.lower().endswith(_DETACHED):
        return None
    with header.open("rb") as file:
        named = _DATA_FILE.search(file.read(_END_BYTES).decode("utf-8", errors="replace"))
    data = header.parent / named[1] if named else None
    return data if data is not None and data.is_file() else None


def file_fingerprint(path: Path) -> str:
    """32 hexadecimal digits from a file's size, beginning, middle and end; tells nothing without the file itself."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for start in sorted({0, max(size // 2, 0), max(size - _END_BYTES, 0)}):
            file.seek(start)
            digest.update(file.read(_END_BYTES))
    return digest.hexdigest()[:32]
