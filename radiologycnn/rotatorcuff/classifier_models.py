"""The models that can classify tears: one of them opened and checked, and which others can be asked."""

from __future__ import annotations

from radiologycnn.errors import InputError
from radiologycnn.models.catalog import find_model, list_models
from radiologycnn.models.package import ModelPackage
from radiologycnn.networks.backends import NetworkBackend, open_backend
from radiologycnn.rotatorcuff.repeats import RepeatRequest
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES
from radiologycnn.tasks import ROTATOR_CUFF_TASK


def open_classifier(package: ModelPackage, device: str, precision: str) -> NetworkBackend:
    """What runs the package's network; the arguments are those of ``open_backend``.

    Raises:
        InputError: the network is no classifier, or not one of the five classes of tears.
    """
    backend = open_backend(package, device, precision)
    if not backend.class_count:
        raise InputError(
            "bad-model",
            f"The model {package.id} is no classifier but a {package.architecture['name']}.",
            "Ask the model's author for a corrected package.",
        )
    if not backend.class_count == len(package.labels) == len(TEAR_CLASSES):
        raise InputError(
            "bad-model",
            f"The model {package.id} has {backend.class_count} outputs and names {len(package.labels)} classes, "
            f"but there are {len(TEAR_CLASSES)} classes of tears.",
            "Ask the model's author for a corrected package.",
        )
    return backend


def other_models(request: RepeatRequest, own: ModelPackage) -> list[ModelPackage]:
    """The models that repeats by "models" ask beside ``own``: those of the request, or all that are installed.

    Raises:
        InputError: there is no other one.
    """
    if request.models:
        packages = [find_model(name, ROTATOR_CUFF_TASK) for name in request.models]
    else:
        packages = [package for package in list_models(ROTATOR_CUFF_TASK) if not package.problem]
    others = [package for package in packages if package.weights_sha256 != own.weights_sha256]
    if not others:
        raise InputError(
            "too-few-models",
            "To compare models, at least two for the rotator cuff must be installed.",
            "Install another one, or repeat with mc_dropout or tta.",
        )
    return others[: request.count - 1]
