"""Where compiled networks are kept between starts, and what is removed there: old versions, and what is too much."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import sys
import time
import zlib
from pathlib import Path

#: Overrides the folder in which all caches lie.
CACHE_VARIABLE = "RADIOLOGYCNN_CACHE"

#: Of one machine's compiled networks; a network takes about 1 to 100 MB.
LARGEST_BYTES = 500_000_000
#: A folder of another version or of another machine is removed when it was not used for so long.
OLD_VERSION_DAYS, OTHER_MACHINE_DAYS = 7, 90


def cache_folder(version: str, cpu_name: str) -> Path:
    """Where compiled networks are kept: one folder a user, machine and version of OpenVINO.

    A home folder may be shared by machines with different CPUs, so the machine is part of the name.
    """
    machine = hashlib.sha256(f"{platform.node()} {cpu_name}".encode()).hexdigest()[:12]
    number = re.match(r"[\d.]+", version)
    release = hashlib.sha256(version.encode()).hexdigest()[:6]
    return _root() / f"openvino-{machine}-{number.group().rstrip('.') if number else 'x'}-{release}"


def network_folder(version: str, cpu_name: str, sha256: str) -> Path:
    """Where the compiled ways of one network are kept; ``sha256`` is its ONNX file's, in hexadecimal."""
    return cache_folder(version, cpu_name) / sha256[:16]


def remove_damaged(folder: Path) -> list[Path]:
    """Remove the compiled networks of a folder that are not as they were written; what was removed.

    OpenVINO checks how long they are and no more: it runs one whose weights are zeros, as a power cut leaves them, and
    gives another answer without a word. So a checksum lies beside each (:func:`note_checksums`).

    Raises:
        OSError: one cannot be read or removed, so that the folder must not be used.
    """
    damaged = [file for file in folder.glob("*.blob") if _noted(file) != _checksum(file)]
    for file in damaged:
        _remove(file)
    return damaged


def note_checksums(folder: Path) -> None:
    """Write the checksum of each compiled network that was written since that was done last."""
    for file in folder.glob("*.blob"):
        note = _note_of(file)
        if not note.exists() or note.stat().st_mtime_ns < file.stat().st_mtime_ns:
            note.write_text(_checksum(file), encoding="ascii")


def prune(folder: Path, largest_bytes: int = LARGEST_BYTES, now: float | None = None) -> list[Path]:
    """Remove what the cache no longer needs; what was removed.

    That is: folders of this machine's other versions and of other machines that nobody has used for days, and in
    ``folder`` the networks that were used longest ago, until ``largest_bytes`` are kept. What another program has open,
    or may not be removed, stays.
    """
    now = time.time() if now is None else now
    removed = []
    machine = "-".join(folder.name.split("-")[:2])
    for other in folder.parent.glob("openvino-*"):
        if other == folder or not other.is_dir():
            continue
        days = OLD_VERSION_DAYS if other.name.startswith(machine + "-") else OTHER_MACHINE_DAYS
        if now - _last_use(other) > days * 86400:
            with contextlib.suppress(OSError):
                _remove(other)
                removed.append(other)
    kept = 0
    for network in sorted(folder.glob("*"), key=_last_use, reverse=True):
        with contextlib.suppress(OSError):
            kept += sum(path.stat().st_size for path in (network, *network.rglob("*")) if path.is_file())
            if kept > largest_bytes:
                _remove(network)
                removed.append(network)
    return removed


def _remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it.

    OpenVINO leaves its files to be read only, and Windows removes none that is.
    """
    for each in (path, *path.rglob("*")):
        if each.is_file():
            each.chmod(0o600)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _note_of(file: Path) -> Path:
    return file.with_suffix(".crc32")


def _noted(file: Path) -> str:
    """The checksum beside a compiled network; "" where there is none."""
    try:
        return _note_of(file).read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return ""


def _checksum(file: Path) -> str:
    return f"{zlib.crc32(file.read_bytes()):08x}"


def _last_use(path: Path) -> float:
    """Seconds since 1970; of a folder, when anything in it was used last."""
    latest = 0.0
    for each in (path, *path.rglob("*")):
        with contextlib.suppress(OSError):
            status = each.stat()
            latest = max(latest, status.st_mtime, 0.0 if each.is_dir() else status.st_atime)
    return latest


def _root() -> Path:
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "RadiologyCNN" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "RadiologyCNN"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "RadiologyCNN"
