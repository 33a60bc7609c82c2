"""Settings of a simulated population as nested dataclasses: to and from JSON, with clear words for a wrong name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

from radiologycnn.errors import InputError

Settings = TypeVar("Settings", bound="SimulationSettings")

_KINDS: tuple[Any, ...] = (bool, int | float, str, tuple | list, dict)


@dataclasses.dataclass(frozen=True)
class SimulationSettings:
    """Base of a population's description; its fields are the parts, each a dataclass with defaults."""

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls: type[Settings], fields: dict[str, Any]) -> Settings:
        """Inverse of :meth:`to_dict`; parts and numbers left out keep their defaults."""
        parts = {part.name: part.default for part in dataclasses.fields(cls)}
        for name, values in fields.items():
            if name not in parts:
                raise InputError(
                    "simulation-config",
                    f"The simulation settings name an unknown part “{name}”.",
                    "Known parts: " + ", ".join(parts) + ".",
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
        return cls(**parts)

    @classmethod
    def read(cls: type[Settings], path: Path) -> Settings:
        """From a JSON file that holds the parts to change."""
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise InputError(
                "simulation-config",
                f"The settings file {path.name} cannot be read: {error}",
                'It must be JSON such as {"scanner": {"matrix": 256}}.',
            ) from error


def _like(name: str, default: Any, value: Any) -> Any:
    """JSON lists back to tuples, also inside dictionaries.

    Raises:
        InputError: the value is of another kind than the default.
    """
    kind = next((one for one in _KINDS if isinstance(default, one)), type(value))
    if not isinstance(value, kind) or isinstance(value, bool) != isinstance(default, bool):
        raise InputError(
            "simulation-config",
            f"The simulation setting “{name}” cannot be {json.dumps(value)}.",
            f"Give it a value such as {json.dumps(default)}.",
        )
    if isinstance(default, tuple):
        return tuple(value)
    if isinstance(default, dict):
        return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
    return value
