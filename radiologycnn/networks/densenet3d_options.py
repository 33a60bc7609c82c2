"""Options of the 3D DenseNet, light: what a model package may state about the network, checked without loading torch.

Shim 2020 names densely connected networks (Huang 2017) as a next step; this one exists to be compared with VRN. The
defaults give it about VRN's parameters and multiplications and the same grid of the activation map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from radiologycnn.networks.option_checks import option_problems


@dataclass(frozen=True)
class DenseNet3dOptions:
    """Options of :class:`radiologycnn.networks.densenet3d.DenseNet3d`.

    Attributes:
        in_channels: channels of the input; 1, the grey value.
        classes: classes, as of VRN.
        input_size: side of the input cube in voxels that the network was trained on.
        base_filters: channels of the first convolution; twice the growth rate in Huang 2017 (DenseNet-BC).
        growth_rate: channels that each layer adds.
        block_layers: layers of each dense block; between two blocks the grid is halved.
        compression: share of the channels that a transition keeps; 0.5 in Huang 2017.
        dropout: rate after each layer's last convolution.
    """

    in_channels: int = 1
    classes: int = 5
    input_size: int = 64
    base_filters: int = 32
    growth_rate: int = 16
    block_layers: tuple[int, ...] = (2, 6, 14)
    compression: float = 0.5
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if isinstance(self.block_layers, list):
            object.__setattr__(self, "block_layers", tuple(self.block_layers))
        problems = self.problems(asdict(self))
        if problems:
            raise ValueError(" ".join(problems))

    @property
    def size_multiple(self) -> int:
        """Input voxels between two feature voxels; input sides must be a multiple of this."""
        return 2 ** (len(self.block_layers) - 1)

    def to_dict(self) -> dict[str, Any]:
        """All options, as they stand in ``model.json``."""
        return {**asdict(self), "block_layers": list(self.block_layers)}

    @classmethod
    def from_dict(cls, parameters: Mapping[str, Any]) -> DenseNet3dOptions:
        """Options from ``model.json``: optionally ``preset``, and changes to it.

        Raises:
            ValueError: an unknown option or an impossible value; every problem is named.
        """
        problems = cls.problems(parameters)
        if problems:
            raise ValueError(" ".join(problems))
        changes = dict(parameters)
        return replace(PRESETS[changes.pop("preset", "default")], **changes)

    @classmethod
    def problems(cls, parameters: Mapping[str, Any]) -> list[str]:
        """Every problem of ``parameters`` as a sentence; empty when they are fine."""
        return option_problems("densenet3d", cls, parameters, PRESETS, {}, _RANGES, {"block_layers": (1, 6)})


# Upper bounds keep a broken or hostile package from asking for all memory.
_RANGES: dict[str, tuple[float, float]] = {
    "in_channels": (1, 64),
    "classes": (2, 1000),
    "input_size": (8, 512),
    "base_filters": (1, 256),
    "growth_rate": (1, 128),
    "block_layers": (1, 64),
    "compression": (0.1, 1.0),
    "dropout": (0.0, 0.95),
}

PRESETS: dict[str, DenseNet3dOptions] = {}  # Filled below: making options asks which presets there are.
PRESETS.update(default=DenseNet3dOptions())
