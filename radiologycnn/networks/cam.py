"""Activation maps: where in the image a classifier with global average pooling found the evidence for a class.

Class activation map (CAM; Zhou 2016, "Learning deep features for discriminative localization", section 2): with
features A_k(x), their mean over the map m_k, and a head that is linear in m, logit_c = sum_k w_ck m_k + b_c, the map
CAM_c(x) = sum_k w_ck A_k(x) has mean(CAM_c) + b_c = logit_c: it says how much each place adds to the logit. The
normalization between pooling and the fully connected layer is part of w and b here; Shim's code leaves it out.

Grad-CAM (Selvaraju 2017, section 3) weights the features of any layer with the gradient of the score, summed over the
map. The original takes the mean instead, and then the positive part: a constant factor, and the part of
:func:`normalize_map`. So on the last features of a linear head the raw Grad-CAM is the raw CAM.

Targets. Every target is a score that is, at this image, a combination ``sum_c v_c logit_c + constant``:

- a class index: its logit;
- ``"predicted"``: the logit of the class with the largest logit;
- ``"tear_versus_none"``: the log odds of a tear of any size, log(P(tear) / P(none)), where class 0 is "none" and
  P(tear) = 1 - P(none). This is logsumexp of the tear classes' logits minus the logit of "none". Its gradient is
  v_c = P(c | tear) for the tear classes and v_0 = -1, and with the entropy of P(c | tear) as constant the combination
  equals it exactly. Positive places speak for a tear, negative ones against it.

Where the map lies. A convolution or pooling of 3^3 with stride 2 and one voxel of padding on both sides has the window
2i-1..2i+1, centre 2i; a 1^3 convolution of stride 2 reads voxel 2i; layers of stride 1 move nothing. So feature voxel
i after n halvings is centred on input voxel 2^n i. An even division of the image would give it the block 2^n i ..
2^n i + 2^n - 1, whose middle lies (2^n - 1) / 2 voxels further (1.5 for two halvings), and would shift the whole map by
that; stretching the map from border to border, as Shim's code does, puts the last voxel of 16 three voxels too far.
Pooling of 2^3 (the DenseNet here) does lie in the middle of its block: ``halving_offset`` 0.5 instead of 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from radiologycnn.networks.devices import to_array
from radiologycnn.networks.gap_classifier import GapClassifier

PREDICTED = "predicted"
TEAR_VERSUS_NONE = "tear_versus_none"
METHODS = ("cam", "grad_cam")

# Differences below this share of the largest value are rounding, not evidence.
_FLAT = 1e-6


@dataclass(frozen=True)
class ActivationMap:
    """One map, on the grid of the features (see :func:`feature_grid_ijk_to_lps`).

    Attributes:
        target: as asked for.
        class_index: of the target; None for tear versus none.
        method: "cam" or "grad_cam".
        block: the block whose output was weighted (Grad-CAM), None for the last features.
        raw: float32, shape (k, j, i), in units of the score.
        score: the target's score: a logit, or the log odds of a tear.
        bias: with ``mean(raw) + bias = score``; None where the method gives no such sum.
    """

    target: int | str
    class_index: int | None
    method: str
    block: int | None
    raw: np.ndarray
    score: float
    bias: float | None

    @property
    def normalized(self) -> np.ndarray:
        """The evidence for the target as 0-1, see :func:`normalize_map`."""
        return normalize_map(self.raw)


@dataclass(frozen=True)
class Activation:
    """What one pass of the network gave.

    Attributes:
        logits: float32, shape (classes).
        maps: one for each target, in the order asked for.
    """

    logits: np.ndarray
    maps: tuple[ActivationMap, ...]

    @property
    def probabilities(self) -> np.ndarray:
        """float64, shape (classes), sum 1."""
        shifted = np.exp(self.logits.astype(np.float64) - self.logits.max())
        return shifted / shifted.sum()


def activation_maps(
    network: GapClassifier,
    image: Tensor,
    targets: Sequence[int | str] = (PREDICTED,),
    method: str | Sequence[str] = "cam",
    block: int | None = None,
) -> Activation:
    """Logits and activation maps of one image from a single pass, whatever the number of targets and methods.

    The head is computed in single precision at least, also under autocast: it costs nothing and keeps the sum exact.

    Args:
        network: at test time (``network.eval()``, or within ``monte_carlo_dropout``, whose draw the maps then share).
        image: shape (1, in_channels, K, J, I), on the network's device.
        targets: class indices, ``"predicted"``, ``"tear_versus_none"``.
        method: "cam", or "grad_cam", which also works for heads with a hidden layer and for earlier blocks; or several,
            and the maps are then those of the first method, then those of the second.
        block: Grad-CAM only: 1 for the first block's output and so on, a finer grid with less meaning.

    Raises:
        ValueError: a target, method or block that does not exist or does not fit the network, more than one image, a
            network in training, or an image whose map is not finite.
    """
    methods = (method,) if isinstance(method, str) else tuple(method)
    for one in methods:
        _check(network, image, one, None if one == "cam" and len(methods) > 1 else block)
    with torch.inference_mode(False), torch.no_grad():
        if image.is_inference():
            image = image.clone()
        stages = list(network.stages())
        split = len(stages) if block is None else block + 1
        weighted = _through(stages[:split], image)
        has_gradient = "grad_cam" in methods
        if has_gradient:
            weighted.requires_grad_(True)
        with torch.set_grad_enabled(has_gradient):
            features = _through(stages[split:], weighted)
            with torch.autocast(features.device.type, enabled=False):
                logits = network.classify(features.float())[0]
        exact_logits = logits.detach().double()
        scores = [_score(target, exact_logits) for target in targets]
        maps = []
        for one in methods:
            source = (features if one == "cam" else weighted).detach()[0].double()
            for target, (class_index, combination, constant) in zip(targets, scores):
                score = float(combination @ exact_logits + constant)
                bias = None
                if one == "cam":
                    head_weights, head_bias = network.folded_head()
                    weights = combination @ head_weights.double()
                    bias = float(combination @ head_bias.double() + constant)
                else:
                    weights = _gradient(combination, logits, weighted)
                raw = torch.einsum("c,ckji->kji", weights, source)
                if not bool(torch.isfinite(raw).all()):
                    raise ValueError("The activation map is not finite; the image holds values that are no numbers.")
                of_block = None if one == "cam" else block
                maps.append(ActivationMap(target, class_index, one, of_block, to_array(raw.float().cpu()), score, bias))
    return Activation(to_array(exact_logits.float().cpu()), tuple(maps))


def normalize_map(raw: np.ndarray, kind: str = "positive") -> np.ndarray:
    """A map as float32 within 0-1, the same shape.

    A map that is the same everywhere names no place and becomes 0 everywhere.

    Args:
        raw: any shape, finite.
        kind: "positive": negative places, which speak against the target, become 0 and the peak 1 (0 everywhere where
            nothing is positive). "range": the lowest value becomes 0 and the peak 1.

    Raises:
        ValueError: another kind, an empty map, or values that are not finite.
    """
    if kind not in ("positive", "range"):
        raise ValueError(f"There is no normalization {kind!r} (known: positive, range).")
    values = np.asarray(raw, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise ValueError("A map to normalize must have values, all of them finite.")
    low, peak = values.min(), values.max()
    if peak - low <= _FLAT * np.abs(values).max():
        return np.zeros(values.shape, dtype=np.float32)
    floor = low if kind == "range" else 0.0
    if peak <= floor:
        return np.zeros(values.shape, dtype=np.float32)
    return np.clip((values - floor) / (peak - floor), 0.0, 1.0).astype(np.float32)


def feature_stride(input_shape: Sequence[int], feature_shape: Sequence[int]) -> int:
    """Input voxels between two feature voxels: the power of two that takes one shape to the other.

    Raises:
        ValueError: no such power exists.
    """
    stride = 1
    while stride <= max(input_shape):
        # Odd sides: strided convolutions round up, pooling of two rounds down.
        if all(small in (side // stride, -(-side // stride)) for side, small in zip(input_shape, feature_shape)):
            return stride
        stride *= 2
    raise ValueError(f"A grid of {tuple(feature_shape)} cannot come from {tuple(input_shape)} by halving.")


def feature_grid_ijk_to_lps(
    input_ijk_to_lps: np.ndarray,
    input_shape: Sequence[int],
    feature_shape: Sequence[int],
    halving_offset: float = 0.0,
) -> np.ndarray:
    """Geometry of a map: 4x4 from its voxel (i, j, k) to LPS in mm, at the centre of the voxel's receptive field.

    Args:
        input_ijk_to_lps: 4x4 of the image that the network saw; may be oblique or sheared.
        input_shape: of that image, (K, J, I).
        feature_shape: of the map, (k, j, i).
        halving_offset: ``network.halving_offset``; see this module's text for why it is 0 for VRN.
    """
    stride = feature_stride(input_shape, feature_shape)
    feature_to_input = np.diag([stride, stride, stride, 1.0])
    # Each halving adds its offset in voxels of the grid before it: the sum of 1, 2, 4, ... times the offset.
    feature_to_input[:3, 3] = halving_offset * (stride - 1)
    return np.asarray(input_ijk_to_lps, dtype=np.float64) @ feature_to_input


def on_input_grid(values: np.ndarray, input_shape: Sequence[int], halving_offset: float = 0.0) -> np.ndarray:
    """A map on the grid of the image that the network saw, trilinear; beyond the outermost centres their values.

    Args:
        values: shape (k, j, i).
        input_shape: (K, J, I).
        halving_offset: as for :func:`feature_grid_ijk_to_lps`.

    Returns:
        float32, shape (K, J, I).
    """
    stride = feature_stride(input_shape, values.shape)
    result = np.asarray(values, dtype=np.float32)
    for axis, side in enumerate(input_shape):
        count = result.shape[axis]
        positions = np.clip((np.arange(side) - halving_offset * (stride - 1)) / stride, 0, count - 1)
        below = np.minimum(positions.astype(int), max(count - 2, 0))
        above = np.minimum(below + 1, count - 1)
        share = (positions - below).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        result = np.take(result, below, axis) * (1 - share) + np.take(result, above, axis) * share
    return result


def _through(stages: Sequence[nn.Module], features: Tensor) -> Tensor:
    for stage in stages:
        features = stage(features)
    return features


def _gradient(combination: Tensor, logits: Tensor, features: Tensor) -> Tensor:
    """Gradient of a target's score with respect to features, summed over the map, float64, shape (channels)."""
    with torch.enable_grad():
        score = (combination.to(logits.dtype) * logits).sum()
        (gradient,) = torch.autograd.grad(score, features, retain_graph=True)
    return gradient[0].double().sum(dim=(1, 2, 3))


