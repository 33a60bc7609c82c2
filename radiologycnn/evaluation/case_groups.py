"""Figures by kind of case: by what a column of a table says of the cases, such as scanner, site or type of bleed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from radiologycnn.errors import InputError
from radiologycnn.evaluation.segmentation_summary import averaged_rows, with_reference
from radiologycnn.evaluation.summary import summarize_metrics
from radiologycnn.evaluation.table_files import TableRow, check_once, read_table
from radiologycnn.evaluation.words import figure_words, some_names

CASES_NAME = "cases.csv"
NOT_STATED = "not stated"
"""The group of cases of which the table says nothing."""
SEVERAL = "+"
"""Stands between the values of a cell that has several; such a case is in the group of each."""

_MOST_GROUPS = 50
_SHOWN = ("dice", "precision", "recall", "surface_dice")
#: Fewer cases give no interval worth reading.
_LEAST_FOR_INTERVAL = 3
_ID_COLUMNS = ("id", "case")

Row = TypeVar("Row", bound=Mapping[str, Any])


def rows_by_group(rows: Sequence[Row], groups: Iterable[tuple[str, set[str]]]) -> list[tuple[str, list[Row]]]:
    """Rows of each group by its title; groups that have none are left out.

    Args:
        rows: with the case's name as "case".
        groups: title and the names of the cases.
    """
    found = [(title, [row for row in rows if row["case"] in members]) for title, members in groups]
    return [(title, own) for title, own in found if own]


def groups_of_column(folders: Sequence[Path], column: str, cases: Sequence[str]) -> list[tuple[str, set[str]]]:
    """Groups of cases by what a column of ``cases.csv`` says of them, in alphabetical order; the unstated ones last.

    Args:
        folders: where that table may lie; the first one with the column counts.
        column: in small or capital letters.
        cases: that are to be grouped.

    Raises:
        InputError: there is no such table or column, none of the cases stands in it, or hardly two are alike.
    """
    values = _values_of_column(folders, column.strip().lower())
    groups: dict[str, set[str]] = {}
    for case in cases:
        for value in _parts(values.get(case, "")) or [NOT_STATED]:
            groups.setdefault(value, set()).add(case)
    if groups.keys() == {NOT_STATED}:
        raise InputError(
            "no-groups",
            f"The column “{column}” of {CASES_NAME} says nothing of the cases that were compared.",
            f"The first of them is called {sorted(cases)[0]}: {CASES_NAME} must have a line with this id.",
        )
    if len(groups) > _MOST_GROUPS:
        raise InputError(
            "too-many-groups",
            f"The column “{column}” of {CASES_NAME} has {len(groups)} different values: {some_names(sorted(groups))}.",
            f"Add a column with at most {_MOST_GROUPS}, such as ranges of these.",
        )
    return sorted(groups.items(), key=lambda group: (group[0] == NOT_STATED, group[0]))


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(SEVERAL) if part.strip()]


def _values_of_column(folders: Sequence[Path], column: str) -> dict[str, str]:
    """By case."""
    columns: dict[str, None] = {}
    for folder in folders:
        if not (folder / CASES_NAME).is_file():
            continue
        heading, rows = read_table(folder / CASES_NAME)
        name = next((one for one in _ID_COLUMNS if one in heading), "")
        if name and column in heading:
            check_once(heading, (name, column), CASES_NAME)
            return _by_case(rows, name, column)
        columns |= dict.fromkeys(heading if name else ())
    if not columns:
        raise InputError(
            "no-manifest",
            f"There is no {CASES_NAME} beside the masks that would say which cases belong together.",
            f"Write one into the folder of the references, with the columns id and {column}.",
        )
    raise InputError(
        "no-column",
        f"{CASES_NAME} has no column “{column}”.",
        f"It has {', '.join(name for name in columns if name)}.",
    )


def _by_case(rows: Sequence[TableRow], name: str, column: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        if found.setdefault(row[name], row[column]) != row[column]:
            raise InputError(
                "bad-table",
                f"Line {row.line} of {CASES_NAME} says of case “{row[name]}” in the column “{column}” “{row[column]}”, "
                f"and an earlier line says “{found[row[name]]}”.",
                f"Give each case one line, with {SEVERAL} between several values.",
            )
    return found


def group_summaries(
    rows: Sequence[Mapping[str, Any]], groups: Iterable[tuple[str, set[str]]]
) -> dict[str, dict[str, Any]]:
    """By group: how many cases it has, in how many there is something to find, and the metrics over them.

    Args:
        rows: of :func:`.mask_files.evaluate_masks`.

    Returns:
        {title: {"cases", "with_reference", "metrics": as :func:`.summary.summarize_metrics`}}.
    """
    return {
        title: {
            "cases": len(own),
            "with_reference": len(with_reference(own)),
            "metrics": summarize_metrics(averaged_rows(own)),
        }
        for title, own in rows_by_group(rows, groups)
    }


def group_table(by_column: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """A row for each column, group and metric, for a CSV file.

    Args:
        by_column: :func:`group_summaries` by column.
    """
    return [
        {"column": column, "group": title, "metric": metric, **figures}
        for column, groups in by_column.items()
        for title, group in groups.items()
        for metric, figures in group["metrics"].items()
    ]


def group_lines(by_column: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """A heading for each column, and a line for each of its groups: means over the cases that have something to find.

    Args:
        by_column: :func:`group_summaries` by column.
    """
    lines = []
    for column, groups in by_column.items():
        names = "".join(f"{figure_words(name):>14}" for name in _SHOWN)
        lines.append(f"{f'by {column}':28}{'cases':>6}{'empty':>7}{names}  95 % interval of the mean Dice")
        for title, group in groups.items():
            means = [group["metrics"][name]["mean"] for name in _SHOWN]
            figures = "".join(f"{'none':>14}" if mean is None else f"{mean:>14.3f}" for mean in means)
            empty = group["cases"] - group["with_reference"]
            lines.append(
                f"{title[:27]:28}{group['cases']:>6}{empty:>7}{figures}  {_interval(group['metrics']['dice'])}"
            )
    return lines


def _interval(dice: Mapping[str, Any]) -> str:
    if dice["cases"] < _LEAST_FOR_INTERVAL or dice["mean_lower_95"] is None:
        return "–"
    return f"{dice['mean_lower_95']:.3f} to {dice['mean_upper_95']:.3f}"
