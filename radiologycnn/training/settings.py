"""The choices that every training run has, whatever its task, and how presets are changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from radiologycnn.errors import InputError

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

LARGEST_SEED = 10**13
"""What is made of it for each epoch and process still has to fit into 64 bits."""

AUTOMATIC_THREADS = -1
"""``loading_threads`` that hang on the machine, see :func:`radiologycnn.training.loading.thread_count`."""


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
        gradient_limit: largest norm of a step's gradient, which keeps one odd batch from throwing the weights away; 0:
            none (the papers).
        weight_average: share that each step leaves of a running average of the weights, less in the first hundreds of
            steps; that average is what is validated and kept. 0: the weights of the last step (the papers).
        schedule: how the rate falls; each task says which ones it has.
        min_delta: by how much the validation loss must fall to count as better.
        stop_after: epochs without a better validation loss after which the fine stage stops; 0 never.
        keep: the weights that the run ends with: "best" by validation loss, or those of the "last" epoch.
        frozen: what stays as it is in the model that a training starts from, weights and statistics of normalization:
            "none", or the "features", so that only the last part learns.
        focal_gamma: of the focal loss, where that is chosen: how much cases (or voxels) that are right already count
            less; 2 in Lin 2017, 0 is cross-entropy.
        autocast: compute in bfloat16 where that is safe and the processor is made for it; float32 elsewhere, as there
            bfloat16 would take many times as long.
        validation_share: of cases that the manifest leaves without a split.
        seed: decides weights, order, augmentation and dropout.
        loading_threads: that make cases ready in the background; 0 none, -1 one for a network on the CPU and one for
            each core but the first, at most 8, for one on a GPU. Changes no result.
        tensorboard: write logs for TensorBoard, too. Changes no result.
    """

    SCHEDULES: ClassVar[tuple[str, ...]] = ("cosine",)
    #: What a run that goes on may have otherwise than it began.
    FREE_ON_RESUME: ClassVar[tuple[str, ...]] = ("loading_threads", "tensorboard")

    preset: str = "default"
    epochs: int = 60
    coarse_epochs: int = 0
    epoch_cases: int = 0
    batch_size: int = 1
    coarse_batch_size: int = 2
    learning_rate: float = 2e-3
    gradient_limit: float = 5.0
    weight_average: float = 0.0
    schedule: str = "cosine"
    min_delta: float = 1e-4
    stop_after: int = 0
    keep: str = "best"
    frozen: str = "none"
    focal_gamma: float = 2.0
    autocast: bool = True
    validation_share: float = 0.1
    seed: int = 0
    loading_threads: int = AUTOMATIC_THREADS
    tensorboard: bool = False

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
            raise InputError(
                "bad-settings",
                f"Unknown training settings: {', '.join(sorted(unknown))}.",
                f"Known: {', '.join(f.name for f in fields(cls) if f.name != 'preset')}.",
            )
        result = replace(presets[preset], **{k: v for k, v in changes.items() if v is not None})
        problems = result.problems()
        if problems:
            raise InputError(
                "bad-settings", "The training settings cannot be used: " + " ".join(problems), "Correct them."
            )
        return result

    def differing(self, made_with: Mapping[str, Any]) -> list[str]:
        """The names of settings that differ from those of a checkpoint, of those that decide a run.

        Args:
            made_with: as :meth:`to_dict` gave them; a setting that it lacks is younger, and was as its default is.
        """
        defaults = {f.name: f.default for f in fields(self)}
        return [
            name
            for name, value in self.to_dict().items()
            if name not in self.FREE_ON_RESUME and _plain(made_with.get(name, defaults[name])) != _plain(value)
        ]

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
        if self.gradient_limit < 0:
            found.append("The gradient's limit is not negative.")
        if not 0 <= self.weight_average < 1:
            found.append("The share that the average of the weights keeps lies between 0 and 1.")
        if self.stop_after < 0 or self.min_delta < 0:
            found.append("Early stopping waits for no negative number of epochs (stop_after) or fall (min_delta).")
        if self.schedule not in self.SCHEDULES:
            found.append(f"The schedule is one of: {', '.join(self.SCHEDULES)}.")
        if self.keep not in ("best", "last"):
            found.append("The weights to keep are best or last.")
        if self.frozen not in ("none", "features"):
            found.append("Frozen are none or features.")
        if not 0 <= self.focal_gamma <= 10:
            found.append("The focal loss's gamma lies between 0 and 10.")
        if not 0 <= self.seed <= LARGEST_SEED:
            found.append(f"The seed lies between 0 and {LARGEST_SEED:,}.")
        if self.loading_threads < AUTOMATIC_THREADS:
            found.append(f"Loading threads are 0 or more, or {AUTOMATIC_THREADS} for as many as the device needs.")
        if not 0 <= self.validation_share < 1:
            found.append("The validation share lies between 0 and 1.")
        return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
