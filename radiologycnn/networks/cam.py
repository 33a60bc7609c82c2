"""Activation maps: where in the image a classifier with global average pooling found the evidence for a class.

Class activation map (CAM; Zhou 2016, "Learning deep features for discriminative localization", section 2): with
features A_k(x), their mean over the map m_k, and a head that is linear in m, logit_c = sum_k w_ck m_k + b_c, the map
CAM_c(x) = sum_k w_ck A_k(x) has mean(CAM_c) + b_c = logit_c: it says how much each place adds to the logit. The
normalization between pooling and the fully connected layer is part of w and b here; Shim's code leaves it out.

Grad-CAM (Selvaraju 2017, section 3) weights the features of any layer with the gradient of the score, summed over the
map. The original takes the mean instead, and then the positive part: a constant factor, and the part of
``normalize_map``. So on the last features of a linear head the raw Grad-CAM is the raw CAM.

The targets are described in ``activation``, and where the map lies in ``feature_grid``: both need no torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from radiologycnn.networks.activation import (
    METHODS,
    PREDICTED,
    Activation,
    ActivationMap,
    check_finite,
    class_activation_maps,
    score_of,
)
from radiologycnn.networks.devices import to_array
from radiologycnn.networks.gap_classifier import GapClassifier


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
        exact_logits = np.array(logits.detach().double().tolist())
        maps: list[ActivationMap] = []
        for one in methods:
            if one == "cam":
                # As arrays: the rest is arithmetic that every backend shares.
                last = to_array(features.detach()[0].float().cpu())
                weights, bias = (np.array(part.double().tolist()) for part in network.folded_head())
                maps += class_activation_maps(last, weights, bias, exact_logits, targets)
            else:
                maps += [_gradient_map(target, exact_logits, logits, weighted, block) for target in targets]
    return Activation(exact_logits.astype(np.float32), tuple(maps))


def _through(stages: Sequence[nn.Module], features: Tensor) -> Tensor:
    for stage in stages:
        features = stage(features)
    return features


def _gradient_map(
    target: int | str, exact_logits: np.ndarray, logits: Tensor, features: Tensor, block: int | None
) -> ActivationMap:
    """Features weighted with the gradient of the target's score, summed over the map (Grad-CAM)."""
    score = score_of(target, exact_logits)
    with torch.enable_grad():
        combination = torch.tensor(score.combination.tolist(), dtype=logits.dtype, device=logits.device)
        (gradient,) = torch.autograd.grad((combination * logits).sum(), features, retain_graph=True)
    weights = gradient[0].double().sum(dim=(1, 2, 3))
    raw = to_array(torch.einsum("c,ckji->kji", weights, features.detach()[0].double()).float().cpu())
    check_finite(raw)
    value = float(score.combination @ exact_logits + score.constant)
    return ActivationMap(target, score.class_index, "grad_cam", block, raw, value, None)


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
