"""Training the tear classifier: learns, resumes exactly, keeps masks on tears, and ends in a package that loads."""

import csv
import math
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.tiny_rotator_cuff import settings

from radiologycnn.errors import Cancelled, InputError
from radiologycnn.evaluation.localization import localization
from radiologycnn.evaluation.words import performance_lines, performance_texts
from radiologycnn.images.volume import Volume
from radiologycnn.networks.activation import TEAR_VERSUS_NONE
from radiologycnn.networks.architectures import build_network
from radiologycnn.networks.cam import activation_maps
from radiologycnn.training.checkpoints import CHECKPOINT_NAME
from radiologycnn.training.loading import collate
from radiologycnn.training.rotatorcuff.assess import choose_threshold, summarize
from radiologycnn.training.rotatorcuff.augmentation import changed_grey, cut_cubes, moved
from radiologycnn.training.rotatorcuff.cases import PreparedCase, load_case, prepare_case, save_case
from radiologycnn.training.rotatorcuff.losses import localization_loss, ordinal_targets, tear_maps, tear_targets
from radiologycnn.training.rotatorcuff.run import cache_name
from radiologycnn.training.rotatorcuff.settings import TrainingSettings
from radiologycnn.training.rotatorcuff.trainer import (
    ClassificationLoop,
    architecture_of,
    follow_statistics,
    train,
)


def ball(number: int, size: int = 20) -> PreparedCase:
    """A bright ball in a dim cube, larger for more severe classes; none for class 0."""
    rng = np.random.default_rng(number)
    tear_class = number % 5
    centre = rng.uniform(7, 13, 3)
    grid = np.mgrid[:size, :size, :size]
    mask = sum((axis - place) ** 2 for axis, place in zip(grid, centre)) < (tear_class and 1.5 + 0.8 * tear_class) ** 2
    grey = 60 + 120 * mask + rng.normal(0, 5, mask.shape)
    return PreparedCase(f"c{number}", np.clip(grey, 0, 255).astype(np.uint8), tear_class, mask)


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("shoulders")
    for number in range(15):
        save_case(ball(number), folder)
    return [folder / f"c{number}.npz" for number in range(15)]


def loss_of(loop: ClassificationLoop, paths: list[Path]) -> torch.Tensor:
    samples = [loop.prepare(path, torch.Generator().manual_seed(number)) for number, path in enumerate(paths)]
    return loop.batch_loss(collate(samples), len(samples))


def test_case_file_gives_back_what_it_holds(cases, tmp_path) -> None:
    case = ball(7)
    back = load_case(cases[7])
    assert back.tear_class == 2 and back.id == "c7"
    assert np.array_equal(back.grey, case.grey) and np.array_equal(back.mask, case.mask)
    save_case(PreparedCase("bare", case.grey, 1, None), tmp_path)
    assert load_case(tmp_path / "bare.npz").mask is None


def test_loss_falls(cases, tmp_path) -> None:
    train(cases, [], settings(epochs=12, coarse_epochs=0, augment=False, dropout="off"), tmp_path)
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 12
    assert losses[-1] < losses[0] - 0.3


def test_killed_and_resumed_run_gives_the_same_weights(cases, tmp_path) -> None:
    wanted = settings(localization_weight=0.5)
    whole = train(cases[:10], cases[10:], wanted, tmp_path / "whole")
    asked = count()  # stopped in the second epoch
    with pytest.raises(Cancelled):
        train(cases[:10], cases[10:], wanted, tmp_path / "cut", cancelled=lambda: next(asked) >= 3)
    assert (tmp_path / "cut" / CHECKPOINT_NAME).exists()
    resumed = train(cases[:10], cases[10:], wanted, tmp_path / "cut", resume=True)
    assert resumed.epoch == whole.epoch
    for name, tensor in whole.state_dict.items():
        assert torch.equal(tensor, resumed.state_dict[name]), name


