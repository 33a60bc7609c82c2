"""What a training can be told: focal losses, fixed features, the epoch to keep, background loading."""

import csv
import math
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from radiologycnn.errors import InputError
from radiologycnn.networks.dice_loss import dice_loss
from radiologycnn.training import run_words
from radiologycnn.training.best_epoch import BestEpoch
from radiologycnn.training.checkpoints import load_checkpoint, save_checkpoint
from radiologycnn.training.grid_search import parse_grid
from radiologycnn.training.hemorrhage import trainer as hemorrhage
from radiologycnn.training.hemorrhage.cases import PreparedCase, save_case
from radiologycnn.training.hemorrhage.losses import (
    FEW_VOXELS,
    TYPE_WEIGHT,
    focal_loss,
    hard_voxel_loss,
    segmentation_loss,
    types_loss,
)
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.hemorrhage.settings import TrainingSettings as HemorrhageSettings
from radiologycnn.training.loading import MOST_THREADS, in_advance, thread_count
from radiologycnn.training.rotatorcuff import cases as shoulders
from radiologycnn.training.rotatorcuff import trainer as rotator_cuff
from radiologycnn.training.rotatorcuff.losses import class_loss
from radiologycnn.training.rotatorcuff.settings import TrainingSettings as RotatorCuffSettings
from radiologycnn.training.settings_file import read_settings

TINY = {"grid_shape_ijk": (16, 16, 16), "base_filters": 2, "epochs": 3, "coarse_epochs": 0, "seed": 3, "depth": 3}
TINY_CUBE = {"grid_size": 16, "base_filters": 4, "epochs": 2, "coarse_epochs": 0, "seed": 3, "batch_size": 3}


@pytest.fixture(scope="module")
def heads(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("heads")
    for number in range(4):
        mask = np.zeros((16, 16, 16), np.uint8)
        mask[4:9, 5 : 9 + number, 3:8] = 1
        image = 0.3 + 0.3 * mask + 0.02 * np.random.default_rng(number).standard_normal(mask.shape)
        save_case(PreparedCase(f"c{number}", image.astype(np.float16), mask, 0.01), folder)
    return sorted(folder.glob("*.npz"))


@pytest.fixture(scope="module")
def cubes(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("cubes")
    for number in range(6):
        grey = np.random.default_rng(number).integers(0, 255, (20, 20, 20)).astype(np.uint8)
        shoulders.save_case(shoulders.PreparedCase(f"c{number}", grey, number % 5, None), folder)
    return sorted(folder.glob("*.npz"))


def head_settings(**changes) -> HemorrhageSettings:
    return HemorrhageSettings.from_preset("default", TINY | changes)


def cube_settings(preset: str = "default", **changes) -> RotatorCuffSettings:
    return RotatorCuffSettings.from_preset(preset, TINY_CUBE | changes)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


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


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "focus"},
        {"keep": "first"},
        {"frozen": "all"},
        {"focal_gamma": -1},
        {"loading_threads": -2},
        {"stop_after": -1},
        {"seed": -1},
        {"seed": 10**18},
    ],
)
def test_impossible_settings_are_named(changes) -> None:
    for make in (head_settings, cube_settings):
        with pytest.raises(InputError, match="cannot be used"):
            make(**changes)


@pytest.mark.parametrize(
    ("make", "changes", "says"),
    [
        (head_settings, {"dropout": 2.0}, r"The option dropout of cnn_ds is 2\.0, not within 0\.0 to 0\.95\."),
        (head_settings, {"base_filters": 300}, "base_filters of cnn_ds is 300, not within 1 to 256"),
        (head_settings, {"network_preset": "large"}, "no preset 'large' of cnn_ds"),
        (head_settings, {"depth": 9}, r"cannot be used: The depth is 2 to 8 levels\. Correct"),  # said once
        (cube_settings, {"base_filters": 6}, "base_filters of vrn is 6, not a multiple of 4"),
        (cube_settings, {"dropout": "often"}, "dropout of vrn is 'often', not one of"),
        (cube_settings, {"network_preset": "large"}, "no preset 'large' of vrn"),
        (
            cube_settings,
            {"grid_size": 1024},
            r"cannot be used: The grid's size is a multiple of 8, 16 to 512\. Correct",
        ),
    ],
)
def test_what_the_network_cannot_be_built_with_is_named_before_it_is_built(make, changes, says) -> None:
    with pytest.raises(InputError, match=says):
        make(**changes)


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


