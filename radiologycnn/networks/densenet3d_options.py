"""Options of the 3D DenseNet, light: what a model package may state about the network, checked without loading torch.

Shim 2020 names densely connected networks (Huang 2017) as a next step; this one exists to be compared with VRN. The
defaults give it about VRN's parameters and multiplications and the same grid of the activation map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from radiologycnn.networks.network_options import ClassifierOptions


@dataclass(frozen=True)
class DenseNet3dOptions(ClassifierOptions):
    """Options of :class:`radiologycnn.networks.densenet3d.DenseNet3d`, beside those of every classifier.

    Attributes:
        base_filters: channels of the first convolution; twice the growth rate in Huang 2017 (DenseNet-BC).
        growth_rate: channels that each layer adds.
        block_layers: layers of each dense block; between two blocks the grid is halved.
        compression: share of the channels that a transition keeps; 0.5 in Huang 2017.
        dropout: rate after each layer's last convolution.
    """

    ARCHITECTURE: ClassVar[str] = "densenet3d"
    PRESETS: ClassVar[dict[str, DenseNet3dOptions]] = {}  # filled below: making options asks which presets there are
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **ClassifierOptions.RANGES,
        "base_filters": (1, 256),
        "growth_rate": (1, 128),
        "block_layers": (1, 64),
        "compression": (0.1, 1.0),
        "dropout": (0.0, 0.95),
    }
    LENGTHS: ClassVar[Mapping[str, tuple[int, int]]] = {"block_layers": (1, 6)}

    base_filters: int = 32
    growth_rate: int = 16
    block_layers: tuple[int, ...] = (2, 6, 14)
    compression: float = 0.5
    dropout: float = 0.2

    @property
    def size_multiple(self) -> int:
        """Input voxels between two feature voxels; input sides must be a multiple of this."""
        return 2 ** (len(self.block_layers) - 1)


PRESETS = DenseNet3dOptions.PRESETS
PRESETS.update(default=DenseNet3dOptions())
