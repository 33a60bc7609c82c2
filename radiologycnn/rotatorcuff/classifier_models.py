"""The models that can classify tears: one of them opened and checked, and others asked about the same shoulder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.volume import Volume
from radiologycnn.models.catalog import find_model, list_models
from radiologycnn.models.package import ModelPackage
from radiologycnn.networks.backends import NetworkBackend, open_backend
from radiologycnn.rotatorcuff.preprocessing import Preprocessing
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


def probabilities_of_others(
    packages: Sequence[ModelPackage],
    volume: Volume,
    centre_lps_mm: Sequence[float],
    edge_mm: float | None,
    side: str,
    run: Callable[[ModelPackage, np.ndarray], np.ndarray],
    step: Callable[[float], None],
) -> np.ndarray:
    """Each model's answer, with its own preprocessing, around the same centre.

    Args:
        packages: the models, one at least.
        volume: the scan without padding.
        centre_lps_mm: of the humeral head.
        edge_mm: of the cube; None for each model's own.
        side: "left", "right" or "unknown".
        run: probabilities, shape (classes,), of a model and its network's input, (K, J, I).
        step: called before each model with the share that is done; it may raise, which ends the work.

    Returns:
        shape (models, classes).
    """
    rows = []
    for number, package in enumerate(packages):
        step(number / len(packages))
        preprocessing = Preprocessing.from_dict(package.preprocessing)
        region = preprocessing.region(volume, centre_lps_mm, edge_mm)
        rows.append(run(package, preprocessing.prepare(volume, region, side).array))
    return np.stack(rows)
