"""A reproduction that is killed without warning goes on: what was done stays as it is, and the outcome is the same."""

import csv
import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest
from engine.forked import forked

from radiologycnn.reproduction.reproduce import reproduce
from radiologycnn.reproduction.settings import ReproductionSettings

# Long enough that the process is still at work when the first file of a step is seen.
EPOCHS = 3
RUNS = {
    "arab2020": (
        {
            "training": 2, "validation": 1, "test": 2, "methods": ("cnn_ds", "threshold"),
            "simulation": {
                "bleeds": {"bleed_free": 0.0}, "scanner": {"matrix": 64, "fine_mm": 4.0, "coarse_mm": 4.0},
            },
        },
        ("methods/cnn_ds/checkpoint.pt", "masks/cnn_ds/*.nii.gz"),
        ("data/test/*.nii.gz", "data/learning/*.nii.gz", "masks/*/*.nii.gz"),
    ),
    "shim2020": (
        {
            "training": 3, "validation": 1, "test": 2, "methods": ("vrn",), "repeats": 2,
            "repeat_method": "checkpoints", "simulation": {"scanner": {"matrix": 64, "fine_mm": 3.0, "coarse_mm": 4.0}},
        },
        ("data/learning/*00001.json", "answers/vrn/*.npz"),
        ("data/*/*.nii.gz", "answers/*/*.npz", "methods/*/epochs/*.safetensors"),
    ),
}  # fmt: skip


def kill_at(settings: ReproductionSettings, folder: Path, pattern: str) -> None:
    """Start the run and kill it as soon as a new file of this pattern is there."""
    before = set(folder.glob(pattern))
    said = folder.with_suffix(".txt")
    process = forked(partial(reproduce, device="cpu"), folder, settings, said=said)
    try:
        while not set(folder.glob(pattern)) - before:
            assert process.exitcode is None, said.read_text(encoding="utf-8")
            time.sleep(0.005)
    finally:
        process.kill()
        process.join()
    assert process.exitcode == -signal.SIGKILL


def without_times(folder: Path) -> dict[str, list[list[str]]]:
    """All tables, but for what is measured by the clock."""
    tables = {}
    for path in sorted((folder / "tables").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        tables[path.name] = [row for row in rows if "time" not in row[0].lower()]
    tables.pop("table-3f-seconds.csv", None)
    return tables


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("paper", RUNS)
def test_killed_twice_ends_as_if_never_killed(paper, few_resamples, tmp_path, monkeypatch) -> None:
    settings, kills, finished = RUNS[paper]
    # Pictures take as long as the rest, and tables and weights say whether the outcome is the same.
    monkeypatch.setattr(f"radiologycnn.reproduction.{paper}_figures.{paper}_figures", lambda results: [])
    folder, whole = tmp_path / "killed", tmp_path / "whole"
    changes = ReproductionSettings.of(paper, "quick", **settings, training_changes={"epochs": EPOCHS})
    done: dict[Path, int] = {}
    for pattern in kills:
        kill_at(changes, folder, pattern)
        found = {path: path.stat().st_mtime_ns for kind in finished for path in folder.glob(kind)}
        assert done.items() <= found.items()
        done = found
        assert not (folder / "report.html").exists()
    reproduce(folder, changes, device="cpu")
    assert done, "nothing was finished before the kills"
    kept = {path: time_ns for path, time_ns in done.items() if path.exists()}
    assert [path for path, time_ns in kept.items() if path.stat().st_mtime_ns != time_ns] == []
    reproduce(whole, changes, device="cpu")
    tables = without_times(whole)
    assert len(tables) > 8 and without_times(folder) == tables
    for path in whole.rglob("*.safetensors"):
        assert (folder / path.relative_to(whole)).read_bytes() == path.read_bytes(), path.name