def test_resuming_with_other_settings_is_refused(cases, tmp_path) -> None:
    train(cases[:4], [], settings(epochs=0), tmp_path)
    with pytest.raises(InputError, match="label_smoothing"):
        train(cases[:4], [], settings(epochs=0, label_smoothing=0.0), tmp_path, resume=True)
    with pytest.raises(InputError, match="the cases"):
        train(cases[:5], [], settings(epochs=0), tmp_path, resume=True)


@pytest.mark.parametrize("count", [2, 3, 7, 9, 13])
def test_no_batch_has_a_single_case_and_every_case_comes_once(cases, tmp_path, count: int) -> None:
    wanted = settings("paper", epochs=1, coarse_epochs=0)
    network = build_network(architecture_of(wanted))
    loop = ClassificationLoop(network, wanted, cases[:count], [], tmp_path)
    batches = list(loop.batches(torch.Generator().manual_seed(0)))
    assert sorted(number for batch in batches for number in batch) == list(range(count))
    assert min(map(len, batches)) >= 2 and max(map(len, batches)) <= 7


def test_short_epochs_draw_other_cases_each_time(cases, tmp_path) -> None:
    wanted = settings(coarse_epochs=0, epoch_cases=7, batch_size=3)
    network = build_network(architecture_of(wanted))
    loop = ClassificationLoop(network, wanted, cases, [], tmp_path)
    epochs = [list(loop.batches(torch.Generator().manual_seed(seed))) for seed in range(2)]
    assert [[len(batch) for batch in batches] for batches in epochs] == [[3, 4], [3, 4]]  # 3, 3 and a lone one
    first, second = ({number for batch in batches for number in batch} for batches in epochs)
    assert len(first) == len(second) == 7 and first != second


def test_a_single_case_is_refused(cases, tmp_path) -> None:
    with pytest.raises(InputError, match="1 training case is too few"):
        train(cases[:1], [], settings(), tmp_path)
    with pytest.raises(InputError, match="1 training case in an epoch is too few"):
        train(cases, [], settings(epoch_cases=1), tmp_path)


def test_paper_preset_is_the_papers() -> None:
    paper = TrainingSettings.from_preset("paper", {})
    assert (paper.epochs, paper.coarse_epochs, paper.batch_size, paper.grid_size) == (100, 0, 6, 64)
    assert (paper.optimizer, paper.weight_decay, paper.dropout) == ("sgd", 1e-3, "stochastic_depth")
    assert (paper.augment, paper.label_smoothing, paper.class_weights, paper.localization_weight) == (
        False,
        0,
        "none",
        0,
    )
    assert (paper.validation_share, paper.gradient_limit, paper.autocast) == (0, 0, False)
    preprocessing = paper.preprocessing()
    assert (preprocessing.edge, preprocessing.intensity) == ("scan_thickness", "min_max")
    architecture = architecture_of(paper)["parameters"]
    assert (architecture["base_filters"], architecture["preset"]) == (32, "default")


def test_paper_rate_optimizer_and_decay(cases, tmp_path) -> None:
    wanted = TrainingSettings.from_preset("paper", {"base_filters": 4, "grid_size": 16})
    network = build_network(architecture_of(wanted))
    loop = ClassificationLoop(network, wanted, cases[:4], [], tmp_path)
    rates = []
    for epoch in range(14):
        loop.epoch = epoch
        rates.append(loop.rate_at(0.5))
    assert rates == pytest.approx([0.002] * 12 + [0.0002] * 2)
    decayed, others = loop.optimizer.param_groups
    assert decayed["nesterov"] and decayed["momentum"] == 0.9
    assert (decayed["weight_decay"], others["weight_decay"]) == (1e-3, 0)
    assert all(weight.dim() > 1 for weight in decayed["params"])
    assert all(parameter.dim() == 1 for parameter in others["params"])
    count = sum(p.numel() for group in loop.optimizer.param_groups for p in group["params"])
    assert count == sum(p.numel() for p in network.parameters())


