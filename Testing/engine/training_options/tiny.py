"""Settings of both networks that are trained within a second, and how two sets of weights are compared."""

import torch

from radiologycnn.training.hemorrhage.settings import TrainingSettings as HemorrhageSettings
from radiologycnn.training.rotatorcuff.settings import TrainingSettings as RotatorCuffSettings

TINY = {"grid_shape_ijk": (16, 16, 16), "base_filters": 2, "epochs": 3, "coarse_epochs": 0, "seed": 3, "depth": 3}
TINY_CUBE = {"grid_size": 16, "base_filters": 4, "epochs": 2, "coarse_epochs": 0, "seed": 3, "batch_size": 3}


def head_settings(**changes) -> HemorrhageSettings:
    """The default settings of a CNN-DS, tiny, with these changes."""
    return HemorrhageSettings.from_preset("default", TINY | changes)


def cube_settings(preset: str = "default", **changes) -> RotatorCuffSettings:
    """A preset of a VRN, tiny, with these changes."""
    return RotatorCuffSettings.from_preset(preset, TINY_CUBE | changes)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether every tensor of the first is bit by bit that of the other."""
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())
