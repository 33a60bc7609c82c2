"""Running a network on the best device there is, and in smaller ways where memory ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import torch
from torch import nn

from radiologycnn.errors import InputError, ResourceError, is_out_of_memory
from radiologycnn.inference_stages import Stages
from radiologycnn.networks.backends import Outcome
from radiologycnn.networks.devices import computes_bfloat16, describe_device, resolve_device

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

T = TypeVar("T")


class NetworkRunner:
    """A network and where it runs.

    Args:
        network: on the CPU, ready to run.
        device: "auto" (CUDA if there is one, else CPU), "cpu", "cuda" or "cuda:<number>".
        precision: "float32" gives the same numbers on every CPU; on NVIDIA GPUs from Ampere on PyTorch lets cuDNN round
            the factors of convolutions to TF32, ten bits behind the point. "bfloat16", with seven bits, is about 2.5
            times as fast on new CPUs and changes the numbers more.
        before_release: called before the network leaves a device whose memory was not enough.

    Attributes:
        device: torch.device that is used first.
        device_name: the device in words.

    Raises:
        InputError: the device or precision does not exist, or the device has no such precision.
    """

    def __init__(
        self,
        network: nn.Module,
        device: str = "auto",
        precision: str = "float32",
        before_release: Callable[[], None] = lambda: None,
    ) -> None:
        if precision not in PRECISIONS:
            raise InputError(
                "unknown-precision", f"The precision {precision!r} is unknown.", f"Use one of {', '.join(PRECISIONS)}."
            )
        self.network = network
        self._before_release = before_release
        self.precision = precision
        self.device = resolve_device(device)
        self.device_name = describe_device(self.device)
        if precision == "bfloat16" and self.device.type == "cuda" and not computes_bfloat16(self.device):
            # PyTorch would refuse it or imitate it, and cuDNN has no convolutions for it.
            raise InputError(
                "unknown-precision", f"{self.device_name} does not calculate in bfloat16.", "Use float16 or float32."
            )

    def run(
        self,
        work: Callable[[nn.Module, torch.device, AbstractContextManager], T],
        stages: Stages,
        log: Callable[[str], None] | None = None,
    ) -> Outcome[T]:
        """Do the work, in half precision and then on the CPU where memory ends.

        Args:
            work: called with the network on its device, the device, and a context to enter for the precision. It may
                be called again after it ended for lack of memory.
            stages: told of each fall-back.
            log: called with a sentence at each fall-back.

        Raises:
            ResourceError: not enough memory, on the CPU either.
        """
        attempts = self._attempts()
        fall_backs: list[str] = []
        for number, (device, precision) in enumerate(attempts):
            try:
                value = work(_placed(self.network, device), device, _autocast(device, precision))
                made_by = {"torch": torch.__version__}
                name = describe_device(device)
                return Outcome(value, str(device), name, "torch", precision, made_by, tuple(fall_backs))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the handler: the error's traceback would keep the tensors that fill the memory.
            self._release(device)
            if number + 1 < len(attempts):
                following, in_precision = attempts[number + 1]
                sentence = (
                    f"The memory of {describe_device(device)} was not enough; "
                    f"the network ran on {describe_device(following)} in {in_precision} precision instead."
                )
                fall_backs.append(sentence)
                stages.say(f"Not enough memory; trying {following} in {in_precision}")
                if log:
                    log(sentence)
        raise ResourceError(
            "out-of-memory",
            "There is not enough memory to run the network.",
            "Close other programs or scans, or use a machine with more memory.",
        )

    def _attempts(self) -> list[tuple[torch.device, str]]:
        half = "float16" if self.device.type == "cuda" else "bfloat16"
        attempts = [(self.device, self.precision)]
        if self.precision == "float32":
            attempts.append((self.device, half))
        if self.device.type != "cpu":
            attempts += [(torch.device("cpu"), "float32"), (torch.device("cpu"), "bfloat16")]
        return attempts

    def _release(self, device: torch.device) -> None:
        self._before_release()
        self.network.to("cpu", memory_format=torch.contiguous_format)
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _placed(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on a device; on CUDA channels last, which its tensor cores want."""
    # A plain layout on the CPU, which gives the reference's numbers also after a time on CUDA.
    layout = torch.channels_last_3d if device.type == "cuda" else torch.contiguous_format
    return network.to(device, memory_format=layout)


def _autocast(device: torch.device, precision: str) -> torch.autocast:
    number_type = PRECISIONS[precision]
    # Each weight is used once a pass, so a cache of them is no gain, and a CUDA graph must not hold it.
    is_half = number_type is not torch.float32
    return torch.autocast(device.type, dtype=number_type, enabled=is_half, cache_enabled=device.type != "cuda")
