"""Options of the plain U-Net in two and three dimensions, light; see :mod:`radiologycnn.networks.unet`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from radiologycnn.networks.network_options import NetworkOptions


@dataclass(frozen=True)
class UNetOptions(NetworkOptions):
    """Options of :class:`radiologycnn.networks.unet.UNet`.

    Attributes:
        dimensions: 3 (patches of volumes) or 2 (slices).
        in_channels, out_labels: as of CNN-DS; each output has its own sigmoid.
        base_filters: of the first convolution, doubled at each level: 32 in Cicek 2016 (3D), 64 in Ronneberger 2015.
        depth: resolution levels, the bottom included: 4 (3D), 5 (2D).
        doubled_before_pooling: the second convolution of each contracting level already has twice the channels (Cicek
            2016, against bottlenecks); otherwise both have the same (Ronneberger 2015).
        dropout: rate at the bottom, where the 2D network loses half of its channels (Ironside 2019).
    """

    ARCHITECTURE: ClassVar[str] = "unet"
    PRESETS: ClassVar[dict[str, UNetOptions]] = {}  # filled below: making options asks which presets there are
    CHOICES: ClassVar[Mapping[str, tuple[Any, ...]]] = {"dimensions": (2, 3)}
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "in_channels": (1, 64),
        "out_labels": (1, 64),
        "base_filters": (1, 256),
        "depth": (2, 7),
        "dropout": (0.0, 0.95),
    }

    dimensions: int = 3
    in_channels: int = 1
    out_labels: int = 1
    base_filters: int = 32
    depth: int = 4
    doubled_before_pooling: bool = True
    dropout: float = 0.0

    @property
    def size_multiple(self) -> int:
        """Each side of the input must be a multiple of this."""
        return 2 ** (self.depth - 1)


PRESETS = UNetOptions.PRESETS
PRESETS.update(
    # Cicek 2016, "3D U-Net: learning dense volumetric segmentation from sparse annotation", Fig. 2.
    default=UNetOptions(),
    # Ronneberger 2015 with the batch normalization and 50 % dropout of Ironside 2019.
    slices=UNetOptions(dimensions=2, base_filters=64, depth=5, doubled_before_pooling=False, dropout=0.5),
)
