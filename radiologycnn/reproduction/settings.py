"""How large a reproduction is: "default" for a machine with a GPU, "reduced" for one without, "quick" for a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from radiologycnn.errors import InputError
from radiologycnn.evaluation.class_files import CODES

ARAB_METHODS = ("cnn_ds", "cnn_ds_without", "patch_unet", "slice_unet", "forest", "threshold")
SHIM_METHODS = ("vrn", "vrn_1", "vrn_3", "vrn_4", "vrn_se", "densenet", "slice_cnn")
OPTIONAL_ARAB_METHODS = ("dynunet",)
REPEATS = ("tta", "mc_dropout", "checkpoints", "seeds")
REPEATS_BY_TRAINING = ("checkpoints", "seeds")
TRAIN, BUNDLED = "train", "bundled"
#: What can be compared where nothing is trained.
UNTRAINED = {"arab2020": ("cnn_ds", "threshold"), "shim2020": ("vrn",)}


@dataclass(frozen=True)
class ReproductionSettings:
    """What decides a run's outcome; kept in its folder, so that it goes on only as it began.

    Attributes:
        paper: "arab2020" or "shim2020".
        preset: "default", "reduced" (every method trained, small: Arab 2020 in about two hours of two cores, Shim 2020
            in about three) or "quick".
        models: "train", or "bundled": evaluate the demonstration model that comes with the program.
        model: id, name or path of the model that "bundled" evaluates; empty takes the newest that comes with it.
        training, validation, test: simulated cases; ignored for a data folder with splits.
        simulation: changes to the simulator's settings, by part and name.
        methods: that are compared.
        training_preset, training_changes: of the networks' training settings.
        patch_size, slice_size, unet_filters, slice_filters, trees: of the baselines.
        repeats, repeat_method: of the tear classifier's test (Shim 2020 repeats 60 times, and does not say how); one
            of :data:`REPEATS`.
        seed: decides everything; test cases come from another one.
        codes: what numbers mean as tear classes in a person's tables, "ordinal" or "paper" (Shim 2020's own data).
    """

    paper: str
    preset: str = "default"
    models: str = TRAIN
    model: str = ""
    training: int = 40
    validation: int = 5
    test: int = 10
    simulation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    methods: tuple[str, ...] = ARAB_METHODS
    training_preset: str = "default"
    training_changes: Mapping[str, Any] = field(default_factory=dict)
    patch_size: int = 64
    slice_size: int = 512
    unet_filters: int = 32
    slice_filters: int = 64
    trees: int = 500
    repeats: int = 60
    repeat_method: str = "tta"
    seed: int = 0
    codes: str = "ordinal"

    @classmethod
    def of(cls, paper: str, preset: str = "default", **changes: Any) -> ReproductionSettings:
        """A preset with the changes that are not None.

        Raises:
            InputError: an unknown paper, preset or method.
        """
        if paper not in PRESETS or preset not in PRESETS[paper]:
            known = ", ".join(PRESETS.get(paper, ()))
            raise InputError("unknown-preset", f"There is no preset “{preset}” of “{paper}”.", f"Known: {known}.")
        base = PRESETS[paper][preset]
        changed = {name: value for name, value in changes.items() if value is not None}
        if changed.get("models") == BUNDLED:
            changed.setdefault("methods", UNTRAINED[paper])
        more = changed.pop("training_changes", {})
        result = replace(base, **changed, training_changes={**base.training_changes, **more})
        known = SHIM_METHODS if paper == "shim2020" else (*ARAB_METHODS, *OPTIONAL_ARAB_METHODS)
        unknown = [name for name in result.methods if name not in known]
        if unknown or not result.methods:
            raise InputError(
                "unknown-method",
                f"Unknown methods: {', '.join(unknown) or 'none given'}.",
                f"Known: {', '.join(known)}.",
            )
        untrained = result.models == BUNDLED
        trained = [name for name in result.methods if untrained and name not in UNTRAINED[paper]]
        if trained:
            raise InputError(
                "needs-training",
                f"These methods must be trained: {', '.join(trained)}.",
                f"With --models {BUNDLED}, use {', '.join(UNTRAINED[paper])}; or --models {TRAIN}.",
            )
        if untrained and result.repeat_method in REPEATS_BY_TRAINING:
            raise InputError(
                "needs-training",
                f"Repeats by {result.repeat_method} need networks that are trained in the run.",
                f"Repeat by {' or '.join(set(REPEATS) - set(REPEATS_BY_TRAINING))}.",
            )
        if result.model and not untrained:
            raise InputError(
                "needs-no-model", "A model was named, but the run trains its own.", f"Add --models {BUNDLED}."
            )
        if result.repeat_method not in REPEATS:
            raise InputError(
                "unknown-repeats", f"There is no repeat “{result.repeat_method}”.", f"Use {' or '.join(REPEATS)}."
            )
        if result.codes not in CODES:
            raise InputError(
                "unknown-codes", f"There are no class codes “{result.codes}”.", f"Use {' or '.join(CODES)}."
            )
        if min(result.training, result.test) < 2 or result.validation < 1:
            raise InputError(
                "too-few-cases", "At least two training and test cases and one to validate are needed.", ""
            )
        return result

    @property
    def quick(self) -> bool:
        return self.preset == "quick"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def differing(self, record: Mapping[str, Any]) -> list[str]:
        """Names of what another run's record has otherwise, after JSON."""
        own = {name: _plain(value) for name, value in self.to_dict().items()}
        return [f.name for f in fields(self) if record.get(f.name, f.default) != own[f.name]]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


