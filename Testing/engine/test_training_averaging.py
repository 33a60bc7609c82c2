"""The running average of the weights: what it comes to, and that a run validates and keeps it."""

import pytest
import torch
from torch import nn

from radiologycnn.training.averaging import running_average


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
