"""Options of the slice-wise classifier, light; see :mod:`radiologycnn.networks.slice_cnn`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from radiologycnn.networks.network_options import NetworkOptions


@dataclass(frozen=True)
class SliceCnnOptions(NetworkOptions):
    """Options of :class:`radiologycnn.networks.slice_cnn.SliceCnn`.

    Attributes:
        in_channels, classes, input_size: as of VRN.
        base_filters: channels of the first stage, doubled at each one.
        stages: each two convolutions; between two of them the slice is halved.
        dropout: rate on the features of each slice.
    """

    ARCHITECTURE: ClassVar[str] = "slice_cnn"
    PRESETS: ClassVar[dict[str, SliceCnnOptions]] = {}  # filled below: making options asks which presets there are
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "in_channels": (1, 64),
        "classes": (2, 1000),
        "input_size": (8, 512),
        "base_filters": (1, 256),
        "stages": (2, 6),
        "dropout": (0.0, 0.95),
    }

    in_channels: int = 1
    classes: int = 5
    input_size: int = 64
    base_filters: int = 32
    stages: int = 3
    dropout: float = 0.2

    @property
    def size_multiple(self) -> int:
        """Input voxels between two feature voxels; input sides must be a multiple of this."""
        return 2 ** (self.stages - 1)


PRESETS = SliceCnnOptions.PRESETS
PRESETS.update(default=SliceCnnOptions())
