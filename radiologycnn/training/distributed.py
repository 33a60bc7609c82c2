"""Several processes that train one network, started by ``torchrun`` (PyTorch's distributed engine): who does what.

The first process leads: it alone runs the program that one process would run (prepares cases, writes, speaks), and
summons the others for each training. They go through the same training with the same settings. A batch is the same
cases as in one process, shared out; gradients are summed, and each process computes its part of the batch's own mean,
so that the result is that of one process up to rounding. Without ``torchrun`` all of this is a team of one, in which
nothing is sent.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.networks.devices import resolve_device
from radiologycnn.progress import IsCancelled
from radiologycnn.training.best_epoch import NothingTrained

# The others have to wait while the first process simulates cases or tests a model.
LONGEST_WAIT = timedelta(hours=24)

# What ends a common work in all processes alike, so that they are together afterwards.
_ENDS_IN_ALL = (Cancelled, NothingTrained)

T = TypeVar("T")
R = TypeVar("R")


class Team:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: this one's number, from 0.
        size: how many there are.
        device: this one's: with several processes on a machine each has a GPU of its own, or all use the CPU. In a
            team of one it is as the person wrote it.
    """

    def __init__(self, rank: int = 0, size: int = 1, device: str = "auto") -> None:
        self.rank, self.size, self.device = rank, size, device
        self._amid_work = False

    @property
    def leads(self) -> bool:
        """Whether this process runs the program, writes and speaks."""
        return self.rank == 0

    @contextmanager
    def leading(self) -> Iterator[None]:
        """The leader's program; when it is over, whatever way, the others stop following.

        Where it fails amid a common work, they would not hear the word: they wait for their part of that work, and each
        side would wait for the other. Then the end of this process is their end, which ``torchrun`` sees to.
        """
        try:
            yield
        finally:
            if not self._amid_work:
                with suppress(ResourceError):  # a teammate that has stopped needs no word
                    self._send(None)

    @contextmanager
    def common(self, work: Callable[..., Any], *args: Any) -> Iterator[Callable[[], None]]:
        """While entered, the leader is at ``work(*args)``.

        What is given summons the others, once nothing stands against beginning: they do the same on their own devices.
        """

        def summon() -> None:
            if self.leads:
                self._send((work, args))
                self._amid_work = True

        try:
            yield summon
        except _ENDS_IN_ALL:
            self._amid_work = False
            raise
        self._amid_work = False

    def follow(self, cancelled: IsCancelled) -> None:
        """Do what the leader summons to, until its program is over.

        Args:
            cancelled: asked by the work; that one process was asked to stop stops all.

        Raises:
            ResourceError: the leader stopped without a word.
        """
        while (call := self._send(None)) is not None:
            work, args = call
            with suppress(*_ENDS_IN_ALL):
                work(*args, device=self.device, cancelled=cancelled)

    def _send(self, message: Any) -> Any:
        """The leader's message, which it gives and the others get."""
        box = [message]
        if self.size > 1:
            with _teammates_may_leave():
                dist.broadcast_object_list(box, 0)
        return box[0]

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """What this process does of some work: every ``size``-th item."""
        return items[self.rank :: self.size]

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes; gradients stay in each."""
        if self.size == 1:
            return value
        value = value.detach().clone()
        with _teammates_may_leave():
            dist.all_reduce(value)
        return value

    def gather(self, value: T) -> list[T]:
        """Everyone's value, by rank; numbers, texts and lists of them."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        with _teammates_may_leave():
            dist.all_gather_object(found, value)
        return found

    def shared_out(self, items: Sequence[T], work: Callable[[T], R], cancelled: IsCancelled) -> list[R]:
        """``work`` of every item, each in one process; all of them get the results, in order.

        Raises:
            Cancelled: one of them was asked to stop.
        """
        found: list[R] | None = []
        for item in self.share(items):
            if cancelled():
                found = None
                break
            found.append(work(item))
        parts = self.gather(found)
        if any(part is None for part in parts):
            raise Cancelled
        return [parts[number % self.size][number // self.size] for number in range(len(items))]

    def sum_gradients(self, parameters: Iterable[nn.Parameter], more: Tensor) -> Tensor:
        """Replace each gradient by the sum over all processes, in one message; one that is missing counts as zero.

        Args:
            more: further numbers, shape (n), summed in the same message.

        Returns:
            The sums of ``more``.
        """
        if self.size == 1:
            return more
        learning = [parameter for parameter in parameters if parameter.requires_grad]
        parts = [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in learning]
        summed = self.total(torch.cat([*parts, more.to(parts[0].device, parts[0].dtype)]))
        start = 0
        for parameter in learning:
            parameter.grad = summed[start : start + parameter.numel()].view_as(parameter)
            start += parameter.numel()
        return summed[start:]

    def same_start(self, network: nn.Module) -> None:
        """Everyone's weights and statistics become those of the first process."""
        if self.size > 1:
            with _teammates_may_leave(), torch.no_grad():
                for tensor in network.state_dict().values():
                    whole = tensor.contiguous()
                    dist.broadcast(whole, 0)
                    tensor.copy_(whole)


_team = Team()


def current_team() -> Team:
    """The team that :func:`joined_team` joined; outside of it this process alone."""
    return _team


@contextmanager
def joined_team(device: str = "auto") -> Iterator[Team]:
    """While entered, this process works with those that ``torchrun`` started beside it; alone without ``torchrun``.

    Args:
        device: as the person wrote it; "cpu" keeps all processes from the GPUs.

    Raises:
        InputError: no GPU for each process, where these are asked for by name.
    """
    global _team
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or not dist.is_torchelastic_launched():
        yield Team(device=device)
        return
    place = torch.device(_own_device(device))
    if place.type == "cuda":
        torch.cuda.set_device(place)
    # This module keeps the process group that it finds at its import as its functions' default. The first optimizer
    # imports it: the group would then outlive its end, and its threads now and then abort Python's.
    importlib.import_module("torch.distributed.nn.functional")
    # Words between the processes go over the CPU in any case. Windows has no NCCL; gloo carries GPUs' numbers, too.
    on_gpus = place.type == "cuda" and dist.is_nccl_available()
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo", timeout=LONGEST_WAIT)
    _team = Team(dist.get_rank(), size, str(place))
    in_order = False
    try:
        yield _team
        in_order = True
    except Cancelled:
        in_order = True
        raise
    finally:
        _team = Team()
        # NCCL would wait for a teammate that an error took away; there the end of the process does it. Gloo's threads
        # must be gone before Python ends.
        if in_order or place.type == "cpu":
            dist.destroy_process_group()


def _own_device(device: str) -> str:
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    gpus = torch.cuda.device_count()
    if device == "cpu" or (device == "auto" and gpus < here):
        return "cpu"
    if device not in ("auto", "cuda"):
        if here > 1:
            raise InputError(
                "one-device-for-many", f"{here} processes cannot share {device}.", "Use --device cuda, auto or cpu."
            )
        return str(resolve_device(device))
    if gpus < here:
        raise InputError(
            "too-few-devices",
            f"{here} processes on this machine want a GPU each, and it has {gpus}.",
            "Start as many processes as it has GPUs, or use the CPU with --device cpu.",
        )
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"


@contextmanager
def _teammates_may_leave() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # what gloo and NCCL raise when the other end is gone
        raise _left() from error


def _left() -> ResourceError:
    return ResourceError(
        "teammate-stopped",
        "Another process of this training stopped.",
        "Its own message says why; go on with --resume afterwards.",
    )
