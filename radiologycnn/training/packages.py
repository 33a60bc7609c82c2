"""From a trained network to a model package with an honest card."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radiologycnn.errors import InputError
from radiologycnn.models.description import NAME_PATTERN, VERSION_PATTERN
from radiologycnn.models.package import SIMULATED_NOTE, load_package
from radiologycnn.models.weights import load_network
from radiologycnn.networks.architectures import options_of
from radiologycnn.training.settings import CommonSettings

DEMONSTRATION = SIMULATED_NOTE
RESEARCH_ONLY = "Research only. Not for diagnosis."
LICENCE = "Apache-2.0"

TEST_SEED_OFFSET = 1_000_003
"""Simulated test scans come from another seed, so none was trained on."""


@dataclass(frozen=True)
class ModelName:
    """What a new model is called; an empty title leaves it to the task."""

    name: str
    version: str = "0.1.0"
    title: str = ""

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}"


@dataclass(frozen=True)
class OperatingPoint:
    """From which probability on a model finds something, and how good it is there.

    Attributes:
        threshold, lowest: ``operating_threshold`` and ``lowest_threshold`` of
            :class:`radiologycnn.models.package.ModelPackage`.
        performance: figures measured at it, JSON-able; empty for none.
        logit_scale: by which the logits' distance from that of the threshold is multiplied in the package; None where
            they stay as trained, see :meth:`radiologycnn.training.task.TrainingTask.weights_at`.
    """

    threshold: float
    performance: dict[str, Any] = field(default_factory=dict)
    lowest: float | None = None
    logit_scale: float | None = None


@dataclass(frozen=True)
class NetworkRecord:
    """What a model package says of its network, however it was trained: fields of ``model.json`` of these names."""

    task: str
    architecture: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    labels: Sequence[Mapping[str, Any]]


def check_model_name(name: str, version: str) -> None:
    """Raises InputError before hours of training, not after."""
    if not NAME_PATTERN.fullmatch(name) or not VERSION_PATTERN.fullmatch(version):
        raise InputError("bad-name", f"“{name}” {version} is no model name and version.", "Use hemorrhage-x and 1.0.0.")


def mark_of(path: Path | None) -> dict[str, str]:
    """What tells a package from all others, JSON-able; empty for none."""
    if path is None:
        return {}
    package = load_package(path)
    return {"id": package.id, "weights_sha256": package.weights_sha256}


def weights_of(path: Path, architecture: Mapping[str, Any], free: Collection[str]) -> dict[str, Any]:
    """Weights of a package, to start a training from.

    Args:
        architecture: of the network that is to be trained.
        free: parameters that may differ, as no weight depends on them.

    Raises:
        InputError: the package's network is another one.
    """
    package = load_package(path)
    differing: list[str] = []
    if package.architecture.get("name") == architecture["name"]:
        theirs, mine = (options_of(one).to_dict() for one in (package.architecture, architecture))
        differing = [
            f"{key.replace('_', ' ')} {theirs[key]} there, {mine[key]} here"
            for key in mine
            if key not in free and theirs[key] != mine[key]
        ]
    if package.architecture.get("name") != architecture["name"] or differing:
        raise InputError(
            "other-architecture",
            f"The model {package.id} is another network ({', '.join(differing) or package.architecture.get('name')}).",
            "Train with the same network settings, or start from another model.",
        )
    return load_network(package).state_dict()


def describe(
    model: ModelName,
    network: NetworkRecord,
    settings: CommonSettings,
    training_data: str,
    simulated: bool,
    point: OperatingPoint,
) -> dict[str, Any]:
    """The ``model.json`` record, see :class:`radiologycnn.models.package.ModelPackage`.

    Args:
        settings: that it was trained with.
        training_data: what it learned from, in words.
        simulated: whether these were simulated scans, which decides what it may be used for.
    """
    if settings.frozen != "none":
        training_data += (
            f"; {settings.frozen} fixed as in the model that it started from, so that only the rest learned"
        )
    return {
        "name": model.name,
        "version": model.version,
        "task": network.task,
        "title": model.title,
        "architecture": dict(network.architecture),
        "preprocessing": dict(network.preprocessing),
        "labels": [dict(label) for label in network.labels],
        "operating_threshold": point.threshold,
        **({} if point.lowest is None else {"lowest_threshold": point.lowest}),
        "licence": LICENCE,
        "intended_use": DEMONSTRATION if simulated else RESEARCH_ONLY,
        "training_data": training_data,
        "simulated": simulated,
        "performance": dict(point.performance),
        "training_settings": settings.to_dict(),
    }
