"""Every choice of a rotator cuff training run, with the paper's own as a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from radiologycnn.networks.vrn_options import VRN_UNITS_PER_BLOCK, VrnOptions
from radiologycnn.rotatorcuff.preprocessing import IN_PLANE_FACTORS, SCAN_THICKNESS, Preprocessing
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES
from radiologycnn.training.settings import CommonSettings

SMALLEST_BATCH = 2
LOSSES = ("cross_entropy", "focal")
LARGEST_GRID = int(VrnOptions.RANGES["input_size"][1])


@dataclass(frozen=True)
class TrainingSettings(CommonSettings):
    """How VRN is trained.

    Attributes:
        batch_size: 6 in the paper.
        learning_rate: 0.002 in the paper.
        schedule: "step": a tenth of the rate after ``step_epoch`` epochs (the paper); "cosine": a short rise, then down
            to 1 % over each stage.
        optimizer: "sgd" (Nesterov, momentum 0.9; the paper) or "adamw".
        weight_decay: of the weights of convolutions and fully connected layers. The paper says L2; its code adds 0.001
            times half the sum of squares, whose gradient is what "sgd" takes here. "adamw" decays apart from it.
        augment: shifts, rotations, scaling, grey values, blur and noise; none in the paper.
        loss: of the classes: "cross_entropy" (the paper) or "focal", by which cases that are right already teach less.
        label_smoothing: share of each label that goes to its neighbours in the order of severity, half to each side.
        class_weights: "none" (the paper), or "balanced", so that each class counts the same.
        localization_weight: of a loss that asks the map of tear versus none to lie in the tear, for cases with a mask;
            0 is learning from the classes alone (the paper).
        network_preset, base_filters, dense_features, dropout: of VRN.
        head_norm: statistics of the normalization before the fully connected layer while training: "batch" (the
            paper), or "running", the averages that are used at test time. A batch of eight says little about the
            pooled features, so "batch" makes each case's logits depend much on its seven neighbours.
        drop_scale: factor on the chances to drop a branch that the network's preset has; 1 in the paper, less for
            small networks and short runs, which have nothing to spare.
        pixel_unshuffle: of VRN; the cube's rows and columns have so many times more pixels. 1 in the paper.
        grid_size, edge_mm: of the cube; edge 0 is the thickness of the scan (the paper).
        calibrate: end with logits of the scale at which the validation cases' probabilities are most likely, where
            there are enough of them (:mod:`radiologycnn.training.rotatorcuff.calibration`); not in the paper.
        maps_against_none: end with maps of the tear classes that say what speaks for each against an intact cuff, which
            changes no probability (:mod:`radiologycnn.training.rotatorcuff.reference_class`); not in the paper.
        paper_grey: grey values by minimum and maximum of the scan, no mirroring, no antialiasing: the paper.
        validation_share: 0 in the paper, which kept the last epoch and tested on the test set after every one.
    """

    SCHEDULES: ClassVar[tuple[str, ...]] = ("step", "cosine")
    FREE_ON_RESUME: ClassVar[tuple[str, ...]] = (*CommonSettings.FREE_ON_RESUME, "calibrate", "maps_against_none")

    epochs: int = 60
    coarse_epochs: int = 20
    batch_size: int = 8
    coarse_batch_size: int = 16
    step_epoch: int = 12
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    augment: bool = True
    loss: str = "cross_entropy"
    label_smoothing: float = 0.1
    class_weights: str = "balanced"
    localization_weight: float = 0.0
    network_preset: str = "default"
    base_filters: int = 32
    dense_features: bool = False
    dropout: str = "stochastic_depth"
    head_norm: str = "batch"
    drop_scale: float = 1.0
    pixel_unshuffle: int = 1
    grid_size: int = 64
    edge_mm: float = 80.0
    calibrate: bool = False
    maps_against_none: bool = False
    paper_grey: bool = False

    @classmethod
    def presets(cls) -> Mapping[str, TrainingSettings]:
        return PRESETS

    def preprocessing(self) -> Preprocessing:
        """What the model package states."""
        base = Preprocessing.preset("paper" if self.paper_grey else "default")
        cube = {
            "grid_size": self.grid_size,
            "in_plane_factor": self.pixel_unshuffle,
            "edge": self.edge_mm or SCAN_THICKNESS,
        }
        return Preprocessing.from_dict({**base.to_dict(), **cube})

    def problems(self) -> list[str]:
        found = super().problems()
        if min(self.batch_size, self.coarse_batch_size) < SMALLEST_BATCH:
            found.append(f"Batch normalization needs batches of at least {SMALLEST_BATCH} cases.")
        if self.base_filters < 4:
            found.append("The network has at least 4 base filters.")
        if self.optimizer not in ("sgd", "adamw"):
            found.append("The optimizer is sgd or adamw.")
        if self.loss not in LOSSES:
            found.append(f"The loss is one of: {', '.join(LOSSES)}.")
        if self.head_norm not in ("batch", "running"):
            found.append("The head's normalization is batch or running.")
        if self.class_weights not in ("none", "balanced"):
            found.append("Class weights are none or balanced.")
        if not 0 <= self.label_smoothing < 0.5:
            found.append("The label smoothing lies between 0 and 0.5.")
        if min(self.weight_decay, self.localization_weight) < 0:
            found.append("Weight decay and localization weight are not negative.")
        if not 0 <= self.drop_scale <= 1:
            found.append("The drop scale lies between 0 and 1.")
        if self.pixel_unshuffle not in IN_PLANE_FACTORS:
            found.append("The pixel unshuffle is 1, 2 or 4.")
        if self.grid_size % 8 or not 16 <= self.grid_size <= LARGEST_GRID:
            found.append(f"The grid's size is a multiple of 8, 16 to {LARGEST_GRID}.")
        return found or VrnOptions.problems(architecture_of(self)["parameters"])


def architecture_of(settings: TrainingSettings) -> dict[str, Any]:
    """The ``architecture`` record of the model package."""
    parameters: dict[str, Any] = {
        "preset": settings.network_preset,
        "classes": len(TEAR_CLASSES),
        "input_size": settings.grid_size,
        "base_filters": settings.base_filters,
        **({"pixel_unshuffle": settings.pixel_unshuffle} if settings.pixel_unshuffle > 1 else {}),
        **({"dense_features": True} if settings.dense_features else {}),
        "dropout": settings.dropout,
    }
    if settings.drop_scale != 1 and settings.network_preset in VrnOptions.PRESETS:
        preset = VrnOptions.PRESETS[settings.network_preset]

        def kept(probability: float) -> float:
            return round(1 - settings.drop_scale * (1 - probability), 4)

        units = VRN_UNITS_PER_BLOCK * preset.blocks
        parameters["keep_probabilities"] = [kept(value) for value in preset.keep_probabilities[:units]]
        parameters["final_keep_probability"] = kept(preset.final_keep_probability)
    return {"name": "vrn", "parameters": parameters}


PRESETS: dict[str, TrainingSettings] = {
    "default": TrainingSettings(weight_average=0.99, calibrate=True, maps_against_none=True),
    # Shim 2020, Methods, "Training"; L2, cube and grey values from the authors' code.
    "paper": TrainingSettings(
        preset="paper",
        epochs=100,
        coarse_epochs=0,
        batch_size=6,
        learning_rate=0.002,
        schedule="step",
        step_epoch=12,
        optimizer="sgd",
        weight_decay=1e-3,
        gradient_limit=0.0,
        keep="last",
        augment=False,
        label_smoothing=0.0,
        class_weights="none",
        localization_weight=0.0,
        autocast=False,
        edge_mm=0.0,
        paper_grey=True,
        validation_share=0.0,
    ),
}
