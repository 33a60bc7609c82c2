"""Which mask of a case training learns from: the latest accepted one, or the raters' consensus; kept for the dataset.

``consensus/METHOD/CASE.json`` says of which masks a consensus was made. Where a rater has spoken anew since, it no
longer holds: the case falls back to its latest accepted mask until the consensus is made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from radiologycnn.annotation.manifest import write_manifest
from radiologycnn.annotation.records import NETWORK

if TYPE_CHECKING:
    from pathlib import Path

    from radiologycnn.annotation.json_files import JsonFiles
    from radiologycnn.annotation.records import Annotation

LATEST, CONSENSUS = "latest", "consensus"
CONSENSUS_FOLDER = "consensus"
_CHOICE_NAME = "training.json"


@dataclass(frozen=True)
class TrainingChoice:
    """``source`` is "latest" or "consensus"; the rest is how the consensus is made."""

    source: str = LATEST
    method: str = ""
    with_network: bool = False

    @property
    def folder(self) -> str:
        """Where such a consensus is kept, relative to the dataset's folder; each kind apart from the others."""
        return f"{CONSENSUS_FOLDER}/{self.method}{'-with-network' if self.with_network else ''}"


@dataclass(frozen=True)
class ConsensusRecord:
    """One case's consensus.

    Attributes:
        method: one of ``evaluation.consensus.METHODS``.
        inputs: SHA-256 of each mask's file, by rater; the network's stands under "network".
        mask: file, relative to the dataset's folder.
        dice: of each input with the consensus, by rater.
        made_at: UTC, ISO 8601.
        types: of bleed in the mask, as of :class:`.records.Decision`.
    """

    case: str
    method: str
    inputs: Mapping[str, str]
    mask: str
    mask_sha256: str
    volume_ml: float
    dice: Mapping[str, float]
    made_at: str = ""
    types: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def is_of(self, words: Sequence[Annotation]) -> bool:
        """Whether it is of these words and no others."""
        of_raters = {rater: sha for rater, sha in self.inputs.items() if rater != NETWORK}
        return of_raters == {word.rater: word.mask_sha256 for word in words}


class TrainingMasks:
    """The part of a dataset that says which masks are for training; mixed into AnnotationDataset."""

    folder: Path
    files: JsonFiles

    def training_choice(self) -> TrainingChoice:
        """What ``cases.csv`` is to hold."""
        record = self.files.read(_CHOICE_NAME) or {}
        names = {f.name for f in fields(TrainingChoice)}
        return TrainingChoice(**{name: value for name, value in record.items() if name in names})

    def use_latest_masks(self) -> None:
        """Each case's latest accepted mask is for training again."""
        self.choose_training_masks(TrainingChoice())

    def choose_training_masks(self, choice: TrainingChoice) -> None:
        """Write the choice down, and ``cases.csv`` after it.

        Raises:
            InputError, ResourceError: ``cases.csv`` could not be brought up to date; the choice holds.
        """
        self.files.write(_CHOICE_NAME, asdict(choice))
        write_manifest(self)

    def consensus_of(self, case_id: str, choice: TrainingChoice) -> ConsensusRecord | None:
        """The consensus of that kind that was made last of a case; None without one."""
        record = self.files.read(f"{choice.folder}/{case_id}.json")
        if not record:
            return None
        names = {f.name for f in fields(ConsensusRecord)}
        return ConsensusRecord(**{name: value for name, value in record.items() if name in names})

    def training_consensus(self, case_id: str, words: Sequence[Annotation]) -> ConsensusRecord | None:
        """The consensus that is a case's training mask now; None where the latest accepted one is."""
        choice = self.training_choice()
        record = self.consensus_of(case_id, choice) if choice.source == CONSENSUS else None
        if record is None or not record.is_of(words) or not (self.folder / record.mask).is_file():
            return None
        return record

    def stale_consensus(self) -> list[str]:
        """Cases with accepted masks whose consensus, as chosen for training, has to be made (again)."""
        if self.training_choice().source != CONSENSUS:
            return []
        return [case for case, words in self.accepted().items() if self.training_consensus(case, words) is None]
