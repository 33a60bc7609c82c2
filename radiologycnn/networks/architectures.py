"""The architectures that a model package may name, light: checked without torch, built with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from radiologycnn.networks.cnn_ds_options import CnnDsOptions

if TYPE_CHECKING:
    from torch import nn

ARCHITECTURES = ("cnn_ds",)


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
    return CnnDsOptions.problems(parameters)


def build_network(architecture: Mapping[str, Any]) -> nn.Module:
    """The untrained network that ``{"name": ..., "parameters": {...}}`` describes.

    Raises:
        ValueError: unknown name or impossible parameters.
    """
    problems = architecture_problems(architecture)
    if problems:
        raise ValueError(" ".join(problems))
    from radiologycnn.networks.cnn_ds import CnnDs

    return CnnDs(CnnDsOptions.from_dict(architecture.get("parameters", {})))
