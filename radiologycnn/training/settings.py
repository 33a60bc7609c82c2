"""Every choice of a training run, with the paper's own as a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from radiologycnn.errors import InputError


@dataclass(frozen=True)
class TrainingSettings:
    """How the network is trained; kept in every checkpoint.

    Attributes:
        epochs: passes over the training cases on the network's own grid.
        coarse_epochs: passes before them on a grid of half the size, eight times as fast; 0 in the paper.
        batch_size: 1 in the paper; ``coarse_batch_size`` for the coarse passes.
        learning_rate: of Adam (0.9, 0.999), eps 1e-7 as in Keras.
        schedule: "plateau" halves after ``patience`` epochs without a better validation loss (the paper), "cosine"
            falls to 1 % of the rate over each stage, after a short rise.
        stop_after: epochs without a better validation loss after which training stops (50 in the paper); 0 never.
        loss: "dice" (the paper) or "dice_ce", Dice plus cross-entropy, which also teaches where there is no blood.
        augment: left-right flips, small affine changes, HU offset, contrast and noise.
        base_filters, dropout: of CNN-DS; network_preset is one of its presets.
        validation_share: of cases that the manifest leaves without a split.
    """

    preset: str = "default"
    epochs: int = 60
    coarse_epochs: int = 30
    batch_size: int = 1
    coarse_batch_size: int = 2
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    patience: int = 10
    min_delta: float = 1e-4
    stop_after: int = 0
    loss: str = "dice_ce"
    augment: bool = True
    network_preset: str = "default"
    base_filters: int = 16
    dropout: float = 0.1
    grid_shape_ijk: tuple[int, int, int] = (128, 128, 64)
    order: str = "clamp_then_resample"
    antialias: bool = True
    validation_share: float = 0.1
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_preset(cls, preset: str, changes: Mapping[str, Any]) -> TrainingSettings:
        """A preset with the changes that are not None.

        Raises:
            InputError: unknown preset or an impossible value.
        """
        if preset not in PRESETS:
            raise InputError(
                "unknown-preset", f"There is no training preset “{preset}”.", f"Choose one of: {', '.join(PRESETS)}."
            )
        known = {f.name for f in fields(cls)}
        unknown = set(changes) - known
        if unknown:
            raise InputError("bad-settings", f"Unknown training settings: {', '.join(sorted(unknown))}.", "")
        result = replace(PRESETS[preset], **{k: v for k, v in changes.items() if v is not None})
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
        if not 0 < self.learning_rate < 1:
            found.append("The learning rate lies between 0 and 1.")
        if self.schedule not in ("plateau", "cosine") or self.loss not in ("dice", "dice_ce"):
            found.append("schedule is plateau or cosine, loss is dice or dice_ce.")
        if any(n % 16 for n in self.grid_shape_ijk) or min(self.grid_shape_ijk) < 16:
            found.append("Each side of the grid is a multiple of 16.")
        if not 0 < self.validation_share < 1:
            found.append("The validation share lies between 0 and 1.")
        return found


PRESETS: dict[str, TrainingSettings] = {
    "default": TrainingSettings(),
    # Arab 2020, Methods: Adam .005, halved after 10 epochs, stop after 50, 500 epochs, batch 1, Dice, no augmentation.
    "paper": TrainingSettings(
        preset="paper",
        epochs=500,
        coarse_epochs=0,
        learning_rate=5e-3,
        schedule="plateau",
        stop_after=50,
        loss="dice",
        augment=False,
        dropout=0.3,
        order="resample_then_clamp",
        antialias=False,
    ),
}
