"""A 3D DenseNet-BC (Huang 2017) of VRN's size, to compare VRN with; the same head and activation map.

3^3 convolution; dense blocks of layers BN, ReLU, 1^3 (four times the growth rate), BN, ReLU, 3^3, whose output joins
all channels before it; between blocks BN, ReLU, 1^3 (compression), average-pooling 2^3; BN, ReLU: the features; global
average pooling; fully connected layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radiologycnn.networks.densenet3d_options import DenseNet3dOptions
from radiologycnn.networks.gap_classifier import GapClassifier, initialize

_BOTTLENECK = 4
"""Channels of a layer's first convolution, in growth rates (Huang 2017, section 3)."""


class DenseNet3d(GapClassifier):
    """Returns logits, shape (batch, classes).

    Args:
        options: see :class:`DenseNet3dOptions`.
    """

    # Pooling of two voxels is centred between them.
    halving_offset = 0.5

    def __init__(self, options: DenseNet3dOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or DenseNet3dOptions()
        channels = options.base_filters
        self.stem = nn.Conv3d(options.in_channels, channels, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList()
        last = len(options.block_layers) - 1
        for block, layers in enumerate(options.block_layers):
            parts: list[nn.Module] = []
            for _ in range(layers):
                parts.append(_DenseLayer(channels, options))
                channels += options.growth_rate
            parts += [nn.BatchNorm3d(channels), nn.ReLU(inplace=True)]
            if block < last:
                kept = max(int(channels * options.compression), 1)
                parts += [nn.Conv3d(channels, kept, 1, bias=False), nn.AvgPool3d(2)]
                channels = kept
            self.blocks.append(nn.Sequential(*parts))
        self.make_head(channels, options.classes, norm=False)
        initialize(self, "xavier")

    def stages(self) -> list[nn.Module]:
        """Stem, then dense blocks, each with what follows it."""
        return [self.stem, *self.blocks]


class _DenseLayer(nn.Module):
    """(batch, C, K, J, I) to (batch, C + growth_rate, K, J, I)."""

    def __init__(self, channels: int, options: DenseNet3dOptions) -> None:
        super().__init__()
        inner = _BOTTLENECK * options.growth_rate
        self.layers = nn.Sequential(
            nn.BatchNorm3d(channels),
            nn.ReLU(inplace=True),
            nn.Conv3d(channels, inner, 1, bias=False),
            nn.BatchNorm3d(inner),
            nn.ReLU(inplace=True),
            nn.Conv3d(inner, options.growth_rate, 3, padding=1, bias=False),
            nn.Dropout(options.dropout),
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat((features, self.layers(features)), dim=1)
