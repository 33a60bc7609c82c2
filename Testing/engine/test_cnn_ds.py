"""The network has the published parameter counts and cost, and its parts do what the paper says."""

import pytest
import torch
from engine.network_cost import giga_multiplications, millions_of_parameters
from torch import nn

from radiologycnn.networks.architectures import architecture_problems, build_network, count_parameters
from radiologycnn.networks.cnn_ds import build_cnn_ds
from radiologycnn.networks.cnn_ds_options import CnnDsOptions
from radiologycnn.networks.dice_loss import dice_loss
from radiologycnn.networks.pixel_shuffle import shuffle_pixels, unshuffle_pixels


def test_parameters_of_every_stage_are_the_published_ones():
    network = build_cnn_ds()
    counts = {
        name: [count_parameters(stage) for stage in getattr(network, name)]
        for name in ("in_convs", "contexts", "upscalings", "localizations", "segmentations")
    }
    assert counts == {
        "in_convs": [480, 13_920, 55_488, 221_568],
        "contexts": [13_920, 55_488, 221_568, 885_504],
        "upscalings": [14_176, 56_512, 225_664],
        "localizations": [14_176, 56_512, 225_664],
        "segmentations": [433, 865, 1_729],
    }
    assert count_parameters(network) == 2_063_667


@pytest.mark.parametrize(
    ("preset", "changes", "millions"),
    [
        ("ellisdg", {}, 2.055043),
        ("default", {"deep_supervision": False}, 2.061073),
        ("ellisdg", {"depth": 3}, 0.50),
        ("ellisdg", {"depth": 5}, 8.3),
        ("ellisdg", {"depth": 6}, 33.1),
        ("small", {}, 0.52),
    ],
)
def test_parameters_of_the_variants_are_the_published_ones(preset, changes, millions):
    assert millions_of_parameters(lambda: build_cnn_ds(preset, **changes), millions) == millions


@pytest.mark.parametrize(
    ("preset", "changes", "published"),
    [
        ("default", {}, 83.1),
        ("small", {}, 21),
        ("ellisdg", {"depth": 3}, 72),
        ("ellisdg", {"depth": 5}, 87),
        ("ellisdg", {"depth": 6}, 89),
    ],
)
def test_cost_at_the_papers_size_is_the_published_one(preset, changes, published):
    counted = giga_multiplications(lambda: build_cnn_ds(preset, **changes), 1, 1, 64, 128, 128)
    assert counted == pytest.approx(published, abs=0.05 if published == 83.1 else 0.5)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"preset": "paper_text"},
        {"preset": "ellisdg"},
        {"upsampling": "trilinear"},
        {"upsampling": "transposed"},
        {"downsampling": "max_pool"},
        {"depth": 2},
        {"depth": 3, "mirrored_levels": 2},
        {"depth": 2, "mirrored_levels": 4},
        {"out_labels": 5, "in_channels": 2},
        {"segmentation_levels": 2},
        {"initialization": "he"},
        {"pixel_unshuffle": 2, "depth": 3},
        {"pixel_unshuffle": 2, "depth": 3, "out_labels": 5, "extent_output": True, "in_channels": 2},
    ],
)
def test_every_option_gives_logits_of_the_inputs_size_and_learns(changes):
    network = build_cnn_ds(**{"base_filters": 2, **changes})
    image = torch.randn(2, network.options.in_channels, 16, 24, 32)
    logits = network(image)
    assert logits.shape == (2, network.options.out_labels, 16, 24, 32)
    logits.square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_output_without_deep_supervision_ignores_the_coarse_levels():
    torch.manual_seed(0)
    supervised = build_cnn_ds("small", depth=3).eval()
    plain = build_cnn_ds("small", depth=3, deep_supervision=False).eval()
    plain.load_state_dict(supervised.state_dict(), strict=False)
    image = torch.randn(1, 1, 16, 16, 16)
    assert not torch.allclose(supervised(image), plain(image))
    with torch.no_grad():
        supervised.segmentations[1].weight.zero_()
    assert torch.allclose(supervised(image), plain(image))


