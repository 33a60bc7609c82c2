"""The architectures that a model package may name, light: checked without torch, built with it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from radiologycnn.networks.cnn_ds_options import CnnDsOptions
from radiologycnn.networks.densenet3d_options import DenseNet3dOptions
from radiologycnn.networks.slice_cnn_options import SliceCnnOptions
from radiologycnn.networks.vrn_options import VrnOptions

if TYPE_CHECKING:
    from torch import nn

# Name: options, and the module and class of the network, which load torch.
_KNOWN: dict[str, tuple[Any, str, str]] = {
    "cnn_ds": (CnnDsOptions, "radiologycnn.networks.cnn_ds", "CnnDs"),
    "vrn": (VrnOptions, "radiologycnn.networks.vrn", "Vrn"),
    "densenet3d": (DenseNet3dOptions, "radiologycnn.networks.densenet3d", "DenseNet3d"),
    "slice_cnn": (SliceCnnOptions, "radiologycnn.networks.slice_cnn", "SliceCnn"),
}

ARCHITECTURES = tuple(_KNOWN)


def architecture_problems(architecture: Any) -> list[str]:
    """Every problem of ``{"name": ..., "parameters": {...}}`` as a sentence; empty when it can be built."""
    if not isinstance(architecture, Mapping) or not isinstance(architecture.get("name"), str):
        return ['"architecture" must be an object with a "name" and "parameters".']
    name = architecture["name"]
    if name not in ARCHITECTURES:
        return [f"The architecture {name!r} is unknown to this version (known: {', '.join(ARCHITECTURES)})."]
    parameters = architecture.get("parameters", {})
    if not isinstance(parameters, Mapping):
        return ['"architecture.parameters" must be an object.']
    return _KNOWN[name][0].problems(parameters)


def options_of(architecture: Mapping[str, Any]) -> Any:
    """All options of the network that ``{"name": ..., "parameters": {...}}`` describes, those left out by default.

    Raises:
        ValueError: unknown name or impossible parameters.
    """
    problems = architecture_problems(architecture)
    if problems:
        raise ValueError(" ".join(problems))
    return _KNOWN[architecture["name"]][0].from_dict(architecture.get("parameters", {}))


def build_network(architecture: Mapping[str, Any]) -> nn.Module:
    """The untrained network that ``{"name": ..., "parameters": {...}}`` describes.

    Raises:
        ValueError: unknown name or impossible parameters.
    """
    options = options_of(architecture)
    _, module, network_class = _KNOWN[architecture["name"]]
    return getattr(import_module(module), network_class)(options)


def count_parameters(network: nn.Module) -> int:
    """Number of parameters, those that do not learn included."""
    return sum(parameter.numel() for parameter in network.parameters())