def _score(target: int | str, logits: Tensor) -> tuple[int | None, Tensor, float]:
    """Class index, combination of the logits (float64, shape (classes)) and constant of a target."""
    combination = torch.zeros_like(logits)
    if target == TEAR_VERSUS_NONE:
        log_share = torch.log_softmax(logits[1:], dim=0)
        share = log_share.exp()
        combination[0] = -1.0
        combination[1:] = share
        return None, combination, float(-(share * log_share).sum())
    if target == PREDICTED:
        index = int(logits.argmax())
    elif isinstance(target, int | np.integer) and not isinstance(target, bool) and 0 <= target < len(logits):
        index = int(target)
    else:
        raise ValueError(
            f"There is no target {target!r} (known: 0 to {len(logits) - 1}, {PREDICTED!r}, {TEAR_VERSUS_NONE!r})."
        )
    combination[index] = 1.0
    return index, combination, 0.0


def _check(network: GapClassifier, image: Tensor, method: str, block: int | None) -> None:
    if method not in METHODS:
        raise ValueError(f"There is no method {method!r} (known: {', '.join(METHODS)}).")
    if image.dim() != 5 or image.shape[0] != 1:
        raise ValueError(f"One image of shape (1, channels, K, J, I) is needed, not {tuple(image.shape)}.")
    if method == "cam" and block is not None:
        raise ValueError("A class activation map exists for the last features only; Grad-CAM takes a block.")
    if method == "cam" and not network.head_is_linear:
        raise ValueError("This network has a hidden layer before the classes, so only Grad-CAM can show its evidence.")
    blocks = len(network.blocks)
    if block is not None and not 1 <= block <= blocks:
        raise ValueError(f"There is no block {block!r} (known: 1 to {blocks}).")
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training for module in network.modules()):
        raise ValueError("The network is in training; put it into evaluation first (network.eval()).")


__all__ = [
    "METHODS",
    "PREDICTED",
    "TEAR_VERSUS_NONE",
    "Activation",
    "ActivationMap",
    "activation_maps",
    "feature_grid_ijk_to_lps",
    "feature_stride",
    "normalize_map",
    "on_input_grid",
]
