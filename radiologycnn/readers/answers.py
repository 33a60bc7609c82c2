"""A reader's answers in a file: each is on the disk before the next scan is shown, whatever happens to the program.

A file is only ever added to, one line an answer, written in one piece and synchronized. Where a power cut tears a
line, that line is dropped when the file is opened again: its answer had never been acknowledged. A changed answer
(where the study allows going back) is one more line; the last one of a case counts.

Light on purpose: the Slicer panel imports this.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.evaluation.words import some_names
from radiologycnn.file_replacing import whole_file
from radiologycnn.readers.marks import PeakCheck, TearMark
from radiologycnn.readers.study import Study, StudySettings, checked_reader, settings_words
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES

COLUMNS = (
    "case",
    "order",
    "tear_class",
    "seconds",
    "timestamp",
    "pauses",
    "interruptions",
    "mark",
    "peak_inside",
    "peak_distance_mm",
)
_BY_NAME = {one.name: one.index for one in TEAR_CLASSES}


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        case: the scan.
        order: place of the case in the reader's order, from 1.
        tear_class: 0-4.
        seconds: how long the scan was shown, pauses left out; None where nobody took the time.
        timestamp: ISO 8601 with its zone; "" where it is not known.
        pauses: how often the clock was stopped.
        interruptions: how often the program ended while the scan was shown, after which it was shown again.
        mark: where the reader has marked the tear; None for no mark.
        peak: how far the network's map was from there; None without a mark or without a map.
    """

    case: str
    order: int
    tear_class: int
    seconds: float | None
    timestamp: str = ""
    pauses: int = 0
    interruptions: int = 0
    mark: TearMark | None = None
    peak: PeakCheck | None = None

    def cells(self) -> list[str]:
        """Text cells in the order of ``COLUMNS``."""
        return [
            self.case,
            str(self.order),
            TEAR_CLASSES[self.tear_class].name,
            "" if self.seconds is None else f"{self.seconds:.3f}",
            self.timestamp,
            str(self.pauses),
            str(self.interruptions),
            self.mark.to_text() if self.mark else "",
            ("yes" if self.peak.inside else "no") if self.peak else "",
            f"{self.peak.distance_mm:.2f}" if self.peak else "",
        ]

    @classmethod
    def from_cells(cls, cells: Sequence[str]) -> Answer:
        """Inverse of :meth:`cells`.

        Raises:
            ValueError, KeyError: not such cells.
        """
        row = dict(zip(COLUMNS, cells, strict=True))
        distance = row["peak_distance_mm"]
        return cls(
            row["case"],
            int(row["order"]),
            _BY_NAME[row["tear_class"]],
            float(row["seconds"]) if row["seconds"] else None,
            row["timestamp"],
            int(row["pauses"]),
            int(row["interruptions"]),
            TearMark.from_text(row["mark"]) if row["mark"] else None,
            PeakCheck(row["peak_inside"] == "yes", float(distance)) if distance else None,
        )


class AnswerFile:
    """One reader's answers in a study.

    Args:
        study: the study.
        reader: id; one that differs from an earlier reader's in case alone is that reader.

    Raises:
        InputError: an id that cannot name a file, or a file that is not such a table.
    """

    def __init__(self, study: Study, reader: str) -> None:
        folder = study.readers_folder
        tables = {path.stem: path for path in folder.glob("*.csv") if path.is_file()}  # no device of Windows is one
        self.reader = checked_reader(reader, tables)
        earlier = [path for name, path in tables.items() if name.casefold() == self.reader.casefold()]
        self.path = earlier[0] if earlier else folder / f"{self.reader}.csv"
        self.reader = self.path.stem
        self._size = 0
        self._rows: list[Answer] = []
        self._load()

    @property
    def answers(self) -> dict[str, Answer]:
        """By case; where an answer was changed, the last one, at the place of the first."""
        return {one.case: one for one in self._rows}

    def append(self, answer: Answer) -> None:
        """Put an answer onto the disk; when this returns, it is there.

        Raises:
            ResourceError: it could not be written; nothing of it is left in the file.
            InputError: the file was changed by somebody else meanwhile.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab", buffering=0) as stream:
                size = stream.seek(0, os.SEEK_END)
                if size != self._size:
                    raise InputError(
                        "answers-changed",
                        f"The answers of {self.reader} were changed by another program.",
                        "Start the study again: what was answered is kept.",
                    )
                line = _line(answer.cells())
                content = line if size else _line(COLUMNS) + line
                try:
                    if stream.write(content) != len(content):
                        raise OSError("the disk is full")
                    os.fsync(stream.fileno())
                except OSError:
                    stream.truncate(size)
                    raise
                self._size = size + len(content)
        except OSError as error:
            raise ResourceError(
                "not-written",
                f"The answer could not be written to {self.path.name}: {error.strerror or error}.",
                "Free some space, or check that the study's folder can be written to, and answer again.",
            ) from error
        self._rows.append(answer)

    def _load(self) -> None:
        if not self.path.is_file():
            return
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) != len(content):
            with open(self.path, "r+b") as stream:
                stream.truncate(len(whole))
        self._rows = _parsed(whole, self.path.name)
        self._size = len(whole)


def read_answers(path: Path) -> dict[str, Answer]:
    """The answers in a reader's file by case, the last one where one was changed; the file is left as it is.

    Raises:
        InputError: not such a table.
    """
    content = path.read_bytes()
    return {one.case: one for one in _parsed(content[: content.rfind(b"\n") + 1], path.name)}


def write_answers(path: Path, answers: Sequence[Answer]) -> None:
    """A new file of answers: an export, or the answers of an outside reader.

    Raises:
        ResourceError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            stream.write(_line(COLUMNS) + b"".join(_line(one.cells()) for one in answers))
    except OSError as error:
        raise ResourceError(
            "not-written", f"{path.name} could not be written: {error.strerror or error}.", "Choose another folder."
        ) from error


def readers_of(study: Study) -> dict[str, dict[str, Answer]]:
    """All readers' answers: reader to case to answer. Readers without answers are left out."""
    # Hidden ones are no reader's: on drives of other systems macOS lays a ``._<name>`` beside each file.
    found = {path.stem: read_answers(path) for path in sorted(study.readers_folder.glob("[!.]*.csv"))}
    return {reader: answers for reader, answers in found.items() if answers}


def check_settings(study: Study, settings: StudySettings) -> None:
    """Refuse to change a study's settings once there are answers: orders and what readers see would be mixed.

    A study without a title may still get one.

    Raises:
        InputError: there are answers, and the settings in force are others.
    """
    before = study.settings if study.settings.title else replace(study.settings, title=settings.title)
    if before != settings and (readers := list(readers_of(study))):
        names = some_names(readers)
        raise InputError(
            "study-begun",
            f"This study has answers already ({names}), and other settings: {settings_words(before, settings)}.",
            "Leave them as they are, or read the scans as a study of its own in another folder.",
        )


def _parsed(content: bytes, name: str) -> list[Answer]:
    if not content:
        return []
    try:
        heading, *rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
        if tuple(heading) != COLUMNS:
            raise ValueError("another heading")
        return [Answer.from_cells(row) for row in rows]
    except (ValueError, KeyError, csv.Error) as error:
        raise InputError(
            "bad-answers",
            f"{name} is not a table of answers as this program writes it.",
            "Take it out of the folder “readers”; tables from elsewhere come in by: radiologycnn readers import.",
        ) from error


def _line(cells: Sequence[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue().encode("utf-8")
