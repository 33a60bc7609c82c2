"""Options of CNN-DS, light: what a model package may state about the network, checked without loading torch.

The paper (Arab 2020, "A fast and fully-automated deep-learning approach for accurate hemorrhage segmentation and
volume quantification in non-contrast whole-head CT", Methods and Fig. 4) leaves several things open; the network
that it builds on is Isensee 2017 as implemented in ellisdg/3DUnetCNN. Each open point is an option here, with the
settled reading as its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from radiologycnn.networks.network_options import NetworkOptions


@dataclass(frozen=True)
class CnnDsOptions(NetworkOptions):
    """Options of :class:`radiologycnn.networks.cnn_ds.CnnDs`.

    Attributes:
        in_channels: channels of the input; 1, the HU values.
        out_labels: output logits a voxel, each with its own sigmoid; 1 in the paper (hemorrhage).
        extent_output: one segmentation channel more says where any label is, and the others only which: the likeliest
            label gets that channel's logit, each other one as much less as it is less likely. Types are then learned
            without a say in how far blood reaches.
        pixel_unshuffle: squares of this many pixels a side of each slice enter as channels of one voxel, and logits
            leave as such; 1 in the paper. The input's rows and columns are that many times finer than the first level.
        base_filters: channels at full resolution, doubled at each level. Not in the paper; 16 in Isensee 2017.
        depth: levels, the bottom included; 4 (paper, Table 5), tuned over 3-6.
        mirrored_levels: how many levels below the first also see the other side of the head: the features of each
            level, reversed along I, go through a 3^3 convolution of their own and are added. 0 in the paper.
        deep_supervision: sum the segmentation layers of several levels; without it only the last one is kept (Table 4).
        segmentation_levels: how many levels give a segmentation layer; never more than ``depth - 1`` are used.
        segmentation_kernel: 3 in the paper's text, 1 in ellisdg.
        dropout: rate of the channel dropout between the two convolutions of a context module.
        activation: "leaky_relu" (Isensee 2017) or "relu" (the paper's text).
        leaky_slope: 0.01 in Isensee's paper, 0.3 in ellisdg (Keras' default).
        normalization: "instance" or "none". The paper names none, but batches of one leave no other that works.
        norm_eps: keeps the normalization finite in constant regions.
        norm_eps_on: "variance" (usual) or "standard_deviation" (keras-contrib, which ellisdg used).
        downsampling: "strided" 3^3 convolutions or "max_pool"; the paper's text says both.
        upsampling: "nearest", "trilinear" or "transposed" convolution.
        upsampling_pointwise: follow the 3^3 convolution of the up-scaling module by a 1^3 one (text: yes, ellisdg: no).
        initialization: "glorot" (uniform; Keras' default) or "he" (normal).
    """

    ARCHITECTURE: ClassVar[str] = "cnn_ds"
    PRESETS: ClassVar[dict[str, CnnDsOptions]] = {}  # filled below: making options asks which presets there are
    CHOICES: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "activation": ("leaky_relu", "relu"),
        "normalization": ("instance", "none"),
        "norm_eps_on": ("variance", "standard_deviation"),
        "downsampling": ("strided", "max_pool"),
        "upsampling": ("nearest", "trilinear", "transposed"),
        "initialization": ("glorot", "he"),
        "segmentation_kernel": (1, 3),
    }
    # Upper bounds keep a broken or hostile package from asking for all memory.
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "in_channels": (1, 64),
        "out_labels": (1, 64),
        "pixel_unshuffle": (1, 4),
        "base_filters": (1, 256),
        "depth": (2, 8),
        "mirrored_levels": (0, 7),
        "segmentation_levels": (1, 7),
        "dropout": (0.0, 0.95),
        "leaky_slope": (0.0, 1.0),
        "norm_eps": (0.0, 1.0),
    }

    in_channels: int = 1
    out_labels: int = 1
    extent_output: bool = False
    pixel_unshuffle: int = 1
    base_filters: int = 16
    depth: int = 4
    mirrored_levels: int = 0
    deep_supervision: bool = True
    segmentation_levels: int = 3
    segmentation_kernel: int = 3
    dropout: float = 0.3
    activation: str = "leaky_relu"
    leaky_slope: float = 0.01
    normalization: str = "instance"
    norm_eps: float = 1e-5
    norm_eps_on: str = "variance"
    downsampling: str = "strided"
    upsampling: str = "nearest"
    upsampling_pointwise: bool = True
    initialization: str = "glorot"

    @property
    def supervised_levels(self) -> int:
        """Segmentation layers that the network really has."""
        return min(self.segmentation_levels, self.depth - 1) if self.deep_supervision else 1

    @property
    def size_multiples(self) -> tuple[int, int, int]:
        """The input's slices, rows and columns must be multiples of these."""
        halvings = 2 ** (self.depth - 1)
        return halvings, halvings * self.pixel_unshuffle, halvings * self.pixel_unshuffle


PRESETS = CnnDsOptions.PRESETS
PRESETS.update(
    {
        # The settled reading: the paper's structure, Isensee's activation and normalization.
        "default": CnnDsOptions(),
        # What the paper's words say and no more: ReLU, no normalization.
        "paper_text": CnnDsOptions(activation="relu", normalization="none"),
        # The implementation that the paper builds on (3DUnetCNN, isensee2017).
        "ellisdg": CnnDsOptions(
            leaky_slope=0.3,
            norm_eps=1e-3,
            norm_eps_on="standard_deviation",
            segmentation_kernel=1,
            upsampling_pointwise=False,
        ),
        # Quarter of the cost, for small machines and tests.
        "small": CnnDsOptions(base_filters=8),
    }
)
