"""From a trained network to a model package with an honest card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radiologycnn.hemorrhage.labels import HEMORRHAGE
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.models.package import ModelPackage
from radiologycnn.models.weights import save_package
from radiologycnn.training.settings import TrainingSettings
from radiologycnn.training.trainer import TrainingResult, architecture_of

DEMONSTRATION = "Demonstration model, trained on simulated scans. Not for patients."


def preprocessing_of(settings: TrainingSettings) -> Preprocessing:
    return Preprocessing(grid_shape_ijk=settings.grid_shape_ijk, order=settings.order, antialias=settings.antialias)


def describe(
    settings: TrainingSettings,
    name: str,
    version: str,
    title: str,
    training_data: str,
    simulated: bool,
    threshold: float,
    performance: dict[str, Any],
    licence: str = "Apache-2.0",
) -> dict[str, Any]:
    """The ``model.json`` record of a hemorrhage model."""
    return {
        "name": name,
        "version": version,
        "task": "hemorrhage-segmentation",
        "title": title,
        "architecture": architecture_of(settings),
        "preprocessing": preprocessing_of(settings).to_dict(),
        "labels": [HEMORRHAGE.to_dict()],
        "operating_threshold": threshold,
        "licence": licence,
        "intended_use": DEMONSTRATION if simulated else "Research only. Not for diagnosis.",
        "training_data": training_data,
        "simulated": simulated,
        "performance": performance,
        "training_settings": settings.to_dict(),
    }


def write_model(folder: Path, result: TrainingResult, description: dict[str, Any]) -> ModelPackage:
    """Write the package; weights float32."""
    return save_package(folder, result.state_dict, description)
