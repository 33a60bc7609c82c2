"""One plain-text table: a name, its seconds, its ratio, and whether its target is met."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        name: what was measured; a row with nothing else is a heading.
        value, unit: the figure.
        ratio: share of the whole, 0-1.
        target: the figure must not be above it; for rows that have a ratio and the unit "%", the ratio must not.
        remark: anything to know about it.
    """

    name: str
    value: float | None = None
    unit: str = "s"
    ratio: float | None = None
    target: float | None = None
    remark: str = ""

    @property
    def is_missed(self) -> bool:
        return self.target is not None and self.value is not None and self.value > self.target

    def to_dict(self) -> dict:
        return {**asdict(self), "is_missed": self.is_missed}


def render(rows: Iterable[Row]) -> str:
    """The table as text."""
    lines = []
    for row in rows:
        if row.value is None:
            lines += ["", row.name, "-" * 92]
            continue
        digits = {"s": 3, "ms": 0, "MiB": 0, "%": 1, "x": 2}[row.unit]
        ratio = f"{100 * row.ratio:5.1f} %" if row.ratio is not None else ""
        target = "" if row.target is None else f"{'MISSED' if row.is_missed else 'ok'} (<= {row.target:.4g} {row.unit})"
        text = f"{row.name:<44}{row.value:>10.{digits}f} {row.unit:<4}{ratio:>9}   {target:<20} {row.remark}"
        lines.append(text.rstrip())
    return "\n".join(lines).strip("\n")
