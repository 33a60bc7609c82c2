"""Activation maps as numbers, without torch: what a map is, and what its targets are.

The networks that give features are in ``cam`` (torch) and ``openvino_backend``; both compute the maps here.

Targets. Every target is a score that is, at this image, a combination ``sum_c v_c logit_c + constant``:

- a class index: its logit;
- ``"predicted"``: the logit of the class with the largest logit;
- ``"tear_versus_none"``: the log odds of a tear of any size, log(P(tear) / P(none)), where class 0 is "none" and
  P(tear) = 1 - P(none). This is logsumexp of the tear classes' logits minus the logit of "none". Its gradient is
  v_c = P(c | tear) for the tear classes and v_0 = -1, and with the entropy of P(c | tear) as constant the combination
  equals it exactly. Positive places speak for a tear, negative ones against it.

Where the map lies in the image is described in ``feature_grid``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

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
    """One map, on the grid of the features (see ``feature_grid``).

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
