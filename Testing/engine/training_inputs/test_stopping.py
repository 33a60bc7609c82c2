"""After the wish to stop no case is prepared, no scan simulated, and what is whole stays."""

from functools import partial
from pathlib import Path

import pytest
from engine.training_inputs.newcomer import SETTINGS

from radiologycnn.errors import Cancelled
from radiologycnn.simulation.samples import VERSIONS
from radiologycnn.training.case_files import simulate_files
from radiologycnn.training.folds import cross_validate
from radiologycnn.training.grid_search import search
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.task import ModelName


def test_no_case_is_prepared_after_the_wish_to_stop(own, tmp_path) -> None:
    task = HemorrhageTask(SETTINGS, own, device="cpu")
    for number, begin in enumerate(
        (
            lambda folder, stop: task.run(folder, ModelName("tiny"), cancelled=stop),
            lambda folder, stop: cross_validate(task, folder, 3, ModelName("tiny"), cancelled=stop),
            lambda folder, stop: search(task, folder, {"dropout": (0.0, 0.1)}, cancelled=stop),
        )
    ):
        output = tmp_path / str(number)
        with pytest.raises(Cancelled):
            begin(output, lambda output=output: any(output.rglob("*.npz")))
        assert [path.stem for path in output.rglob("*.npz")] == ["head-0"]


def simulated(item: tuple) -> None:
    (item[-1] / f"sim-7-{item[0]:05d}.npz").touch()


def test_no_scan_is_simulated_after_the_wish_to_stop(tmp_path) -> None:
    def stop_after(count: int) -> bool:
        return len(list(tmp_path.rglob("*.npz"))) >= count

    def simulate(count: int, stop_at: int) -> list[Path]:
        return simulate_files(tmp_path, "head-ct", 0, count, 7, simulated, (), cancelled=partial(stop_after, stop_at))

    for count in (0, 2):
        with pytest.raises(Cancelled):
            simulate(4, count)
        assert len(list(tmp_path.rglob("*.npz"))) == count
    # What is whole is not taken back.
    assert len(simulate(3, 3)) == 3


def test_scans_of_an_earlier_simulator_are_not_taken_for_those_of_this_one(tmp_path, monkeypatch) -> None:
    before = simulate_files(tmp_path, "head-ct", 0, 2, 7, simulated, ())
    assert simulate_files(tmp_path, "head-ct", 0, 2, 7, simulated, ()) == before
    monkeypatch.setitem(VERSIONS, "head-ct", "next")
    after = simulate_files(tmp_path, "head-ct", 0, 2, 7, simulated, ())
    assert not set(before) & set(after) and all(path.is_file() for path in after)
    assert [path.stem for path in after] == [path.stem for path in before]
