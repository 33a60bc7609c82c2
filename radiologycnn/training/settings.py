"""The choices that every training run has, whatever its task, and how presets are changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar

from radiologycnn.errors import InputError

try:
    from typing import Self
except ImportError:  # Python 3.10
    from typing import TypeVar

    Self = TypeVar("Self")


@dataclass(frozen=True)
class CommonSettings:
    """Base of each task's settings; kept in every checkpoint, so that a run goes on only as it began.

    Attributes:
        epochs: passes over the training cases on the network's own grid.
        coarse_epochs: passes before them on a grid of half the size, eight times as fast; 0 in the papers.
        epoch_cases: of the training cases in one epoch, drawn anew each time, so that validation and checkpoints come
            sooner; 0 is all of them.
        batch_size: cases a step; ``coarse_batch_size`` for the coarse passes.
        learning_rate: the largest one of the run.
        schedule: how the rate falls; each task says which ones it has.
        min_delta: by how much the validation loss must fall to count as better.
        stop_after: epochs without a better validation loss after which training stops; 0 never.
        validation_share: of cases that the manifest leaves without a split.
        seed: decides weights, order, augmentation and dropout.
    """

    SCHEDULES: ClassVar[tuple[str, ...]] = ("cosine",)

    preset: str = "default"
    epochs: int = 60
    coarse_epochs: int = 0
    epoch_cases: int = 0
    batch_size: int = 1
    coarse_batch_size: int = 2
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    min_delta: float = 1e-4
    stop_after: int = 0
    validation_share: float = 0.1
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        """Settings by preset name."""
        raise NotImplementedError

    @classmethod
    def from_preset(cls, preset: str, changes: Mapping[str, Any]) -> Self:
        """A preset with the changes that are not None.

        Raises:
            InputError: unknown preset or an impossible value.
        """
        presets = cls.presets()
        if preset not in presets:
            raise InputError(
                "unknown-preset", f"There is no training preset “{preset}”.", f"Choose one of: {', '.join(presets)}."
            )
        unknown = set(changes) - {f.name for f in fields(cls)}
        if unknown:
            raise InputError("bad-settings", f"Unknown training settings: {', '.join(sorted(unknown))}.", "")
        result = replace(presets[preset], **{k: v for k, v in changes.items() if v is not None})
        problems = result.problems()
        if problems:
            raise InputError(
                "bad-settings", "The training settings cannot be used: " + " ".join(problems), "Correct them."
            )
        return result

    def problems(self) -> list[str]:
        """Every impossible value as a sentence."""
        found = []
        if self.epochs < 0 or self.coarse_epochs < 0 or self.epochs + self.coarse_epochs == 0:
            found.append("At least one epoch is needed.")
        if min(self.batch_size, self.coarse_batch_size) < 1:
            found.append("A batch holds at least one case.")
        if self.epoch_cases < 0:
            found.append("An epoch holds no negative number of cases.")
        if not 0 < self.learning_rate < 1:
            found.append("The learning rate lies between 0 and 1.")
        if self.schedule not in self.SCHEDULES:
            found.append(f"The schedule is one of: {', '.join(self.SCHEDULES)}.")
        if not 0 <= self.validation_share < 1:
            found.append("The validation share lies between 0 and 1.")
        return found
