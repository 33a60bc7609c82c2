"""A running average of the weights over a training's steps, which the last batches move less than the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def running_average(network: nn.Module, kept: float) -> AveragedModel | None:
    """The average, ``module`` of what is returned, to be told of every step by ``update_parameters``.

    Statistics of normalization are averaged as the weights are. In the first steps less is kept, so that a short run
    ends with no average of what it began with.

    Args:
        kept: share that each step leaves of the average; 0: None, no average.
    """
    if not kept:
        return None

    def step(averages: list[Tensor], now: list[Tensor], _steps: Tensor) -> None:
        if not averages[0].is_floating_point():  # counters
            torch._foreach_copy_(averages, now)
            return
        # Asked of the average itself, on the CPU: a GPU's answer would be waited for after every step.
        count = int(average.n_averaged)
        torch._foreach_lerp_(averages, now, 1 - min(kept, (1 + count) / (10 + count)))

    average = AveragedModel(network, multi_avg_fn=step, use_buffers=True)
    return average
