"""A training that goes on from a model may keep its features and learn the rest."""

import pytest
import torch
from engine.training_options.tiny import cube_settings, head_settings, same

from radiologycnn.errors import InputError
from radiologycnn.training.hemorrhage import trainer as hemorrhage
from radiologycnn.training.rotatorcuff import trainer as rotator_cuff


def test_fixed_features_of_cnn_ds_stay_and_the_rest_learns(heads, tmp_path) -> None:
    start = hemorrhage.train(heads[:3], heads[3:], head_settings(epochs=1), tmp_path / "start").state_dict
    wanted = head_settings(epochs=1, frozen="features")
    found = hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path / "on", start_weights=start).state_dict
    fixed = [name for name in start if name.startswith(("in_convs.", "contexts."))]
    assert fixed and same({name: start[name] for name in fixed}, found)
    learned = [name for name in start if name.startswith(("upscalings.", "localizations.", "segmentations."))]
    assert len(fixed) + len(learned) == len(start)
    assert all(not torch.equal(start[name], found[name]) for name in learned if start[name].dim() == 5)
    with pytest.raises(InputError, match="has learned them"):
        hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path / "nothing")


def test_fixed_features_of_vrn_stay_with_their_statistics(cubes, tmp_path) -> None:
    start = rotator_cuff.train(cubes, [], cube_settings(epochs=1), tmp_path / "start").state_dict
    wanted = cube_settings(epochs=1, frozen="features")
    said = []
    found = rotator_cuff.train(
        cubes, [], wanted, tmp_path / "on", start_weights=start, progress=lambda _, text: said.append(text)
    ).state_dict
    assert " parameters learn; " in said[0]
    head = [name for name in start if name.startswith(("head_norm.", "classifier."))]
    fixed = {name: tensor for name, tensor in start.items() if name not in head}
    assert any("running_var" in name for name in fixed) and same(fixed, found)
    assert not torch.equal(start["classifier.weight"], found["classifier.weight"])
    assert not torch.equal(start["head_norm.running_mean"], found["head_norm.running_mean"])
    assert rotator_cuff.train(cubes, [], wanted, tmp_path / "on", resume=True).epoch == 1  # starts from its checkpoint
