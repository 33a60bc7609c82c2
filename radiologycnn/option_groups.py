"""Options that several commands have, each stated once: a command takes a dataclass of them as one parameter.

::

    @dataclass(frozen=True)
    class SimulationOptions:
        output: Path = typer.Option(..., "--output", "-o", help="Folder for the scans.")
        seed: int = typer.Option(0, help="Decides everything.")

    @app.command("head-ct")
    @with_groups
    def head_ct(common: SimulationOptions, preset: str = typer.Option("default")) -> None:
        ...
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer is to see it: with the fields of its dataclasses as options of its own, in their place."""
    hints = get_type_hints(command)
    groups: dict[str, Any] = {}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if is_dataclass(kind):
            groups[name] = kind
            of_group = get_type_hints(kind)
            options = [(field.name, field.default, of_group[field.name]) for field in fields(kind)]
        else:
            options = [(name, parameter.default, kind)]
        parameters += [
            inspect.Parameter(one, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for one, default, annotation in options
        ]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, kind in groups.items():
            values[name] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        command(**values)

    del run.__wrapped__  # or its signature would be that of the command
    run.__signature__ = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
