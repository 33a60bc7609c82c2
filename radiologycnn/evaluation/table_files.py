"""Small tables that people write: CSV files with a heading, with commas or semicolons."""

from __future__ import annotations

import csv
from pathlib import Path

from radiologycnn.errors import InputError


def delimiter_of(heading: str) -> str:
    """Of a table with this first line; some spreadsheet programs write semicolons."""
    return ";" if heading.count(";") > heading.count(",") else ","


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns' names, in small letters, and the rows by column; a cell that a row lacks is empty.

    Raises:
        InputError: it cannot be read as such a table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            delimiter = delimiter_of(file.readline())
            file.seek(0)
            lines = [[cell.strip() for cell in line] for line in csv.reader(file, delimiter=delimiter) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            "unreadable-table", f"{path.name} cannot be read as a CSV table.", "Export it as CSV in UTF-8."
        ) from error
    heading = [name.lower() for name in lines[0]] if lines else []
    empty = dict.fromkeys(filter(None, heading), "")
    return heading, [{**empty, **{name: cell for name, cell in zip(heading, line) if name}} for line in lines[1:]]
