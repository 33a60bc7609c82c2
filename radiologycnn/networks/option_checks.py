"""Checks of an architecture's options as they stand in ``model.json``, light: every problem becomes a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def option_problems(
    architecture: str,
    options_class: type,
    parameters: Mapping[str, Any],
    presets: Mapping[str, Any],
    choices: Mapping[str, tuple[Any, ...]],
    ranges: Mapping[str, tuple[float, float]],
    lengths: Mapping[str, tuple[int, int]] | None = None,
) -> list[str]:
    """Every problem of ``parameters`` as a sentence; empty when they are fine.

    Args:
        architecture: its name, for the sentences.
        options_class: dataclass whose annotations ("int", "float", "bool", "tuple[float, ...]") are checked.
        parameters: option names and values; ``preset`` besides.
        presets: the known presets.
        choices: allowed values of options that are a choice.
        ranges: lowest and highest value of numbers; for a tuple, of each of its numbers.
        lengths: fewest and most values of tuples.
    """
    known = {f.name: f.type for f in fields(options_class)}
    found = []
    for name, value in parameters.items():
        if name == "preset":
            if not isinstance(value, str) or value not in presets:
                found.append(f"There is no preset {value!r} of {architecture} (known: {', '.join(presets)}).")
        elif name not in known:
            found.append(f"{architecture} has no option {name!r}.")
        elif name in choices:
            if value not in choices[name]:
                found.append(f"The option {name} of {architecture} is {value!r}, not one of {choices[name]}.")
        elif known[name] == "bool":
            if not isinstance(value, bool):
                found.append(f"The option {name} of {architecture} is {value!r}, not true or false.")
        elif known[name].startswith("tuple"):
            fewest, most = (lengths or {})[name]
            if not isinstance(value, list | tuple) or not fewest <= len(value) <= most:
                found.append(f"The option {name} of {architecture} must be a list of {fewest} to {most} numbers.")
            elif not all(_is_number(item, "int" in known[name], ranges[name]) for item in value):
                low, high = ranges[name]
                found.append(f"The option {name} of {architecture} holds a value that is not within {low} to {high}.")
        elif not _is_number(value, known[name] == "int", ranges[name]):
            low, high = ranges[name]
            found.append(f"The option {name} of {architecture} is {value!r}, not within {low} to {high}.")
    return found


def _is_number(value: Any, whole: bool, limits: tuple[float, float]) -> bool:
    right_kind = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    return right_kind and limits[0] <= value <= limits[1]
