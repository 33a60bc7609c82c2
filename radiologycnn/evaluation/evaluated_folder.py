"""The folder of ``radiologycnn evaluate``: nothing else in it is written over, and nothing of another run stays."""

from __future__ import annotations

from pathlib import Path

from radiologycnn.errors import InputError
from radiologycnn.evaluation.table_files import read_table
from radiologycnn.result_folder import check_result_folder, make_result_folder

_CASES_NAME, _SUMMARY_NAME = "cases.csv", "summary.json"
_WHERE_ASKED_FOR = ("types.csv", "groups.csv", "comparison.json")


def check_place_of_results(folder: Path) -> None:
    """Make sure, before long work, that the results can be written without harm.

    Raises:
        ResourceError: a file has the folder's place.
        InputError: the folder holds a table of cases to train on, which is called as a table of the results.
    """
    check_result_folder(folder)
    table = folder / _CASES_NAME
    if table.is_file() and "case" not in read_table(table)[0]:
        raise InputError(
            "cannot-write",
            f"The results would replace {table}, which is no table of results.",
            "Choose another folder for the results.",
        )


def make_emptied_folder(folder: Path) -> None:
    """Make the folder; where it holds another run's results, take those away that only some runs write.

    Raises:
        ResourceError: it cannot be made.
    """
    make_result_folder(folder)
    if (folder / _SUMMARY_NAME).is_file():
        for name in _WHERE_ASKED_FOR:
            (folder / name).unlink(missing_ok=True)
