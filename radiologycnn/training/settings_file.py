"""Training settings as a JSON file: written by a grid search, read by ``train --settings``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from radiologycnn.errors import InputError
from radiologycnn.evaluation.summary import write_record
from radiologycnn.training.settings import CommonSettings

Settings = TypeVar("Settings", bound=CommonSettings)


def write_settings(path: Path, task: str, settings: CommonSettings) -> None:
    """Every setting, with the task that it is for; the file appears whole or not at all."""
    write_record(path, {"task": task, "settings": settings.to_dict()})


def read_settings(path: Path, task: str, kind: type[Settings], changes: Mapping[str, Any] | None = None) -> Settings:
    """Settings of a file; those left out are the preset's that the file names, or the default ones.

    Args:
        changes: to the file's; None leaves a setting as it is.

    Raises:
        InputError: no such file, not its format, another task's, or values that do not exist.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        values = dict(record["settings"])
    except OSError as error:
        raise InputError(
            "no-settings", f"The settings file {path} cannot be read: {error.strerror or error}.", "Check the path."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "bad-settings",
            f"{path.name} is no file of training settings.",
            f'It holds JSON such as {{"task": "{task}", "settings": {{"learning_rate": 0.001}}}}.',
        ) from error
    if record.get("task", task) != task:
        raise InputError(
            "other-task", f"The settings in {path.name} are for {record['task']}.", f"Give settings for {task}."
        )
    preset = values.pop("preset", "default")
    base = kind.presets().get(preset, kind())
    known = {field.name: getattr(base, field.name) for field in fields(kind)}
    read = {name: like(name, value, known[name]) if name in known else value for name, value in values.items()}
    return kind.from_preset(preset, read | {name: one for name, one in (changes or {}).items() if one is not None})


def like(name: str, value: Any, example: Any, shown: Callable[[Any], str] = json.dumps) -> Any:
    """A value as its setting's kind.

    Args:
        example: any value of the setting.
        shown: writes a value as the person has to write it, for the message.

    Raises:
        InputError: it is of another kind.
    """
    fitting = _fitting(value, example)
    if fitting is None:
        raise InputError(
            "bad-settings",
            f"The setting {name} takes {_kind_words(example)}; it cannot be {shown(value)}.",
            f"Give it a value such as {shown(example)}.",
        )
    return fitting


def _fitting(value: Any, example: Any) -> Any:
    """The value as the example's kind; None where it is of another."""
    if isinstance(example, tuple):
        if not isinstance(value, list | tuple) or len(value) != len(example):
            return None
        parts = tuple(_fitting(one, of) for one, of in zip(value, example))
        return None if None in parts else parts
    if isinstance(example, bool) or isinstance(value, bool):
        return value if isinstance(value, bool) and isinstance(example, bool) else None
    if isinstance(example, float):
        return float(value) if isinstance(value, int | float) else None
    return value if isinstance(value, type(example)) else None


def _kind_words(example: Any) -> str:
    if isinstance(example, tuple):
        return f"{len(example)} {'whole ' * isinstance(example[0], int)}numbers"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}[type(example)]
