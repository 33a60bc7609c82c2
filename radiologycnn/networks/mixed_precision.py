"""bfloat16 for learning, where the device is made for it, but for convolutions whose gradient is wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from radiologycnn.networks.devices import computes_bfloat16

_CONVOLUTIONS = frozenset((torch.conv1d, torch.conv2d, torch.conv3d))


@contextmanager
def mixed_precision(device: torch.device | str, wanted: bool = True) -> Iterator[None]:
    """While entered, what allows it is computed in bfloat16, where that is wanted and the device is made for it."""
    device = torch.device(device)
    if not (wanted and computes_bfloat16(device)):
        yield
        return
    with torch.autocast(device.type, torch.bfloat16):
        if device.type == "cpu":
            with _SmallConvolutionsInFloat32():
                yield
        else:
            yield


class _SmallConvolutionsInFloat32(TorchFunctionMode):
    """Convolutions of features hardly larger than their kernel are computed in float32.

    On processors with bfloat16 PyTorch 2.13 leaves parts of such a convolution's weight gradient as the memory was
    before, or writes beside it: with a kernel of 3 where there are 2 slices, with one of 5 where there are 1 to 4, with
    one of 7 where there are 7, at a stride of 2 where a row has 1. All other sizes tried agreed with float32 (AVX512
    BF16; kernels of 1 to 7, sides of 1 to 8). So small features cost next to nothing in float32.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if function in _CONVOLUTIONS and _hardly_larger(args[0].shape[2:], args[1].shape[2:]):
            with torch.autocast("cpu", enabled=False):
                return function(args[0].float(), *args[1:], **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _hardly_larger(sides: Sequence[int], kernel: Sequence[int]) -> bool:
    """Whether along an axis features are no larger than a kernel of more than one voxel."""
    return any(1 < width >= side for side, width in zip(sides, kernel))
