"""The folder of a reproduction: its settings, its steps as files, its progress; what is there is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radiologycnn.errors import Cancelled, InputError
from radiologycnn.evaluation.summary import write_record
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.reproduction.settings import ReproductionSettings

SETTINGS_NAME = "reproduction.json"


class Workspace:
    """One run's folder.

    Args:
        folder: made if needed.
        settings: must be those of an earlier run in the same folder.
        sources: what else decides the outcome: data folder, readers' file, as whole paths; None where simulated.

    Raises:
        InputError: the folder holds a run of other settings.
    """

    def __init__(
        self,
        folder: Path,
        settings: ReproductionSettings,
        sources: dict[str, str | None],
        progress: Progress = no_progress,
        cancelled: IsCancelled = never_cancelled,
    ) -> None:
        self.folder, self.settings, self.sources, self.cancelled = folder, settings, sources, cancelled
        self._progress, self._stages, self._done = progress, 1, 0
        path = folder / SETTINGS_NAME
        if path.exists():
            record = json.loads(path.read_text(encoding="utf-8"))
            differing = settings.differing(record["settings"])
            differing += [name for name, value in sources.items() if _whole(record["sources"].get(name)) != value]
            if differing:
                raise InputError(
                    "other-settings",
                    f"The folder holds a run of other settings: {', '.join(differing)}.",
                    "Use the same settings to go on, or another folder.",
                )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            write_record(path, {"settings": settings.to_dict(), "sources": sources})

    @property
    def simulated(self) -> bool:
        """Whether the scans are."""
        return self.sources.get("data") is None

    def plan(self, stages: int) -> None:
        """How many stages there are, for the progress."""
        self._stages = max(stages, 1)

    def stage(self, title: str) -> Progress:
        """Begin the next stage; returns its own progress, 0-1 and words.

        Raises:
            Cancelled: asked to stop.
        """
        if self.cancelled():
            raise Cancelled
        number, self._done = self._done, self._done + 1

        def report(part: float, words: str = "") -> None:
            text = f"{title}: {words}" if words else title
            self._progress(min((number + part) / self._stages, 1.0), text)

        report(0.0)
        return report

    def step(self, name: str, make: Callable[[], Any]) -> Any:
        """What ``make`` returns, JSON-able, from ``steps/<name>.json`` where it stands already."""
        path = self.folder / "steps" / f"{name}.json"
        if not path.exists():
            if self.cancelled():
                raise Cancelled
            path.parent.mkdir(parents=True, exist_ok=True)
            write_record(path, {"value": make()})
        return json.loads(path.read_text(encoding="utf-8"))["value"]

    def check(self) -> None:
        """Raises Cancelled where asked to stop."""
        if self.cancelled():
            raise Cancelled


def _whole(path: str | None) -> str | None:
    """Of a path as a run has kept it: those of older versions kept it as it was typed."""
    return str(Path(path).resolve()) if path else None


def test_seed(seed: int) -> int:
    """Of simulated test cases: another population than the one that is learned from."""
    from radiologycnn.training.packages import TEST_SEED_OFFSET

    return seed + TEST_SEED_OFFSET
