"""Gradients in bfloat16 are those in float32 but for rounding, also of features as small as a network's last ones."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from radiologycnn.networks import mixed_precision as module
from radiologycnn.networks.mixed_precision import mixed_precision


@pytest.fixture(autouse=True)
def device_made_for_bfloat16(monkeypatch) -> None:
    """As if: without the instructions PyTorch computes the same, slowly."""
    monkeypatch.setattr(module, "computes_bfloat16", lambda device: True)


def leave_nothing_finite_in_memory() -> None:
    for size in (2**8, 2**10, 2**12, 2**14, 2**16):
        kept = [torch.full((size,), float("nan")) for _ in range(4)]
        del kept


def learned(sides: tuple[int, int, int], kernel: int, stride: int, wanted: bool) -> tuple[torch.dtype, Tensor]:
    """Type of a convolution's features, and gradient of its weights."""
    generator = torch.Generator().manual_seed(7)
    image = torch.randn(2, 16, *sides, generator=generator).contiguous(memory_format=torch.channels_last_3d)
    weight = (0.1 * torch.randn(16, 16, kernel, kernel, kernel, generator=generator)).requires_grad_()
    leave_nothing_finite_in_memory()
    with mixed_precision("cpu", wanted):
        features = functional.conv3d(image, weight, None, stride, kernel // 2)
    wished = torch.randn(features.shape, generator=generator)
    (features.float() * wished).sum().backward()
    return features.dtype, weight.grad


@pytest.mark.parametrize(
    ("sides", "kernel", "stride", "expected"),
    [
        ((2, 4, 4), 3, 1, torch.float32),  # a grid of 32 slices, coarse, at the network's fourth level
        ((2, 2, 2), 3, 1, torch.float32),
        ((5, 1, 2), 3, 2, torch.float32),
        ((4, 8, 8), 5, 1, torch.float32),
        ((4, 4, 4), 3, 1, torch.bfloat16),
        ((4, 8, 8), 3, 2, torch.bfloat16),
        ((2, 4, 4), 1, 1, torch.bfloat16),
    ],
)
def test_gradient_is_that_of_float32(
    sides: tuple[int, int, int], kernel: int, stride: int, expected: torch.dtype
) -> None:
    _, right = learned(sides, kernel, stride, wanted=False)
    for _ in range(3):
        number_type, found = learned(sides, kernel, stride, wanted=True)
        assert number_type == expected
        assert (found - right).norm() <= 0.01 * right.norm()
