"""The scale of a classifier's logits: found where it is known, and multiplied in without changing an answer."""

import numpy as np
import pytest
import torch

from radiologycnn.networks.architectures import build_network
from radiologycnn.training.rotatorcuff.calibration import LARGEST_SCALE, best_logit_scale, with_scaled_logits

RNG = np.random.default_rng(0)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("too_sure", [0.5, 1.0, 3.0])
def test_scale_undoes_too_sure_and_too_unsure_answers(too_sure: float) -> None:
    logits = RNG.normal(0, 2, (20_000, 5))
    true = (softmax(logits).cumsum(axis=1) < RNG.random((20_000, 1))).sum(axis=1)
    assert best_logit_scale(true, softmax(too_sure * logits)) == pytest.approx(1 / too_sure, rel=0.05)


def test_scale_stays_finite_and_few_cases_decide_nothing() -> None:
    true = np.arange(60) % 5
    right = softmax(10.0 * np.eye(5)[true])
    assert best_logit_scale(true, right) == pytest.approx(LARGEST_SCALE, rel=1e-2)
    wrong = np.roll(right, 1, axis=1)
    assert best_logit_scale(true, wrong) == pytest.approx(1 / LARGEST_SCALE, rel=1e-2)
    assert best_logit_scale(true[:20], wrong[:20]) == 1.0
    certain = np.eye(5)[true]  # probabilities of exactly 0 and 1
    assert np.isfinite(best_logit_scale(true, certain))


@pytest.mark.parametrize("hidden", [0, 8])
def test_scaled_weights_give_scaled_logits(hidden: int) -> None:
    record = {
        "name": "vrn",
        "parameters": {"preset": "default", "base_filters": 4, "input_size": 16, "hidden_features": hidden},
    }
    network = build_network(record).eval()
    cube = torch.from_numpy(RNG.normal(0, 1, (2, 1, 16, 16, 16)).astype(np.float32))
    with torch.no_grad():
        before = network(cube)
        network.load_state_dict(with_scaled_logits(network.state_dict(), 0.4))
        assert torch.allclose(network(cube), 0.4 * before, rtol=1e-4, atol=1e-6)
