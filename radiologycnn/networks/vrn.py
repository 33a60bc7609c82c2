"""VRN (Shim 2020, after Brock 2016): a 3D classifier for shoulder MRI whose features give a class activation map.

Structure, C channels at the place (Brock 2016, section 4; Shim 2020, Methods; what they leave open: their public code):

- stem: 3^3 convolution, nothing after it; beyond the papers, squares of pixels may enter it as channels of one voxel;
- a block is three Voxception-ResNet units and one Voxception-Downsample unit:

  - Voxception-ResNet: BN, ELU, then two branches side by side, C/2 channels each, added to the unit's raw input:
    1^3 C/4, 3^3 C/4, 1^3 C/2 and 3^3 C/4, 3^3 C/2 (BN and ELU between the convolutions, nothing after the last one);
  - Voxception-Downsample: BN, ELU, then four branches of C channels in all side by side become 2C: 3^3 stride 2;
    1^3 stride 2; 3^3 and max-pooling; 3^3 and average-pooling; each ends with BN. ELU after the last block's;

- final convolution: 3^3 and BN, added to its input, ELU: the features; beyond the papers, at every voxel in place of
  every second (``dense_features``);
- global average pooling, BN, fully connected layer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from radiologycnn.networks.gap_classifier import GapClassifier, SqueezeExcitation, StochasticDepth, initialize
from radiologycnn.networks.pixel_shuffle import unshuffle_pixels
from radiologycnn.networks.vrn_options import PRESETS, VRN_UNITS_PER_BLOCK, VrnOptions


class Vrn(GapClassifier):
    """The network of Shim 2020; returns logits, shape (batch, classes), in the order of severity.

    Args:
        options: see :class:`VrnOptions`; the settled reading where left out.
    """

    # Every layer of stride 2 is centred on the even voxels (3^3 with one voxel of padding on both sides, or 1^3), so
    # feature voxel i is centred on the stem's voxel 2**n * i, where n blocks halve the grid.
    halving_offset = 0.0

    def __init__(self, options: VrnOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or VrnOptions()
        self.stem = Stem(options)
        keep = iter(options.keep_probabilities)
        self.blocks = nn.ModuleList()
        channels = options.base_filters
        for block in range(options.blocks):
            units: list[nn.Module] = [VrnUnit(channels, next(keep), options) for _ in range(VRN_UNITS_PER_BLOCK)]
            last = block == options.blocks - 1
            units.append(DownsampleUnit(channels, options, stride=1 if last and options.dense_features else 2))
            channels *= 2
            if last:
                # Elsewhere the next unit starts with normalization and activation.
                units.append(nn.ELU(inplace=True))
            self.blocks.append(nn.Sequential(*units))
        self.final = FinalConvolution(channels, options) if options.final_convolution else None
        self.make_head(channels, options.classes, options.hidden_features, eps=options.norm_eps)
        self.initialize()

    def stages(self) -> list[nn.Module]:
        """Stem, blocks, final convolution."""
        return [self.stem, *self.blocks, *([self.final] if self.final is not None else [])]

    def initialize(self) -> None:
        """Draw new weights: Xavier uniform (Shim 2020) or orthogonal (Brock 2016); biases zero."""
        initialize(self, self.options.initialization)


def build_vrn(preset: str = "default", **changes: Any) -> Vrn:
    """The network by preset name ("default", "shim_tf", "brock") with single options changed.

    Raises:
        ValueError: an unknown preset or option, or an impossible value.
    """
    return Vrn(VrnOptions.from_dict({"preset": preset, **changes}))


def _norm(channels: int, options: VrnOptions) -> nn.BatchNorm3d:
    return nn.BatchNorm3d(channels, eps=options.norm_eps)


def _convolution(
    channels_in: int,
    channels_out: int,
    kernel: int,
    options: VrnOptions,
    stride: int = 1,
    dilation: int = 1,
    norm_follows: bool = False,
) -> nn.Conv3d:
    """Same padding; without bias where a normalization would take it out again, unless asked for."""
    bias = not norm_follows or options.convolution_bias == "everywhere"
    padding = dilation * (kernel // 2)
    return nn.Conv3d(channels_in, channels_out, kernel, stride, padding, dilation, bias=bias)


def _inner(channels_in: int, channels_out: int, kernel: int, options: VrnOptions) -> list[nn.Module]:
    """Convolution, normalization and activation inside a branch, in the order of the options."""
    convolution = _convolution(channels_in, channels_out, kernel, options, norm_follows=True)
    rest: list[nn.Module] = [_norm(channels_out, options), nn.ELU(inplace=True)]
    if options.order == "conv_elu_norm":
        rest.reverse()
    return [convolution, *rest]


def _dropout(keep_probability: float, options: VrnOptions) -> nn.Module:
    if options.dropout == "off" or keep_probability == 1.0:
        return nn.Identity()
    if options.dropout == "element":
        return nn.Dropout(1.0 - keep_probability)
    return StochasticDepth(keep_probability)


def _squeeze(channels: int, options: VrnOptions) -> nn.Module:
    return SqueezeExcitation(channels, options.squeeze_reduction) if options.squeeze_excitation else nn.Identity()


class Stem(nn.Conv3d):
    """First convolution: (batch, in_channels, K, f J, f I) to (batch, base_filters, K, J, I), f ``pixel_unshuffle``."""

    def __init__(self, options: VrnOptions) -> None:
        self.factor = options.pixel_unshuffle
        super().__init__(options.in_channels * self.factor**2, options.base_filters, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(unshuffle_pixels(image, self.factor))


class VrnUnit(nn.Module):
    """Voxception-ResNet: (batch, C, K, J, I) to the same shape."""

    def __init__(self, channels: int, keep_probability: float, options: VrnOptions) -> None:
        super().__init__()
        quarter, half = channels // 4, channels // 2
        self.entry = nn.Sequential(_norm(channels, options), nn.ELU(inplace=True))
        self.bottleneck = nn.Sequential(
            *_inner(channels, quarter, 1, options),
            *_inner(quarter, quarter, 3, options),
            _convolution(quarter, half, 1, options),
        )
        self.plain = nn.Sequential(*_inner(channels, quarter, 3, options), _convolution(quarter, half, 3, options))
        self.squeeze = _squeeze(channels, options)
        self.dropout = _dropout(keep_probability, options)

    def forward(self, features: Tensor) -> Tensor:
        ready = self.entry(features)
        branch = torch.cat((self.bottleneck(ready), self.plain(ready)), dim=1)
        return features + self.dropout(self.squeeze(branch))


class DownsampleUnit(nn.Module):
    """Voxception-Downsample: (batch, C, K, J, I) to (batch, 2C, K/2, J/2, I/2), odd sides rounded up.

    With a stride of 1 it gives the same at every voxel: (batch, 2C, K, J, I).
    """

    def __init__(self, channels: int, options: VrnOptions, stride: int = 2) -> None:
        super().__init__()
        half = channels // 2
        self.entry = nn.Sequential(_norm(channels, options), nn.ELU(inplace=True))
        self.branches = nn.ModuleList(
            nn.Sequential(*layers, _norm(half, options))
            for layers in (
                [_convolution(channels, half, 3, options, stride, norm_follows=True)],
                [_convolution(channels, half, 1, options, stride, norm_follows=True)],
                # Not directly before the normalization, so with bias in both originals.
                [_convolution(channels, half, 3, options), nn.MaxPool3d(3, stride, padding=1)],
                [_convolution(channels, half, 3, options), nn.AvgPool3d(3, stride, padding=1)],
            )
        )

    def forward(self, features: Tensor) -> Tensor:
        ready = self.entry(features)
        # Four branches of half the channels each.
        return torch.cat([branch(ready) for branch in self.branches], dim=1)


class FinalConvolution(nn.Module):
    """Residual 3^3 convolution; its output, after the activation, is what the activation map is taken from."""

    def __init__(self, channels: int, options: VrnOptions) -> None:
        super().__init__()
        # As far in mm as between the voxels of a halved grid.
        dilation = 2 if options.dense_features else 1
        self.convolution = _convolution(channels, channels, 3, options, dilation=dilation, norm_follows=True)
        self.norm = _norm(channels, options)
        self.squeeze = _squeeze(channels, options)
        self.dropout = _dropout(options.final_keep_probability, options)
        self.activation = nn.ELU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        branch = self.dropout(self.squeeze(self.norm(self.convolution(features))))
        return self.activation(features + branch)


__all__ = ["PRESETS", "Vrn", "VrnOptions", "build_vrn"]
