"""CNN-DS (Arab 2020): a 3D encoder-decoder with residual context modules and deep supervision, for whole-head CT.

Structure (paper, Methods and Fig. 4, after Isensee 2017), at level l with ``base_filters * 2**l`` channels:

- contracting: 3^3 convolution (stride 2 below the first level), context module (3^3, channel dropout, 3^3), and the
  sum of both, without an activation after the sum;
- expanding: upsample, 3^3, 1^3; concatenate the contracting path's features; localization 3^3, 1^3;
- deep supervision: a segmentation layer on each of the last three levels, upsampled and summed into the logits.

Beyond the paper, squares of pixels may enter as channels of one voxel (:mod:`radiologycnn.networks.pixel_shuffle`),
and levels may see the other side of the head: blood as grey as the brain is found by comparing both sides.

"3^3" and "1^3" are convolution, normalization and activation; a segmentation layer is the convolution alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from radiologycnn.networks.cnn_ds_options import PRESETS, CnnDsOptions
from radiologycnn.networks.pixel_shuffle import shuffle_pixels, unshuffle_pixels


class CnnDs(nn.Module):
    """The network of Arab 2020; returns logits, one channel a label.

    Args:
        options: see :class:`CnnDsOptions`; the settled reading where left out.
    """

    def __init__(self, options: CnnDsOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or CnnDsOptions()
        filters = [options.base_filters * 2**level for level in range(options.depth)]

        self.in_convs = nn.ModuleList()
        self.contexts = nn.ModuleList()
        pixels = options.pixel_unshuffle**2
        channels = options.in_channels * pixels
        for level, count in enumerate(filters):
            self.in_convs.append(_Entry(channels, count, downsample=level > 0, options=options))
            self.contexts.append(_context_module(count, options))
            channels = count
        self.mirrorings = nn.ModuleList(
            nn.Conv3d(count, count, 3, padding=1) for count in filters[1 : 1 + options.mirrored_levels]
        )

        # Decoder lists are indexed by level: 0 is full resolution.
        self.upscalings = nn.ModuleList(
            _Upscaling(filters[level + 1], filters[level], options) for level in range(options.depth - 1)
        )
        self.localizations = nn.ModuleList(
            _two_step(2 * filters[level], filters[level], options) for level in range(options.depth - 1)
        )
        self.segmentations = nn.ModuleList(
            nn.Conv3d(
                filters[level],
                (options.out_labels + options.extent_output) * pixels,
                options.segmentation_kernel,
                padding=options.segmentation_kernel // 2,
            )
            for level in range(options.supervised_levels)
        )
        self.initialize()

    def initialize(self) -> None:
        """Draw new weights: Glorot uniform (Keras' default, the paper states none) or He normal; biases zero."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
                if self.options.initialization == "glorot":
                    nn.init.xavier_uniform_(module.weight)
                else:
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
        for mirroring in self.mirrorings:
            nn.init.zeros_(mirroring.weight)  # a network without mirroring goes on as it was

    def forward(self, image: Tensor) -> Tensor:
        """Logits, shape (batch, out_labels, K, J, I), of an image, shape (batch, in_channels, K, J, I).

        Raises:
            ValueError: a side is not a multiple of ``options.size_multiples``.
        """
        multiples, factor = self.options.size_multiples, self.options.pixel_unshuffle
        if any(side % multiple for side, multiple in zip(image.shape[2:], multiples)):
            raise ValueError(
                f"The sides of the input must be multiples of {multiples}, but its size is {tuple(image.shape[2:])}."
            )
        skips: list[Tensor] = []
        features = unshuffle_pixels(image, factor)
        for level, (in_conv, context) in enumerate(zip(self.in_convs, self.contexts)):
            features = in_conv(features)
            features = features + context(features)
            if 0 < level <= len(self.mirrorings):
                features = features + self.mirrorings[level - 1](features.flip(-1))
            skips.append(features)
        skips.pop()

        logits: Tensor | None = None
        for level in reversed(range(self.options.depth - 1)):
            features = torch.cat((skips.pop(), self.upscalings[level](features)), dim=1)
            features = self.localizations[level](features)
            if logits is not None:
                logits = functional.interpolate(logits, scale_factor=2, mode="nearest")
            if level < self.options.supervised_levels:
                here = self.segmentations[level](features)
                logits = here if logits is None else logits + here
        assert logits is not None
        logits = shuffle_pixels(logits, factor)
        if self.options.extent_output:
            extent, labels = logits[:, :1], logits[:, 1:]
            logits = extent + labels - labels.amax(dim=1, keepdim=True)
        return logits


def build_cnn_ds(preset: str = "default", **changes: Any) -> CnnDs:
    """The network by preset name ("default", "paper_text", "ellisdg", "small") with single options changed.

    Raises:
        ValueError: an unknown preset or option, or an impossible value.
    """
    return CnnDs(CnnDsOptions.from_dict({"preset": preset, **changes}))


class _InstanceNorm(nn.InstanceNorm3d):
    """The same figures; in training a single case goes through batch normalization, which copies no features."""

    def forward(self, features: Tensor) -> Tensor:
        if self.training and len(features) == 1:
            return functional.batch_norm(features, None, None, self.weight, self.bias, True, eps=self.eps)
        return super().forward(features)


class _InstanceNormWithEpsOnDeviation(nn.Module):
    """Instance normalization as in keras-contrib: (x - mean) / (standard deviation + eps), affine."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        deviation, mean = torch.std_mean(features, dim=(2, 3, 4), keepdim=True, correction=0)
        scale = self.weight.view(-1, 1, 1, 1) / (deviation + self.eps)
        return (features - mean) * scale + self.bias.view(-1, 1, 1, 1)


def _block(channels_in: int, channels_out: int, kernel: int, options: CnnDsOptions, stride: int = 1) -> nn.Sequential:
    """Convolution (same padding, bias), normalization, activation."""
    layers: list[nn.Module] = [nn.Conv3d(channels_in, channels_out, kernel, stride=stride, padding=kernel // 2)]
    if options.normalization == "instance":
        if options.norm_eps_on == "variance":
            layers.append(_InstanceNorm(channels_out, eps=options.norm_eps, affine=True))
        else:
            layers.append(_InstanceNormWithEpsOnDeviation(channels_out, options.norm_eps))
    if options.activation == "leaky_relu":
        layers.append(nn.LeakyReLU(options.leaky_slope, inplace=True))
    else:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _context_module(channels: int, options: CnnDsOptions) -> nn.Sequential:
    return nn.Sequential(
        _block(channels, channels, 3, options), nn.Dropout3d(options.dropout), _block(channels, channels, 3, options)
    )


def _two_step(channels_in: int, channels_out: int, options: CnnDsOptions) -> nn.Sequential:
    """3^3 then 1^3: the localization module, and the convolutions of the up-scaling module."""
    return nn.Sequential(_block(channels_in, channels_out, 3, options), _block(channels_out, channels_out, 1, options))


class _Entry(nn.Sequential):
    """First convolution of a level; below the first level it also halves the resolution."""

    def __init__(self, channels_in: int, channels_out: int, downsample: bool, options: CnnDsOptions) -> None:
        pooled = downsample and options.downsampling == "max_pool"
        stride = 2 if downsample and not pooled else 1
        block = _block(channels_in, channels_out, 3, options, stride)
        super().__init__(*([nn.MaxPool3d(2)] if pooled else []), block)


class _Upscaling(nn.Module):
    """Doubles the resolution and halves the channels."""

    def __init__(self, channels_in: int, channels_out: int, options: CnnDsOptions) -> None:
        super().__init__()
        self.mode = options.upsampling
        self.enlarge = nn.ConvTranspose3d(channels_in, channels_in, 2, stride=2) if self.mode == "transposed" else None
        self.convolutions = (
            _two_step(channels_in, channels_out, options)
            if options.upsampling_pointwise
            else _block(channels_in, channels_out, 3, options)
        )

    def forward(self, features: Tensor) -> Tensor:
        if self.enlarge is not None:
            features = self.enlarge(features)
        else:
            features = functional.interpolate(features, scale_factor=2, mode=self.mode)
        return self.convolutions(features)


__all__ = ["PRESETS", "CnnDs", "CnnDsOptions", "build_cnn_ds"]
