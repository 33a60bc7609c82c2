"""How far the answer can be relied on: the network's answer over repeated, slightly different runs.

The paper reports "60 repetitions of the test"; a network at test time gives the same answer each time, so what is to
vary must be said: dropout drawn as in training (Gal 2016), the image moved and brightened a little, or the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from radiologycnn.errors import InputError
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


@dataclass(frozen=True)
class RepeatedRuns:
    """What the repeats gave.

    Attributes:
        request: what was asked for.
        probabilities: float64, shape (runs, classes).
        models: ids of the models that were asked.
    """

    request: RepeatRequest
    probabilities: np.ndarray
    models: tuple[str, ...]

    def summary(self) -> RepeatSummary:
        """Median, quartiles (linear between ranks) and votes."""
        runs = self.probabilities
        by_class = np.quantile(runs, (0.25, 0.5, 0.75), axis=0).T
        tear = np.quantile(runs[:, 1:].sum(axis=1), (0.25, 0.5, 0.75))
        votes = np.bincount(runs.argmax(axis=1), minlength=runs.shape[1])
        return RepeatSummary(
            self.request.method,
            len(runs),
            tuple(tuple(row) for row in by_class.tolist()),
            tuple(tear.tolist()),
            tuple(votes.tolist()),
        )

    def record(self) -> dict[str, Any]:
        """What makes them repeatable, JSON-able."""
        return {
            "method": self.request.method,
            "count": len(self.probabilities),
            "seed": self.request.seed,
            "models": list(self.models),
        }


def changed_copies(
    image: np.ndarray,
    voxel_mm: np.ndarray,
    count: int,
    seed: int,
    step: Callable[[float], None] = lambda fraction: None,
) -> Iterator[np.ndarray]:
    """The image, shape (K, J, I), changed a little in ``count`` ways (see :func:`changed_copy`).

    Args:
        image: what the network would see.
        voxel_mm: size of its voxels along K, J, I.
        count: of copies.
        seed: the same seed gives the same copies.
        step: called before each copy with the share that is done; it may raise, which ends the work.
    """
    draws = np.random.default_rng(seed)
    for number in range(count):
        step(number / count)
        yield changed_copy(image, voxel_mm, draws)


def changed_copy(image: np.ndarray, voxel_mm: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """The image, (K, J, I), shifted, turned about its middle, and made a little brighter or darker.

    Beyond its border the border's values; float32.
    """
    random = draws.uniform(-1.0, 1.0, 8)
    turn = np.eye(3)
    for axis, share in enumerate(random[:3]):
        angle = np.radians(_TURN_DEGREES) * share
        first, second = (other for other in range(3) if other != axis)
        one = np.eye(3)
        one[first, first] = one[second, second] = np.cos(angle)
        one[first, second], one[second, first] = -np.sin(angle), np.sin(angle)
        turn = turn @ one
    turn = turn * voxel_mm / voxel_mm[:, None]  # turned in mm, as voxels may be longer along one axis
    middle = (np.array(image.shape) - 1) / 2
    offset = middle - turn @ middle + random[3:6] * _SHIFT_MM / voxel_mm
    moved = ndimage.affine_transform(image.astype(np.float32), turn, offset, order=1, mode="nearest")
    return moved * np.float32(1 + _GAIN * random[6]) + np.float32(_OFFSET_SD * random[7] * image.std())
