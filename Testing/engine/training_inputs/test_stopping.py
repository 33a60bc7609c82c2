"""After the wish to stop no case is prepared, no scan simulated, and what is whole stays."""

from functools import partial
from pathlib import Path

import pytest
from engine.training_inputs.newcomer import SETTINGS

from radiologycnn.errors import Cancelled
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


def test_no_scan_is_simulated_after_the_wish_to_stop(tmp_path) -> None:
    def simulated(folder: Path, item: tuple) -> None:
        (folder / f"sim-7-{item[0]:05d}.npz").touch()

    def stop_after(count: int) -> bool:
        return len(list(tmp_path.glob("*.npz"))) >= count

    for count in (0, 2):
        with pytest.raises(Cancelled):
            simulate_files(tmp_path, 0, 4, 7, partial(simulated, tmp_path), (), cancelled=partial(stop_after, count))
        assert len(list(tmp_path.glob("*.npz"))) == count
    # What is whole is not taken back.
    assert (
        len(simulate_files(tmp_path, 0, 3, 7, partial(simulated, tmp_path), (), cancelled=partial(stop_after, 3))) == 3
    )
