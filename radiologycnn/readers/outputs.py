"""From a study's folder to the comparison's files: tables, record and page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from radiologycnn.errors import InputError
from radiologycnn.evaluation.summary import write_record, write_rows
from radiologycnn.images.write import write_atomically
from radiologycnn.readers.answers import readers_of
from radiologycnn.readers.comparison import compare
from radiologycnn.readers.comparison_page import comparison_page
from radiologycnn.readers.mark_checks import check_marks
from radiologycnn.readers.members import members_of
from radiologycnn.readers.network_names import named_apart
from radiologycnn.readers.study import NETWORK_FOLDER, PREDICTIONS_NAME, TRUTH_NAME, open_study
from radiologycnn.readers.tables import read_groups, read_predictions
from radiologycnn.result_folder import check_result_folder, make_result_folder

RECORD_NAME = "comparison.json"
PAGE_NAME = "report.html"
GROUPS_NAME = "groups.csv"


def write_comparison(
    folder: Path,
    output: Path,
    networks: Sequence[Path] = (),
    groups: Path | None = None,
    truth: Path | None = None,
    tolerance_mm: float = 5.0,
) -> dict[str, Any]:
    """Compare all who have answered in a study, and write what came out.

    Args:
        folder: the study's.
        output: folder for the files; made if needed.
        networks: tables of predictions; none takes ``network/predictions.csv`` of the study, where it is there.
        groups: table with the columns reader and group; None takes ``groups.csv`` of the study, where it is there.
        truth: table with the columns case and tear_class; None takes the study's.
        tolerance_mm: of the map's peak around a mark.

    Returns:
        The record that ``comparison.json`` holds.

    Raises:
        InputError: no truth, no answers, or a table that cannot be read or is given twice.
        ResourceError: the files cannot be written.
    """
    check_result_folder(output)
    study = open_study(folder)
    if truth is not None:
        from radiologycnn.evaluation.class_files import read_class_table

        true_classes = read_class_table(truth).classes
    elif study.truth is not None:
        true_classes = study.truth
    else:
        raise InputError(
            "no-truth",
            "The study has no truth to compare with.",
            f"Put {TRUTH_NAME} into its folder, with the columns case and tear_class.",
        )
    names = {case.name for case in study.cases}
    true_classes = {case: value for case, value in true_classes.items() if case in names}
    if not networks and (study.folder / NETWORK_FOLDER / PREDICTIONS_NAME).is_file():
        networks = [study.folder / NETWORK_FOLDER / PREDICTIONS_NAME]
    if groups is None and (study.folder / GROUPS_NAME).is_file():
        groups = study.folder / GROUPS_NAME
    predictions = named_apart(networks, [read_predictions(one) for one in networks], readers_of(study))
    members = members_of(study, read_groups(groups) if groups else {}, predictions)
    record = compare(true_classes, members)
    record["marks"] = check_marks(study, tolerance_mm)
    record["notes"] += record["marks"]["notes"]
    who = [{"name": one.name, "model": one.model, "simulated": one.simulated} for one in predictions]
    record = {"study": study.title, "settings": study.settings.to_dict(), "networks": who, **record}
    make_result_folder(output)
    _write_tables(output, record)
    write_record(output / RECORD_NAME, record)
    write_atomically(output / PAGE_NAME, comparison_page(record, study.title).encode("utf-8"))
    return record


def _write_tables(output: Path, record: dict[str, Any]) -> None:
    """One CSV file a table; a table without rows is not written, and an earlier one of that name goes."""
    tables = {
        "readers.csv": [_flat(row) for row in record["members"]],
        "table2.csv": [
            {"measure": row["measure"], "group": name, **found}
            for row in record["table2"]
            for name, found in row["groups"].items()
        ],
        "table3.csv": [
            {"measure": row["measure"], "group": name, **found, "kruskal_wallis_p": row["p"]}
            for row in record["table3"]
            for name, found in row["groups"].items()
        ],
        "pairs.csv": record["pairs"],
        "same_cases.csv": record["paired"],
        "roc.csv": [
            {"network": one["name"], "false_positive_rate": f, "true_positive_rate": t, "threshold": threshold}
            for one in record["roc"]
            for f, t, threshold in zip(one["false_positive_rate"], one["true_positive_rate"], one["thresholds"])
        ],
        "marks.csv": record["marks"]["rows"],
    }
    for name, rows in tables.items():
        if rows:
            write_rows(output / name, rows)
        else:
            (output / name).unlink(missing_ok=True)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A member's figures without the confusion matrix; intervals as two columns."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name.endswith("_95"):
            flat[f"{name.removesuffix('_95')}_lower_95"], flat[f"{name.removesuffix('_95')}_upper_95"] = value
        elif name != "confusion":
            flat[name] = value
    return flat
