"""A running average of the weights over a training's steps, which the last batches move less than the weights."""

from __future__ import annotations

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

    def step(average: Tensor, now: Tensor, steps: Tensor) -> Tensor:
        if not average.is_floating_point():  # counters
            return now
        count = float(steps)
        return average.lerp(now, 1 - min(kept, (1 + count) / (10 + count)))

    return AveragedModel(network, avg_fn=step, use_buffers=True)
