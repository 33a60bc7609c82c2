"""A rater's words in the order in which they were said, each a small file until everything else has been made of it.

Nobody who corrects masks shall wait for packing, statistics and lists. What is said is first written here, whole and
synced: from then on it holds, whatever ends the process. ``AnnotationStore.settle`` makes the files of it, in order,
and takes the entry away last; done twice it is the same. It runs in another process, and whenever the folder is opened.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.annotation.file_lock import file_lock
from radiologycnn.annotation.json_files import not_writable
from radiologycnn.annotation.records import Mask
from radiologycnn.errors import InputError
from radiologycnn.images.write import write_atomically
from radiologycnn.worker.array_files import write_array

JOURNAL_FOLDER = "pending"
_ENDING, _DAMAGED_ENDING = ".entry", ".damaged"
_ENTRIES = f"[0-9]*{_ENDING}"  # on drives of other systems macOS lays a ``._<name>`` beside each file
_LOCK_WAIT_S = 10.0


@dataclass(frozen=True)
class Entry:
    """What was said.

    Attributes:
        file: its own, relative to the dataset's folder.
        kind: "word", "remark" or "network".
        about: JSON-able; what it means is up to who wrote it.
        mask: None for none.
        probability: float32 of a network's result.
    """

    file: str
    kind: str
    case: str
    about: Mapping[str, Any]
    mask: Mask | None = None
    probability: np.ndarray | None = None


class Journal:
    """The entries of one rater.

    Args:
        folder: of the dataset.
        rater: whose.
    """

    def __init__(self, folder: Path, rater: str) -> None:
        self._dataset = folder
        self._name = f"{JOURNAL_FOLDER}/{rater}"
        self.folder = folder / self._name
        self._last = 0

    def files(self) -> list[str]:
        """Entries that are not settled, in order, relative to the dataset's folder."""
        return sorted(f"{self._name}/{path.name}" for path in self.folder.glob(_ENTRIES))

    def add(
        self,
        kind: str,
        case: str,
        about: Mapping[str, Any],
        mask: Mask | None = None,
        probability: np.ndarray | None = None,
    ) -> Entry:
        """Write an entry; when this returns, it is on the disk.

        Raises:
            InputError, ResourceError: it could not be written, and is not there.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self._next_file()
            if probability is not None:  # not synced: it is large, and a network can be run again
                write_array(self._beside(file), probability)
        except OSError as error:
            raise not_writable(self._dataset, error) from error
        write_atomically(self._dataset / file, _entry_bytes(kind, case, about, mask))
        return Entry(file, kind, case, about, mask, probability)

    def _next_file(self) -> str:
        newest = max((_number(file) for file in self.files()), default=0)
        self._last = max(self._last + 1, newest + 1, time.time_ns())
        return f"{self._name}/{self._last:020d}{_ENDING}"

    def read(self, file: str) -> Entry:
        """An entry by its file.

        Raises:
            FileNotFoundError: it has been settled.
            InputError: it is damaged.
        """
        content = (self._dataset / file).read_bytes()
        try:
            entry = _entry_of(file, content)
        except (ValueError, KeyError, EOFError, zlib.error) as error:
            raise InputError(
                "entry-damaged", f"{file} is damaged: the disk or another program has changed it.", "Decide again."
            ) from error
        with contextlib.suppress(OSError, ValueError, EOFError):  # without it, the network has to be run again
            entry = replace(entry, probability=np.load(self._beside(file), allow_pickle=False))
        return entry

    def remove(self, entry: Entry) -> None:
        """It is settled."""
        (self._dataset / entry.file).unlink(missing_ok=True)
        self._beside(entry.file).unlink(missing_ok=True)

    def _beside(self, file: str) -> Path:
        return (self._dataset / file).with_suffix(".npy")

    def set_aside(self, file: str) -> None:
        """Keep a damaged entry out of the way of the others."""
        path = self._dataset / file
        path.replace(path.with_suffix(_DAMAGED_ENDING))

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """For the block's time nobody else settles this rater's entries; False where somebody does and goes on."""
        with file_lock(lock_of(self._dataset, self.folder.name), _LOCK_WAIT_S) as held:
            yield held

    def clean(self) -> None:
        """Remove what a killed process has left half written; not beside one that writes."""
        left = [path for path in self.folder.glob("*.npy") if not path.with_suffix(_ENDING).is_file()]
        for path in [*self.folder.glob(".*.part"), *left]:
            path.unlink(missing_ok=True)


def lock_of(dataset: Path, rater: str) -> Path:
    """The file of the lock on a rater's entries."""
    return dataset / JOURNAL_FOLDER / rater / ".lock"


def raters_with_entries(dataset: Path) -> list[str]:
    """Raters whose entries are not all settled, by name."""
    return sorted({path.parent.name for path in (dataset / JOURNAL_FOLDER).glob(f"*/{_ENTRIES}")})


def _number(file: str) -> int:
    found = re.search(r"(\d+)\.\w+$", file)
    return int(found.group(1)) if found else 0


def _entry_bytes(kind: str, case: str, about: Mapping[str, Any], mask: Mask | None) -> bytes:
    """A CRC-32, then two arrays as ``.npy``: the record as JSON text, and the mask's bits, plane after plane."""
    record = {"kind": kind, "case": case, "about": about}
    planes = np.zeros(0, np.uint8)
    if mask is not None:
        used = int(np.bitwise_or.reduce(mask.crop, axis=None))
        bits = [bit for bit in range(8) if used >> bit & 1]
        record["mask"] = {"shape": mask.crop.shape, "offset": [int(o) for o in mask.offset_kji], "bits": bits}
        if bits:
            planes = np.concatenate([np.packbits(mask.crop & np.uint8(1 << bit)) for bit in bits])
    stream = io.BytesIO()
    for array in (np.frombuffer(json.dumps(record).encode(), np.uint8), planes):
        np.lib.format.write_array(stream, array, allow_pickle=False)
    content = stream.getvalue()
    return zlib.crc32(content).to_bytes(4, "little") + content


def _entry_of(file: str, content: bytes) -> Entry:
    if int.from_bytes(content[:4], "little") != zlib.crc32(memoryview(content)[4:]):
        raise ValueError("its checksum is another")
    stream = io.BytesIO(content[4:])
    record, planes = json.loads(np.lib.format.read_array(stream).tobytes()), np.lib.format.read_array(stream)
    mask = None
    if "mask" in record:
        shape, bits = tuple(record["mask"]["shape"]), record["mask"]["bits"]
        crop = np.zeros(shape, np.uint8)
        for bit, plane in zip(bits, np.split(planes, len(bits)) if bits else ()):
            crop |= np.unpackbits(plane, count=crop.size).reshape(shape) << bit
        mask = Mask(crop, tuple(record["mask"]["offset"]))
    return Entry(file, record["kind"], record["case"], record["about"], mask)
