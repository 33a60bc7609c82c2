"""Reads the widget table: what Slicer 5.12 offers to Python, class by class (see api/cut_table.py)."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

TABLE_PATH = Path(__file__).parent / "api" / "slicer_widgets.json"


@dataclass(frozen=True)
class Members:
    """All that an object of a class has, inherited members included."""

    properties: dict[str, bool]  # name: can it be written?
    signals: frozenset[str]
    methods: frozenset[str]
    complete: bool  # were methods that are neither slots nor properties read as well?

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.properties) | self.methods | {signal.split("(")[0] for signal in self.signals}


@lru_cache
def table() -> dict:
    return json.loads(TABLE_PATH.read_text())


@lru_cache
def members(class_name: str) -> Members | None:
    """Members of a class by its name in the table; None where the table lacks it."""
    classes = table()["classes"]
    if class_name not in classes:
        return None
    properties, signals, methods = {}, set(), {"name", "exec_", "setProperty"}
    for name in [*reversed(classes[class_name]["inherits"]), class_name]:
        entry = classes.get(name)
        if entry is None:
            continue
        properties |= {key: "w" in value[1] for key, value in entry["properties"].items()}
        signals |= set(entry["signals"])
        methods |= {slot.split("(")[0] for slot in entry["slots"]} | set(entry["other_callables"])
    return Members(properties, frozenset(signals), frozenset(methods), classes[class_name]["listed_callables"])
