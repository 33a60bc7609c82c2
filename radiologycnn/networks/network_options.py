"""What all architectures' options share: presets, checks in sentences, the way to and from ``model.json``; light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

T = TypeVar("T", bound="NetworkOptions")


@dataclass(frozen=True)
class NetworkOptions:
    """Base of frozen dataclasses whose fields are "int", "float", "bool", "str" or "tuple[..., ...]".

    A subclass states:

    - ``ARCHITECTURE``: its name, for the sentences;
    - ``PRESETS``: options by name, "default" among them; filled after the class is made;
    - ``CHOICES``: allowed values of options that are a choice;
    - ``RANGES``: lowest and highest value of numbers; for a tuple, of each of its numbers;
    - ``LENGTHS``: fewest and most values of tuples.
    """

    ARCHITECTURE: ClassVar[str]
    PRESETS: ClassVar[dict[str, Any]]
    CHOICES: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {}
    LENGTHS: ClassVar[Mapping[str, tuple[int, int]]] = {}

    def __post_init__(self) -> None:
        for name in self.LENGTHS:
            # A list from JSON would make the options unhashable and unequal to the ones that wrote it.
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        problems = self._single_problems(asdict(self)) or self.contradictions()
        if problems:
            raise ValueError(" ".join(problems))

    def contradictions(self) -> list[str]:
        """What does not fit together although each option is fine, as sentences."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """All options, as they stand in ``model.json``."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls: type[T], parameters: Mapping[str, Any]) -> T:
        """Options from ``model.json``: optionally ``preset``, and changes to it.

        Raises:
            ValueError: an unknown option or an impossible value; every problem is named.
        """
        problems = cls._single_problems(parameters)
        if problems:
            raise ValueError(" ".join(problems))
        changes = dict(parameters)
        return replace(cls.PRESETS[changes.pop("preset", "default")], **changes)

    @classmethod
    def problems(cls, parameters: Mapping[str, Any]) -> list[str]:
        """Every problem of ``parameters`` as a sentence; empty when a network can be built from them."""
        found = cls._single_problems(parameters)
        if not found:
            try:
                cls.from_dict(parameters)
            except ValueError as error:
                found = [str(error)]
        return found

    @classmethod
    def _single_problems(cls, parameters: Mapping[str, Any]) -> list[str]:
        """Problems of options one by one."""
        known = {f.name: f.type for f in fields(cls)}
        architecture = cls.ARCHITECTURE
        found = []
        for name, value in parameters.items():
            if name == "preset":
                if not isinstance(value, str) or value not in cls.PRESETS:
                    names = ", ".join(cls.PRESETS)
                    found.append(f"There is no preset {value!r} of {architecture} (known: {names}).")
            elif name not in known:
                found.append(f"{architecture} has no option {name!r}.")
            elif name in cls.CHOICES:
                if value not in cls.CHOICES[name]:
                    found.append(f"The option {name} of {architecture} is {value!r}, not one of {cls.CHOICES[name]}.")
            elif known[name] == "bool":
                if not isinstance(value, bool):
                    found.append(f"The option {name} of {architecture} is {value!r}, not true or false.")
            elif known[name].startswith("tuple"):
                fewest, most = cls.LENGTHS[name]
                low, high = cls.RANGES[name]
                if not isinstance(value, list | tuple) or not fewest <= len(value) <= most:
                    found.append(f"The option {name} of {architecture} must be a list of {fewest} to {most} numbers.")
                elif not all(_is_number(item, "int" in known[name], (low, high)) for item in value):
                    found.append(
                        f"The option {name} of {architecture} holds a value that is not within {low} to {high}."
                    )
            elif not _is_number(value, known[name] == "int", cls.RANGES[name]):
                low, high = cls.RANGES[name]
                found.append(f"The option {name} of {architecture} is {value!r}, not within {low} to {high}.")
        return found


@dataclass(frozen=True)
class ClassifierOptions(NetworkOptions):
    """What the options of every classifier begin with.

    Attributes:
        in_channels: channels of the input; 1, the grey value.
        classes: classes; 5 in Shim 2020 (None < Partial < Small < Medium < Large-to-Massive).
        input_size: side of the input cube in voxels that the network was trained on; it accepts other sizes.
    """

    # Upper bounds keep a broken or hostile package from asking for all memory.
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "in_channels": (1, 64),
        "classes": (2, 1000),
        "input_size": (8, 512),
    }

    in_channels: int = 1
    classes: int = 5
    input_size: int = 64


def _is_number(value: Any, whole: bool, limits: tuple[float, float]) -> bool:
    right_kind = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    return right_kind and limits[0] <= value <= limits[1]
