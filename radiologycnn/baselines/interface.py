"""What every method is to a comparison: it learns from scans and says something of a scan that it has not seen.

Whether a method is a threshold, a forest or a network shows only behind this interface. What a method has learned is
a set of files in its own folder, so that a comparison that was stopped goes on, and a finished one is only read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from radiologycnn.errors import Cancelled
from radiologycnn.images import read_volume
from radiologycnn.images.masks import marked
from radiologycnn.images.volume import Volume
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress, part_of
from radiologycnn.training.prepared_files import CaseToPrepare, fingerprint_of, prepare_files


@dataclass(frozen=True)
class ScanCase:
    """One scan on disk with its reference mask on the same grid."""

    id: str
    image: Path
    mask: Path

    def read(self) -> tuple[Volume, np.ndarray]:
        """The scan, and its mask as bool (K, J, I)."""
        return read_volume(self.image), marked(read_volume(self.mask).array)

    def fingerprint(self) -> str:
        """Of all that it is prepared from, see :func:`.prepared_files.fingerprint_of`."""
        return fingerprint_of([self.image, self.mask])


@dataclass(frozen=True)
class ShoulderCase:
    """One shoulder on disk: class 0-4 by severity; the rest is asked of the scan where it is None."""

    id: str
    image: Path
    tear_class: int
    mask: Path | None = None
    side: str | None = None
    centre_lps_mm: tuple[float, float, float] | None = None

    def read(self) -> tuple[Volume, np.ndarray | None]:
        """The scan, and the mask of its tear as bool (K, J, I) where there is one."""
        return read_volume(self.image), marked(read_volume(self.mask).array) if self.mask else None

    def fingerprint(self) -> str:
        """Of all that it is prepared from, see :func:`.prepared_files.fingerprint_of`."""
        files = [self.image, self.mask] if self.mask else [self.image]
        return fingerprint_of(files, tear_class=self.tear_class, centre=self.centre_lps_mm, side=self.side)


Case = TypeVar("Case", ScanCase, ShoulderCase)

#: How far learning is, as a person is told, when the cases are prepared, and when a network is trained and only the
#: threshold is to be chosen.
PREPARED, TRAINED = 0.1, 0.9


@dataclass(frozen=True)
class Learning(Generic[Case]):
    """What a method learns from, where it keeps what it has learned, and who follows it.

    Attributes:
        training, validation: the cases.
        folder: of this method alone.
        progress: called with how much of the learning is done, 0-1, and what is being done.
        cancelled: asked before each case and step.
    """

    training: Sequence[Case]
    validation: Sequence[Case]
    folder: Path
    progress: Progress
    cancelled: IsCancelled

    @property
    def description(self) -> str:
        """The training cases, for a model's card."""
        return f"{len(self.training)} cases of a comparison of methods"

    def part(self, first: float, last: float) -> Learning[Case]:
        """The same for a part of the work, whose progress is ``first`` to ``last`` of this one's."""
        return replace(self, progress=part_of(self.progress, first, last))

    def each(self, cases: Sequence[Case], doing: str) -> Iterator[Case]:
        """The cases one by one, each told as ``doing`` and its id.

        Raises:
            Cancelled: as ``cancelled`` said.
        """
        for number, case in enumerate(cases):
            if self.cancelled():
                raise Cancelled
            self.progress(number / len(cases), f"{doing} {case.id}")
            yield case

    def prepared(self, cache: Path, prepare: Callable[[Case], None]) -> list[list[Path]]:
        """The files ``<id>.npz`` in ``cache`` of the training and of the validation cases.

        Args:
            cache: current files are kept, as several methods of one comparison share them.
            prepare: writes the file of a case.

        Raises:
            Cancelled: as ``cancelled`` said.
        """

        cases = [*self.training, *self.validation]
        todo = [CaseToPrepare(cache / f"{case.id}.npz", case.fingerprint, partial(prepare, case)) for case in cases]
        paths = prepare_files(todo, self.progress, self.cancelled)
        return [paths[: len(self.training)], paths[len(self.training) :]]


@dataclass(frozen=True)
class Fit:
    """What learning took and found.

    Attributes:
        seconds: of training, without preparing the cases; None where nothing is trained.
        log: the training log, with a line an epoch; None for methods without epochs.
        facts: JSON-able, for the report: parameters, operating point, features left out ...
    """

    seconds: float | None
    log: Path | None
    facts: dict[str, Any]


class Method(ABC, Generic[Case]):
    """What learns from cases and then says something of a scan; a subclass states :meth:`learn` and ``predict``.

    Attributes:
        name: key in file names and options.
        title: what a person reads in a table.
    """

    name: str
    title: str

    def fit(
        self,
        training: Sequence[Case],
        validation: Sequence[Case],
        folder: Path,
        progress: Progress = no_progress,
        cancelled: IsCancelled = never_cancelled,
    ) -> Fit:
        """Learn, or read what an earlier call has learned into ``folder``; a stopped call goes on.

        Raises:
            Cancelled: as ``cancelled`` said.
            InputError: cases that cannot be learned from.
        """
        return self.learn(Learning(training, validation, folder, progress, cancelled))

    @abstractmethod
    def learn(self, learning: Learning[Case]) -> Fit:
        """As :meth:`fit`, from what it was called with."""


class Segmenter(Method[ScanCase]):
    """Outlines bleeds."""

    @abstractmethod
    def predict(self, volume: Volume) -> np.ndarray:
        """Mask, bool (K, J, I), on the scan's own grid; after :meth:`fit`."""


@dataclass(frozen=True)
class TearAnswer:
    """What a classifier says of one shoulder.

    Attributes:
        probabilities: of the five classes.
        maps: activation maps by target ("tear_versus_none", "predicted"), each (k, j, i); empty without maps.
        maps_ijk_to_lps: 4x4 of their grid.
    """

    probabilities: tuple[float, ...]
    maps: dict[str, np.ndarray]
    maps_ijk_to_lps: np.ndarray | None


class TearClassifier(Method[ShoulderCase]):
    """Names the class of a tear."""

    @abstractmethod
    def predict(self, volume: Volume) -> TearAnswer:
        """Class probabilities and activation maps; the humeral head is found by itself."""

    @abstractmethod
    def repeated(self, volume: Volume, repeats: Mapping[str, Any]) -> np.ndarray:
        """Probabilities of the five classes in repeated runs, shape (count, 5); see ``RepeatRequest``."""
