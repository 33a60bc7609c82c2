"""Small tables that people write: CSV files with a heading, with commas or semicolons."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path

from radiologycnn.errors import InputError, no_permission

#: Tables that a folder may hold which is given in their place: of results of several scans, of a study, of its network.
_TABLES_OF_FOLDERS = ("scans.csv", "truth.csv", "predictions.csv")


class TableRow(dict[str, str]):
    """The cells of a row by column; a cell that the row lacks is empty.

    Attributes:
        line: of the file, at which the row begins, from 1.
    """

    def __init__(self, line: int, heading: Sequence[str], cells: Sequence[str]) -> None:
        super().__init__((name, cell) for name, cell in zip(heading, chain(cells, repeat(""))) if name)
        self.line = line


def delimiter_of(heading: str) -> str:
    """Of a table with this first line; some spreadsheet programs write semicolons."""
    return ";" if heading.count(";") > heading.count(",") else ","


def number_in(text: str) -> float:
    """The number in a cell; programs that write semicolons between cells write "7,5" for 7.5.

    Raises:
        ValueError: it holds none.
    """
    return float(text.replace(",", ".", 1))


def check_once(heading: Sequence[str], columns: Sequence[str], name: str) -> None:
    """Refuse a table in which a column that is asked for stands twice: nobody knows which one is meant.

    Args:
        heading: of :func:`read_table`.
        columns: that are asked for.
        name: the file's, for the message.

    Raises:
        InputError: as said.
    """
    twice = next((column for column in columns if heading.count(column) > 1), "")
    if twice:
        raise InputError(
            "bad-table", f"Two columns of {name} are called {twice}.", "Rename one of them, or take it out."
        )


def table_lines(text: str) -> list[tuple[int, list[str]]]:
    """The rows of a CSV text in which anything stands, heading first: the line at which each begins, and its cells.

    Spreadsheet programs append rows of empty cells.

    Raises:
        csv.Error: it is no such text.
    """
    delimiter = delimiter_of(text.lstrip().partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found, line = [], 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            found.append((line, cells))
        line = reader.line_num + 1  # a cell may hold several lines
    return found


def read_table(path: Path) -> tuple[list[str], list[TableRow]]:
    """The columns' names, in small letters, and the rows, without spaces around cells.

    Raises:
        InputError: it is not there or a folder, may not be read, or is no such table.
    """
    if path.is_dir():
        inside = next((name for name in _TABLES_OF_FOLDERS if (path / name).is_file()), None)
        hint = f"Give the table in it: {path / inside}." if inside else "Give a CSV file."
        raise InputError("not-a-file", f"{path} is a folder, not a CSV table.", hint)
    try:
        lines = table_lines(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError("no-such-file", f"There is no file {path}.", "Check the path.") from error
    except PermissionError as error:
        raise no_permission(path.name) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "unreadable-table", f"{path.name} cannot be read as a CSV table.", "Export it as CSV in UTF-8."
        ) from error
    heading = [name.strip().lower() for name in lines[0][1]] if lines else []
    return heading, [TableRow(line, heading, [cell.strip() for cell in cells]) for line, cells in lines[1:]]
