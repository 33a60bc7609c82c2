"""Numbers and names of figures as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

_UNITS = {"ml": "mL", "mm": "mm"}
#: Parts of names that are not written in small letters, or in other ones.
_SPELLINGS = {"auc": "AUC", "brier": "Brier", "dice": "Dice", "f1": "F1", "hausdorff": "Hausdorff", "sd": "SD"}
_SPELLINGS |= {"top1": "top-1"} | {kind: kind.upper() for kind in ("iph", "ivh", "sdh", "edh", "sah")}


def counted(count: int, thing: str) -> str:
    """ "1 case", "2 cases"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


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
                own = (f"{figure_words(key)} {one}" for key, one in value.items() if isinstance(one, int | float))
                yield f"{indent}{figure_words(name)}: {', '.join(own)}"
        elif isinstance(value, str | int | float):
            interval = figures.get(f"{name}_95")
            known = isinstance(interval, list | tuple) and len(interval) == 2  # the card may be a stranger's
            yield f"{indent}{figure_words(name)}: {value}" + (" (95 % {} to {})".format(*interval) if known else "")


def p_words(p: float | None) -> str:
    """A p-value with three decimals; very small ones as "< 0.001", none and what is no number as "–"."""
    if p is None or math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
