"""How far the answer can be relied on: the network's answer over repeated, slightly different runs.

The paper reports "60 repetitions of the test"; a network at test time gives the same answer each time, so what is to
vary must be said: dropout drawn as in training (Gal 2016), the image moved and brightened a little, or the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from radiologycnn.errors import InputError
from radiologycnn.networks.gap_classifier import DROPOUT_KINDS, monte_carlo_dropout
from radiologycnn.rotatorcuff.results import RepeatSummary

METHODS = ("mc_dropout", "tta", "models")
DEFAULT_COUNT = 60  # the paper's
MAXIMUM_COUNT = 1000

# Largest changes of a test-time copy. No reflection: a mirrored right shoulder is a left one, which the network, whose
# left shoulders are mirrored, never saw.
_SHIFT_MM = 2.5
_TURN_DEGREES = 5.0
_GAIN = 0.1
_OFFSET_SD = 0.1


@dataclass(frozen=True)
class RepeatRequest:
    """What is to be repeated.

    Attributes:
        method: one of ``METHODS``.
        count: of runs; for "models", at most so many models.
        seed: the same seed gives the same numbers on the same device.
        models: for "models": ids or paths; empty takes all that are installed.
    """

    method: str
    count: int = DEFAULT_COUNT
    seed: int = 0
    models: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> RepeatRequest:
        """From ``{"method", "count"}`` and, if wanted, ``"seed"`` and ``"models"``.

        Raises:
            InputError: an unknown method or field, or a count that is not 2 to 1000.
        """
        unknown = sorted(set(record) - set(cls.__dataclass_fields__))
        method, count = record.get("method"), record.get("count", DEFAULT_COUNT)
        if unknown:
            raise InputError("bad-repeats", f"The repeats have unknown fields: {', '.join(unknown)}.")
        if method not in METHODS:
            raise InputError(
                "bad-repeats", f"There is no way {method!r} to repeat.", f"Use one of {', '.join(METHODS)}."
            )
        if not isinstance(count, int) or isinstance(count, bool) or not 2 <= count <= MAXIMUM_COUNT:
            raise InputError("bad-repeats", f"{count!r} repeats are not possible.", f"Use 2 to {MAXIMUM_COUNT}.")
        seed, models = record.get("seed", 0), record.get("models") or ()
        if not isinstance(seed, int) or not all(isinstance(name, str) for name in models):
            raise InputError("bad-repeats", "The repeats' seed must be a number, and their models a list of names.")
        return cls(method, count, seed, tuple(models))


def check_dropout(network: nn.Module) -> None:
    """Refuse a network that gives the same answer each time.

    Raises:
        InputError: code ``no-dropout``.
    """
    if not any(isinstance(module, DROPOUT_KINDS) for module in network.modules()):
        raise InputError(
            "no-dropout",
            "This model has no dropout, so that its repeats would all be the same.",
            "Repeat with tta instead.",
        )


def repeated_probabilities(
    request: RepeatRequest,
    network: nn.Module,
    image: Tensor,
    voxel_mm: float,
    step: Callable[[float], None] = lambda fraction: None,
) -> np.ndarray:
    """Probabilities of each run of "mc_dropout" or "tta".

    Args:
        request: method, count and seed.
        network: in evaluation mode.
        image: shape (1, channels, K, J, I), on the network's device.
        voxel_mm: size of the image's voxels.
        step: called before each run with the share that is done; it may raise, which ends the work.

    Returns:
        float64, shape (count, classes).
    """
    rows = []
    with torch.inference_mode(), _seeded(request.seed, image.device):
        if request.method == "mc_dropout":
            check_dropout(network)
            with monte_carlo_dropout(network):
                for number in range(request.count):
                    step(number / request.count)
                    rows.append(probabilities(network, image))
        else:
            draws = torch.Generator().manual_seed(request.seed)
            for number in range(request.count):
                step(number / request.count)
                rows.append(probabilities(network, changed_copy(image, voxel_mm, draws)))
    return np.stack(rows)


def probabilities(network: nn.Module, image: Tensor) -> np.ndarray:
    """float64, shape (classes)."""
    with torch.inference_mode():
        logits = network(image)[0].double()
        return np.array(torch.softmax(logits, dim=0).tolist())


def changed_copy(image: Tensor, voxel_mm: float, draws: torch.Generator) -> Tensor:
    """The image shifted, turned, and made a little brighter or darker; beyond its border the border's values."""
    random = (torch.rand(8, generator=draws, dtype=torch.float64) * 2 - 1).tolist()
    matrix = torch.eye(3, dtype=torch.float64)
    for axis in range(3):
        angle = np.radians(_TURN_DEGREES) * random[axis]
        first, second = (other for other in range(3) if other != axis)
        turn = torch.eye(3, dtype=torch.float64)
        turn[first, first] = turn[second, second] = float(np.cos(angle))
        turn[first, second], turn[second, first] = float(-np.sin(angle)), float(np.sin(angle))
        matrix = matrix @ turn
    # grid_sample counts from -1 to 1 along each edge, i first.
    sides = torch.tensor(image.shape[:1:-1], dtype=torch.float64)
    shift = torch.tensor(random[3:6], dtype=torch.float64) * _SHIFT_MM / voxel_mm * 2 / sides
    theta = torch.cat((matrix * (sides[None, :] / sides[:, None]), shift[:, None]), dim=1)[None]
    # Half precision would put the places wrong by tenths of a voxel.
    with torch.autocast(image.device.type, enabled=False):
        grid = functional.affine_grid(theta.float().to(image.device), list(image.shape), align_corners=False)
        moved = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
    return moved * (1 + _GAIN * random[6]) + _OFFSET_SD * random[7] * image.std()


def summarize(method: str, runs: np.ndarray) -> RepeatSummary:
    """Median, quartiles (linear between ranks) and votes.

    Args:
        method: as in the request.
        runs: shape (count, classes), probabilities.
    """
    by_class = np.quantile(runs, (0.25, 0.5, 0.75), axis=0).T
    tear = np.quantile(runs[:, 1:].sum(axis=1), (0.25, 0.5, 0.75))
    votes = np.bincount(runs.argmax(axis=1), minlength=runs.shape[1])
    return RepeatSummary(
        method,
        len(runs),
        tuple(tuple(float(x) for x in row) for row in by_class),
        tuple(float(x) for x in tear),
        tuple(int(count) for count in votes),
    )


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """While entered, torch draws from the seed; afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
