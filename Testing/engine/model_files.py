"""Models as files that tests change, pack and have refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from radiologycnn.errors import InputError


def change_description(folder: Path, **changes) -> None:
    """Write other fields into a model's ``model.json``; ``...`` takes one away."""
    file = folder / "model.json"
    record = json.loads(file.read_text())
    record.update(changes)
    file.write_text(json.dumps({name: value for name, value in record.items() if value is not ...}))


def zipped(folder: Path, to: Path, prefix: str = "") -> Path:
    """A model's folder as a zip, its files below ``prefix``."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("model.json", "weights.safetensors"):
            archive.write(folder / name, prefix + name)
    return to


def refusal(action, *arguments, **named) -> str:
    """The sentence with which an action refuses."""
    with pytest.raises(InputError) as refused:
        action(*arguments, **named)
    return refused.value.message
