"""The order of training cases, and how they are made ready in the background, so that no device waits for them.

What a case becomes hangs on its own seed alone and not on the thread that makes it ready or on the cases before it, so
threads change no result, and each of several processes makes ready only its own share.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import chain, islice
from typing import TypeVar

import torch
from torch import Tensor

from radiologycnn.errors import InputError
from radiologycnn.evaluation.words import counted
from radiologycnn.training.settings import AUTOMATIC_THREADS, CommonSettings

T = TypeVar("T")
R = TypeVar("R")

Sample = tuple[Tensor, ...]
"""A case as tensors whose first axis counts cases (or parts of one), so that a batch is their concatenation."""

MOST_THREADS = 8
"""Of their own accord; each keeps about a batch of prepared cases in memory."""


def thread_count(wanted: int, device: str) -> int:
    """How many threads make cases ready.

    Augmenting a head takes 0.2 s of a core, of which a GPU learns in much less: one thread would leave it waiting. A
    network on the CPU takes far longer, and the cores are its own.

    Args:
        wanted: as the settings say, which may leave it to the machine.
        device: that the network learns on.
    """
    if wanted != AUTOMATIC_THREADS:
        return wanted
    if torch.device(device).type == "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # that torchrun started on this machine
    return max(1, min(cores // processes - 1, MOST_THREADS))


def check_enough(cases: int, settings: CommonSettings, smallest: int, processes: int) -> None:
    """Refuse what leaves a batch of fewer cases than it must have.

    Args:
        cases: to train on.
        smallest: cases in a batch.
        processes: that share it.

    Raises:
        InputError: as said.
    """
    drawn = min(settings.epoch_cases or cases, cases)
    if drawn < smallest:
        a_pass = " in an epoch" if drawn < cases else ""
        raise InputError(
            "too-few-cases",
            f"{counted(drawn, 'training case')}{a_pass} {'is' if drawn == 1 else 'are'} too few; at least {smallest} "
            "are needed.",
            "Raise epoch_cases, or leave it 0 for all." if a_pass else "Add cases.",
        )
    sizes = [settings.batch_size] + [settings.coarse_batch_size] * bool(settings.coarse_epochs)
    if min(sizes) < smallest:
        raise InputError(
            "too-many-processes",
            f"Batches of {min(sizes)} cases are too small for {processes} processes.",
            "Start fewer processes, or train with larger batches.",
        )


def draw_seeds(count: int, generator: torch.Generator) -> list[int]:
    """Seeds for so many cases."""
    return torch.randint(2**62, (count,), generator=generator).tolist()


def draw_batches(count: int, size: int, epoch_cases: int, smallest: int, generator: torch.Generator) -> list[list[int]]:
    """Numbers of cases in random order, in batches; too few for a batch of their own join the batch before them.

    Args:
        epoch_cases: at most so many of them; 0 all.
    """
    order = torch.randperm(count, generator=generator).tolist()
    order = order[: epoch_cases or None]
    found = [order[i : i + size] for i in range(0, len(order), size)]
    if len(found) > 1 and len(found[-1]) < smallest:
        last = found.pop()
        found[-1] = found[-1] + last
    return found


def collate(samples: Sequence[Sample], pin: bool = False) -> Sample:
    """One batch of samples.

    Args:
        pin: put it where a CUDA device can fetch it from while the CPU goes on.
    """
    columns = (torch.cat(column) for column in zip(*samples))
    return tuple(column.pin_memory() if pin else column for column in columns)


def in_advance(
    batches: Sequence[Sequence[T]], prepare: Callable[[T], R], threads: int, device: str = "cpu"
) -> Generator[list[R], None, None]:
    """Each batch with its items prepared, in order, while those after it are being prepared.

    Args:
        threads: that prepare, see :func:`thread_count`; 0 prepares each batch when it is asked for. About as many
            batches lie ready.
        device: that they are prepared for.
    """
    threads = thread_count(threads, device)
    if not threads:
        for batch in batches:
            yield [prepare(item) for item in batch]
        return
    rest = iter(batches)
    # One core each: the others belong to the network. Threads that start later take the number that was set last.
    cores = torch.get_num_threads()
    with ThreadPoolExecutor(threads, "loading", torch.set_num_threads, (1,)) as pool:
        try:
            ahead = deque([pool.submit(prepare, item) for item in batch] for batch in islice(rest, threads + 1))
            while ahead:
                ready = [item.result() for item in ahead.popleft()]
                ahead.extend([pool.submit(prepare, item) for item in batch] for batch in islice(rest, 1))
                yield ready
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(cores)


@contextmanager
def each_in_advance(
    items: Sequence[T], prepare: Callable[[T], R], threads: int, device: str = "cpu"
) -> Iterator[Iterator[R]]:
    """While entered, what is given has every item prepared, one by one, in order; see :func:`in_advance`."""
    with closing(in_advance([[item] for item in items], prepare, threads, device)) as loaded:
        yield chain.from_iterable(loaded)
