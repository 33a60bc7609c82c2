"""The running average of the weights: what it comes to, and that a run validates and keeps it."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from radiologycnn.baselines.tear_networks import EPOCHS_NAME, KeepingLoop
from radiologycnn.networks.architectures import build_network
from radiologycnn.training.averaging import running_average
from radiologycnn.training.rotatorcuff.cases import PreparedCase, save_case
from radiologycnn.training.rotatorcuff.settings import TrainingSettings
from radiologycnn.training.rotatorcuff.trainer import architecture_of


def test_average_follows_the_weights_as_stated() -> None:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    average = running_average(network, 0.9)
    assert average is not None
    expected = None
    for step in range(200):
        with torch.no_grad():
            network[0].weight.fill_(step)
            network[1].running_mean.fill_(-step)
            network[1].num_batches_tracked.fill_(step)
        average.update_parameters(network)
        kept = min(0.9, (1 + step) / (10 + step)) if step else 0.0
        expected = step if expected is None else kept * expected + (1 - kept) * step
    assert average.module[0].weight.item() == pytest.approx(expected, rel=1e-4)
    assert average.module[1].running_mean.item() == pytest.approx(-expected, rel=1e-4)
    assert average.module[1].num_batches_tracked.item() == 199
    # Weights that rise by 1 a step: nine steps behind, as one tenth of each comes in.
    assert expected == pytest.approx(199 - 9, abs=0.1)


def test_a_short_run_forgets_what_it_began_with() -> None:
    network = nn.Linear(1, 1)
    average = running_average(network, 0.99)
    for step in range(20):
        with torch.no_grad():
            network.weight.fill_(float(step > 4))
        average.update_parameters(network)
    assert average.module.weight.item() > 0.95


def test_no_average_where_none_is_wanted() -> None:
    assert running_average(nn.Linear(1, 1), 0.0) is None


def test_what_follows_an_epoch_sees_the_weights_that_were_validated(tmp_path) -> None:
    folder = tmp_path / "cubes"
    for number in range(4):
        grey = np.random.default_rng(number).integers(0, 255, (20, 20, 20)).astype(np.uint8)
        save_case(PreparedCase(f"c{number}", grey, number, None), folder)
    sizes = {"grid_size": 16, "base_filters": 4, "epochs": 2, "coarse_epochs": 0, "batch_size": 2, "loading_threads": 0}
    settings = TrainingSettings.from_preset(
        "default", sizes | {"weight_average": 0.9, "calibrate": False, "maps_against_none": False}
    )
    network = build_network(architecture_of(settings))
    paths = sorted(folder.glob("*.npz"))
    loop = KeepingLoop(network, settings, paths, [], tmp_path)
    loop.keep_last = 2
    kept = loop.run().state_dict
    last = load_file(tmp_path / EPOCHS_NAME / "00002.safetensors")
    assert all(torch.equal(tensor, last[name]) for name, tensor in kept.items())
    assert not torch.equal(network.state_dict()["stem.weight"], last["stem.weight"])
