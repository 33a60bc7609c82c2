"""A run's report as a few small files that can be kept with the code: no scans, no weights, no steps.

``report.md`` is read where it lies, ``report.html`` has the figures too, ``tables.csv`` holds every table in one,
``cases.csv`` the figures of each case, so that others can compute their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radiologycnn.evaluation.summary import write_rows
from radiologycnn.images.write import write_atomically
from radiologycnn.reproduction.tables import MISSING, Table

MARKDOWN_NAME, TABLES_NAME, CASES_NAME = "report.md", "tables.csv", "cases.csv"


def write_brief(
    folder: Path,
    page: Path,
    title: str,
    citation: str,
    labels: Sequence[str],
    tables: Sequence[Table],
    facts: Sequence[tuple[str, str]],
    cases: Sequence[Mapping[str, Any]],
) -> None:
    """Write the files into ``folder``, made if needed.

    Args:
        page: the HTML report, copied as it is.
        title, citation, labels, facts: as of the page.
        tables: in order.
        cases: a row a case and method; all with the same keys.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / page.name, page.read_bytes())
    rows = [
        {
            "table": table.title,
            "what": r.what,
            "paper": r.paper,
            "run": r.run,
            "run_is": table.run_title,
            "note": r.note,
        }
        for table in tables
        for r in table.rows
    ]
    write_rows(folder / TABLES_NAME, rows)
    if cases:
        write_rows(folder / CASES_NAME, cases)
    write_atomically(folder / MARKDOWN_NAME, _markdown(title, citation, labels, tables, facts).encode("utf-8"))


def _markdown(
    title: str,
    citation: str,
    labels: Sequence[str],
    tables: Sequence[Table],
    facts: Sequence[tuple[str, str]],
) -> str:
    lines = [f"# {title}", "", f"Reproduction of {citation}", ""]
    lines += [f"> {label}\n>" for label in labels]
    for table in tables:
        lines += ["", f"## {table.title}", "", f"| | Paper | {table.run_title} | Note |", "|---|---|---|---|"]
        for row in table.rows:
            cells = (row.what, row.paper or MISSING, row.run or MISSING, row.note)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines += ["", *(f"- {note}" for note in table.notes)]
    lines += ["", "## How this run was made", "", *(f"- {name}: {words}" for name, words in facts), ""]
    return "\n".join(lines)
