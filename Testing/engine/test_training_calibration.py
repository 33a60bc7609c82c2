"""The scale of a classifier's logits: found where it is known, and multiplied in without changing an answer."""

from pathlib import Path

import numpy as np
import pytest
import torch

from radiologycnn.networks.architectures import build_network
from radiologycnn.training.best_epoch import TrainingResult
from radiologycnn.training.checkpoints import load_checkpoint
from radiologycnn.training.rotatorcuff import cases as shoulders
from radiologycnn.training.rotatorcuff.calibration import (
    FEWEST_CASES,
    LARGEST_SCALE,
    best_logit_scale,
    with_scaled_logits,
)
from radiologycnn.training.rotatorcuff.run import RotatorCuffTask
from radiologycnn.training.rotatorcuff.settings import TrainingSettings
from radiologycnn.training.rotatorcuff.trainer import train

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


TINY = {"grid_size": 16, "base_filters": 4, "epochs": 1, "coarse_epochs": 0, "batch_size": 4, "loading_threads": 0}


@pytest.fixture(scope="module")
def cubes(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("cubes")
    for number in range(4 + FEWEST_CASES):
        grey = RNG.integers(0, 255, (20, 20, 20)).astype(np.uint8)
        shoulders.save_case(shoulders.PreparedCase(f"c{number:02d}", grey, number % 5, None), folder)
    return sorted(folder.glob("*.npz"))


def test_a_training_ends_with_scaled_logits_and_goes_on_from_plain_ones(cubes, tmp_path) -> None:
    wanted = TrainingSettings.from_preset("default", TINY)
    result = train(cubes[:4], cubes[4:], wanted, tmp_path)
    found, best = result.state_dict, load_checkpoint(tmp_path)["best"]
    plain = best["state_dict"]
    changed = {name for name, tensor in found.items() if not torch.equal(tensor, plain[name])}
    assert changed == {"classifier.weight", "classifier.bias"}  # noise for scans: the surer, the worse
    # What is told of the validation is told of the weights that are kept: surer of nothing, as right as before.
    assert result.figures["validation_loss"] < best["figures"]["validation_loss"]
    assert result.figures["validation_top1"] == best["figures"]["validation_top1"]
    again = train(cubes[:4], cubes[4:], wanted, tmp_path, resume=True).state_dict
    assert all(torch.equal(tensor, again[name]) for name, tensor in found.items())  # not scaled twice


def test_the_card_says_what_the_validation_cases_chose(cubes) -> None:
    task = RotatorCuffTask(TrainingSettings.from_preset("default", TINY), device="cpu")
    weights = TrainingResult(build_network(task.architecture()).state_dict(), 1, {})
    for cases, chosen in ((FEWEST_CASES, "epoch, scale of the logits, operating point"), (5, "epoch, operating point")):
        card = task.operating_point(weights, cubes[:cases]).performance
        assert card["validation"]["data"].endswith(f"they chose: {chosen}")


def test_runs_from_before_go_on() -> None:
    now = TrainingSettings.from_preset("paper", {})
    before = {name: value for name, value in now.to_dict().items() if name not in ("calibrate", "weight_average")}
    assert now.differing(before) == []
    now = TrainingSettings.from_preset("default", {})
    before = {name: value for name, value in now.to_dict().items() if name != "calibrate"}
    assert now.calibrate and now.differing(before) == []  # those of our own too, and end with it
    assert now.differing(before | {"weight_average": 0.0}) != []
