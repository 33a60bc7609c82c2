"""What a network of a published size has and costs, counted on torch's device "meta": nothing is computed."""

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from radiologycnn.networks.architectures import count_parameters


def millions_of_parameters(build: Callable[[], nn.Module], published: float) -> float:
    """Parameters in millions, rounded to the digits of the published number."""
    with torch.device("meta"):
        counted = count_parameters(build()) / 1e6
    return round(counted, len(str(published).split(".")[1]))


def giga_multiplications(build: Callable[[], nn.Module], *shape: int) -> float:
    """Multiplications of one pass of an input of this shape, in thousands of millions."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.inference_mode():
        build().eval()(torch.empty(shape))
    return counter.get_total_flops() / 2e9
