"""What a checkpoint keeps of a running training, and how the training goes on from it.

With all of this and the settings an epoch draws what it would have drawn, so that nothing else need be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from radiologycnn.errors import InputError

if TYPE_CHECKING:
    from radiologycnn.training.loop import TrainingLoop


def state_of(loop: TrainingLoop) -> dict[str, Any]:
    """What the checkpoint after an epoch holds, as :func:`.checkpoints.save_checkpoint` takes it."""
    return {
        "settings": loop.settings.to_dict(),
        "cases": _case_names(loop),
        "epoch": loop.epoch,
        "extra": loop.extra_state(),
        "network": loop.network.state_dict(),
        "optimizer": loop.optimizer.state_dict(),
        "average": loop.average.state_dict() if loop.average else None,
        **loop.best.state(),
    }


def restore(loop: TrainingLoop, state: Mapping[str, Any]) -> None:
    """Inverse of :func:`state_of`: the loop's next epoch is the one after the state's.

    Raises:
        InputError: the state is of other settings or cases.
    """
    differing = loop.settings.differing(state["settings"])
    if state["cases"] != _case_names(loop):
        differing.append("the cases")
    if differing:
        raise InputError(
            "other-settings",
            f"The checkpoint was made with other settings: {', '.join(differing)}.",
            "Resume with the same settings, or start in a new folder.",
        )
    loop.network.load_state_dict(state["network"])
    loop.optimizer.load_state_dict(state["optimizer"])
    if loop.average:
        loop.average.load_state_dict(state["average"])
    loop.epoch = state["epoch"]
    loop.best.restore(state)
    loop.restore_extra(state["extra"])


def _case_names(loop: TrainingLoop) -> list[list[str]]:
    """Of the training and of the validation cases: a run may be moved with its data."""
    return [[path.stem for path in paths] for paths in (loop.train_paths, loop.validation_paths)]
