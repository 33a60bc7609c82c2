"""What the tasks' ``preprocessing`` in ``model.json`` share: read into a dataclass, or refused with every reason."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from radiologycnn.errors import InputError

T = TypeVar("T")


def read_fields(
    kind: type[T], record: Mapping[str, Any], choices: Mapping[str, Sequence[str]], switches: Sequence[str]
) -> tuple[T, list[str]]:
    """The record's values, or the fields' defaults, and what is wrong with them, without full stops.

    Args:
        kind: the dataclass; each of its fields has a default.
        record: as JSON gives it.
        choices: allowed words of the fields that are a choice.
        switches: fields that are true or false.
    """
    known = {one.name: one.default for one in fields(kind)}  # type: ignore[arg-type]
    problems = [f"{name!r} is unknown" for name in record if name not in known]
    result = kind(**{name: record.get(name, default) for name, default in known.items()})
    for name, words in choices.items():
        if getattr(result, name) not in words:
            problems.append(f"'{name}' must be one of {', '.join(words)}")
    for name in switches:
        if not isinstance(getattr(result, name), bool):
            problems.append(f"'{name}' must be true or false")
    return result, problems


def refuse(problems: Sequence[str]) -> None:
    """Say every problem, where there is one.

    Raises:
        InputError: there is one.
    """
    if problems:
        raise InputError(
            "bad-preprocessing",
            f"The model's preprocessing cannot be used: {'; '.join(problems)}.",
            "Update RadiologyCNN, or ask the model's author for a corrected package.",
        )


def is_number(value: Any) -> bool:
    """Whether it is a finite number, Python's or NumPy's, and not true or false."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
