"""Maps of the tear classes against an intact cuff: the same probabilities, other maps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from engine.tiny_rotator_cuff import settings

from radiologycnn.networks.architectures import build_network
from radiologycnn.networks.cam import activation_maps
from radiologycnn.training.checkpoints import load_checkpoint
from radiologycnn.training.rotatorcuff.reference_class import against_none
from radiologycnn.training.rotatorcuff.settings import TrainingSettings, architecture_of
from radiologycnn.training.rotatorcuff.trainer import train


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_network({"name": "vrn", "parameters": {"base_filters": 4, "input_size": 16}}).eval()


def test_probabilities_stay_and_what_all_classes_share_leaves_the_maps(network) -> None:
    image = torch.randn(1, 1, 16, 16, 16)
    targets = (0, 1, 2, 3, 4, "tear_versus_none")
    before = activation_maps(network, image, targets)
    network.load_state_dict(against_none(network.state_dict()))
    after = activation_maps(network, image, targets)
    assert np.allclose(before.probabilities, after.probabilities, atol=1e-6)
    none, *tears, either = (one.raw for one in before.maps)
    for found, tear in zip(after.maps[1:5], tears):
        assert np.allclose(found.raw, tear - 0.9 * none, atol=1e-5)
    # Where None is seen stays, and so does what was against None before.
    assert np.allclose(after.maps[0].normalized, before.maps[0].normalized, atol=1e-4)
    assert np.allclose(after.maps[5].raw, either, atol=1e-5)


def test_what_speaks_for_every_class_alike_leads_no_class_to_it_any_more(network) -> None:
    """A channel that all classes weigh alike changes no probability, but drew every map."""
    with torch.no_grad():
        network.classifier.weight[:, 0] += 50
    moved = against_none(network.state_dict())["classifier.weight"]
    assert moved[:, 0].abs().max() < 6 < network.classifier.weight[:, 0].abs().min()


def test_a_training_ends_with_such_maps_where_the_settings_want_them(cases, tmp_path) -> None:
    plain, wanted = (
        train(cases[:10], cases[10:], settings(epochs=1, coarse_epochs=0, maps_against_none=wanted), tmp_path / name)
        for name, wanted in (("plain", False), ("wanted", True))
    )
    expected = against_none(plain.state_dict)
    assert not torch.equal(expected["classifier.weight"], plain.state_dict["classifier.weight"])
    assert all(torch.equal(tensor, wanted.state_dict[name]) for name, tensor in expected.items())
    kept = load_checkpoint(tmp_path / "wanted")["best"]["state_dict"]
    assert torch.equal(kept["classifier.weight"], plain.state_dict["classifier.weight"]), "as trained"


def test_runs_from_before_go_on_and_the_paper_has_none_of_it() -> None:
    now = TrainingSettings.from_preset("default", {})
    before = {name: value for name, value in now.to_dict().items() if name != "maps_against_none"}
    assert now.maps_against_none and now.differing(before) == []
    assert not TrainingSettings.from_preset("paper", {}).maps_against_none
    assert architecture_of(now) == architecture_of(replace(now, maps_against_none=False))
