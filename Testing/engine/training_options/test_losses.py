"""The losses that a training can be told to use: their values by hand, and that both networks learn with them."""

import math

import pytest
import torch
from engine.training_options.tiny import cube_settings, head_settings

from radiologycnn.networks.dice_loss import dice_loss
from radiologycnn.training.hemorrhage import trainer as hemorrhage
from radiologycnn.training.hemorrhage.losses import (
    FEW_VOXELS,
    TYPE_WEIGHT,
    focal_loss,
    hard_voxel_loss,
    segmentation_loss,
    types_loss,
)
from radiologycnn.training.rotatorcuff import trainer as rotator_cuff
from radiologycnn.training.rotatorcuff.losses import class_loss


def test_focal_loss_of_voxels_by_hand() -> None:
    # Probabilities 0.9 and 0.2 where the truth is 1, 0.3 where it is 0.
    logits, truth = torch.logit(torch.tensor([0.9, 0.2, 0.3])), torch.tensor([1.0, 1.0, 0.0])
    parts = [0.1**2 * -math.log(0.9), 0.8**2 * -math.log(0.2), 0.3**2 * -math.log(0.7)]
    assert float(focal_loss(logits, truth, 2.0)) == pytest.approx(sum(parts) / 3, rel=1e-5)
    weighted = (8 * parts[0] + 8 * parts[1] + parts[2]) / 3
    assert float(focal_loss(logits, truth, 2.0, positive_weight=8)) == pytest.approx(weighted, rel=1e-5)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
    assert float(focal_loss(logits, truth, 0.0)) == pytest.approx(float(entropy))
    sure = torch.tensor([60.0, -60.0], requires_grad=True)
    focal_loss(sure, torch.tensor([1.0, 1.0]), 0.5).backward()
    assert bool(torch.isfinite(sure.grad).all()) and sure.grad[1] < -0.4


def test_segmentation_losses_are_dice_and_a_loss_of_voxels() -> None:
    torch.manual_seed(0)
    logits, truth = torch.randn(2, 1, 4, 4, 4), (torch.rand(2, 1, 4, 4, 4) < 0.2).float()
    paper, both, focal = (float(segmentation_loss(logits, truth, kind)) for kind in ("dice", "dice_ce", "dice_focal"))
    assert paper == pytest.approx(float(dice_loss(logits, truth)))
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=torch.tensor(8.0))
    assert both == pytest.approx(float(dice_loss(logits, truth, 100.0) + 8 * entropy), rel=1e-5)
    assert float(segmentation_loss(logits, truth, "dice_focal", 0.0)) == pytest.approx(both, rel=1e-6)
    assert focal < both


def test_loss_of_hard_voxels_by_hand(monkeypatch) -> None:
    monkeypatch.setattr("radiologycnn.training.hemorrhage.losses.FEWEST_HARD_VOXELS", 3)
    # The first case: blood of probability 0.2 and 0.6, and others of which the three worst count. The second: no blood.
    chance = torch.tensor([[0.2, 0.6, 0.7, 0.1, 0.3, 0.05], [0.4, 0.01, 0.02, 0.5, 0.03, 0.9]])
    truth = torch.zeros(2, 1, 1, 1, 6)
    truth[0, ..., :2] = 1
    first = (-math.log(0.2) - math.log(0.6)) / (2 + FEW_VOXELS) - (math.log(0.3) + math.log(0.7) + math.log(0.9)) / 3
    second = -(math.log(0.6) + math.log(0.5) + math.log(0.1)) / 3
    found = hard_voxel_loss(torch.logit(chance).reshape(2, 1, 1, 1, 6), truth)
    assert float(found) == pytest.approx((first + second) / 2, rel=1e-5)


@pytest.mark.parametrize(("kind", "least", "most"), [("dice_ce", 0.0, 0.02), ("dice_hard", 0.35, 0.5)])
def test_only_the_loss_of_hard_voxels_pulls_at_a_bleed_that_is_missed_wholly(kind, least, most) -> None:
    truth = torch.zeros(1, 1, 64, 128, 128)
    truth[..., 10:12, 20:30, 20:30] = 1
    logits = torch.full_like(truth, -7.0).requires_grad_()
    segmentation_loss(logits, truth, kind).backward()
    assert least <= -float(logits.grad[truth > 0].sum()) <= most


def test_loss_of_types_is_that_of_any_blood_and_of_the_type_within_it() -> None:
    truth = torch.zeros(2, 3, 8, 8, 8)  # the second case holds no blood
    truth[0, 0, :4], truth[0, 2, 4, :, :1] = 1, 1
    logits = torch.randn(2, 3, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    any_blood = segmentation_loss(logits.amax(1, keepdim=True), truth.amax(1, keepdim=True), "dice_ce")

    named = -logits.log_softmax(1)
    many, few = named[0, 0, :4], named[0, 2, 4, :, :1]
    # 8 voxels are fewer than those from which on a type counts fully.
    by_type = (many.mean() + few.sum() / FEW_VOXELS) / (1 + few.numel() / FEW_VOXELS)
    assert float(types_loss(logits, truth, "dice_ce")) == pytest.approx(float(any_blood + TYPE_WEIGHT * by_type / 2))


def test_focal_loss_of_classes_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]]))
    targets = torch.tensor([[1.0, 0, 0], [0.1, 0.9, 0]])
    first = 0.3**2 * -math.log(0.7)
    second = 0.1 * 0.75**2 * -math.log(0.25) + 0.9 * 0.75**2 * -math.log(0.25)
    assert float(class_loss(logits, targets, gamma=2.0)) == pytest.approx((first + second) / 2, rel=1e-5)
    weights = torch.tensor([1.0, 3.0])
    assert float(class_loss(logits, targets, weights, 2.0)) == pytest.approx((first + 3 * second) / 4, rel=1e-5)
    entropy = torch.nn.functional.cross_entropy(logits, targets)
    assert float(class_loss(logits, targets)) == pytest.approx(float(entropy), rel=1e-5)


def test_both_networks_learn_with_their_focal_loss(heads, cubes, tmp_path) -> None:
    found = hemorrhage.train(heads[:3], heads[3:], head_settings(loss="dice_focal", epochs=1), tmp_path / "head")
    assert math.isfinite(found.figures["validation_loss"])
    found = rotator_cuff.train(cubes, cubes, cube_settings(loss="focal", epochs=1), tmp_path / "cube")
    assert math.isfinite(found.figures["validation_loss"])
