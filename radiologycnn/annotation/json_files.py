"""JSON records in files that several processes read and write: read once each, made once, shown under a second name."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radiologycnn.errors import InputError
from radiologycnn.file_replacing import replace_path
from radiologycnn.images.write import write_atomically


class JsonFiles:
    """JSON files below a folder, each read again only where it has changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cache: dict[Path, tuple[tuple[int, int, int], dict[str, Any]]] = {}

    def read(self, name: str) -> dict[str, Any] | None:
        """A record by its file's name, relative to the folder; None where there is none, or it is no object."""
        path = self.folder / name
        try:
            stat = path.stat()
        except OSError:
            return None
        key = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if path not in self._cache or self._cache[path][0] != key:
            record = read_json(path)
            if record is None:
                return None
            self._cache[path] = (key, record)
        return self._cache[path][1]

    def read_all(self, name: str) -> list[dict[str, Any]]:
        """All records of a folder within the folder, by file name."""
        with contextlib.suppress(FileNotFoundError):
            with os.scandir(self.folder / name) as entries:
                files = sorted(entry.name for entry in entries if entry.name.endswith(".json"))
            found = (self.read(f"{name}/{file}") for file in files if not file.startswith("."))
            return [record for record in found if record]
        return []

    def write(self, name: str, record: Mapping[str, Any]) -> None:
        """Replace a record, whole or not at all.

        Raises:
            InputError, ResourceError: it could not be written; the one before still stands.
        """
        write_atomically(self.folder / name, json_bytes(record))
        self._cache.pop(self.folder / name, None)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None where there is none."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def json_bytes(record: Mapping[str, Any]) -> bytes:
    """A record as the program writes it: UTF-8, one space for each level, a line feed at the end."""
    return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()


def not_writable(folder: Path, error: OSError) -> InputError:
    """The error for a folder of annotations in which no file can be made."""
    return InputError(
        "cannot-write",
        f"The folder {folder} cannot be written: {error.strerror or error}.",
        "Choose another folder for the annotations.",
    )


def create_once(path: Path, content: bytes) -> bool:
    """Write a file, whole, unless one of that name is there; whether it was written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def publish(source: Path, target: Path) -> None:
    """Let a file be seen under another name too, in place of what had that name."""
    if target.is_file() and os.path.samefile(source, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:  # a file system without hard links
        write_atomically(target, source.read_bytes())
        return
    replace_path(temporary, target)
    temporary.unlink(missing_ok=True)  # renaming one name of a file over another one of it does nothing
