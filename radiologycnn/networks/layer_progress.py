"""True progress inside one pass of a network: after each convolution, weighted by its multiplications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

# A side of this many voxels still leaves two at the bottom of a network of four levels.
_SMALLEST_SIDE = 16

#: Costs that were counted already, by network and input shape: each count is a small pass of the network.
_TOTALS: WeakKeyDictionary[nn.Module, dict[tuple[int, ...], float]] = WeakKeyDictionary()

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose3d)


class LayerProgress:
    """While entered, calls ``report`` with the fraction (0-1) of the network's work that is done.

    ``report`` may raise, which ends the pass: this is how a pass is cancelled.

    Args:
        network: whose convolutions are watched.
        input_shape: of the batch that will pass.
        report: called after each convolution.
    """

    def __init__(self, network: nn.Module, input_shape: Sequence[int], report: Callable[[float], None]) -> None:
        self._layers = [module for module in network.modules() if isinstance(module, _CONVOLUTIONS)]
        self._report = report
        known = _TOTALS.setdefault(network, {})
        shape = tuple(input_shape)
        if shape not in known:
            known[shape] = _total_cost(network, shape)
        self._total = known[shape]
        self._done = 0.0
        self._handles: list[Any] = []

    def __enter__(self) -> LayerProgress:
        self._handles = [layer.register_forward_hook(self._after) for layer in self._layers]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def _after(self, layer: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        self._done += _cost(layer, output)
        self._report(min(self._done / self._total, 1.0))


def _cost(layer: nn.Module, output: torch.Tensor) -> float:
    """Multiplications, plus a share for the normalization and activation that follow each convolution."""
    per_value = layer.weight.numel() / layer.out_channels
    return output.numel() * (per_value + 100.0)


def _total_cost(network: nn.Module, input_shape: tuple[int, ...]) -> float:
    """Sum of all layers' costs, up to a factor, from a pass of a small input: each layer's share stays the same."""
    scale = 1
    while all(side % (2 * scale) == 0 and side // (2 * scale) >= _SMALLEST_SIDE for side in input_shape[2:]):
        scale *= 2
    while True:
        try:
            return _cost_of_pass(network, input_shape, scale) * scale ** len(input_shape[2:]) * input_shape[0] or 1.0
        except (RuntimeError, ValueError):
            # A network that halves often has no room for its last layers in so small an input, or cannot halve it.
            if scale == 1:
                raise
            scale //= 2


def _cost_of_pass(network: nn.Module, input_shape: tuple[int, ...], scale: int) -> float:
    """Sum of all layers' costs for one input whose sides are ``scale`` times smaller."""
    small = (1, input_shape[1], *(side // scale for side in input_shape[2:]))
    weight = next(network.parameters())
    costs: list[float] = []
    handles = [
        module.register_forward_hook(lambda layer, inputs, output: costs.append(_cost(layer, output)))
        for module in network.modules()
        if isinstance(module, _CONVOLUTIONS)
    ]
    try:
        with torch.inference_mode():
            network(torch.zeros(small, dtype=weight.dtype, device=weight.device))
    finally:
        for handle in handles:
            handle.remove()
    return sum(costs)