def test_mirrored_levels_change_nothing_at_first_and_then_let_one_side_see_the_other() -> None:
    """The far side is out of the reach of two levels' convolutions."""
    torch.manual_seed(0)
    plain = build_cnn_ds("small", depth=2, normalization="none").eval()
    mirrored = build_cnn_ds("small", depth=2, normalization="none", mirrored_levels=1).eval()
    missing = mirrored.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing == ["mirrorings.0.weight", "mirrorings.0.bias"]
    image = torch.randn(1, 1, 8, 8, 96)
    assert torch.equal(plain(image), mirrored(image))

    nn.init.dirac_(mirrored.mirrorings[0].weight)
    other = image.clone()
    other[..., 4:8] += 1
    assert torch.equal(plain(image)[..., 48:], plain(other)[..., 48:])
    changed = (mirrored(image) != mirrored(other)).any(dim=(0, 1, 2, 3))
    assert changed[-12:].any() and not changed[40:56].any()


def test_input_of_a_size_that_cannot_be_halved_is_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"multiples of \(8, 8, 8\)"):
        build_cnn_ds("small")(torch.zeros(1, 1, 16, 20, 16))
    with pytest.raises(ValueError, match=r"multiples of \(8, 16, 16\)"):
        build_cnn_ds("small", pixel_unshuffle=2)(torch.zeros(1, 1, 16, 24, 16))


def test_pixels_become_channels_within_slices_as_torch_has_it_and_come_back() -> None:
    image = torch.randn(2, 3, 4, 6, 8)
    channels = unshuffle_pixels(image, 2)
    by_torch = nn.functional.pixel_unshuffle(image.transpose(1, 2), 2).transpose(1, 2)
    assert torch.equal(channels, by_torch)
    assert torch.equal(shuffle_pixels(channels, 2), image)


def test_finer_pixels_cost_hardly_more_than_the_coarse_grid() -> None:
    coarse = giga_multiplications(lambda: build_cnn_ds("small"), 1, 1, 64, 112, 96)
    fine = giga_multiplications(lambda: build_cnn_ds("small", pixel_unshuffle=2), 1, 1, 64, 224, 192)
    assert fine < 1.1 * coarse


def test_weights_are_drawn_glorot_uniform_with_zero_biases():
    torch.manual_seed(0)
    weight = build_cnn_ds().contexts[3][0][0].weight
    bound = (6 / (2 * 128 * 27)) ** 0.5
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    assert all(not module.bias.any() for module in build_cnn_ds().modules() if isinstance(module, nn.Conv3d))


def test_dropout_drops_whole_channels_in_training_only():
    torch.manual_seed(0)
    network = build_cnn_ds("small")
    image = torch.randn(1, 1, 16, 16, 16)
    assert not torch.equal(network(image), network(image))
    network.eval()
    assert torch.equal(network(image), network(image))


def test_options_survive_json_and_name_what_is_wrong():
    options = CnnDsOptions(depth=5, normalization="none")
    assert CnnDsOptions.from_dict(options.to_dict()) == options
    problems = CnnDsOptions.problems({"depth": 40, "upsampling": "magic", "colour": 1, "deep_supervision": 1})
    assert len(problems) == 4
    with pytest.raises(ValueError, match="depth"):
        CnnDsOptions(depth=1)
    with pytest.raises(ValueError, match="preset"):
        build_cnn_ds("nonsense")


def test_architecture_is_built_from_a_packages_record():
    network = build_network({"name": "cnn_ds", "parameters": {"preset": "small"}})
    assert count_parameters(network) == 517_659
    assert "unknown" in architecture_problems({"name": "vision_transformer", "parameters": {}})[0]
    assert architecture_problems({"parameters": {}})
    assert architecture_problems({"name": "cnn_ds", "parameters": []})


