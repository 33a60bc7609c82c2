"""From a trained network to a model package with an honest card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radiologycnn.errors import InputError
from radiologycnn.models.package import NAME_PATTERN, SIMULATED_NOTE, VERSION_PATTERN
from radiologycnn.training.settings import CommonSettings

DEMONSTRATION = SIMULATED_NOTE
RESEARCH_ONLY = "Research only. Not for diagnosis."

TEST_SEED_OFFSET = 1_000_003
"""Simulated test scans come from another seed, so none was trained on."""


def check_model_name(name: str, version: str) -> None:
    """Raises InputError before hours of training, not after."""
    if not NAME_PATTERN.fullmatch(name) or not VERSION_PATTERN.fullmatch(version):
        raise InputError("bad-name", f"“{name}” {version} is no model name and version.", "Use hemorrhage-x and 1.0.0.")


def describe(
    task: str,
    settings: CommonSettings,
    architecture: Mapping[str, Any],
    preprocessing: Mapping[str, Any],
    labels: Sequence[Mapping[str, Any]],
    name: str,
    version: str,
    title: str,
    training_data: str,
    simulated: bool,
    threshold: float,
    performance: Mapping[str, Any],
    licence: str = "Apache-2.0",
) -> dict[str, Any]:
    """The ``model.json`` record, see :class:`radiologycnn.models.package.ModelPackage`."""
    return {
        "name": name,
        "version": version,
        "task": task,
        "title": title,
        "architecture": dict(architecture),
        "preprocessing": dict(preprocessing),
        "labels": [dict(label) for label in labels],
        "operating_threshold": threshold,
        "licence": licence,
        "intended_use": DEMONSTRATION if simulated else RESEARCH_ONLY,
        "training_data": training_data,
        "simulated": simulated,
        "performance": dict(performance),
        "training_settings": settings.to_dict(),
    }
