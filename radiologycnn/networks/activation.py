"""Activation maps as numbers, without torch: what a map is, what its targets are, where it lies.

The networks that give features are in ``cam`` (torch) and ``openvino_backend``; both compute the maps here.

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
from dataclasses import dataclass, replace

import numpy as np

from radiologycnn.images.boxes import Box, bounding_box

PREDICTED = "predicted"
TEAR_VERSUS_NONE = "tear_versus_none"
METHODS = ("cam", "grad_cam")

# Differences below this share of the largest value are rounding, not evidence.
_FLAT = 1e-6

# Of the largest value. In 119 simulated tears of validation, the demonstration model's peak lay in 82 % as the middle
# of a voxel, in 92 % with 0.5 here, in 94 % with 0.7, and in 94 % as the maximum of a cubic spline.
_NEAR_PEAK = 0.7


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
        """The evidence for the target as 0-1, shape (K, J, I), see :func:`normalize_map`."""
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


@dataclass(frozen=True)
class Score:
    """A target as a combination of the logits: ``score = combination @ logits + constant``.

    Attributes:
        class_index: of the target; None for tear versus none.
        combination: float64, shape (classes).
        constant: see this module's text.
    """

    class_index: int | None
    combination: np.ndarray
    constant: float


def score_of(target: int | str, logits: np.ndarray) -> Score:
    """What a target is at these logits, shape (classes).

    Raises:
        ValueError: there is no such target.
    """
    logits = np.asarray(logits, np.float64)
    combination = np.zeros(len(logits))
    if target == TEAR_VERSUS_NONE:
        shifted = logits[1:] - logits[1:].max()
        log_share = shifted - np.log(np.exp(shifted).sum())
        share = np.exp(log_share)
        combination[0] = -1.0
        combination[1:] = share
        return Score(None, combination, float(-(share * log_share).sum()))
    if target == PREDICTED:
        index = int(logits.argmax())
    elif isinstance(target, int | np.integer) and not isinstance(target, bool) and 0 <= target < len(logits):
        index = int(target)
    else:
        raise ValueError(
            f"There is no target {target!r} (known: 0 to {len(logits) - 1}, {PREDICTED!r}, {TEAR_VERSUS_NONE!r})."
        )
    combination[index] = 1.0
    return Score(index, combination, 0.0)


def class_activation_maps(
    features: np.ndarray,
    head_weights: np.ndarray,
    head_bias: np.ndarray,
    logits: np.ndarray,
    targets: Sequence[int | str],
) -> list[ActivationMap]:
    """The maps of a linear head (Zhou 2016), one for each target, all from one product.

    Args:
        features: shape (channels, k, j, i).
        head_weights, head_bias: ``logits = head_weights @ mean(features) + head_bias``; (classes, channels), (classes).
        logits: shape (classes).
        targets: class indices, ``"predicted"`` or ``"tear_versus_none"``.

    Raises:
        ValueError: there is no such target, or a map is not finite.
    """
    scores = [score_of(target, logits) for target in targets]
    if not scores:
        return []
    combinations = np.stack([score.combination for score in scores])
    constants = np.array([score.constant for score in scores])
    weights = combinations @ np.asarray(head_weights, np.float64)
    biases = combinations @ np.asarray(head_bias, np.float64) + constants
    raws = np.tensordot(weights, np.asarray(features, np.float64), axes=1)
    check_finite(raws)
    values = combinations @ np.asarray(logits, np.float64) + constants
    return [
        ActivationMap(target, score.class_index, "cam", None, raw.astype(np.float32), float(value), float(bias))
        for target, score, raw, value, bias in zip(targets, scores, raws, values, biases)
    ]


def linear_head_activation(
    features: np.ndarray,
    head_weights: np.ndarray,
    head_bias: np.ndarray,
    targets: Sequence[int | str] = (PREDICTED,),
    methods: Sequence[str] = METHODS,
) -> Activation:
    """Logits and maps of a linear head from the features alone.

    Grad-CAM on the last features of a linear head is the class activation map itself: the gradient is its weights.

    Args:
        features, head_weights, head_bias: as for :func:`class_activation_maps`.
        targets, methods: the maps are those of the first method, then those of the second.
    """
    exact = features.astype(np.float64)
    mean = exact.mean(axis=(1, 2, 3))
    logits = np.asarray(head_weights, np.float64) @ mean + np.asarray(head_bias, np.float64)
    cams = class_activation_maps(exact, head_weights, head_bias, logits, targets)
    maps = [one if method == "cam" else replace(one, method=method, bias=None) for method in methods for one in cams]
    return Activation(logits.astype(np.float32), tuple(maps))


def check_finite(raw: np.ndarray) -> None:
    """Refuse a map, of any shape, that holds NaN or infinity.

    Raises:
        ValueError: it does.
    """
    if not np.isfinite(raw).all():
        raise ValueError("The activation map is not finite; the image holds values that are no numbers.")


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


def peak_place(raw: np.ndarray) -> np.ndarray:
    """Where a map peaks, finer than its voxels: float64 (k, j, i), for a map of shape (k, j, i) that is not empty.

    The map's voxels are coarse (5 mm of a cube of 80), thin tendons lie between their centres. So it is the centre of
    mass of the largest voxel and its 26 neighbours, of what each has above ``_NEAR_PEAK`` of the largest value. A voxel
    whose neighbours stay below that is its own centre, as is the largest one of a map that is positive nowhere.
    """
    peak = np.array(np.unravel_index(int(np.argmax(raw)), raw.shape))
    largest = float(raw[tuple(peak)])
    if not largest > 0:
        return peak.astype(np.float64)
    first = np.maximum(peak - 1, 0)
    around = raw[tuple(slice(low, high + 2) for low, high in zip(first, peak))].astype(np.float64)
    weights = np.clip(around - _NEAR_PEAK * largest, 0.0, None)
    return np.array([(weights * places).sum() for places in np.indices(weights.shape)]) / weights.sum() + first


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


def on_input_grid(
    values: np.ndarray, input_shape: Sequence[int], halving_offset: float = 0.0, box: Box | None = None
) -> np.ndarray:
    """A map on the grid of the image that the network saw, trilinear; beyond the outermost centres their values.

    Args:
        values: shape (k, j, i).
        input_shape: (K, J, I).
        halving_offset: as for :func:`feature_grid_ijk_to_lps`.
        box: only this part of the grid (slices K, J, I) is computed and given, to the same last digit.

    Returns:
        float32, shape (K, J, I).
    """
    result = np.asarray(values, dtype=np.float32)
    neighbours = _neighbours(input_shape, values.shape, halving_offset)
    for axis, (below, above, share) in enumerate(neighbours):
        if box is not None:
            below, above, share = (part[box[axis]] for part in (below, above, share))
        share = share.reshape([-1 if a == axis else 1 for a in range(3)])
        result = np.take(result, below, axis) * (1 - share) + np.take(result, above, axis) * share
    return result


def input_box(mask: np.ndarray, input_shape: Sequence[int], halving_offset: float = 0.0) -> Box | None:
    """The part of :func:`on_input_grid`'s grid (slices K, J, I) in which True voxels of a mask, shape (k, j, i), count.

    None where no voxel is True.
    """
    found = bounding_box(mask)
    if found is None:
        return None
    parts = []
    for (below, above, _share), coarse in zip(_neighbours(input_shape, mask.shape, halving_offset), found):
        fine = np.flatnonzero((above >= coarse.start) & (below < coarse.stop))
        parts.append(slice(int(fine[0]), int(fine[-1]) + 1))
    return tuple(parts)


def _neighbours(
    input_shape: Sequence[int], feature_shape: Sequence[int], halving_offset: float
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each axis of the input the map's voxels below and above each of its voxels, and the upper one's share."""
    stride = feature_stride(input_shape, feature_shape)
    axes = []
    for side, count in zip(input_shape, feature_shape):
        positions = np.clip((np.arange(side) - halving_offset * (stride - 1)) / stride, 0, count - 1)
        below = np.minimum(positions.astype(int), max(count - 2, 0))
        axes.append((below, np.minimum(below + 1, count - 1), (positions - below).astype(np.float32)))
    return axes
