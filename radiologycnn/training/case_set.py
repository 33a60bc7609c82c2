"""Which cases a training has, and how they are shared out to train and to validate: by splits, patients and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.training.case_files import SPLITS, by_split


@dataclass(frozen=True)
class CaseSet:
    """Cases of a run.

    Attributes:
        found: files of prepared cases by split; the key "" holds cases without one. They are named by the cases' ids,
            and need not be there yet.
        patients: by case id, whose scan it is; cases that are not named are each another patient's.
    """

    found: Mapping[str, list[Path]]
    patients: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def without_splits(cls, paths: Sequence[Path]) -> CaseSet:
        return cls({**{split: [] for split in SPLITS}, "": list(paths)})

    @classmethod
    def of_manifest(cls, rows: Sequence[Mapping[str, str]]) -> CaseSet:
        """The names alone of the rows that :func:`.case_files.read_manifest` gave."""
        found = by_split(rows, [Path(f"{row['id']}.npz") for row in rows])
        return cls(found, {row["id"]: row["patient"] for row in rows})

    @property
    def learning(self) -> list[Path]:
        """All but those to test with."""
        return [path for split in ("", "train", "validation") for path in self.found[split]]

    def patient(self, path: Path) -> str:
        return self.patients.get(path.stem, path.stem)

    def shared_out(self, validation_share: float, seed: int) -> tuple[list[Path], list[Path]]:
        """Training and validation cases; those without a split are drawn.

        Args:
            validation_share: of them; 0: none.

        Raises:
            InputError: none to train on, or none to validate on where some are wanted.
        """
        training, validation = list(self.found["train"]), list(self.found["validation"])
        if self.found[""]:
            # A manifest that names its validation cases has chosen them all.
            share = 0 if validation else validation_share
            more = split_cases(self.found[""], share, seed, self.patients)
            training, validation = training + more[0], validation + more[1]
        if not training or (validation_share and not validation):
            counts = [f"{len(self.found[split])} for {split}" for split in SPLITS if self.found[split]]
            raise InputError(
                "too-few-cases",
                f"There is no case to {'validate' if training else 'train'} on: the column split has "
                f"{', '.join(counts)}.",
                "Leave it empty for some cases, or add cases of other patients.",
            )
        return training, validation


def split_cases(
    paths: Sequence[Path], validation_share: float, seed: int, patients: Mapping[str, str] | None = None
) -> tuple[list[Path], list[Path]]:
    """Shuffle cases without a split into training and validation, at least one in each; share 0: no validation.

    Args:
        paths: prepared cases, named by their ids.
        patients: by case id, whose scan it is; a patient's scans stay together. None: each is another patient's.
    """
    if validation_share == 0:
        return list(paths), []
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault((patients or {}).get(path.stem, path.stem), []).append(path)
    if len(groups) < 2:
        raise InputError(
            "too-few-cases",
            f"{len(paths)} case is too few to train and validate."
            if len(paths) < 2
            else "Cases of one patient are too few to train and validate.",
            "Give cases of at least two patients.",
        )
    members = list(groups.values())
    order = [members[i] for i in np.random.default_rng(seed).permutation(len(members))]
    wanted = max(1, round(validation_share * len(paths)))
    count, cases = 1, len(order[0])
    while count < len(order) - 1 and cases + len(order[count]) <= wanted:
        cases += len(order[count])
        count += 1
    return [path for group in order[count:] for path in group], [path for group in order[:count] for path in group]
