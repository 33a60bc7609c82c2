"""Probabilities that mean what they say: the scale of the logits that fits validation cases best.

Temperature scaling (Guo 2017, section 4.2): all logits times one number, so that no answer changes, only how sure it
is. It is multiplied into the last layer: the package's network gives the scaled logits itself, and activation maps
keep the unit of the logits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize_scalar
from torch import Tensor

FEWEST_CASES = 30
"""Under so many cases, the scale would say more about which ones they are than about the network."""

LARGEST_SCALE = 4.0
"""Cases that are all classified rightly ask for infinity; the smallest scale is one over this."""


def best_logit_scale(true: np.ndarray, probabilities: np.ndarray) -> float:
    """The scale of the logits with the least negative log-likelihood; 1 where there are too few cases.

    Args:
        true: classes, shape (cases).
        probabilities: shape (cases, classes).
    """
    if len(true) < FEWEST_CASES:
        return 1.0
    logits = np.log(np.maximum(probabilities, 1e-30))

    def loss(log_scale: float) -> float:
        scaled = math.exp(log_scale) * logits
        totals = np.logaddexp.reduce(scaled, axis=1)
        return float((totals - scaled[np.arange(len(true)), true]).mean())

    bound = math.log(LARGEST_SCALE)
    return math.exp(minimize_scalar(loss, bounds=(-bound, bound), method="bounded").x)


def with_scaled_logits(state_dict: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Weights of the same classifier whose logits are so many times larger.

    Args:
        state_dict: of a :class:`radiologycnn.networks.gap_classifier.GapClassifier`.
    """
    scaled = last_layer(state_dict)
    return {name: tensor * scale if name in scaled else tensor for name, tensor in state_dict.items()}


def last_layer(state_dict: Mapping[str, Tensor]) -> tuple[str, str]:
    """Names of the weight and the bias that give a classifier's logits, one row a class."""
    weight = max(name for name in state_dict if name.startswith("classifier.") and name.endswith("weight"))
    return weight, f"{weight.removesuffix('weight')}bias"