# Every patient of Arab 2020 bled.
_ALL_BLEED = {"bleed_free": 0.0}

PRESETS: dict[str, dict[str, ReproductionSettings]] = {
    "arab2020": {
        "default": ReproductionSettings("arab2020", simulation={"bleeds": _ALL_BLEED}),
        "quick": ReproductionSettings(
            "arab2020",
            "quick",
            training=6,
            validation=2,
            test=4,
            simulation={"bleeds": _ALL_BLEED, "scanner": {"matrix": 64, "fine_mm": 2.0, "coarse_mm": 4.0}},
            training_changes={
                "grid_shape_ijk": (32, 32, 32),
                "pixel_unshuffle": 1,
                "base_filters": 4,
                "epochs": 6,
                "coarse_epochs": 0,
                "augment": False,
            },
            patch_size=16,
            slice_size=64,
            unet_filters=4,
            slice_filters=4,
            trees=20,
        ),
        "reduced": ReproductionSettings(
            "arab2020",
            "reduced",
            training=60,
            validation=6,
            test=12,
            simulation={"bleeds": _ALL_BLEED, "scanner": {"matrix": 128, "fine_mm": 1.8, "coarse_mm": 2.8}},
            training_changes={
                "grid_shape_ijk": (64, 64, 32),
                "pixel_unshuffle": 1,
                "base_filters": 8,
                "epochs": 15,
                "coarse_epochs": 8,
            },
            patch_size=32,
            slice_size=128,
            unet_filters=8,
            slice_filters=8,
            trees=50,
        ),
    },
    "shim2020": {
        # The paper's 1,924 and 200, less the 5 % of the former that validate.
        "default": ReproductionSettings("shim2020", training=1828, validation=96, test=200, methods=SHIM_METHODS),
        "quick": ReproductionSettings(
            "shim2020",
            "quick",
            training=16,
            validation=4,
            test=16,
            methods=SHIM_METHODS,
            simulation={"scanner": {"matrix": 64}},
            training_changes={
                "grid_size": 32,  # four blocks halve it four times
                "base_filters": 4,
                "epochs": 3,
                "coarse_epochs": 0,
                "batch_size": 6,
                "augment": False,
            },
            repeats=6,
        ),
        "reduced": ReproductionSettings(
            "shim2020",
            "reduced",
            training=400,
            validation=40,
            test=100,
            methods=SHIM_METHODS,
            simulation={"scanner": {"matrix": 128}},
            training_changes={
                "grid_size": 32,
                "base_filters": 8,
                "epochs": 45,
                "coarse_epochs": 0,  # half the grid is too small for four blocks
                # From classes alone so small networks have not begun to learn after seven passes (top-1 0.23); with
                # these, by which masks say where to look and nothing is dropped, top-1 is 0.5 after ten.
                "localization_weight": 0.3,
                "head_norm": "running",
                "drop_scale": 0.0,
            },
        ),
    },
}
