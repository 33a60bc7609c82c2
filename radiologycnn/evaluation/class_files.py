"""Tables of tear classes: the network's predictions, readers' answers and the truth, as CSV files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radiologycnn.errors import InputError
from radiologycnn.evaluation.table_files import TableRow, check_once, number_in, read_table
from radiologycnn.rotatorcuff.tear_classes import FROM_PAPER_CODES, TEAR_CLASSES

CASE_COLUMNS = ("case", "id")
CLASS_COLUMNS = ("tear_class", "class", "predicted")
PROBABILITY_COLUMNS = tuple(f"p_{one.key}" for one in TEAR_CLASSES)
CODES = ("ordinal", "paper")

#: What programs write into a cell without a value.
_GAPS = ("", "nan", "na", "n/a", "null", "-")

_ROUNDING = 0.03
"""What five probabilities of two decimals may miss of 1."""


@dataclass(frozen=True)
class ClassTable:
    """Classes by case, 0-4 in the order of severity, and five probabilities where the file has them."""

    classes: dict[str, int]
    probabilities: dict[str, tuple[float, ...]]


def read_class_table(path: Path, codes: str = "ordinal") -> ClassTable:
    """Read a CSV file with a heading: a case column, and a class column or five probability columns.

    Args:
        path: columns ``case`` (or id) and ``tear_class`` (or class, predicted): a name such as Medium, or a number;
            and/or ``p_none, p_partial, p_small, p_medium, p_large_to_massive``.
        codes: what numbers mean: "ordinal" 0-4 in the order of severity, or "paper": 0 None, 1 Small, 2 Medium,
            3 Large-to-Massive, 4 Partial.

    Raises:
        InputError: not such a table; the line is named.
    """
    if codes not in CODES:
        raise InputError("unknown-codes", f"There are no class codes “{codes}”.", f"Use {' or '.join(CODES)}.")
    heading, rows = read_table(path)
    case_column = next((c for c in CASE_COLUMNS if c in heading), None)
    class_column = next((c for c in CLASS_COLUMNS if c in heading), None)
    has_probabilities = all(c in heading for c in PROBABILITY_COLUMNS)
    if case_column is None or not (class_column or has_probabilities):
        raise InputError(
            "bad-table",
            f"{path.name} has no column for the case or none for its class (it has: {', '.join(heading) or 'none'}).",
            f"Name them case and tear_class, or give {', '.join(PROBABILITY_COLUMNS)}.",
        )
    check_once(heading, (*CASE_COLUMNS, *CLASS_COLUMNS, *PROBABILITY_COLUMNS), path.name)
    classes: dict[str, int] = {}
    probabilities: dict[str, tuple[float, ...]] = {}
    for row in rows:
        case = row[case_column]
        if not case or case in classes:
            what = f"names the case “{case}” again" if case else "names no case"
            raise InputError("bad-table", f"Line {row.line} of {path.name} {what}.", "Give each case one line.")
        if has_probabilities:
            probabilities[case] = _probabilities(row, path.name)
        if class_column:
            classes[case] = _tear_class(row[class_column], codes, path.name, row.line)
        else:
            classes[case] = max(range(len(TEAR_CLASSES)), key=probabilities[case].__getitem__)
    if not classes:
        raise InputError("bad-table", f"{path.name} has no cases.", "")
    return ClassTable(classes, probabilities)


def _probabilities(row: TableRow, name: str) -> tuple[float, ...]:
    try:
        values = tuple(number_in(row[c]) for c in PROBABILITY_COLUMNS)
    except ValueError:
        values = ()
    if not values or not all(0 <= v <= 1 for v in values) or abs(sum(values) - 1) > _ROUNDING:
        raise InputError(
            "bad-table", f"Line {row.line} of {name}: the five probabilities are not numbers from 0 to 1 of sum 1.", ""
        )
    return values


def _tear_class(text: str, codes: str, name: str, line: int) -> int:
    wanted = text.lower().replace("_", "-").replace(" ", "-")
    for one in TEAR_CLASSES:
        if wanted in (one.name.lower(), one.key.replace("_", "-")):
            return one.index
    # where a column has gaps, some programs write its whole numbers as 3.0
    number = wanted.replace(",", ".").removesuffix(".0")
    if number in ("0", "1", "2", "3", "4"):
        return FROM_PAPER_CODES[int(number)] if codes == "paper" else int(number)
    if wanted in _GAPS:
        raise InputError(
            "bad-table",
            f"Line {line} of {name} gives no class.",
            "Take the line out where nobody has answered. For no tear write 0: some programs take the word None for "
            "a gap.",
        )
    names = ", ".join(one.name for one in TEAR_CLASSES)
    raise InputError("bad-table", f"Line {line} of {name}: “{text}” is no tear class.", f"Use {names}, or 0 to 4.")