def test_dropping_less_than_the_preset() -> None:
    network = build_network(architecture_of(settings(drop_scale=0.5)))
    assert network.options.keep_probabilities == (0.975, 0.95, 0.9, 0.85, 0.8, 0.75)
    assert network.options.final_keep_probability == 0.75
    assert build_network(architecture_of(settings())).options.keep_probabilities[0] == 0.95


def test_running_normalization_follows_the_cases_and_keeps_them_apart(cases, tmp_path) -> None:
    """head_norm="running": a case's logits do not depend on its neighbours in the batch, and the averages move on."""
    wanted = settings(coarse_epochs=0, dropout="off", augment=False, head_norm="running")
    torch.manual_seed(0)
    network = build_network(architecture_of(wanted))
    loop = ClassificationLoop(network, wanted, cases, [], tmp_path)
    loop.training_mode()
    features = 3 + 2 * torch.rand(6, network.classifier.in_features, 4, 4, 4)
    together = network.classify(features)
    assert torch.allclose(network.classify(features[:1]), together[:1], atol=1e-5)
    pooled, norm = features.mean(dim=(2, 3, 4)), network.head_norm
    for _ in range(400):
        follow_statistics(norm, pooled)
    assert torch.allclose(norm.running_mean, pooled.mean(dim=0), atol=1e-2)
    assert torch.allclose(norm.running_var, pooled.var(dim=0, correction=0), atol=1e-2)
    before = norm.running_mean.clone()
    loss_of(loop, cases[:4]).backward()
    assert not torch.equal(norm.running_mean, before)  # a step of training follows too ...
    assert norm.weight.grad is not None  # ... and the scale still learns
    before = norm.running_mean.clone()
    network.eval()
    loss_of(loop, cases[:4])
    assert torch.equal(norm.running_mean, before)  # a validation does not
    own = settings(coarse_epochs=0, head_norm="batch")
    loop = ClassificationLoop(network, own, cases, [], tmp_path)
    loop.training_mode()
    assert not torch.allclose(network.classify(features[:2]), network.classify(features)[:2], atol=1e-2)


def test_impossible_settings_are_named() -> None:
    with pytest.raises(InputError, match="batch or running"):
        settings(head_norm="instance")
    with pytest.raises(InputError, match="at least 2 cases"):
        settings(batch_size=1)
    with pytest.raises(InputError, match="no training preset"):
        TrainingSettings.from_preset("papper", {})
    with pytest.raises(InputError, match="sgd or adamw"):
        settings(optimizer="lion")


def test_moved_cubes_keep_the_tear_under_its_mask() -> None:
    wide = torch.full((3, 1, 40, 40, 40), 60.0)
    mask = torch.zeros_like(wide)
    mask[:, :, 16:24, 16:24, 15:25] = 1
    wide = torch.where(mask > 0, torch.tensor(200.0), wide)
    places = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        cubes, masks = moved(wide, mask, (32, 32, 32), generator)
        assert cubes.shape == masks.shape == (3, 1, 32, 32, 32)
        assert cubes[masks > 0.9].min() > 180 and cubes[masks < 0.1].max() < 80
        volume = masks.sum(dim=(1, 2, 3, 4))
        assert volume.min() > 640 * 0.9**3 * 0.95 and volume.max() < 640 * 1.1**3 * 1.45
        places += [tuple(np.argwhere(one[0].numpy() > 0.5).mean(axis=0).round(2)) for one in masks]
        changed = changed_grey(cubes, generator)
        assert changed.min() >= 0 and changed.max() <= 255
        assert changed[masks > 0.9].mean() > changed[masks < 0.1].mean() + 60
    assert len(set(places)) == len(places)  # each cube on its own
    away = np.abs(np.array(places) - 15.5)
    assert away.max() < 0.1 * 32 * 1.3 + 2 and away.max() > 1


