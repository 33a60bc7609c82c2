"""``cases.csv`` of an annotation dataset: one line for each case that somebody has accepted.

People open it in spreadsheet programs, fill in columns and save it as these programs do: commas or semicolons, with or
without a byte order mark. It is read that way and written back that way, so that it opens there as before. A file that
cannot be read is never written over: what people have filled in may stand nowhere else. The raters' words do not wait
for it; they come into it once it can be read.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from radiologycnn.errors import InputError, RadiologyCNNError
from radiologycnn.evaluation.table_files import TableRow, delimiter_of, table_lines
from radiologycnn.images.write import write_atomically

if TYPE_CHECKING:
    from radiologycnn.annotation.dataset import AnnotationDataset

MANIFEST_NAME = "cases.csv"
COLUMNS = ("id", "image", "mask", "split", "rater", "accepted_by", "volume_ml", "model", "patient", "types")
BY_HAND = ("split", "patient")
"""Columns that people fill in. Cases of one ``patient`` (any word) stay on one side of every split."""
FILLED_IN_NAME = "filled_in.json"
"""What people have filled in for cases that have no line now, such as one that is being corrected again."""
MANIFEST_BEHIND = "manifest-behind"
"""Code of the problem that the file does not say what the raters' words say."""
_MOST_ROUNDS = 20
_SAVE_AGAIN = "Save it as “CSV UTF-8”."


@dataclass(frozen=True)
class _Table:
    """The file as it lies in the folder.

    Attributes:
        content: all of it; None without a file.
        lines: cells by column, by case.
        by_hand: columns that people fill in, those that they have added among them.
        begin, delimiter, line_end: how the program writes that has saved it last.
    """

    content: bytes | None = None
    lines: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by_hand: tuple[str, ...] = BY_HAND
    begin: bytes = b""
    delimiter: str = ","
    line_end: str = "\n"


def write_manifest(dataset: AnnotationDataset) -> None:
    """Bring ``cases.csv`` in line with all raters' words and with the choice of training masks.

    Of several raters' accepted masks the consensus stands in the line where that was chosen and made of these masks,
    else the latest; all of them are in ``masks``. What people have filled in is kept as it is in the file, and columns
    that they have added stay. Raters may write at the same time: after writing, the words are read again, and where
    there are new ones the file is written again, so that whoever writes last has seen every word.

    Raises:
        InputError: the file that is there cannot be read; it is left as it is. Or it cannot be written.
        ResourceError: the disk is full.
    """
    for _round in range(_MOST_ROUNDS):
        before = _read(dataset)
        content = _manifest(dataset, before)
        if content == before.content:
            return
        write_atomically(dataset.folder / MANIFEST_NAME, content)


def refresh_manifest(dataset: AnnotationDataset) -> InputError | None:
    """As :func:`write_manifest`, for whoever has more to do than that: what was in the way is returned."""
    try:
        write_manifest(dataset)
    except (RadiologyCNNError, OSError) as error:
        if isinstance(error, InputError) and error.code == MANIFEST_BEHIND:
            return error
        reason = error.message if isinstance(error, RadiologyCNNError) else f"{error}."
        hint = "See that it can be written, and that no other program holds it."
        return _behind(f"{MANIFEST_NAME} is not up to date. {reason}", hint)
    return None


def read_manifest_lines(dataset: AnnotationDataset) -> dict[str, Mapping[str, str]]:
    """The lines of ``cases.csv`` by case; empty without the file.

    Raises:
        InputError: it cannot be read, or what was filled in belongs to no case.
    """
    return dict(_read(dataset).lines)


