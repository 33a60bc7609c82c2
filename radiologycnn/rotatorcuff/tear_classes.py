"""The five classes of rotator cuff tears, in order of severity.

Sizes as in Shim 2020, "Data preparation": the rating of DeOrio and Cofield (1984), measured at arthroscopy. Light on
purpose: the Slicer panel imports this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TearClass:
    """One class.

    Attributes:
        index: 0-4, its place in every tuple of probabilities.
        key: short lower-case name, for files and options.
        name: what a person reads in a table.
        definition: what the class means, in words.
        words: the class as the answer to "what is it?".
        color_rgb: three floats in 0-1. From grey over yellow to dark red-violet: severity is lightness too, so that
            the order is seen without colour vision and in a grey print.
    """

    index: int
    key: str
    name: str
    definition: str
    words: str
    color_rgb: tuple[float, float, float]


TEAR_CLASSES = (
    TearClass(0, "none", "None", "no tear", "No tear", (0.62, 0.66, 0.70)),
    TearClass(1, "partial", "Partial", "partial-thickness tear", "Partial tear", (0.93, 0.76, 0.33)),
    TearClass(2, "small", "Small", "full-thickness tear < 1 cm", "Small tear (< 1 cm)", (0.91, 0.54, 0.24)),
    TearClass(3, "medium", "Medium", "full-thickness tear 1-3 cm", "Medium tear (1-3 cm)", (0.77, 0.27, 0.31)),
    TearClass(
        4,
        "large_to_massive",
        "Large-to-Massive",
        "full-thickness tear > 3 cm",
        "Large-to-massive tear (> 3 cm)",
        (0.43, 0.10, 0.36),
    ),
)

#: Class index by the codes of the paper's own data: there, Partial comes last.
FROM_PAPER_CODES: Mapping[int, int] = {0: 0, 1: 2, 2: 3, 3: 4, 4: 1}

#: What an activation map can explain, in the order of a result's maps: each class, and a tear of any size.
TEAR_VERSUS_NONE = "tear_versus_none"
TARGETS: tuple[int | str, ...] = (*(tear_class.index for tear_class in TEAR_CLASSES), TEAR_VERSUS_NONE)


def class_records() -> list[dict[str, Any]]:
    """The classes as a model package's ``labels`` state them: value (index + 1), name, color_rgb."""
    return [{"value": one.index + 1, "name": one.name, "color_rgb": list(one.color_rgb)} for one in TEAR_CLASSES]


def target_name(target: int | str, classes: Sequence[TearClass] = TEAR_CLASSES) -> str:
    """What a person reads for the target of an activation map."""
    return "Tear versus none" if target == TEAR_VERSUS_NONE else classes[int(target)].name