def test_paper_of_the_rotator_cuff_keeps_the_last_epoch_and_others_the_best(cubes, tmp_path) -> None:
    assert (cube_settings("paper").keep, cube_settings().keep, head_settings().keep) == ("last", "best", "best")
    # No later epoch can be better by as much as this, so that the best is the first one.
    for keep, epoch in (("best", 1), ("last", 3)):
        wanted = cube_settings(epochs=3, min_delta=1e9, keep=keep, weight_average=0.0)
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
    wanted = cube_settings(epochs=2, keep="last", weight_average=0.5)
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


def test_background_loading_changes_no_bit(heads, cubes, tmp_path) -> None:
    for threads in (0, 1, 3):
        wanted = head_settings(loading_threads=threads, epochs=1, batch_size=2)
        head = hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path / f"head{threads}")
        cube = rotator_cuff.train(cubes, [], cube_settings(loading_threads=threads, epochs=1), tmp_path / f"c{threads}")
        if threads == 0:
            first = (head, cube)
        assert same(first[0].state_dict, head.state_dict) and same(first[1].state_dict, cube.state_dict)
    # ... and neither does going on with another number of them.
    hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path / "head0", resume=True)
    with pytest.raises(InputError, match="seed"):
        hemorrhage.train(heads[:3], heads[3:], head_settings(epochs=1, seed=4), tmp_path / "head0", resume=True)


def test_a_gpu_gets_as_many_loading_threads_as_there_are_cores_for_it(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(16)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    wanted = head_settings().loading_threads
    assert thread_count(wanted, "cpu") == 1 and thread_count(wanted, "cuda:1") == MOST_THREADS
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")  # GPUs of one machine share its cores
    assert thread_count(wanted, "cuda") == 3
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "32")
    assert thread_count(wanted, "cuda") == 1
    assert thread_count(0, "cuda") == 0 and thread_count(5, "cpu") == 5


def test_a_long_epoch_tells_in_between_how_far_it_is(heads, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(run_words, "LONGEST_SILENCE_S", -1.0)
    wanted = head_settings(epochs=1, coarse_epochs=1, batch_size=1, coarse_batch_size=2)
    told: list[tuple[float, str]] = []
    hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path, progress=lambda *one: told.append(one))
    coarse = 1 / 8 / (1 + 1 / 8)  # of the work; an eighth of a fine epoch
    parts = [(part, text.partition(": loss ")[0]) for part, text in told if " cases: loss " in text]
    assert [text for _, text in parts] == [
        "Epoch 1 of 2, 2 of 3 cases", "Epoch 2 of 2, 1 of 3 cases", "Epoch 2 of 2, 2 of 3 cases"
    ]  # fmt: skip
    expected = [coarse * 2 / 3, coarse + (1 - coarse) / 3, coarse + (1 - coarse) * 2 / 3]
    assert [part for part, _ in parts] == pytest.approx(expected)
    assert all(float(text.rpartition(" ")[2]) > 0 for _, text in told if " cases: loss " in text)
    assert [part for part, _ in told] == sorted(part for part, _ in told)


def test_next_batches_are_prepared_while_one_is_worked_on() -> None:
    names: list[str] = []
    prepared = threading.Event()

    def prepare(item: int) -> int:
        names.append(threading.current_thread().name)
        if item == 2:
            prepared.set()
        return 10 * item

    cores = torch.get_num_threads()
    batches = in_advance([[0, 1], [2], [3, 4]], prepare, 1)
    assert next(batches) == [0, 10]
    assert prepared.wait(20)  # nobody has asked for the second batch
    assert list(batches) == [[20], [30, 40]]
    assert all(name.startswith("loading") for name in names) and torch.get_num_threads() == cores
    broken = in_advance([[1], [0]], lambda item: 1 / item, 2)
    assert next(broken) == [1.0]
    with pytest.raises(ZeroDivisionError):
        next(broken)
