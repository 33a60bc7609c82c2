"""The scale of a bleed model's logits: found where it is known, multiplied in without moving an outline, and told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.training_options.tiny import head_settings, same
from torch import Tensor, nn

from radiologycnn.models.package import load_package
from radiologycnn.models.weights import load_network
from radiologycnn.networks.architectures import build_network
from radiologycnn.networks.cnn_ds import build_cnn_ds
from radiologycnn.training.best_epoch import TrainingResult
from radiologycnn.training.checkpoints import load_checkpoint
from radiologycnn.training.hemorrhage.assess import FEWEST_BLEEDS, LOWEST_THRESHOLD, choose_threshold
from radiologycnn.training.hemorrhage.calibration import SCALES, calibrated_point, doubt_scale, with_scaled_logits
from radiologycnn.training.hemorrhage.cases import PreparedCase, load_case, save_case
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.packages import ModelName

THRESHOLD = 0.4
CENTRE = float(torch.logit(torch.tensor(THRESHOLD)))
SURE = 3.0
#: So far below the threshold, the rest of a head with an outline of 6^3 voxels that are sure makes for an expected Dice
#: of just over 0.6.
HAZE = -2.29


class Shown(nn.Module):
    """Sees its logits in the image: how far they are from that of the threshold.

    Args:
        strength: what it makes of that distance.
    """

    def __init__(self, strength: float = 1.0, threshold: float = THRESHOLD) -> None:
        super().__init__()
        self.segmentations = nn.ModuleList([nn.Conv3d(1, 1, 1)])
        nn.init.constant_(self.segmentations[0].weight, strength)
        nn.init.constant_(self.segmentations[0].bias, float(np.log(threshold / (1 - threshold))))

    def forward(self, image: Tensor) -> Tensor:
        return self.segmentations[0](image)


def cube(side: int, start: int = 4) -> np.ndarray:
    """0 and 1, with a cube of ones from this voxel on along each axis."""
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[(slice(start, start + side),) * 3] = 1
    return mask


def head(path: Path, outlined: np.ndarray, mask: np.ndarray) -> None:
    image = np.where(outlined > 0, SURE, HAZE).astype(np.float16)
    save_case(PreparedCase(path.name, image, mask, 0.01), path.parent)


def heads(
    folder: Path, right: int = 0, wrong: int = 0, unseen: int = 0, free: int = 0, beside: bool = True, side: int = 6
) -> list[Path]:
    """Bleeds outlined well, bleeds outlined wrongly, bleeds that are missed, and outlines where nothing bleeds.

    Args:
        beside: whether wrong outlines lie beside the bleed and a larger one would be better, or are too large already.
        side: of the bleeds that are outlined well, of which the outline has 6 voxels.
    """
    for number in range(right):
        head(folder / f"right-{number:02}", cube(6), cube(side))
    for number in range(wrong):
        head(folder / f"wrong-{number:02}", cube(4, 2), cube(5, 4) if beside else cube(2, 3))
    for number in range(unseen):
        head(folder / f"unseen-{number:02}", cube(0), cube(6))
    for number in range(free):
        head(folder / f"free-{number:02}", cube(6), cube(0))
    return sorted(folder.glob("*.npz"))


@pytest.mark.parametrize("scale", [0.5, 1.5])
@pytest.mark.parametrize("deep_supervision", [True, False])
def test_scaled_weights_give_scaled_logits_and_the_same_outline(scale: float, deep_supervision: bool) -> None:
    torch.manual_seed(0)
    network = build_cnn_ds(base_filters=2, pixel_unshuffle=2, deep_supervision=deep_supervision).double().eval()
    for layer in network.segmentations:
        nn.init.normal_(layer.bias)
    image = torch.randn(2, 1, 16, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        before = network(image)
        network.load_state_dict(with_scaled_logits(network.state_dict(), scale, THRESHOLD))
        after = network(image)
    torch.testing.assert_close(after, CENTRE + scale * (before - CENTRE), rtol=1e-6, atol=1e-6)
    outlined = torch.sigmoid(before) >= THRESHOLD
    assert 0.1 < outlined.double().mean() < 0.9
    assert torch.equal(torch.sigmoid(after) >= THRESHOLD, outlined)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> list[Path]:
    """Outlines of which the poor ones alone are doubted as they should be, and heads that say nothing of outlines."""
    return heads(tmp_path_factory.mktemp("mixed"), right=25, wrong=5, unseen=20, free=2)


@pytest.mark.parametrize(("strength", "scale"), [(1 / 1.5, 1.5), (1.0, 1.0), (1 / 0.75, 0.75)])
def test_scale_undoes_too_little_and_too_much_trust(mixed, strength: float, scale: float) -> None:
    assert doubt_scale(Shown(strength), mixed, THRESHOLD, threads=0) == scale


def test_no_scale_where_nothing_is_outlined_poorly_or_at_all(tmp_path) -> None:
    assert doubt_scale(Shown(), heads(tmp_path / "right", right=30), THRESHOLD, threads=0) is None
    assert doubt_scale(Shown(), heads(tmp_path / "unseen", unseen=30), THRESHOLD, threads=0) is None


class Untouched(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        raise AssertionError("cases were asked for that cannot decide")


def test_too_few_bleeds_decide_nothing_and_cost_nothing(tmp_path) -> None:
    cases = heads(tmp_path, right=20, wrong=9, free=10)
    assert doubt_scale(Untouched(), cases, THRESHOLD, threads=0) is None
    head(tmp_path / "one-more", cube(6), cube(6))
    assert doubt_scale(Shown(), sorted(tmp_path.glob("*.npz")), THRESHOLD, threads=0) is not None


@pytest.mark.parametrize(("beside", "lowest"), [(True, LOWEST_THRESHOLD), (False, THRESHOLD)])
def test_threshold_follows_what_the_scaled_network_expects_or_only_doubt_is_told(tmp_path, beside, lowest) -> None:
    cases, network = heads(tmp_path, right=25, wrong=5, beside=beside), Shown(1 / 1.5)
    point = calibrated_point(network, cases, threads=0, among=(THRESHOLD,))
    assert (point.threshold, point.lowest, point.logit_scale) == (THRESHOLD, lowest, 1.5)
    weight, bias = (float(one) for one in network.state_dict().values())
    assert (weight, bias) == (pytest.approx(1.0), pytest.approx(CENTRE))
    fixed = calibrated_point(Shown(1 / 1.5), cases, threads=0, among=(THRESHOLD,), follow=False)
    assert fixed.lowest == THRESHOLD
    assert (point.performance["dice"] > fixed.performance["dice"]) == (lowest < THRESHOLD)


def test_without_a_scale_nothing_follows_and_no_weight_changes(tmp_path) -> None:
    cases, network = heads(tmp_path, right=30, side=7), Shown(1 / 1.5)
    assert choose_threshold(network, cases, threads=0, among=(THRESHOLD,)).lowest == LOWEST_THRESHOLD
    point = calibrated_point(network, cases, threads=0, among=(THRESHOLD,))
    assert (point.threshold, point.lowest, point.logit_scale) == (THRESHOLD, None, None)
    assert same(network.state_dict(), Shown(1 / 1.5).state_dict())


@pytest.mark.parametrize(
    ("changes", "threshold", "chose"),
    [
        ({}, None, "epoch, operating point, scale of the logits"),
        ({"keep": "last"}, None, "operating point, scale of the logits"),
        ({"preset": "paper"}, 0.5, "epoch, scale of the logits"),
    ],
)
def test_the_card_says_what_the_validation_cases_chose(mixed, monkeypatch, changes, threshold, chose) -> None:
    monkeypatch.setattr("radiologycnn.training.hemorrhage.run.build_network", lambda architecture: Shown())
    task = HemorrhageTask(replace(head_settings(), **changes), simulate=2, device="cpu")
    point = task.operating_point(TrainingResult(Shown(threshold=threshold or THRESHOLD).state_dict(), 1, {}), mixed)
    card = point.performance["validation"]
    assert card["data"] == f"52 simulated scans, on the network's grid; they chose: {chose}"
    assert card["logit_scale"] == point.logit_scale is not None
    if threshold:
        assert (point.threshold, point.lowest) == (threshold, threshold)


def test_types_are_not_scaled(mixed, monkeypatch) -> None:
    def refuse(*args, **options):
        raise AssertionError("several labels have no outline of their own that could be doubted")

    monkeypatch.setattr("radiologycnn.training.hemorrhage.run.calibrated_point", refuse)
    task = HemorrhageTask(head_settings(types=True), simulate=2, device="cpu")
    result = TrainingResult(build_network(task.architecture()).state_dict(), 1, {})
    point = task.operating_point(result, mixed[:3])
    assert task.settings.calibrate and task.weights_at(point, result) is result.state_dict


def test_calibrating_belongs_to_no_preset_but_the_default_and_to_the_end_of_a_training() -> None:
    assert not TrainingSettings.from_preset("paper", {}).calibrate
    now = TrainingSettings.from_preset("default", {})
    before = {name: value for name, value in now.to_dict().items() if name != "calibrate"}
    assert now.calibrate and now.differing(before) == []  # runs from before go on, and end with it


@pytest.fixture(scope="module")
def bleeds(tmp_path_factory) -> list[Path]:
    """Bright cubes, of which each fourth is beside the bleed and less bright."""
    folder, random = tmp_path_factory.mktemp("bleeds"), np.random.default_rng(0)
    for number in range(8 + FEWEST_BLEEDS):
        mask = cube(6, int(random.integers(1, 5)))
        beside = number % 4 == 3
        shown = 0.12 * np.roll(mask, 5, axis=0) if beside else 0.3 * mask
        image = 0.3 + shown + 0.02 * random.standard_normal(mask.shape)
        save_case(PreparedCase(f"c{number:02}", image.astype(np.float16), mask, 0.01), folder)
    return sorted(folder.glob("*.npz"))


def test_a_training_ends_in_a_package_that_tells_its_doubt_and_outlines_as_before(bleeds, tmp_path) -> None:
    settings = head_settings(epochs=6, depth=2, loss="dice", learning_rate=0.02, augment=False, loading_threads=0)
    task, validation = HemorrhageTask(settings, simulate=2, device="cpu"), bleeds[8:]
    result = task.train(bleeds[:8], validation[:1], tmp_path)
    package = task.finish(tmp_path / "new", result, validation, "cubes", ModelName("cubes"), export=False)
    scale, threshold = package.performance["validation"]["logit_scale"], package.operating_threshold
    assert scale in SCALES and scale != 1, "of a network that has hardly learned"
    assert 0 < load_package(package.path).lowest_threshold <= threshold
    assert same(load_checkpoint(tmp_path)["best"]["state_dict"], result.state_dict), "as trained"

    plain = build_network(task.architecture())
    plain.load_state_dict(result.state_dict)
    image = torch.from_numpy(np.stack([load_case(path).image for path in validation])).float()[:, None]
    with torch.no_grad():
        before, after = (n.eval()(image) - np.log(threshold / (1 - threshold)) for n in (plain, load_network(package)))
    torch.testing.assert_close(after, scale * before, rtol=1e-4, atol=1e-4)
    clear = before.abs() > 1e-3
    assert torch.equal((before > 0)[clear], (after > 0)[clear]) and (before > 0).any()

    asked = replace(settings, calibrate=False)
    left = task.with_settings(asked).finish(tmp_path / "old", result, validation, "cubes", ModelName("c"), export=False)
    expected = choose_threshold(plain, validation, threads=0)
    assert (left.operating_threshold, left.lowest_threshold) == (threshold, expected.lowest)
    assert left.performance["validation"] == {
        "data": f"{FEWEST_BLEEDS} simulated scans, on the network's grid",
        "dice_mean": round(expected.performance["dice"], 3),
    }
    assert same(load_network(left).state_dict(), result.state_dict)
