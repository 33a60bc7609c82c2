"""Which epoch a training keeps, when it stops, and what becomes of losses that are no numbers."""

import csv
import math

import pytest
import torch
from engine.training_options.tiny import cube_settings, head_settings, same

from radiologycnn.errors import InputError
from radiologycnn.training.best_epoch import BestEpoch
from radiologycnn.training.checkpoints import load_checkpoint
from radiologycnn.training.hemorrhage import trainer as hemorrhage
from radiologycnn.training.hemorrhage.settings import TrainingSettings as HemorrhageSettings
from radiologycnn.training.rotatorcuff import trainer as rotator_cuff


def test_paper_of_the_rotator_cuff_keeps_the_last_epoch_and_others_the_best(cubes, tmp_path) -> None:
    assert (cube_settings("paper").keep, cube_settings().keep, head_settings().keep) == ("last", "best", "best")
    # No later epoch can be better by as much as this, so that the best is the first one.
    for keep, epoch in (("best", 1), ("last", 3)):
        wanted = cube_settings(epochs=3, min_delta=1e9, keep=keep, weight_average=0.0, maps_against_none=False)
        found = rotator_cuff.train(cubes[:4], cubes[4:], wanted, tmp_path / keep)
        assert found.epoch == epoch
        state = load_checkpoint(tmp_path / keep)
        assert state["since_better"] == 2
        assert same(found.state_dict, state["network"]) == (keep == "last")


@pytest.mark.parametrize(
    ("losses", "keep", "kept", "better"),
    [
        ((math.nan, 0.5, 0.4), "best", 3, [2, 3]),
        ((0.5, math.nan, 0.6), "best", 1, [1]),
        ((math.inf, math.nan, 0.6), "best", 3, [3]),
        ((math.nan, 0.5, math.nan), "last", 3, [2]),
    ],
)
def test_a_loss_that_is_no_number_is_never_the_best(cubes, tmp_path, monkeypatch, losses, keep, kept, better) -> None:
    told = iter(losses)
    validate = rotator_cuff.ClassificationLoop.validate
    monkeypatch.setattr(
        rotator_cuff.ClassificationLoop, "validate", lambda loop: {**validate(loop), "validation_loss": next(told, 1.0)}
    )
    found = rotator_cuff.train(cubes[:4], cubes[4:], cube_settings(epochs=3, keep=keep), tmp_path)
    assert found.epoch == kept
    with (tmp_path / "log.csv").open() as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file) if row["best"] == "1"] == better


def test_a_training_that_only_came_apart_ends_in_words(cubes, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(rotator_cuff.ClassificationLoop, "validate", lambda loop: {"validation_loss": math.nan})
    with pytest.raises(InputError, match="No epoch ended with a validation loss that is a number"):
        rotator_cuff.train(cubes[:4], cubes[4:], cube_settings(epochs=2), tmp_path)


def test_a_checkpoint_that_took_no_number_for_the_lowest_loss_is_mended() -> None:
    """As versions before wrote it."""
    network = torch.nn.Linear(1, 1)
    for kept in ({"lowest_loss": math.nan}, {}):
        best = BestEpoch(cube_settings())
        record = {"state_dict": {}, "epoch": 1, "figures": {"validation_loss": math.nan}}
        best.restore({"since_better": 3, "best": record, **kept})
        assert best.offer(network, 5, {"validation_loss": 0.5}) and best.result.epoch == 5
        again = BestEpoch(cube_settings())
        again.restore(best.state())
        assert not again.offer(network, 6, {"validation_loss": 0.6}) and again.result.epoch == 5


def test_the_average_of_the_weights_is_what_is_kept(cubes, tmp_path) -> None:
    assert {HemorrhageSettings.from_preset("paper", {}).weight_average, cube_settings("paper").weight_average} == {0.0}
    wanted = cube_settings(epochs=2, keep="last", weight_average=0.5, maps_against_none=False)
    found = rotator_cuff.train(cubes[:4], cubes[4:], wanted, tmp_path)
    state = load_checkpoint(tmp_path)
    average = {name.removeprefix("module."): value for name, value in state["average"].items() if "module." in name}
    assert same(found.state_dict, average) and not same(found.state_dict, state["network"])


def test_training_stops_early_but_never_before_its_fine_stage(heads, tmp_path) -> None:
    # No epoch is better than the first one of its stage by as much as this.
    wanted = head_settings(epochs=5, coarse_epochs=3, min_delta=1e9, stop_after=1, keep="best")
    found = hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path / "run")
    assert found.epoch == 4
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        assert [row["stage"] for row in csv.DictReader(file)] == ["coarse"] * 3 + ["fine"] * 2