def test_middle_of_a_case_is_the_networks_own_cube() -> None:
    """What training sees without augmentation is what inference prepares, and the mask lies on the picture."""
    array = np.zeros((22, 128, 128), np.float32)
    array[8:12, 40:60, 50:74] = 1000.0
    array[:, ::7] += 100
    matrix = np.array([[1.2, 0, 0, -20], [0, 0, 4.4, -30], [0, -1.2, 0, 70], [0, 0, 0, 1.0]])
    volume = Volume(array, matrix, modality="MR")
    for preset in ("default", "paper"):
        preprocessing = TrainingSettings.from_preset(preset, {}).preprocessing()
        centre = (matrix @ [62, 50, 10, 1])[:3]
        for side in ("right", "left"):
            case = prepare_case("a", volume, 3, preprocessing, array > 900, side, centre)
            middle = cut_cubes(torch.from_numpy(case.grey)[None, None], (64, 64, 64))[0, 0].numpy()
            prepared = preprocessing.prepare(volume, preprocessing.region(volume, centre), side)
            assert np.abs(middle - prepared.grey).max() <= 1
            assert case.grey.shape == (80, 80, 80)
            assert case.grey[case.mask].mean() > 200 and case.mask.any()
            # Partly filled voxels at the block's faces stay outside the mask.
            assert (case.grey[~case.mask] > 160).mean() < 0.02


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


def test_operating_point_between_the_groups() -> None:
    true = np.array([0, 0, 0, 1, 2, 4])
    assert choose_threshold(true, np.array([0.05, 0.3, 0.62, 0.71, 0.8, 0.99])) in (0.65, 0.7)
    assert choose_threshold(true, np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])) == 0.5
    assert choose_threshold(np.array([1, 2]), np.array([0.1, 0.2])) == 0.5


def test_card_says_how_much_its_figures_depend_on_the_shoulders() -> None:
    lesion = np.zeros((16, 16, 16), bool)
    lesion[6:10, 6:10, 6:10] = True
    grid = np.diag([5.0, 5.0, 5.0, 1.0])
    rows = []
    for number in range(24):
        tear, raw = number % 2, np.zeros((16, 16, 16))
        raw[8, 8, 8] = 1
        raw[2, 2, 2] = 0.2 * (number % 3)  # far from the tear
        found = localization(raw, grid, lesion, grid)
        rows.append(
            {
                "true_class": 3 * tear, "predicted": 3 * tear, "tear_probability": 0.3 + 0.4 * tear,
                "centre_error_mm": 1.0, "maps": {"tear_versus_none": found, "predicted": found} if tear else {},
            }
        )  # fmt: skip
    summary = summarize(rows, 0.5)
    point = summary["at_operating_point"]
    assert (point["specificity"], point["specificity_95"]) == (1.0, [0.758, 1.0])
    maps = summary["localization_tear_versus_none"]
    assert maps["peak_in_tear"] == 1.0 and maps["peak_in_tear_95"] == [0.7575, 1.0]
    assert maps["energy_inside_95"][0] < maps["energy_inside"] < maps["energy_inside_95"][1]
    # Both stand on the card with it.
    lines = list(performance_lines(summary))
    assert any("specificity 1 (95 % 0.758 to 1)" in line for line in lines)
    assert any("peak in tear 1 (95 % 0.757 to 1)" in line for line in lines)
    assert any("specificity 1 (95 % 0.758 to 1)" in text for _, text in performance_texts({"test": summary}))


def test_gradient_reaches_every_weight(cases, tmp_path) -> None:
    wanted = settings(coarse_epochs=0, localization_weight=0.5, dropout="off")
    network = build_network(architecture_of(wanted)).train()
    loop = ClassificationLoop(network, wanted, cases, [], tmp_path)
    loss = loss_of(loop, cases[:6])
    loss.backward()
    assert math.isfinite(loss.item())
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and bool(torch.isfinite(parameter.grad).all()), name