def test_dice_loss_is_minus_the_mean_over_background_and_foreground():
    truth = torch.zeros(1, 1, 2, 2, 2)
    truth[0, 0, 0] = 1  # 4 of 8 voxels
    probability = torch.full_like(truth, 0.5)
    expected = -(2 * 4 * 0.5) / (4 + 4)
    logits = torch.zeros_like(probability)
    assert dice_loss(logits, truth).item() == pytest.approx(expected, abs=1e-4)

    probability = torch.full_like(truth, 0.25)
    logits = torch.logit(probability)
    foreground, background = 2 * 4 * 0.25 / (4 + 2), 2 * 4 * 0.75 / (4 + 6)
    assert dice_loss(logits, truth).item() == pytest.approx(-(foreground + background) / 2, abs=1e-4)
    assert dice_loss(logits, truth, include_background=False).item() == pytest.approx(-foreground, abs=1e-4)


def test_dice_loss_weighs_each_scan_alike():
    large, small = torch.zeros(1, 1, 4, 4, 4), torch.zeros(1, 1, 4, 4, 4)
    large[0, 0, :2] = 1
    small[0, 0, 0, 0, 0] = 1
    logits = torch.randn(2, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    together = dice_loss(logits, torch.cat((large, small)))
    apart = (dice_loss(logits[:1], large) + dice_loss(logits[1:], small)) / 2
    assert together.item() == pytest.approx(apart.item(), abs=1e-6)


def test_dice_loss_of_a_perfect_answer_is_minus_one_with_and_without_a_bleed():
    truth = torch.zeros(1, 1, 4, 4, 4)
    assert dice_loss(torch.full_like(truth, -60.0), truth).item() == pytest.approx(-1, abs=1e-5)
    truth[0, 0, 1:3] = 1
    assert dice_loss((truth - 0.5) * 120, truth).item() == pytest.approx(-1, abs=1e-5)


def test_a_single_case_is_normalized_in_training_as_in_a_batch():
    (norm, *_) = (module for module in build_cnn_ds("small").modules() if isinstance(module, nn.InstanceNorm3d))
    features = torch.randn(2, norm.num_features, 6, 7, 8, generator=torch.Generator().manual_seed(4)) * 3 + 5
    features.requires_grad_()
    wanted = torch.randn(features.shape, generator=torch.Generator().manual_seed(5))
    both = norm(features)
    alone = torch.cat([norm(features[:1]), norm(features[1:])])
    assert torch.allclose(both, alone, atol=1e-5)
    inputs = (features, norm.weight, norm.bias)
    for in_batch, single in zip(*(torch.autograd.grad((output * wanted).sum(), inputs) for output in (both, alone))):
        assert torch.allclose(in_batch, single, rtol=1e-4, atol=1e-4)


def test_types_have_no_say_in_how_far_a_bleed_reaches():
    torch.manual_seed(0)
    network = build_cnn_ds("small", base_filters=2, out_labels=3, extent_output=True).eval()
    alone = build_cnn_ds("small", base_filters=2).eval()
    weights = network.state_dict()
    alone.load_state_dict({k: v[:1] if k.startswith("segmentations") else v for k, v in weights.items()})
    image = torch.rand(1, 1, 16, 16, 16)
    with torch.no_grad():
        logits, extent = network(image), alone(image)
        assert logits.shape == (1, 3, 16, 16, 16)
        torch.testing.assert_close(logits.amax(1, keepdim=True), extent)
        likeliest = logits.argmax(1)
        assert len(likeliest.unique()) == 3
        for layer in network.segmentations:  # twice as sure of the types
            layer.weight[1:] *= 2
            layer.bias[1:] *= 2
        torch.testing.assert_close(network(image).amax(1, keepdim=True), extent)
        assert torch.equal(network(image).argmax(1), likeliest)
