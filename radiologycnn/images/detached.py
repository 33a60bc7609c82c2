"""Detached headers: scans whose header is a file of its own and names the files that hold the voxels.

MetaImage writes ``ElementDataFile =`` and NRRD ``data file:`` (its format's section 5), followed by the name of a file;
or by ``LIST`` and the names on the lines below; or by a pattern of C with the numbers that go into it, as in
``slice%03d.raw 1 40 1``. An Analyze or NIfTI header says nothing: its voxels lie in the ``.img`` beside it.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

_PAIR = (".hdr", ".img")
_NAMING = (".nhdr", ".mhd")
DETACHED_ENDINGS = (*_PAIR, *_NAMING)
_HEADER_BYTES = 1 << 16
_MOST_FILES = 10_000
_DATA_FILE = re.compile(r"^\s*(?:ElementDataFile\s*=|data ?file:)\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_LIST = re.compile(r"LIST(?:\s+\d+)?")
_PATTERN = re.compile(r"([^%]*)%(0?\d*)d([^%]*?)\s+(\d+)\s+(\d+)\s+(\d+)(?:\s+\d+)?")


def is_detached(path: Path) -> bool:
    """Whether a file is, by its name, a header without voxels, or the voxels of an Analyze header."""
    return path.name.lower().endswith(DETACHED_ENDINGS)


def voxel_files(header: Path) -> list[Path]:
    """The files that hold a detached header's voxels, in its order, as far as they are there.

    Empty for a scan in one file, also where a detached header's voxels follow in the same file, and for a header that
    cannot be read.
    """
    ending, names = header.suffix.lower(), list[str]()
    if ending in _PAIR:
        names = [header.with_suffix(".img").name]
    elif ending in _NAMING:
        with contextlib.suppress(OSError), header.open("rb") as file:
            names = _named(file.read(_HEADER_BYTES).decode("utf-8", errors="replace"))
    # os.path's answer, as a damaged header may name what no path can be
    return [path for path in (header.parent / name for name in names) if os.path.isfile(path)]


def _named(text: str) -> list[str]:
    """The files that a header's text names."""
    found = _DATA_FILE.search(text)
    if found is None:
        return []
    if _LIST.fullmatch(found[1]):
        return [line.strip() for line in text[found.end() :].splitlines() if line.strip()]
    pattern = _PATTERN.fullmatch(found[1])
    if pattern is None:
        return [found[1]]
    before, width, after = pattern.groups()[:3]
    first, last, step = map(int, pattern.groups()[3:])
    numbers = range(first, last + 1, max(step, 1))[:_MOST_FILES]
    return [f"{before}{number:{width}d}{after}" for number in numbers]
