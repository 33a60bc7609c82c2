"""A table of a reproduction: what, paper, this run, note; figures as the papers write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from radiologycnn.evaluation.summary import write_rows
from radiologycnn.evaluation.words import p_words

MISSING = "–"


@dataclass(frozen=True)
class Row:
    """One line; an empty cell says that there is no such figure."""

    what: str
    paper: str = ""
    run: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """One table of a report.

    Attributes:
        key: for its file.
        title: with the paper's number, such as "Table 3. ...".
        rows: in order.
        run_title: what "this run" is: it must say so where its scans or readers are simulated.
        notes: sentences below the table.
    """

    key: str
    title: str
    rows: Sequence[Row]
    run_title: str = "This run"
    notes: Sequence[str] = field(default_factory=tuple)

    def write(self, folder: Path) -> Path:
        """``<key>.csv`` with the columns what, paper, this run, note."""
        rows = [
            {"what": r.what, "paper": r.paper or MISSING, self.run_title: r.run or MISSING, "note": r.note}
            for r in self.rows
        ]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.key}.csv"
        write_rows(path, rows)
        return path


def plain(value: float, digits: int = 2) -> str:
    """With this many digits after the point; what rounds to zero has no sign."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def mean_sd(values: Sequence[float | None], digits: int = 2, percent: bool = False, of: str = "case") -> str:
    """ "0.84 ± 0.06" over cases that have a value and a finite one, sample standard deviation; empty without any.

    Args:
        of: what has a value, for the words that stand in the place of a single one's SD.
    """
    known = _known(values) * (100 if percent else 1)
    if not len(known):
        return ""
    sd = known.std(ddof=1) if len(known) > 1 else np.nan
    return with_sd(known.mean(), sd, digits, " %" if percent else "", of)


def with_sd(mean: float, sd: float, digits: int = 2, unit: str = "", of: str = "case") -> str:
    """ "0.84 ± 0.06", "0.84 (one case)" where there is no SD (nan)."""
    if not np.isfinite(sd):
        return f"{plain(mean, digits)}{unit} (one {of})"
    return f"{plain(mean, digits)} ± {plain(sd, digits)}{unit}"


def _known(values: Sequence[float | None]) -> np.ndarray:
    known = np.array([np.nan if value is None else value for value in values], float)
    return known[np.isfinite(known)]


def median_quartiles(values: Sequence[float | None], digits: int = 2, percent: bool = False) -> str:
    """ "69.0 (67.0, 70.1)", quartiles linear between ranks."""
    known = _known(values)
    if not len(known):
        return ""
    low, middle, high = np.percentile(known * (100 if percent else 1), (25, 50, 75))
    return f"{middle:.{digits}f} ({low:.{digits}f}, {high:.{digits}f}){' %' if percent else ''}"


def number(value: float | None, digits: int = 2) -> str:
    """Plain, empty for None and what is no number."""
    return "" if value is None or not np.isfinite(value) else plain(value, digits)


def p_value(value: float | None) -> str:
    """As people read it; empty without a finite value."""
    return "" if value is None or not np.isfinite(value) else p_words(value)


def with_p(value: float | None, p: float | None, digits: int = 2) -> str:
    """ "1.13 (p = 7.99e-10)", "-1.24 (p = 0.600)"; empty without a value, and no p where that is no number."""
    text = number(value, digits)
    return f"{text} (p = {p:#.3g})" if text and p is not None and np.isfinite(p) else text
