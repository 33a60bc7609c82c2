"""Options of the slice-wise classifier, light; see :mod:`radiologycnn.networks.slice_cnn`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from radiologycnn.networks.network_options import ClassifierOptions


@dataclass(frozen=True)
class SliceCnnOptions(ClassifierOptions):
    """Options of :class:`radiologycnn.networks.slice_cnn.SliceCnn`, beside those of every classifier.

    Attributes:
        base_filters: channels of the first stage, doubled at each one.
        stages: each two convolutions; between two of them the slice is halved.
        dropout: rate on the features of each slice.
    """

    ARCHITECTURE: ClassVar[str] = "slice_cnn"
    PRESETS: ClassVar[dict[str, SliceCnnOptions]] = {}  # filled below: making options asks which presets there are
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **ClassifierOptions.RANGES,
        "base_filters": (1, 256),
        "stages": (2, 6),
        "dropout": (0.0, 0.95),
    }

    base_filters: int = 32
    stages: int = 3
    dropout: float = 0.2

    @property
    def size_multiple(self) -> int:
        """Input voxels between two feature voxels; input sides must be a multiple of this."""
        return 2 ** (self.stages - 1)


PRESETS = SliceCnnOptions.PRESETS
PRESETS.update(default=SliceCnnOptions())
