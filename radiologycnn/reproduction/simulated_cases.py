"""Simulated scans of a run, to learn from and to test on: made once, and then only read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiologycnn.reproduction.settings import BUNDLED
from radiologycnn.reproduction.workspace import Workspace, test_seed
from radiologycnn.simulation.population import SETTINGS_NAME, Population, write_population
from radiologycnn.simulation.settings import SimulationSettings

_TOGETHER = 4  # scans a process between two questions whether to stop


@dataclass(frozen=True)
class SimulatedCase:
    """A scan on disk, with its mask and all that is known of it."""

    id: str
    image: Path
    mask: Path
    truth: dict[str, Any]


def simulated_cases(
    workspace: Workspace, population: Population, config: SimulationSettings, jobs: int, title: str
) -> dict[str, list[SimulatedCase]]:
    """Cases by "train", "validation" and "test"; missing ones are simulated.

    Args:
        title: of the stage, for the progress.

    Raises:
        InputError: some are missing of which others were made by another version of the simulator.
        Cancelled: as the workspace was told.
    """
    settings = workspace.settings
    count = 0 if settings.models == BUNDLED else settings.training + settings.validation
    learning = _part(workspace, population, config, jobs, title, "learning", count, settings.seed)
    return {
        "train": learning[: settings.training],
        "validation": learning[settings.training :],
        "test": _part(workspace, population, config, jobs, title, "test", settings.test, test_seed(settings.seed)),
    }


def simulator_version(workspace: Workspace) -> str:
    """That the test cases were made by."""
    return json.loads((workspace.folder / "data" / "test" / SETTINGS_NAME).read_text(encoding="utf-8"))["simulator"]


def _part(
    workspace: Workspace,
    population: Population,
    config: SimulationSettings,
    jobs: int,
    title: str,
    part: str,
    count: int,
    seed: int,
) -> list[SimulatedCase]:
    if not count:
        return []
    folder = workspace.folder / "data" / part
    names = [population.case_id(seed, index) for index in range(count)]
    report = workspace.stage(title)
    together = max(jobs, 1) * _TOGETHER
    # Scans that are all there are what the run is about, whatever the simulator would make of them today.
    whole = all((folder / f"{name}.json").exists() for name in names)
    for first in range(0, 0 if whole else count, together):
        workspace.check()
        write_population(population, folder, min(together, count - first), seed, config, first, jobs)
        report((first + 1) / count, f"{first + 1} of {count}")
    return [
        SimulatedCase(
            name,
            *(folder / pattern.format(name) for pattern in population.file_names),
            json.loads((folder / f"{name}.json").read_text(encoding="utf-8")),
        )
        for name in names
    ]
