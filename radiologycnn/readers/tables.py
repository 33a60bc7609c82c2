"""Tables from elsewhere: answers of outside readers, groups of readers, and the network's predictions with times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from radiologycnn.errors import InputError
from radiologycnn.evaluation.class_files import CASE_COLUMNS, read_class_table
from radiologycnn.evaluation.table_files import check_once, number_in, read_table
from radiologycnn.models.package import SIMULATED_NOTE
from radiologycnn.readers.answers import Answer, readers_of, write_answers
from radiologycnn.readers.study import PREDICTIONS_NAME, Study, checked_reader

SECONDS_COLUMNS = ("seconds", "time_s", "time")


@dataclass(frozen=True)
class Predictions:
    """What a network says of the cases, with probabilities and seconds where the file has them.

    Attributes:
        model: its id; "" where the file does not say.
        simulated: whether the file says that it was trained on simulated scans.
    """

    name: str
    classes: Mapping[str, int]
    probabilities: Mapping[str, tuple[float, ...]]
    seconds: Mapping[str, float]
    model: str = ""
    simulated: bool = False


def import_answers(study: Study, path: Path, reader: str = "", codes: str = "ordinal") -> tuple[str, int, list[str]]:
    """Take an outside reader's table into a study.

    Args:
        study: which gets the file ``readers/READER.csv``.
        path: CSV with case and tear_class, and seconds where they were taken.
        reader: id; "" takes the file's name.
        codes: what numbers mean as classes, see ``read_class_table``.

    Returns:
        Reader, number of answers taken, cases of the table that the study does not have.

    Raises:
        InputError: not such a table, none of its cases in the study, or a reader who has answers already.
    """
    reader = checked_reader(reader or path.stem)
    if any(known.casefold() == reader.casefold() for known in readers_of(study)):
        raise InputError(
            "reader-exists", f"{reader} has answers in this study already.", "Give another reader id with --reader."
        )
    classes = read_class_table(path, codes).classes
    seconds = _seconds(path)
    names = [case.name for case in study.cases]
    answers = [
        Answer(case, order, classes[case], seconds.get(case))
        for order, case in enumerate((one for one in names if one in classes), start=1)
    ]
    if not answers:
        raise InputError(
            "no-pairs", f"No case of {path.name} is in the study.", "Name the cases like the scans' files."
        )
    write_answers(study.readers_folder / f"{reader}.csv", answers)
    return reader, len(answers), sorted(classes.keys() - set(names))


def read_predictions(path: Path) -> Predictions:
    """A network's table: case, and a class or five probabilities; seconds where they were taken, model where it says.

    Tables from elsewhere and those of earlier versions name no model; what ``radiologycnn classify`` writes says in its
    notes what the model learned from.

    Raises:
        InputError: not such a table.
    """
    table = read_class_table(path)
    name = "Network" if path.name == PREDICTIONS_NAME else path.stem
    _heading, rows = read_table(path)
    models = dict.fromkeys(row["model"] for row in rows if row.get("model"))
    simulated = any(row.get("simulated") == "yes" or SIMULATED_NOTE in row.get("notes", "") for row in rows)
    return Predictions(name, table.classes, table.probabilities, _seconds(path), ", ".join(models), simulated)


def read_groups(path: Path) -> dict[str, str]:
    """Readers' groups: CSV with the columns reader and group.

    Raises:
        InputError: not such a table, or a reader in two groups.
    """
    heading, rows = read_table(path)
    if not rows or not {"reader", "group"} <= set(heading):
        raise InputError("bad-groups", f"{path.name} has no columns reader and group.", "Name them so.")
    check_once(heading, ("reader", "group"), path.name)
    groups: dict[str, str] = {}
    for row in rows:
        reader, group = row["reader"].casefold(), row["group"]
        if reader and group and groups.setdefault(reader, group) != group:
            raise InputError(
                "bad-groups",
                f"Line {row.line} of {path.name} puts {row['reader']} into another group than an earlier line does.",
                "Give each reader one line.",
            )
    return groups


def _seconds(path: Path) -> dict[str, float]:
    """Seconds by case, where the table has a column for them."""
    heading, rows = read_table(path)
    column = next((one for one in SECONDS_COLUMNS if one in heading), None)
    if column is None:
        return {}
    check_once(heading, SECONDS_COLUMNS, path.name)
    case_column = next(one for one in CASE_COLUMNS if one in heading)
    found = {}
    for row in rows:
        if not row[column]:
            continue
        try:
            found[row[case_column]] = number_in(row[column])
        except ValueError as error:
            raise InputError(
                "bad-table", f"Line {row.line} of {path.name}: “{row[column]}” is no number of seconds.", ""
            ) from error
        if not 0 <= found[row[case_column]] < float("inf"):
            raise InputError("bad-table", f"Line {row.line} of {path.name}: seconds cannot be {row[column]}.", "")
    return found
