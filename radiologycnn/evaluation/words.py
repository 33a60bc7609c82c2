"""Numbers and names of figures as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_UNITS = {"ml": "mL", "mm": "mm"}
#: Parts of names that are not written in small letters, or in other ones.
_SPELLINGS = {"auc": "AUC", "brier": "Brier", "dice": "Dice", "f1": "F1", "hausdorff": "Hausdorff", "sd": "SD"}
_SPELLINGS |= {"top1": "top-1"} | {kind: kind.upper() for kind in ("iph", "ivh", "sdh", "edh", "sah")}

#: Figures of a table that are still read in one row.
LONGEST_ROW = 6
_SHOWN_NAMES = 5


def counted(count: int, thing: str) -> str:
    """ "1 case", "2 cases"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def some_names(names: Sequence[str]) -> str:
    """ "a, b", and of many the first five: "a, b, c, d, e …"."""
    return ", ".join(names[:_SHOWN_NAMES]) + " …" * (len(names) > _SHOWN_NAMES)


def figure_words(name: str) -> str:
    """ "volume_error_ml" as "volume error (mL)", "within_5_mm" as "within 5 mm", "tear_auc" as "tear AUC"."""
    if name == "found_wrongly":  # so many cases
        return "wrongly found in"
    words: list[str] = []
    ending = ""
    for part in name.replace("held_out", "held-out").split("_"):
        unit = _UNITS.get(part)
        if unit and words[-2:-1] != ["within"]:
            ending = f" ({unit})"
        else:
            words.append(unit or _SPELLINGS.get(part, part))
    return " ".join(words) + ending


def performance_lines(figures: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """What a model's card says of its performance, a line for each figure, its 95 % interval behind it.

    Left out are figures that no case gives, such as of a type of bleed that none has, and what is no single figure,
    such as a confusion matrix; ``model.json`` has them all.
    """
    for name, value in figures.items():
        if isinstance(value, Mapping):
            if not value or (value.get("cases") == 0 and not value.get("found_wrongly")):
                continue
            if any(isinstance(one, Mapping | str) for one in value.values()):
                yield f"{indent}{figure_words(name)}"
                yield from performance_lines(value, indent + "  ")
            else:
                yield f"{indent}{figure_words(name)}: {', '.join(_row(value))}"
        elif isinstance(value, str | int | float):
            yield f"{indent}{figure_words(name)}: {_with_interval(figures, name)}"


def performance_texts(performance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The same in short: (name of a set of scans, its figures in a row), "" for figures of no set.

    Left out are tables of more than :data:`LONGEST_ROW` figures and tables within tables too.
    """
    own = {name: value for name, value in performance.items() if not isinstance(value, Mapping)}
    sets = {name: value for name, value in performance.items() if isinstance(value, Mapping)}
    for name, figures in {"": own, **sets}.items():
        text = "; ".join(_row(figures, holds_tables=True))
        if text:
            yield figure_words(name), text


def _row(figures: Mapping[str, Any], holds_tables: bool = False) -> Iterator[str]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            figures_there = sum(not isinstance(one, list | tuple) for one in value.values())  # intervals are none
            if holds_tables and figures_there <= LONGEST_ROW and (row := ", ".join(_row(value))):
                yield f"{figure_words(name)}: {row}"
        elif isinstance(value, str):
            yield value if name == "data" else f"{figure_words(name)}: {value}"
        elif isinstance(value, int | float):
            yield f"{figure_words(name)} {_with_interval(figures, name)}"


def _with_interval(figures: Mapping[str, Any], name: str) -> str:
    text, interval = _number(figures[name]), figures.get(f"{name}_95")
    if isinstance(interval, list | tuple) and len(interval) == 2:  # the card may be a stranger's
        text += " (95 % {} to {})".format(*map(_number, interval))
    return text


def _number(value: Any) -> str:
    """A share or a mean with three significant digits; counts and all else as they stand."""
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 1000 else str(value)


def p_words(p: float | None) -> str:
    """A p-value with three decimals; very small ones as "< 0.001", none and what is no number as "–"."""
    if p is None or math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
