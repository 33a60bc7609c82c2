"""Every choice of a hemorrhage training run, with the paper's own as a preset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.networks.cnn_ds_options import CnnDsOptions
from radiologycnn.training.settings import CommonSettings

LOSSES = ("dice", "dice_ce", "dice_focal", "dice_hard")


@dataclass(frozen=True)
class TrainingSettings(CommonSettings):
    """How CNN-DS is trained.

    Attributes:
        batch_size: 1 in the paper.
        learning_rate: of Adam (0.9, 0.999), eps 1e-7 as in Keras.
        schedule: "plateau" halves after ``patience`` epochs without a better validation loss (the paper), "cosine"
            falls to 1 % of the rate over each stage, after a short rise.
        stop_after: 50 in the paper.
        loss: "dice" (the paper); "dice_ce", Dice plus cross-entropy, which also teaches where there is no blood;
            "dice_focal", the same with the focal loss, which leaves voxels alone that are right already; or
            "dice_hard", with the voxels that are most wrong, which also teaches bleeds that are missed wholly.
        blood_weight: of a voxel of blood, of any type, beside one without, in "dice_ce" and "dice_focal". Blood is
            under 1 % of the voxels; weighing it up keeps a small bleed from being ignored.
        augment: left-right flips, small affine changes, HU offset, contrast and noise.
        types: learn the five types of bleed, each a label, instead of blood or none. Simulated scans then hold each
            type about as often, and a folder must say what its masks' values mean.
        calibrate: end with logits of the scale at which the network doubts those outlines of the validation cases that
            turn out to be poor, where there are enough of them (:mod:`radiologycnn.training.hemorrhage.calibration`);
            not with ``types``, and not in the paper. Changes nothing of the training itself.
        base_filters, depth, mirrored_levels, dropout, pixel_unshuffle: of CNN-DS; network_preset is one of its presets.
        grid_shape_ijk, order, antialias, crop: of the preprocessing. The default shows the head, cropped from the air
            around it, with pixels of about 0.9 mm; the network works on squares of two by two of them, 96 x 112 x 64,
            which is the scale at which the paper's 128 x 128 x 64 shows a head in a usual field of view.
    """

    SCHEDULES: ClassVar[tuple[str, ...]] = ("plateau", "cosine")
    FREE_ON_RESUME: ClassVar[tuple[str, ...]] = (*CommonSettings.FREE_ON_RESUME, "calibrate")

    epochs: int = 60
    coarse_epochs: int = 30
    patience: int = 10
    loss: str = "dice_ce"
    blood_weight: float = 8.0
    augment: bool = True
    types: bool = False
    calibrate: bool = False
    network_preset: str = "default"
    base_filters: int = 16
    depth: int = 4
    mirrored_levels: int = 0
    dropout: float = 0.1
    pixel_unshuffle: int = 2
    grid_shape_ijk: tuple[int, int, int] = (192, 224, 64)
    order: str = "clamp_then_resample"
    antialias: bool = True
    crop: str = "head"

    @classmethod
    def presets(cls) -> Mapping[str, TrainingSettings]:
        return PRESETS

    def problems(self) -> list[str]:
        found = super().problems()
        if self.loss not in LOSSES:
            found.append(f"The loss is one of: {', '.join(LOSSES)}.")
        if not 0 < self.blood_weight < math.inf:
            found.append("The weight of blood is a positive number.")
        if not 2 <= self.depth <= 8:
            found.append("The depth is 2 to 8 levels.")
        elif not 1 <= self.pixel_unshuffle <= 4:
            found.append("Squares of 1 to 4 pixels a side can be unshuffled.")
        else:
            found += self._grid_problems()
        if self.validation_share == 0:
            found.append("Validation cases are needed: the validation share is greater than 0.")
        return found or CnnDsOptions.problems(architecture_of(self)["parameters"])

    def _grid_problems(self) -> list[str]:
        # The network halves the grid at each level but the first, the coarse passes once more.
        if (needs := self._unfit(self.depth - 1)) is not None:
            return [needs]
        if self.coarse_epochs and (needs := self._unfit(self.depth)) is not None:
            return [f"{needs} Without coarse passes it fits: set coarse_epochs to 0 (--coarse-epochs 0)."]
        return []

    def _unfit(self, halvings: int) -> str | None:
        """What the grid lacks to be halved so often; None where it can be."""
        sides, voxel = self.grid_shape_ijk, (2**halvings * self.pixel_unshuffle,) * 2 + (2**halvings,)
        if sides == voxel:  # what normalization over a single voxel would make of it is nothing
            return "So small a grid leaves the network's deepest level a single voxel: double a side."
        pixels, _, slices = multiples = [max(16, side) for side in voxel]
        if min(sides) > 0 and not any(n % one for n, one in zip(sides, multiples)):
            return None
        if slices == pixels:
            return f"Each side of the grid is a multiple of {slices}."
        return f"The grid's columns and rows are multiples of {pixels}, its slices of {slices}."


def architecture_of(settings: TrainingSettings) -> dict[str, Any]:
    """The ``architecture`` record of the model package."""
    parameters = {"preset": settings.network_preset, "base_filters": settings.base_filters, "dropout": settings.dropout}
    # Left out otherwise, as packages from before them leave them out.
    for option in ("depth", "mirrored_levels", "pixel_unshuffle"):
        if getattr(settings, option) != getattr(CnnDsOptions(), option):
            parameters[option] = getattr(settings, option)
    if settings.types:
        parameters.update(out_labels=len(BLEED_TYPES), extent_output=True)
    return {"name": "cnn_ds", "parameters": parameters}


PRESETS: dict[str, TrainingSettings] = {
    "default": TrainingSettings(weight_average=0.99, calibrate=True),
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
        gradient_limit=0.0,
        autocast=False,
        pixel_unshuffle=1,
        grid_shape_ijk=(128, 128, 64),
        order="resample_then_clamp",
        antialias=False,
        crop="none",
    ),
}
