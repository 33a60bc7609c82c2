"""Which scans lie in a folder, and a fingerprint by which each is known again without its name."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from radiologycnn.annotation.dataset import DATASET_FOLDERS, DATASET_NAME
from radiologycnn.dicom_file import looks_like_dicom
from radiologycnn.errors import InputError, no_permission
from radiologycnn.images.detached import voxel_files

SCAN_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
NOT_SCANS = (".seg.nrrd", ".seg.nhdr")
_END_BYTES = 1 << 16


@dataclass(frozen=True)
class ScanFile:
    """One scan on the disk: an image file, or for a DICOM series the first file of its folder.

    Attributes:
        name: relative to the folder that was searched.
        fingerprint: of the content, see :func:`scan_fingerprint`.
        former: by which earlier versions knew a scan with a detached header: of that header alone; "" for any other.
    """

    path: Path
    name: str
    fingerprint: str
    former: str = ""


def find_scans(folder: Path) -> list[ScanFile]:
    """Image files, and folders of DICOM files, in a folder and below it; by name, each content once.

    What an annotation dataset keeps there itself is left out.

    Raises:
        InputError: no such folder, no scan in it, or one that may not be read.
    """
    if not folder.is_dir():
        raise InputError("no-such-folder", f"There is no folder {folder}.", "Check the path.")
    found: list[ScanFile] = []
    seen: set[str] = set()
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if DATASET_NAME in files:
            folders[:] = [name for name in folders if name not in DATASET_FOLDERS]
        names = sorted(name for name in files if not name.startswith("."))
        scans = [n for n in names if n.lower().endswith(SCAN_ENDINGS) and not n.lower().endswith(NOT_SCANS)]
        scans = [name for name in scans if (Path(place) / name).is_file()]  # no links to what is gone
        if not scans:
            first = next((name for name in names if looks_like_dicom(Path(place) / name)), None)
            scans = [] if first is None else [first]
        for name in scans:
            scan = _scan_file(Path(place) / name, folder)
            if scan.fingerprint not in seen:
                seen.add(scan.fingerprint)
                found.append(scan)
    if not found:
        raise InputError(
            "no-scans",
            f"There is no scan in {folder.name}.",
            f"Scans are DICOM folders or files that end with {', '.join(SCAN_ENDINGS)}.",
        )
    return found


def _scan_file(path: Path, folder: Path) -> ScanFile:
    try:
        fingerprint, of_header = _fingerprints(path)
    except PermissionError as error:
        raise no_permission(path.name) from error
    former = of_header if of_header != fingerprint else ""
    return ScanFile(path, path.relative_to(folder).as_posix(), fingerprint, former)


def scan_fingerprint(path: Path) -> str:
    """Of a scan's file, as :func:`file_fingerprint`; of one whose voxels lie in other files, of all of them.

    Scans that are cut or resampled alike often have headers that are the same to the letter.
    """
    return _fingerprints(path)[0]


def _fingerprints(path: Path) -> tuple[str, str]:
    """Of a scan, and of the one file that names it."""
    own, files = file_fingerprint(path), voxel_files(path)
    if not files:
        return own, own
    together = own + "".join(map(file_fingerprint, files))
    return hashlib.sha256(together.encode()).hexdigest()[:32], own


def file_fingerprint(path: Path) -> str:
    """32 hexadecimal digits from a file's size, beginning, middle and end; tells nothing without the file itself."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for start in sorted({0, max(size // 2, 0), max(size - _END_BYTES, 0)}):
            file.seek(start)
            digest.update(file.read(_END_BYTES))
    return digest.hexdigest()[:32]
