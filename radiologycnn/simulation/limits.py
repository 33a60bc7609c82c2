"""What the numbers of a simulated population can be: a file of settings is refused before anything is drawn from it.

A setting's type may state its limits, ``Annotated[float, Limits(0, 1)]``, or :class:`LimitsByPlace`; else those of its
unit hold, by which its name ends. Limits keep apart what can be drawn from what cannot; they do not make a number a
likely one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_type_hints

from radiologycnn.errors import InputError

Range = tuple[float, float]
"""Low and high end of what is drawn uniformly."""
_LARGEST = 1e6
"""Of numbers that need no such limit; infinite ones are none of them."""


@dataclass(frozen=True)
class Limits:
    """Lowest and highest value of a number, or of each number of a tuple or a dictionary.

    Attributes:
        or_zero: 0 is allowed, too, and stands for something else.
        sums: the numbers are chances in proportion, one of which is not 0.
    """

    low: float = 0.0
    high: float = _LARGEST
    or_zero: bool = False
    sums: bool = False

    @property
    def words(self) -> str:
        """ "from 0 to 1", "of 0 or more"."""
        zero = "0, or " if self.or_zero else ""
        both = f"from {self.low:g} to {self.high:g}" if self.high < _LARGEST else f"of {self.low:g} or more"
        return f"{zero}{both}" + (", not all of them 0" if self.sums else "")

    def hold(self, number: float) -> bool:
        """Whether a number keeps them; what is no number never does."""
        return self.low <= number <= self.high or (self.or_zero and number == 0)


@dataclass(frozen=True)
class LimitsByPlace:
    """Of a tuple whose numbers are of several kinds, or of each tuple of a dictionary.

    Attributes:
        numbers: what each is called, and its limits.
        ranges: places of the low and the high end of each range among them.
    """

    numbers: tuple[tuple[str, Limits], ...]
    ranges: tuple[tuple[int, int], ...] = ()


Share = Annotated[float, Limits(0, 1)]
Shares = Annotated[Range, Limits(0, 1)]
Chances = Annotated[dict[str, float], Limits(sums=True)]
Matrix = Annotated[int, Limits(64, 1024)]
SliceCounts = Annotated[tuple[int, int], Limits(1, 1000)]
SliceLength = Annotated[float, Limits(0.3, 30)]
SliceLengths = Annotated[Range, Limits(0.3, 30)]
GridLength = Annotated[float, Limits(0.5, 10)]
FineLength = Annotated[float, Limits(0.3, 10, or_zero=True)]
# What others are divided by; of bodies, what has no body without it.
Lengths = Annotated[Range, Limits(0.1, 100)]
Length = Annotated[float, Limits(0.1, 100)]
Factors = Annotated[Range, Limits(0.05, 20)]
Factor = Annotated[float, Limits(0.05, 20)]

_OF_UNITS = {
    "mm": Limits(0, 300),
    "ml": Limits(0, 1000),
    "hu": Limits(-1024, 4000),
    "deg": Limits(0, 90),
    "rad": Limits(0.01, math.pi),
    "years": Limits(0, 120),
}


def check_numbers(settings: Any) -> None:
    """Refuse numbers of a population's settings that nothing can be drawn from.

    Args:
        settings: dataclass of dataclasses.

    Raises:
        InputError: ``simulation-config``: which setting, and what it can be.
    """
    for part in fields(settings):
        numbers = getattr(settings, part.name)
        hints = get_type_hints(type(numbers), include_extras=True)
        for field in fields(numbers):
            metadata = getattr(hints[field.name], "__metadata__", ())
            stated = (one for one in metadata if isinstance(one, Limits | LimitsByPlace))
            limits = next(stated, _OF_UNITS.get(field.name.rpartition("_")[2], Limits()))
            _check(f"{part.name}.{field.name}", getattr(numbers, field.name), limits)


def _check(name: str, value: Any, limits: Limits | LimitsByPlace) -> None:
    if isinstance(limits, LimitsByPlace):
        _check_by_place(name, value, limits)
        return
    if limits.sums and not any(_numbers(value)):
        raise _refused(name, value, f"Give numbers {limits.words}.")
    if isinstance(value, dict):
        for key, one in value.items():
            _check(f"{name}.{key}", one, limits)
        return
    if not all(map(limits.hold, _numbers(value))):
        numbers = "numbers" if isinstance(value, tuple) else "a number"
        raise _refused(name, value, f"Give {numbers} {limits.words}.")
    # The last two of four are the ends that a drawn number is cut to, see the simulators' own settings.
    if isinstance(value, tuple) and len(value) in (2, 4):
        _check_order(name, value, -2, -1)


def _check_by_place(name: str, value: Any, limits: LimitsByPlace) -> None:
    if isinstance(value, dict):
        for key, one in value.items():
            _check_by_place(f"{name}.{key}", one, limits)
        return
    for (what, own), number in zip(limits.numbers, value):
        if not own.hold(number):
            raise _refused(name, value, f"Its {what} must be a number {own.words}.")
    for low, high in limits.ranges:
        _check_order(name, value, low, high)


def _check_order(name: str, value: tuple[float, ...], low: int, high: int) -> None:
    if value[low] > value[high]:
        raise _refused(name, value, f"Its low end, {value[low]:g}, must not lie above its high end, {value[high]:g}.")


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _numbers(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _refused(name: str, value: Any, hint: str) -> InputError:
    return InputError("simulation-config", f"The simulation setting “{name}” cannot be {json.dumps(value)}.", hint)
