"""What a tear classifier learns by: ordinal labels, and a map that is to peak in the tear."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine.tiny_rotator_cuff import settings
from engine.training_rotator_cuff.balls import ball, loss_of

from radiologycnn.errors import InputError
from radiologycnn.networks.activation import TEAR_VERSUS_NONE
from radiologycnn.networks.architectures import build_network
from radiologycnn.networks.cam import activation_maps
from radiologycnn.training.rotatorcuff.cases import load_case, save_case
from radiologycnn.training.rotatorcuff.losses import localization_loss, ordinal_targets, tear_maps, tear_targets
from radiologycnn.training.rotatorcuff.run import cache_name
from radiologycnn.training.rotatorcuff.trainer import ClassificationLoop, architecture_of, train


def test_ordinal_labels() -> None:
    targets = ordinal_targets(torch.tensor([0, 2, 4]), 5, 0.2)
    expected = [[0.9, 0.1, 0, 0, 0], [0, 0.1, 0.8, 0.1, 0], [0, 0, 0, 0.1, 0.9]]
    assert torch.allclose(targets, torch.tensor(expected))
    assert torch.equal(ordinal_targets(torch.tensor([1]), 5, 0.0), torch.tensor([[0, 1.0, 0, 0, 0]]))


def test_training_map_is_the_map_that_people_see() -> None:
    torch.manual_seed(0)
    network = build_network(architecture_of(settings())).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    image = torch.randn(1, 1, 16, 16, 16)
    features = network.features(image)
    ours = tear_maps(network, features, network.classify(features))[0].detach().numpy()
    shown = activation_maps(network, image, [TEAR_VERSUS_NONE]).maps[0].raw
    assert ours == pytest.approx(shown, abs=1e-4)


def test_localization_loss_wants_the_peak_in_the_tear() -> None:
    mask = torch.zeros(2, 1, 32, 32, 32)
    mask[0, 0, 8:10, 16:18, 20:22] = 1  # centred nearest to map voxel (2, 4, 5); the second case has no tear
    targets = tear_targets(mask, 4)
    assert targets.shape == (2, 8, 8, 8)
    assert np.unravel_index(int(targets[0].argmax()), (8, 8, 8)) == (2, 4, 5)
    right, wrong = torch.zeros(2, 8, 8, 8), torch.zeros(2, 8, 8, 8)
    right[0, 2, 4, 5] = 3
    wrong[0, 6, 1, 1] = 3
    right[1, 0, 0, 0] = wrong[1, 3, 3, 3] = 3  # counts nothing
    assert float(localization_loss(right, targets)) < 0.05
    assert float(localization_loss(wrong, targets)) > 3
    assert float(localization_loss(100 * right, targets)) == pytest.approx(float(localization_loss(right, targets)))
    assert float(localization_loss(right[1:], targets[1:])) == 0


def test_localization_loss_teaches_the_map_where_the_tear_is(cases, tmp_path) -> None:
    with_it = settings(epochs=10, coarse_epochs=0, localization_weight=1.0, augment=False, dropout="off")
    tears = [path for path in cases if load_case(path).tear_class > 1]
    result = train(cases, tears, with_it, tmp_path)
    assert result.figures["validation_peak"] >= 0.8


def test_finer_pixels_of_equal_value_give_the_same_loss(tmp_path) -> None:
    """The mask, the cut and the map's places are those of the grid that the folded pixels come to."""
    losses, weights = [], None
    for factor in (1, 2):
        own = settings(pixel_unshuffle=factor, localization_weight=1.0, augment=False, coarse_epochs=0, dropout="off")
        assert own.preprocessing().shape == (16, 16 * factor, 16 * factor)
        folder = tmp_path / cache_name(own)
        for number in range(4):
            case = ball(number)
            grey, mask = (part.repeat(factor, axis=1).repeat(factor, axis=2) for part in (case.grey, case.mask))
            save_case(replace(case, grey=grey, mask=mask), folder)
        paths = [folder / f"c{number}.npz" for number in range(4)]
        network = build_network(architecture_of(own))
        weights = weights or network.state_dict()
        weights["stem.weight"] = weights["stem.weight"].repeat(1, factor**2, 1, 1, 1) / factor**2
        network.load_state_dict(weights)
        loop = ClassificationLoop(network, own, paths, paths, folder)
        loop.network.eval()
        losses.append(float(loss_of(loop, paths).detach()))
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert len(list(tmp_path.iterdir())) == 2  # cases of other pixels are kept apart
    with pytest.raises(InputError, match="1, 2 or 4"):
        settings(pixel_unshuffle=3)


def test_gradient_reaches_every_weight(cases, tmp_path) -> None:
    wanted = settings(coarse_epochs=0, localization_weight=0.5, dropout="off")
    network = build_network(architecture_of(wanted)).train()
    loop = ClassificationLoop(network, wanted, cases, [], tmp_path)
    loss = loss_of(loop, cases[:6])
    loss.backward()
    assert math.isfinite(loss.item())
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and bool(torch.isfinite(parameter.grad).all()), name
