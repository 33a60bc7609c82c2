"""What a ``model.json`` must hold: its fields, and every mistake in them as a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from radiologycnn.networks.architectures import architecture_problems
from radiologycnn.tasks import TASKS

DESCRIPTION_NAME = "model.json"
SCHEMA_VERSION = 1
WEIGHTS_PRECISIONS = ("float32", "float16")

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
VERSION_PATTERN = re.compile(r"\d+\.\d+\.\d+")
_SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")

_FIELDS: dict[str, tuple[Any, str]] = {
    "name": (str, "letters a-z, digits, '.', '-' and '_', at most 64"),
    "version": (str, 'a version such as "1.0.0"'),
    "task": (str, "text"),
    "title": (str, "text"),
    "architecture": (dict, "an object"),
    "preprocessing": (dict, "an object"),
    "labels": (list, "a list"),
    "operating_threshold": ((int, float), "a number"),
    "licence": (str, "text"),
    "intended_use": (str, "text"),
    "training_data": (str, "text"),
    "simulated": (bool, "true or false"),
    "performance": (dict, "an object"),
    "weights_sha256": (str, "64 hexadecimal digits"),
}
_PATTERNS = {"name": NAME_PATTERN, "version": VERSION_PATTERN, "weights_sha256": _SHA256_PATTERN}


def description_problems(description: Any) -> list[str]:
    """Every problem of a ``model.json`` as a sentence; empty when it is fine. Fields that are not known are ignored."""
    if not isinstance(description, Mapping):
        return [f"{DESCRIPTION_NAME} must hold one JSON object."]
    schema = description.get("schema_version")
    if isinstance(schema, int) and schema > SCHEMA_VERSION:
        # Its other fields may mean something else, so nothing more is said about them.
        return [f"It was made for a newer RadiologyCNN (schema {schema}; this version reads up to {SCHEMA_VERSION})."]
    problems = []
    if isinstance(schema, bool) or schema != SCHEMA_VERSION:
        problems.append(f'"schema_version" must be {SCHEMA_VERSION}.')
    for name, (kind, meaning) in _FIELDS.items():
        value = description.get(name)
        if name not in description:
            problems.append(f'"{name}" is missing.')
        elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            problems.append(f'"{name}" must be {meaning}.')
        elif name in _PATTERNS and not _PATTERNS[name].fullmatch(value):
            problems.append(f'"{name}" must be {meaning}.')
    if isinstance(description.get("task"), str) and description["task"] not in TASKS:
        problems.append(f'The task "{description["task"]}" is unknown to this version (known: {", ".join(TASKS)}).')
    exported = description.get("onnx_sha256", "")
    if not isinstance(exported, str) or (exported and not _SHA256_PATTERN.fullmatch(exported)):
        problems.append('"onnx_sha256" must be 64 hexadecimal digits, or be left out.')
    if description.get("weights_precision", "float32") not in WEIGHTS_PRECISIONS:
        problems.append(f'"weights_precision" must be {" or ".join(WEIGHTS_PRECISIONS)}, or be left out.')
    threshold = description.get("operating_threshold")
    if isinstance(threshold, int | float) and not 0 < threshold < 1:
        problems.append('"operating_threshold" must lie between 0 and 1.')
    lowest = description.get("lowest_threshold")
    if lowest is not None and (
        isinstance(lowest, bool)
        or not isinstance(lowest, int | float)
        or not 0 < lowest <= (threshold if isinstance(threshold, int | float) else 1)
    ):
        problems.append('"lowest_threshold" must lie between 0 and the operating threshold, or be left out.')
    if "architecture" in description:
        problems += architecture_problems(description["architecture"])
    if isinstance(description.get("labels"), list):
        problems += _label_problems(description["labels"])
    return problems


def _label_problems(labels: list[Any]) -> list[str]:
    problems = []
    if not labels:
        problems.append('"labels" must name at least one label.')
    for number, label in enumerate(labels, start=1):
        if not isinstance(label, Mapping):
            problems.append(f"Label {number} must be an object.")
            continue
        if label.get("value") != number or isinstance(label.get("value"), bool):
            problems.append(f'The "value" of label {number} must be {number}.')
        if not isinstance(label.get("name"), str) or not label["name"].strip():
            problems.append(f'The "name" of label {number} must be text.')
        color = label.get("color_rgb")
        if not (
            isinstance(color, list)
            and len(color) == 3
            and all(isinstance(c, int | float) and not isinstance(c, bool) and 0 <= c <= 1 for c in color)
        ):
            problems.append(f'The "color_rgb" of label {number} must be three numbers from 0 to 1.')
        for code in ("category", "type", "region"):
            value = label.get(code)
            pair = isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)
            if code in label and not pair and not (code == "region" and value is None):
                problems.append(f'The "{code}" of label {number} must be a SNOMED CT code and its meaning.')
        unknown = set(label) - {"value", "name", "color_rgb", "category", "type", "region"}
        if unknown:
            problems.append(f"Label {number} has unknown fields: {', '.join(sorted(map(str, unknown)))}.")
    return problems
