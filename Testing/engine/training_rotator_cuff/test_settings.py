"""Settings of a tear classifier's training: the preset of the paper, and what is refused."""

import pytest
from engine.tiny_rotator_cuff import settings

from radiologycnn.errors import InputError
from radiologycnn.networks.architectures import build_network
from radiologycnn.training.rotatorcuff.settings import TrainingSettings
from radiologycnn.training.rotatorcuff.trainer import architecture_of


def test_paper_preset_is_the_papers() -> None:
    paper = TrainingSettings.from_preset("paper", {})
    assert (paper.epochs, paper.coarse_epochs, paper.batch_size, paper.grid_size) == (100, 0, 6, 64)
    assert (paper.optimizer, paper.weight_decay, paper.dropout) == ("sgd", 1e-3, "stochastic_depth")
    assert (paper.augment, paper.label_smoothing, paper.class_weights, paper.localization_weight) == (
        False,
        0,
        "none",
        0,
    )
    assert (paper.validation_share, paper.gradient_limit, paper.autocast) == (0, 0, False)
    preprocessing = paper.preprocessing()
    assert (preprocessing.edge, preprocessing.intensity) == ("scan_thickness", "min_max")
    architecture = architecture_of(paper)["parameters"]
    assert (architecture["base_filters"], architecture["preset"]) == (32, "default")


def test_dropping_less_than_the_preset() -> None:
    network = build_network(architecture_of(settings(drop_scale=0.5)))
    assert network.options.keep_probabilities == (0.975, 0.95, 0.9, 0.85, 0.8, 0.75)
    assert network.options.final_keep_probability == 0.75
    assert build_network(architecture_of(settings())).options.keep_probabilities[0] == 0.95


def test_impossible_settings_are_named() -> None:
    with pytest.raises(InputError, match="batch or running"):
        settings(head_norm="instance")
    with pytest.raises(InputError, match="at least 2 cases"):
        settings(batch_size=1)
    with pytest.raises(InputError, match="no training preset"):
        TrainingSettings.from_preset("papper", {})
    with pytest.raises(InputError, match="sgd or adamw"):
        settings(optimizer="lion")