def _read(dataset: AnnotationDataset) -> _Table:
    path = dataset.folder / MANIFEST_NAME
    if not path.is_file():
        return _Table()
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
        rows = table_lines(text)
    except UnicodeDecodeError as error:
        raise _left_alone(f"it is no text in UTF-8 (byte {error.start + 1} is none)", _SAVE_AGAIN) from error
    except csv.Error as error:
        raise _left_alone("it is no CSV table", _SAVE_AGAIN) from error
    delimiter = delimiter_of(text.lstrip().partition("\n")[0])
    heading = [name.strip() for name in rows[0][1]] if rows else []
    if rows and "id" not in heading:
        raise _left_alone("it has no column id", f"Its first line names the columns: {delimiter.join(COLUMNS)}.")
    twice = next((name for name in heading if name and heading.count(name) > 1), "")
    if twice:
        raise _left_alone(f"two of its columns are called {twice}", "Rename one of them, or take it out.")
    by_hand = tuple(dict.fromkeys((*BY_HAND, *(name for name in heading if name and name not in COLUMNS))))
    lines = _lines_by_case(rows, heading, by_hand, {case.id for case in dataset.cases()})
    begin = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    return _Table(content, lines, by_hand, begin, delimiter, "\r\n" if b"\r\n" in content else "\n")


def _lines_by_case(
    rows: list[tuple[int, list[str]]], heading: list[str], by_hand: tuple[str, ...], cases: Collection[str]
) -> dict[str, Mapping[str, str]]:
    """Rows below the heading, by case. Raises InputError where a cell, once written back, would have no place."""
    lines: dict[str, Mapping[str, str]] = {}
    for number, cells in rows[1:]:
        if any(cell.strip() for name, cell in zip_longest(heading, cells, fillvalue="") if not name):
            raise _left_alone(f"line {number} has a cell in a column without a name", "Name it in the first line.")
        row = TableRow(number, heading, cells)
        case_id = row["id"].strip()
        if case_id in cases:
            if case_id in lines and _filled_in(lines[case_id], by_hand) != _filled_in(row, by_hand):
                problem = f"line {number} is of {case_id}, as one before it, and something else was filled in"
                raise _left_alone(problem, "Take one of the two out.")
            lines[case_id] = row
        elif any(_filled_in(row, by_hand).values()):  # spreadsheet programs make 7 of the id 007
            problem = f"line {number} was filled in, and its id is that of no case"
            raise _left_alone(problem, "Put the id right, or take the line out.")
    return lines


def _manifest(dataset: AnnotationDataset, before: _Table) -> bytes:
    accepted, kept = dataset.accepted(), dataset.files.read(FILLED_IN_NAME) or {}
    text = io.StringIO()
    columns = (*COLUMNS, *(name for name in before.by_hand if name not in COLUMNS))
    lines = csv.DictWriter(text, columns, delimiter=before.delimiter, lineterminator=before.line_end)
    lines.writeheader()
    written = set()
    for case in dataset.cases():
        words = accepted.get(case.id, [])
        if not words or not case.image:
            continue
        latest, agreed = words[-1], dataset.training_consensus(case.id, words)
        line = {
            "id": case.id,
            "image": case.image,
            "mask": agreed.mask if agreed else latest.mask,
            "rater": "consensus" if agreed else latest.rater,
            "accepted_by": " ".join(word.rater for word in words),
            "volume_ml": f"{(agreed or latest).volume_ml:.3f}",
            "model": latest.model.get("id", ""),
            "types": (agreed or latest).types,
        }
        line.update(_filled_in(before.lines.get(case.id) or kept.get(case.id) or {}, before.by_hand))
        lines.writerow(line)
        written.add(case.id)
    gone = {case: _filled_in(row, before.by_hand) for case, row in before.lines.items() if case not in written}
    now = {**kept, **{case: cells for case, cells in gone.items() if case in kept or any(cells.values())}}
    if now != kept:
        dataset.files.write(FILLED_IN_NAME, now)
    return before.begin + text.getvalue().encode()


def _filled_in(row: Mapping[str, str], by_hand: tuple[str, ...]) -> dict[str, str]:
    return {name: row.get(name, "").strip() for name in by_hand}


def _left_alone(problem: str, hint: str) -> InputError:
    return _behind(f"{MANIFEST_NAME} is left as it is: {problem}.", hint)


def _behind(message: str, hint: str) -> InputError:
    return InputError(MANIFEST_BEHIND, message, f"{hint} What was decided is kept, and comes into it then.")
