"""A classifier that sees one slice at a time, to compare VRN with: what the third dimension is worth (Shim 2020).

The paper names "existing 2D-based CNN methods" as a comparison still to be made. Here one 2D CNN, the same for all
slices, reads each slice (axis K of the cube); a linear layer gives each place of each slice its share of the logits,
and their mean over all slices is the case's. Convolutions are 1 x 3 x 3, so nothing passes between slices before that.
"""

from __future__ import annotations

from torch import nn

from radiologycnn.networks.gap_classifier import GapClassifier, initialize
from radiologycnn.networks.slice_cnn_options import SliceCnnOptions


class SliceCnn(GapClassifier):
    """Returns logits, shape (batch, classes).

    Args:
        options: see :class:`SliceCnnOptions`.
    """

    # Pooling of two voxels is centred between them.
    halving_offset = 0.5

    def __init__(self, options: SliceCnnOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or SliceCnnOptions()
        self.blocks = nn.ModuleList()
        channels = options.in_channels
        for stage in range(options.stages):
            count = options.base_filters * 2**stage
            layers: list[nn.Module] = [nn.MaxPool3d((1, 2, 2))] if stage else []
            for before in (channels, count):
                layers += [
                    nn.Conv3d(before, count, (1, 3, 3), padding=(0, 1, 1), bias=False),
                    nn.BatchNorm3d(count),
                    nn.ReLU(inplace=True),
                ]
            self.blocks.append(nn.Sequential(*layers))
            channels = count
        # Neighbouring slices' features are averaged to the grid that the slices themselves have; the mean over all
        # places, and so the logits, do not change by it.
        between = options.size_multiple
        self.blocks.append(nn.Sequential(nn.Dropout3d(options.dropout), nn.AvgPool3d((between, 1, 1))))
        self.make_head(channels, options.classes, norm=False)
        initialize(self, "xavier")

    def stages(self) -> list[nn.Module]:
        """The stages, and the averaging of neighbouring slices last."""
        return list(self.blocks)
