"""Settings of a tear classifier that is small enough to be trained in a test."""

from radiologycnn.training.rotatorcuff.settings import TrainingSettings

TINY = {"grid_size": 16, "base_filters": 4, "epochs": 2, "coarse_epochs": 1, "seed": 3, "autocast": False}


def settings(preset: str = "default", **changes) -> TrainingSettings:
    """A preset, tiny, with further changes."""
    return TrainingSettings.from_preset(preset, {**TINY, **changes})
