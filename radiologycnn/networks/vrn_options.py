"""Options of VRN, light: what a model package may state about the network, checked without loading torch.

The paper (Shim 2020, "Automated rotator cuff tear classification using 3D convolutional neural network", Methods)
describes VRN as changes to Brock 2016 ("Generative and discriminative voxel modeling with convolutional neural
networks", arXiv 1608.04236). What it leaves open is settled by the public code of both; each such point is an option
here, with the settled reading as its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from radiologycnn.networks.network_options import ClassifierOptions

VRN_UNITS_PER_BLOCK = 3
"""Voxception-ResNet units before each Voxception-Downsample unit (both papers)."""

# Brock's schedule, shallow to deep; the paper's text falls "from 1.0 to 0.25", the code states these.
_KEEP = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25)


@dataclass(frozen=True)
class VrnOptions(ClassifierOptions):
    """Options of :class:`radiologycnn.networks.vrn.Vrn`, beside those of every classifier.

    Attributes:
        input_size: 64 (Shim), 32 (Brock); rows and columns have ``pixel_unshuffle`` times as many pixels.
        pixel_unshuffle: squares of so many by so many pixels of a slice enter as channels of one voxel
            (:mod:`radiologycnn.networks.pixel_shuffle`); 1 in the papers.
        blocks: Voxception blocks, each three Voxception-ResNet units and one Downsample unit: 2 (Shim), 4 (Brock). Each
            one doubles the channels and halves the grid: a 64^3 input gives an activation map of 32^3, 16^3, 8^3, 4^3.
        base_filters: channels at full resolution; 32 in both.
        final_convolution: end with a residual 3^3 convolution, whose output is the features of the activation map.
        dense_features: the last Downsample unit no longer halves, and the final convolution is dilated to reach as far
            as before (Yu 2017, "Dilated residual networks"): an activation map of twice the resolution from the same
            weights. The features that the papers' network has are every second one of these; the rest are what it
            would say of the image moved by half a voxel of its map, and the logits are the mean over all.
        hidden_features: size of a fully connected layer before the last one; 0 (Shim: removed, so that an activation
            map exists), 512 (Brock).
        dropout: how a residual branch is dropped in training: "stochastic_depth" (Brock: the whole branch of a sample),
            "element" (Shim's code as written: single values) or "off" (Shim's code as run: never switched on).
        keep_probabilities: chance to keep the branch of each Voxception-ResNet unit, shallow to deep; the first
            ``3 * blocks`` are used.
        final_keep_probability: the same for the final convolution.
        order: of the layers within a Voxception-ResNet branch: "conv_norm_elu" (Brock), "conv_elu_norm" (Shim's code).
        convolution_bias: "where_useful" (Brock: none where a normalization follows at once) or "everywhere" (Shim's
            code).
        norm_eps: keeps the normalization finite in constant regions.
        squeeze_excitation: re-weight the channels of each residual branch by its global content (Hu 2018), which the
            paper names as a next step.
        squeeze_reduction: divides the channels between the two layers of a squeeze-and-excitation unit.
        initialization: "xavier" (Shim; Glorot uniform) or "orthogonal" (Brock).
    """

    ARCHITECTURE: ClassVar[str] = "vrn"
    PRESETS: ClassVar[dict[str, VrnOptions]] = {}  # filled below: making options asks which presets there are
    CHOICES: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "dropout": ("stochastic_depth", "element", "off"),
        "order": ("conv_norm_elu", "conv_elu_norm"),
        "convolution_bias": ("where_useful", "everywhere"),
        "initialization": ("xavier", "orthogonal"),
    }
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **ClassifierOptions.RANGES,
        "pixel_unshuffle": (1, 4),
        "blocks": (1, 4),
        "base_filters": (4, 128),
        "hidden_features": (0, 4096),
        # A branch that is never kept would never learn.
        "keep_probabilities": (0.01, 1.0),
        "final_keep_probability": (0.01, 1.0),
        "norm_eps": (1e-12, 1.0),
        "squeeze_reduction": (1, 64),
    }
    LENGTHS: ClassVar[Mapping[str, tuple[int, int]]] = {"keep_probabilities": (1, VRN_UNITS_PER_BLOCK * 4)}

    pixel_unshuffle: int = 1
    blocks: int = 2
    base_filters: int = 32
    final_convolution: bool = True
    dense_features: bool = False
    hidden_features: int = 0
    dropout: str = "stochastic_depth"
    keep_probabilities: tuple[float, ...] = _KEEP
    final_keep_probability: float = 0.5
    order: str = "conv_norm_elu"
    convolution_bias: str = "where_useful"
    norm_eps: float = 1e-5
    squeeze_excitation: bool = False
    squeeze_reduction: int = 16
    initialization: str = "xavier"

    @property
    def size_multiple(self) -> int:
        """Voxels of the stem's grid between two feature voxels; its sides are best a multiple of this."""
        return 2 ** (self.blocks - self.dense_features)

    def contradictions(self) -> list[str]:
        """Channels and keep probabilities that do not fit the blocks."""
        found = []
        if self.base_filters % 4:
            found.append(f"The option base_filters of vrn is {self.base_filters}, not a multiple of 4.")
        needed = VRN_UNITS_PER_BLOCK * self.blocks
        if len(self.keep_probabilities) < needed:
            found.append(
                f"The option keep_probabilities of vrn has {len(self.keep_probabilities)} values, but {self.blocks}"
                f" blocks need {needed}."
            )
        return found


PRESETS = VrnOptions.PRESETS
PRESETS.update(
    # The settled reading: Shim's structure with Brock's units.
    default=VrnOptions(),
    # Shim's published TensorFlow code: a bias in every convolution, normalization after the activation, dropout stated
    # (0.4 kept in the final convolution) but never switched on. TensorFlow's eps from memory of its documentation.
    shim_tf=VrnOptions(
        order="conv_elu_norm",
        convolution_bias="everywhere",
        dropout="off",
        final_keep_probability=0.4,
        norm_eps=1e-3,
    ),
    # Brock's original for 32^3 objects: four blocks and two fully connected layers, so no class activation map
    # (Grad-CAM remains). Lasagne's eps from memory of its documentation.
    brock=VrnOptions(input_size=32, blocks=4, hidden_features=512, norm_eps=1e-4, initialization="orthogonal"),
)
