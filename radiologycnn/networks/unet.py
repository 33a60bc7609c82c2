"""The plain U-Net: of volumes (Cicek 2016) and of slices (Ronneberger 2015), to compare CNN-DS with.

Contracting: two 3-wide convolutions with batch normalization before ReLU, max-pooling of 2. Expanding: transposed
convolution of 2, concatenation with the contracting path, two convolutions. Last a convolution of 1. Convolutions are
padded, so that the output has the input's size; the originals lose a border.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radiologycnn.networks.unet_options import UNetOptions

_SLICES_AT_ONCE = 16
"""Of a volume, outside training: enough to keep a device busy, few enough for its memory at 512 x 512."""


class UNet(nn.Module):
    """Logits, shape (batch, labels, *sides), of an image, shape (batch, channels, *sides)."""

    def __init__(self, options: UNetOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or UNetOptions()
        in_3d = options.dimensions == 3
        self.pool = nn.MaxPool3d(2) if in_3d else nn.MaxPool2d(2)
        upwards = nn.ConvTranspose3d if in_3d else nn.ConvTranspose2d
        filters = [options.base_filters * 2**level for level in range(options.depth)]
        factor = 2 if options.doubled_before_pooling else 1
        self.down, self.up, self.joined = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = options.in_channels
        for count in filters:
            self.down.append(_two_convolutions(channels, count, factor * count, in_3d))
            channels = factor * count
        # Channel dropout without regard to the dimensions: (batch, channels, places).
        self.dropout = nn.Dropout1d(options.dropout)
        for count in reversed(filters[:-1]):
            skipped = factor * count
            # Ronneberger halves the channels on the way up, Cicek keeps them.
            raised = channels if options.doubled_before_pooling else channels // 2
            self.up.append(upwards(channels, raised, 2, stride=2))
            self.joined.append(_two_convolutions(raised + skipped, skipped, skipped, in_3d))
            channels = skipped
        self.last = (nn.Conv3d if in_3d else nn.Conv2d)(channels, options.out_labels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits, shape (batch, labels, ...), of an image, shape (batch, channels, ...): (K, J, I), or (J, I) in 2D."""
        kept = []
        for level, block in enumerate(self.down):
            image = block(image if level == 0 else self.pool(image))
            kept.append(image)
        if self.options.dropout:
            image = self.dropout(image.flatten(2)).view_as(image)
        for skipped, up, joined in zip(reversed(kept[:-1]), self.up, self.joined):
            image = joined(torch.cat((skipped, up(image)), dim=1))
        return self.last(image)


class SliceWise(nn.Module):
    """A network of slices as one of volumes: every slice, axis K, on its own."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Logits, shape (batch, labels, K, J, I), of an image, shape (batch, channels, K, J, I)."""
        batch, _, count = image.shape[:3]
        slices = image.transpose(1, 2).flatten(0, 1)
        groups = [slices] if self.training else slices.split(_SLICES_AT_ONCE)
        logits = torch.cat([self.network(group.contiguous()) for group in groups])
        return logits.unflatten(0, (batch, count)).transpose(1, 2)


def _two_convolutions(channels: int, first: int, second: int, in_3d: bool) -> nn.Sequential:
    convolution = nn.Conv3d if in_3d else nn.Conv2d
    norm = nn.BatchNorm3d if in_3d else nn.BatchNorm2d
    layers: list[nn.Module] = []
    for before, after in ((channels, first), (first, second)):
        layers += [convolution(before, after, 3, padding=1), norm(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
