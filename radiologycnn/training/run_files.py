"""What a training writes epoch by epoch, in the process that leads: checkpoint, log, and TensorBoard's where wanted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiologycnn.training.checkpoints import append_log, load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from radiologycnn.training.events import EpochEvents

_UNLOGGED = "unlogged"


class RunFiles:
    """The files of one training.

    Args:
        folder: of the training.
        writes: False in processes that do not lead: these only read.
    """

    def __init__(self, folder: Path, writes: bool) -> None:
        self._folder, self._writes = folder, writes
        self._unlogged: list[Mapping[str, Any]] = []
        self._events: EpochEvents | None = None

    def last_state(self) -> dict[str, Any]:
        """The checkpoint's; see :func:`.checkpoints.load_checkpoint`."""
        state = load_checkpoint(self._folder)
        # Versions before kept no records beside the weights.
        self._unlogged = list(state.pop(_UNLOGGED, ()))
        return state

    def begin(self, epochs_done: int, tensorboard: bool) -> None:
        """Open what is written to, and bring the log to where the checkpoint is.

        Raises:
            ResourceError: TensorBoard's logs are wanted and its package is not installed, or the disk is full.
        """
        if not self._writes:
            return
        if tensorboard:
            from radiologycnn.training.events import EpochEvents

            self._events = EpochEvents(self._folder, epochs_done)
        self._log()

    def add(self, state: Mapping[str, Any], record: Mapping[str, Any]) -> None:
        """Write an epoch.

        Args:
            state: for the checkpoint.
            record: for the log, by column.

        Raises:
            ResourceError: the disk is full.
        """
        if not self._writes:
            return
        self._unlogged.append(record)
        # The checkpoint first, with what the log may still lack when this process is killed.
        save_checkpoint(self._folder, {**state, _UNLOGGED: [dict(one) for one in self._unlogged]})
        if self._events:
            self._events.add(record)
        self._log()

    def close(self) -> None:
        """No more epochs."""
        if self._events:
            self._events.close()

    def _log(self) -> None:
        # While a person looks at the log, it may be locked (Windows): no reason to stop, a later epoch adds this one.
        with suppress(PermissionError):
            if self._unlogged:
                append_log(self._folder, self._unlogged)
                self._unlogged = []
