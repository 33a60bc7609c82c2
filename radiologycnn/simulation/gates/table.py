"""One measured figure beside its limit, and the table of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """A figure that must not exceed its limit.

    Attributes:
        name: what was tried, for the person.
        value: what it reached; None where it could not be measured.
        limit: the most that it may reach; None for a figure that is only told.
        note: how it was measured, or why not.
    """

    name: str
    value: float | None
    limit: float | None
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether it keeps its limit; a figure without one always does, one that was not measured never."""
        return self.limit is None or (self.value is not None and self.value <= self.limit)

    @property
    def verdict(self) -> str:
        """The same as a word of the table; "" without a limit."""
        if self.limit is None:
            return ""
        return "pass" if self.passed else ("not measured" if self.value is None else "FAIL")


def format_table(gates: Sequence[Gate]) -> str:
    """Plain text, a line each: name, value, limit, verdict, note."""
    rows = [("", "value", "at most", "", "")]
    for gate in gates:
        rows.append((gate.name, _number(gate.value), _number(gate.limit), gate.verdict, gate.note))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for name, value, limit, verdict, note in rows:
        line = f"{name:<{widths[0]}}  {value:>{widths[1]}}  {limit:>{widths[2]}}  {verdict:<{widths[3]}}  {note}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
