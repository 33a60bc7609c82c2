"""From torch to ONNX: the network as OpenVINO (or any other runtime) runs it, without torch.

What stands in the file:

- a segmenter (CNN-DS): input ``image`` (1, channels, K, J, I), output ``probability`` (1, labels, K, J, I);
- a classifier with global average pooling and a linear head (VRN, DenseNet): outputs ``features`` (1, C, k, j, i) and
  the constants ``head_weights`` (classes, C), ``head_bias`` (classes), normalization folded in, and ``halving_offset``.
  Logits, probabilities and the activation map of every target are arithmetic on these
  (:func:`radiologycnn.networks.activation.linear_head_activation`).

Weights that float16 holds exactly are stored so (:mod:`radiologycnn.networks.onnx_half`).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.networks.gap_classifier import GapClassifier
from radiologycnn.networks.onnx_half import store_exact_halves
from radiologycnn.networks.onnx_names import FEATURES, HALVING_OFFSET, HEAD_BIAS, HEAD_WEIGHTS, IMAGE, PROBABILITY

#: Oldest version of ONNX's operators that has all that the networks need.
OPSET = 17


class _Segmenter(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.network(image))


class _Classifier(nn.Module):
    def __init__(self, network: GapClassifier) -> None:
        super().__init__()
        self.network = network
        weights, bias = network.folded_head()
        self.register_buffer("head_weights", weights.clone())
        self.register_buffer("head_bias", bias.clone())
        self.register_buffer("halving_offset", torch.tensor([network.halving_offset], dtype=torch.float32))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.network.features(image), self.head_weights, self.head_bias, self.halving_offset


def export_network(network: nn.Module, shape_kji: Sequence[int]) -> bytes:
    """The network as an ONNX file's content.

    Args:
        network: float32, on the CPU; its mode (training or evaluation) is the same afterwards.
        shape_kji: of the network's grid; the exported network takes no other.

    Raises:
        InputError: the head is not linear, so that no activation map could be computed.
        ResourceError: the package onnx is not installed.
    """
    try:
        import onnx  # noqa: F401  (torch needs it)
    except ImportError as error:
        raise ResourceError(
            "missing-package", "The Python package onnx is missing.", "Install it with pip, then export the model."
        ) from error
    if isinstance(network, GapClassifier):
        if not network.head_is_linear:
            raise InputError(
                "not-exportable",
                "This network has a hidden layer before the classes, so only torch can show its evidence.",
                "Use it with torch.",
            )
        wrapper: nn.Module = _Classifier(network)
        names = [FEATURES, HEAD_WEIGHTS, HEAD_BIAS, HALVING_OFFSET]
    else:
        wrapper, names = _Segmenter(network), [PROBABILITY]
    modes = [(module, module.training) for module in network.modules()]
    # The wrapper too: the exporter restores the mode that it finds there in everything below it.
    wrapper.eval()
    content = io.BytesIO()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # Traces of the sizes, which are fixed here, and a notice that a newer exporter exists.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                wrapper,
                (torch.zeros(1, network.options.in_channels, *shape_kji),),
                content,
                opset_version=OPSET,
                dynamo=False,
                input_names=[IMAGE],
                output_names=names,
            )
    finally:
        for module, training in modes:
            module.training = training
    return store_exact_halves(content.getvalue())
