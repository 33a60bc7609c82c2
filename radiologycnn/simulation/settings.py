"""Settings of a simulated population as nested dataclasses: to and from JSON, with clear words for a wrong name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

from radiologycnn.errors import InputError
from radiologycnn.simulation.limits import check_numbers

Settings = TypeVar("Settings", bound="SimulationSettings")
_EXAMPLE = 'They are JSON such as {"scanner": {"matrix": 256}}.'


@dataclasses.dataclass(frozen=True)
class SimulationSettings:
    """Base of a population's description; its fields are the parts, each a dataclass with defaults."""

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls: type[Settings], fields: dict[str, Any], base: Settings | None = None) -> Settings:
        """Inverse of :meth:`to_dict`; parts and numbers left out stay as in ``base``, or else have their defaults.

        Raises:
            InputError: ``simulation-config``: an unknown name, or a value unlike the default or out of its limits.
        """
        if not isinstance(fields, dict):
            raise InputError("simulation-config", "The simulation settings name no parts.", _EXAMPLE)
        base = base or cls()
        parts = {part.name: getattr(base, part.name) for part in dataclasses.fields(cls)}
        for name, values in fields.items():
            if name not in parts:
                raise InputError(
                    "simulation-config",
                    f"The simulation settings name an unknown part “{name}”.",
                    "Known parts: " + ", ".join(parts) + ".",
                )
            if not isinstance(values, dict):
                raise InputError(
                    "simulation-config",
                    f"The simulation settings' part “{name}” cannot be {json.dumps(values)}.",
                    _EXAMPLE,
                )
            known = {f.name: getattr(parts[name], f.name) for f in dataclasses.fields(parts[name])}
            for key, value in values.items():
                if key not in known:
                    raise InputError(
                        "simulation-config",
                        f"The simulation settings name an unknown number “{name}.{key}”.",
                        "Known ones: " + ", ".join(known) + ".",
                    )
                known[key] = _like(f"{name}.{key}", known[key], value)
            parts[name] = type(parts[name])(**known)
        settings = cls(**parts)
        check_numbers(settings)
        return settings

    @classmethod
    def read(cls: type[Settings], path: Path, base: Settings | None = None) -> Settings:
        """From a JSON file that holds the parts to change, or from the ``simulation.json`` of other scans.

        Args:
            base: as of :meth:`from_dict`.

        Raises:
            InputError: ``simulation-config``: it cannot be read, or as :meth:`from_dict` says.
        """
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(
                "simulation-config", f"The settings file {path} cannot be read: {error.strerror}.", "Check the path."
            ) from error
        except ValueError as error:
            raise InputError(
                "simulation-config", f"The settings file {path.name} is no JSON: {error}.", _EXAMPLE
            ) from error
        written = isinstance(fields, dict) and fields.keys() >= {"simulator", "config"}  # by write_population
        return cls.from_dict(fields["config"] if written else fields, base)


def _like(name: str, default: Any, value: Any) -> Any:
    """A value of JSON as the default is: lists are tuples, and dictionaries have the default's order.

    What a dictionary leaves out keeps its default; of chances, which sum to one, it has none.

    Raises:
        InputError: the value is of another kind or length than the default, or names what the default does not.
    """
    if not _fits(default, value):
        raise InputError(
            "simulation-config",
            f"The simulation setting “{name}” cannot be {json.dumps(value)}.",
            f"Give it a value such as {json.dumps(default)}.",
        )
    if isinstance(default, tuple):
        return tuple(value)
    if isinstance(default, dict):
        left_out = {} if _are_chances(default) else default
        given = {**left_out, **value}
        # In one order, as what is drawn depends on it.
        return {key: _like(f"{name}.{key}", one, given[key]) for key, one in default.items() if key in given}
    return value


def _fits(default: Any, value: Any) -> bool:
    if isinstance(default, dict):
        return isinstance(value, dict) and all(key in default and _fits(default[key], value[key]) for key in value)
    if isinstance(default, tuple):
        same_length = isinstance(value, tuple | list) and len(value) == len(default)
        return same_length and all(map(_fits, default, value))
    kind = next((one for one in (bool, int, int | float, str) if isinstance(default, one)), object)
    return isinstance(value, kind) and isinstance(value, bool) == isinstance(default, bool)


def _are_chances(numbers: dict[str, Any]) -> bool:
    return all(isinstance(one, int | float) for one in numbers.values()) and abs(sum(numbers.values()) - 1) < 1e-9
