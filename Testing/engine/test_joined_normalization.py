"""Batch normalization that several processes share: that of the whole batch, to the precision of PyTorch's own."""

import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from radiologycnn.training import joined_normalization
from radiologycnn.training.joined_normalization import JoinedBatchNorm

Found = tuple[Tensor, ...]


class ThreadedTeam:
    """Threads in the place of processes: each waits for the numbers of all."""

    def __init__(self, size: int) -> None:
        self.given: dict[int, Tensor] = {}
        self.all_here = threading.Barrier(size, timeout=60)

    def total(self, value: Tensor) -> Tensor:
        self.given[threading.get_ident()] = value
        self.all_here.wait()
        result = sum(self.given.values())
        self.all_here.wait()
        return result


def learned(norm: nn.Module, features: Tensor, gradient: Tensor) -> Found:
    """What normalization gives, and teaches: values, gradients of features, weights and biases, statistics."""
    leaf = features.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=features.dtype == torch.bfloat16):
        values = norm(leaf)
    values.backward(gradient)
    return values.detach(), leaf.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var


def in_threads(works: list[Callable[[], Found]]) -> list[Found]:
    results: dict[int, Found] = {}
    threads = [
        threading.Thread(target=lambda n=n, work=work: results.__setitem__(n, work())) for n, work in enumerate(works)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[n] for n in range(len(works))]


def new_norm(channels: int, kind: type[nn.Module] = nn.BatchNorm3d) -> nn.Module:
    norm = kind(channels)
    nn.init.uniform_(norm.weight, 0.5, 1.5, torch.Generator().manual_seed(1))
    nn.init.uniform_(norm.bias, -1, 1, torch.Generator().manual_seed(2))
    return norm


def drawn(*shape: int) -> Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))
    return values.contiguous(memory_format=torch.channels_last_3d) if len(shape) == 5 else values


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shares", [(2, 2), (3, 1)])
def test_shares_of_a_batch_learn_what_the_whole_batch_teaches(monkeypatch, shares, dtype) -> None:
    features, gradient = (2 * drawn(4, 6, 9, 8, 7) + 1).to(dtype), drawn(4, 6, 9, 8, 8)[..., 1:].to(dtype)
    whole = learned(new_norm(6), features, gradient)
    monkeypatch.setattr(joined_normalization, "current_team", lambda team=ThreadedTeam(2): team)
    first, second = in_threads(
        [
            lambda part=part: learned(JoinedBatchNorm.of(new_norm(6)), *part)
            for part in zip(features.split(shares), gradient.split(shares))
        ]
    )
    together = [torch.cat(pair) for pair in list(zip(first, second))[:2]]
    # Each process's gradient is its part of the sum; the statistics are those of the whole batch in both.
    together += [one + other for one, other in list(zip(first, second))[2:4]] + list(first[4:])
    coarse = dict(rtol=2e-2, atol=2e-2) if dtype == torch.bfloat16 else dict(rtol=1e-4, atol=1e-5)
    for expected, found in zip(whole, together):
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected, **coarse)
    assert torch.equal(first[4], second[4]) and torch.equal(first[5], second[5])


def test_a_million_voxels_add_up_as_precisely_as_in_pytorch() -> None:
    features, gradient = drawn(4, 2, 64, 64, 64) + 3, drawn(4, 2, 64, 64, 64)
    whole, found = (learned(norm, features, gradient) for norm in (new_norm(2), JoinedBatchNorm.of(new_norm(2))))
    for expected, value in zip(whole, found):
        torch.testing.assert_close(value, expected, rtol=2e-5, atol=2e-5)


def test_a_single_pooled_case_in_each_process_is_normalized_by_both(monkeypatch) -> None:
    features, gradient = drawn(2, 5), drawn(2, 5).flip(0)
    whole = learned(new_norm(5, nn.BatchNorm1d), features, gradient)
    monkeypatch.setattr(joined_normalization, "current_team", lambda team=ThreadedTeam(2): team)
    halves = in_threads(
        [
            lambda part=part: learned(JoinedBatchNorm.of(new_norm(5, nn.BatchNorm1d)), *part)
            for part in zip(features.split(1), gradient.split(1))
        ]
    )
    for place in (0, 1):
        torch.testing.assert_close(torch.cat([half[place] for half in halves]), whole[place], rtol=1e-4, atol=1e-4)
