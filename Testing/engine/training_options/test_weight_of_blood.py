"""How much a voxel of blood weighs: in the loss, in settings files and searches, and for a training that goes on."""

import csv
import math

import pytest
import torch
from engine.training_options.tiny import head_settings

from radiologycnn.errors import InputError
from radiologycnn.networks.dice_loss import dice_loss
from radiologycnn.training.checkpoints import load_checkpoint, save_checkpoint
from radiologycnn.training.grid_search import parse_grid
from radiologycnn.training.hemorrhage import trainer as hemorrhage
from radiologycnn.training.hemorrhage.losses import segmentation_loss, types_loss
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.hemorrhage.settings import TrainingSettings as HemorrhageSettings
from radiologycnn.training.settings_file import read_settings


def test_blood_weighs_as_much_as_the_settings_say(heads, tmp_path) -> None:
    torch.manual_seed(0)
    logits, truth = torch.randn(1, 1, 4, 4, 4), (torch.rand(1, 1, 4, 4, 4) < 0.2).float()
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=torch.tensor(3.0))
    expected = float(dice_loss(logits, truth, 100.0) + 8 * entropy)
    assert float(segmentation_loss(logits, truth, "dice_ce", blood_weight=3.0)) == pytest.approx(expected, rel=1e-5)
    focal = [float(segmentation_loss(logits, truth, "dice_focal", 2.0, weight)) for weight in (8.0, 3.0)]
    assert focal[1] < focal[0]
    types = [float(types_loss(logits, truth, "dice_ce", 2.0, weight)) for weight in (8.0, 3.0)]
    assert types[0] - types[1] == pytest.approx(8 * 5 * float(((1 + (-logits).exp()).log() * truth).mean()), rel=1e-4)

    assert head_settings().blood_weight == 8
    told = []
    for weight in (8.0, 1.0):
        hemorrhage.train(heads[:3], heads[3:], head_settings(epochs=1, blood_weight=weight), tmp_path / str(weight))
        with (tmp_path / str(weight) / "log.csv").open(newline="") as file:
            told.append(float(next(csv.DictReader(file))["train_loss"]))
    assert told[1] < told[0] - 0.1


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_a_weight_of_blood_that_is_not_positive_is_refused(weight) -> None:
    with pytest.raises(InputError, match="weight of blood is a positive number"):
        head_settings(blood_weight=weight)


def test_a_training_goes_on_with_the_weight_of_blood_that_it_began_with(heads, tmp_path) -> None:
    wanted = head_settings(epochs=1)
    hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path)
    with pytest.raises(InputError, match="other settings: blood_weight"):
        hemorrhage.train(heads[:3], heads[3:], head_settings(epochs=1, blood_weight=4.0), tmp_path, resume=True)
    # A checkpoint from before there was a choice was made with 8.
    state = load_checkpoint(tmp_path)
    del state["settings"]["blood_weight"]
    save_checkpoint(tmp_path, state)
    assert hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path, resume=True).epoch == 1
    with pytest.raises(InputError, match="other settings: blood_weight"):
        hemorrhage.train(heads[:3], heads[3:], head_settings(epochs=1, blood_weight=4.0), tmp_path, resume=True)


def test_the_weight_of_blood_can_be_given_in_a_file_and_searched_over(tmp_path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"settings": {"blood_weight": 4}}')
    settings = read_settings(path, HemorrhageTask.name, HemorrhageSettings)
    assert settings.blood_weight == 4.0
    assert parse_grid(["blood_weight=1,16"], HemorrhageTask, settings) == {"blood_weight": (1.0, 16.0)}
    path.write_text('{"settings": {"bloodweight": 4}}')
    with pytest.raises(InputError, match="Unknown training settings: bloodweight") as refused:
        read_settings(path, HemorrhageTask.name, HemorrhageSettings)
    assert "blood_weight" in refused.value.hint
