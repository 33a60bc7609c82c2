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
            shutil.rmtree(other, ignore_errors=True)
            removed.append(other)
    kept = 0
    for file in sorted((path for path in folder.glob("*") if path.is_file()), key=_last_use, reverse=True):
        with contextlib.suppress(OSError):
            kept += file.stat().st_size
            if kept > largest_bytes:
                file.unlink()
                removed.append(file)
    return removed


def _last_use(path: Path) -> float:
    """Seconds since 1970; of a folder, when anything in it was used last."""
    latest = 0.0
    for each in (path, *(path.glob("*") if path.is_dir() else ())):
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
