"""Prepared cases are files that are made once, and anew where what they were made from has changed since.

Beside a prepared case lies a note, ``<case>.npz.made-from``, with a fingerprint of all that it was made from. The note
goes before the case is written and comes after it, so that a case without one, of a run that was killed or of an older
version, is made anew.
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from radiologycnn.errors import Cancelled
from radiologycnn.images.detached import is_detached, voxel_files
from radiologycnn.images.write import write_atomically
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress


def fingerprint_of(files: Sequence[Path], **stated: object) -> str:
    """Another one, in hex, where a file is another one or was written since, or something else is stated.

    Args:
        files: scans and masks; of a folder, such as a DICOM series, all files in it and below.
        stated: JSON-able, such as the class that a manifest names.
    """
    record = {"files": [[str(path.resolve()), *written(path)] for path in files], "stated": stated}
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def written(path: Path) -> list[tuple[str, int, int]]:
    """Name, size in bytes and time of change in ns of each file that a scan consists of; of those that are there."""
    if path.is_dir():
        parts = list(path.rglob("*"))
    elif is_detached(path):  # also what shares its name, whatever the header says
        parts = [*path.parent.glob(f"{glob.escape(path.stem)}.*"), *voxel_files(path)]
    else:
        parts = [path]
    found = {_name_beside(path, part): part.stat() for part in parts if part.is_file()}
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in sorted(found.items())]


def _name_beside(path: Path, part: Path) -> str:
    """A part of a scan by its place beside the scan, so that both can be moved; whole where it lies elsewhere."""
    inside = part.is_relative_to(path.parent)
    return (part.relative_to(path.parent) if inside else part).as_posix()


@dataclass(frozen=True)
class CaseToPrepare:
    """A prepared case, as it should be.

    Attributes:
        path: its file.
        fingerprint: of what it is made from, see :func:`fingerprint_of`.
        make: writes the file.
    """

    path: Path
    fingerprint: Callable[[], str]
    make: Callable[[], None]


def prepare_files(
    cases: Sequence[CaseToPrepare], progress: Progress = no_progress, cancelled: IsCancelled = never_cancelled
) -> list[Path]:
    """The files of the cases, in order; those that are not current are made.

    Raises:
        InputError: as making a case says.
        Cancelled: as ``cancelled`` said; what is prepared stays.
    """
    for number, case in enumerate(cases, start=1):
        if cancelled():
            raise Cancelled
        progress((number - 1) / len(cases), f"Preparing case {number} of {len(cases)}")
        fingerprint = case.fingerprint()
        if not _is_current(case.path, fingerprint):
            with _made_anew(case.path, fingerprint):
                case.make()
    return [case.path for case in cases]


def _is_current(prepared: Path, fingerprint: str) -> bool:
    """Whether a prepared case is there, and made from just what the fingerprint stands for."""
    try:
        return prepared.is_file() and _note_of(prepared).read_bytes() == fingerprint.encode()
    except OSError:
        return False


@contextmanager
def _made_anew(prepared: Path, fingerprint: str) -> Iterator[None]:
    """While a case is written: it becomes current at the end, and only where nothing was raised."""
    note = _note_of(prepared)
    note.unlink(missing_ok=True)
    yield
    write_atomically(note, fingerprint.encode())


def remove(prepared: Path) -> None:
    """Take a prepared case away, if it is there."""
    for path in (_note_of(prepared), prepared):
        path.unlink(missing_ok=True)


def _note_of(prepared: Path) -> Path:
    return prepared.with_name(f"{prepared.name}.made-from")
