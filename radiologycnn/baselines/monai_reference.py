"""A present-day reference: MONAI's DynUNet, the network of nnU-Net, on the grid that CNN-DS sees.

Learns as CNN-DS does: the same cases, loss, schedule, augmentation and rule for the threshold. nnU-Net's own planning
and its ensemble of folds are not part of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from radiologycnn.baselines.cnn_ds import prepared_on_grid
from radiologycnn.baselines.interface import Learning, ScanCase
from radiologycnn.baselines.operating_point import MaskAt, outlined_on_grid
from radiologycnn.baselines.trained_segmenter import TrainedSegmenter
from radiologycnn.images.volume import Volume
from radiologycnn.networks.installed import start_monai
from radiologycnn.training.hemorrhage.run import preprocessing_of
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.hemorrhage.trainer import SegmentationLoop

_LEVELS = 5


class DynUNetSegmenter(TrainedSegmenter):
    """Residual units, instance normalization, five levels; twice CNN-DS's channels, as nnU-Net has 32.

    Raises:
        ResourceError: MONAI is not installed.
    """

    name = "dynunet"
    title = "DynUNet (MONAI)"

    def __init__(self, settings: TrainingSettings, device: str = "cpu") -> None:
        self.settings, self.device = settings, device
        self.build()

    def make_network(self) -> nn.Module:
        filters = [min(2 * self.settings.base_filters * 2**level, 320) for level in range(_LEVELS)]
        strides = [1] + [2] * (_LEVELS - 1)
        make = start_monai("networks.nets").DynUNet
        return make(3, 1, 1, [3] * _LEVELS, strides, strides[1:], filters, norm_name="instance", res_block=True)

    def make_loop(self, *args: Any) -> SegmentationLoop:
        return SegmentationLoop(*args)

    def prepared(self, learning: Learning[ScanCase]) -> list[list[Path]]:
        return prepared_on_grid(learning, self.settings)

    def outlined(self, volume: Volume) -> MaskAt:
        return outlined_on_grid(self.network, preprocessing_of(self.settings), volume, self.device)

    def facts(self) -> dict[str, Any]:
        return {"left_out": ["deep supervision, nnU-Net's own planning and its ensemble"]}
