"""Fixed-feature training: the part of a network that finds features stays as it is, and the last part learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from radiologycnn.errors import InputError
from radiologycnn.networks.cnn_ds import CnnDs
from radiologycnn.networks.gap_classifier import GapClassifier
from radiologycnn.training.settings import CommonSettings


def feature_parts(network: nn.Module) -> list[nn.Module]:
    """What finds features: all that a classifier does before its pooling; the contracting path of CNN-DS.

    Raises:
        InputError: a network that is not divided in this way.
    """
    if isinstance(network, GapClassifier):
        return list(network.stages())
    if isinstance(network, CnnDs):
        return [network.in_convs, network.contexts]
    raise InputError("cannot-freeze", "Only VRN and CNN-DS can keep their features fixed.", "Train the whole network.")


def freeze(network: nn.Module, settings: CommonSettings) -> list[nn.Module]:
    """Keep the settings' frozen part from learning.

    Returns:
        Its modules, which have to stay in test mode, so that their statistics stay too.
    """
    if settings.frozen == "none":
        return []
    parts = feature_parts(network)
    for part in parts:
        part.requires_grad_(False)
    return parts


def check_start(settings: CommonSettings, start_weights: Mapping[str, Any] | None, resume: bool) -> None:
    """Raises InputError where features would be fixed that nobody trained."""
    if settings.frozen != "none" and start_weights is None and not resume:
        raise InputError(
            "nothing-to-freeze",
            "Features can only stay fixed in a model that has learned them.",
            "Name it with --start-from, or train the whole network.",
        )
