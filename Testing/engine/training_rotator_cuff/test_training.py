"""Training the tear classifier: it learns, resumes exactly, and takes its cases as the settings say."""

import csv
from itertools import count

import pytest
import torch
from engine.tiny_rotator_cuff import settings
from engine.training_rotator_cuff.balls import loss_of

from radiologycnn.errors import Cancelled, InputError
from radiologycnn.networks.architectures import build_network
from radiologycnn.training.checkpoints import CHECKPOINT_NAME
from radiologycnn.training.rotatorcuff.settings import TrainingSettings
from radiologycnn.training.rotatorcuff.trainer import ClassificationLoop, architecture_of, follow_statistics, train


def test_loss_falls(cases, tmp_path) -> None:
    train(cases, [], settings(epochs=12, coarse_epochs=0, augment=False, dropout="off"), tmp_path)
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 12
    assert losses[-1] < losses[0] - 0.3


def test_killed_and_resumed_run_gives_the_same_weights(cases, tmp_path) -> None:
    wanted = settings(localization_weight=0.5)
    whole = train(cases[:10], cases[10:], wanted, tmp_path / "whole")
    asked = count()  # stopped in the second epoch
    with pytest.raises(Cancelled):
        train(cases[:10], cases[10:], wanted, tmp_path / "cut", cancelled=lambda: next(asked) >= 3)
    assert (tmp_path / "cut" / CHECKPOINT_NAME).exists()
    resumed = train(cases[:10], cases[10:], wanted, tmp_path / "cut", resume=True)
    assert resumed.epoch == whole.epoch
    for name, tensor in whole.state_dict.items():
        assert torch.equal(tensor, resumed.state_dict[name]), name


def test_resuming_with_other_settings_is_refused(cases, tmp_path) -> None:
    train(cases[:4], [], settings(epochs=0), tmp_path)
    with pytest.raises(InputError, match="label_smoothing"):
        train(cases[:4], [], settings(epochs=0, label_smoothing=0.0), tmp_path, resume=True)
    with pytest.raises(InputError, match="the cases"):
        train(cases[:5], [], settings(epochs=0), tmp_path, resume=True)


@pytest.mark.parametrize("count", [2, 3, 7, 9, 13])
def test_no_batch_has_a_single_case_and_every_case_comes_once(cases, tmp_path, count: int) -> None:
    wanted = settings("paper", epochs=1, coarse_epochs=0)
    network = build_network(architecture_of(wanted))
    loop = ClassificationLoop(network, wanted, cases[:count], [], tmp_path)
    batches = list(loop.batches(torch.Generator().manual_seed(0)))
    assert sorted(number for batch in batches for number in batch) == list(range(count))
    assert min(map(len, batches)) >= 2 and max(map(len, batches)) <= 7


def test_short_epochs_draw_other_cases_each_time(cases, tmp_path) -> None:
    wanted = settings(coarse_epochs=0, epoch_cases=7, batch_size=3)
    network = build_network(architecture_of(wanted))
    loop = ClassificationLoop(network, wanted, cases, [], tmp_path)
    epochs = [list(loop.batches(torch.Generator().manual_seed(seed))) for seed in range(2)]
    assert [[len(batch) for batch in batches] for batches in epochs] == [[3, 4], [3, 4]]  # 3, 3 and a lone one
    first, second = ({number for batch in batches for number in batch} for batches in epochs)
    assert len(first) == len(second) == 7 and first != second


def test_a_single_case_is_refused(cases, tmp_path) -> None:
    with pytest.raises(InputError, match="1 training case is too few"):
        train(cases[:1], [], settings(), tmp_path)
    with pytest.raises(InputError, match="1 training case in an epoch is too few"):
        train(cases, [], settings(epoch_cases=1), tmp_path)


def test_paper_rate_optimizer_and_decay(cases, tmp_path) -> None:
    wanted = TrainingSettings.from_preset("paper", {"base_filters": 4, "grid_size": 16})
    network = build_network(architecture_of(wanted))
    loop = ClassificationLoop(network, wanted, cases[:4], [], tmp_path)
    rates = []
    for epoch in range(14):
        loop.epoch = epoch
        rates.append(loop.rate_at(0.5))
    assert rates == pytest.approx([0.002] * 12 + [0.0002] * 2)
    decayed, others = loop.optimizer.param_groups
    assert decayed["nesterov"] and decayed["momentum"] == 0.9
    assert (decayed["weight_decay"], others["weight_decay"]) == (1e-3, 0)
    assert all(weight.dim() > 1 for weight in decayed["params"])
    assert all(parameter.dim() == 1 for parameter in others["params"])
    count = sum(p.numel() for group in loop.optimizer.param_groups for p in group["params"])
    assert count == sum(p.numel() for p in network.parameters())


def test_running_normalization_follows_the_cases_and_keeps_them_apart(cases, tmp_path) -> None:
    """head_norm="running": a case's logits do not depend on its neighbours in the batch, and the averages move on."""
    wanted = settings(coarse_epochs=0, dropout="off", augment=False, head_norm="running")
    torch.manual_seed(0)
    network = build_network(architecture_of(wanted))
    loop = ClassificationLoop(network, wanted, cases, [], tmp_path)
    loop.training_mode()
    features = 3 + 2 * torch.rand(6, network.classifier.in_features, 4, 4, 4)
    together = network.classify(features)
    assert torch.allclose(network.classify(features[:1]), together[:1], atol=1e-5)
    pooled, norm = features.mean(dim=(2, 3, 4)), network.head_norm
    for _ in range(400):
        follow_statistics(norm, pooled)
    assert torch.allclose(norm.running_mean, pooled.mean(dim=0), atol=1e-2)
    assert torch.allclose(norm.running_var, pooled.var(dim=0, correction=0), atol=1e-2)
    before = norm.running_mean.clone()
    loss_of(loop, cases[:4]).backward()
    assert not torch.equal(norm.running_mean, before)  # a step of training follows too ...
    assert norm.weight.grad is not None  # ... and the scale still learns
    before = norm.running_mean.clone()
    network.eval()
    loss_of(loop, cases[:4])
    assert torch.equal(norm.running_mean, before)  # a validation does not
    own = settings(coarse_epochs=0, head_norm="batch")
    loop = ClassificationLoop(network, own, cases, [], tmp_path)
    loop.training_mode()
    assert not torch.allclose(network.classify(features[:2]), network.classify(features)[:2], atol=1e-2)
