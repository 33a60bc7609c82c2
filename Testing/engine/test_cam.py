"""Activation maps add up to the score they explain, and lie where the evidence is."""

import math

import numpy as np
import pytest
import torch
from engine.hand_made_shoulder import averaging
from torch import nn

from radiologycnn.networks.activation import TEAR_VERSUS_NONE, normalize_map
from radiologycnn.networks.cam import activation_maps
from radiologycnn.networks.densenet3d import DenseNet3d
from radiologycnn.networks.densenet3d_options import DenseNet3dOptions
from radiologycnn.networks.feature_grid import feature_grid_ijk_to_lps, folded_grid
from radiologycnn.networks.gap_classifier import monte_carlo_dropout
from radiologycnn.networks.vrn import build_vrn


def used(network, seed=1):
    """The network as after training: biases and normalization statistics are no longer as they start."""
    generator = torch.Generator().manual_seed(seed)

    def draw(like, low, high):
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm3d):
                module.weight.copy_(draw(module.weight, 0.5, 1.5))
                module.bias.copy_(draw(module.bias, -0.5, 0.5))
                module.running_mean.copy_(draw(module.running_mean, -0.5, 0.5))
                module.running_var.copy_(draw(module.running_var, 0.2, 2.0))
            elif isinstance(module, nn.Conv3d | nn.Linear) and module.bias is not None:
                module.bias.copy_(draw(module.bias, -0.3, 0.3))
    return network.eval()


def small_densenet(**changes):
    return DenseNet3d(DenseNet3dOptions(base_filters=8, growth_rate=4, block_layers=(1, 2, 2), **changes))


NETWORKS = {
    "default": lambda: build_vrn(base_filters=8),
    "shim_tf": lambda: build_vrn("shim_tf", base_filters=8),
    "no final convolution": lambda: build_vrn(base_filters=8, final_convolution=False),
    "squeeze and excitation": lambda: build_vrn(base_filters=8, squeeze_excitation=True, squeeze_reduction=4),
    "densenet": small_densenet,
}


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(3)
    return used(NETWORKS[request.param]())


@pytest.fixture(scope="module")
def image():
    return torch.rand(1, 1, 24, 16, 20, generator=torch.Generator().manual_seed(5))


def total(found):
    return float(found.raw.mean(dtype=np.float64)) + found.bias


def test_map_and_bias_add_up_to_the_logit_of_every_class(network, image):
    with torch.no_grad():
        logits = network(image)[0].numpy()
    activation = activation_maps(network, image, targets=range(5))
    assert np.abs(activation.logits - logits).max() < 1e-6
    assert np.ptp(logits) > 0.05
    for index, found in enumerate(activation.maps):
        assert found.class_index == index and found.raw.shape == (6, 4, 5) and found.raw.dtype == np.float32
        assert total(found) == pytest.approx(float(logits[index]), abs=1e-5)
        assert np.ptp(found.raw) > 1e-3


def test_predicted_is_the_class_with_the_largest_logit(network, image):
    activation = activation_maps(network, image, targets=("predicted", 0, 1, 2, 3, 4))
    predicted, *classes = activation.maps
    best = int(activation.logits.argmax())
    assert predicted.class_index == best
    assert np.array_equal(predicted.raw, classes[best].raw)
    assert activation.probabilities.sum() == pytest.approx(1)
    assert activation.probabilities.argmax() == best


def test_tear_versus_none_explains_the_log_odds_of_a_tear(network, image):
    activation = activation_maps(network, image, targets=(TEAR_VERSUS_NONE,))
    (found,) = activation.maps
    none = activation.probabilities[0]
    assert found.class_index is None
    assert found.score == pytest.approx(math.log((1 - none) / none), abs=1e-5)
    assert total(found) == pytest.approx(found.score, abs=1e-5)


def test_with_one_tear_class_tear_versus_none_is_the_difference_of_the_two_maps(image):
    network = used(build_vrn(base_filters=4, classes=2))
    contrast, none, tear = activation_maps(network, image, targets=(TEAR_VERSUS_NONE, 0, 1)).maps
    assert np.allclose(contrast.raw, tear.raw - none.raw, atol=1e-6)


@pytest.mark.parametrize("target", [0, 3, "predicted", TEAR_VERSUS_NONE])
def test_grad_cam_of_the_last_features_is_the_class_activation_map(network, image, target):
    (direct,) = activation_maps(network, image, (target,)).maps
    (gradient,) = activation_maps(network, image, (target,), method="grad_cam").maps
    assert np.corrcoef(direct.raw.ravel(), gradient.raw.ravel())[0, 1] > 0.99999
    assert np.allclose(direct.raw, gradient.raw, atol=1e-5)
    assert gradient.score == pytest.approx(direct.score, abs=1e-6)


@pytest.mark.parametrize(("block", "shape"), [(1, (12, 8, 10)), (2, (6, 4, 5))])
def test_grad_cam_of_a_block_weights_its_output_with_the_gradient(image, block, shape):
    network = used(build_vrn("brock", base_filters=4, blocks=2, hidden_features=6))
    (found,) = activation_maps(network, image, (1,), method="grad_cam", block=block).maps
    kept = {}

    def keep(module, inputs, output):
        output.retain_grad()
        # The next unit gets a copy, as it may work in place.
        kept["output"] = output
        return output.clone()

    handle = network.blocks[block - 1].register_forward_hook(keep)
    network(image)[0, 1].backward()
    handle.remove()
    weights = kept["output"].grad[0].sum(dim=(1, 2, 3))
    expected = torch.einsum("c,ckji->kji", weights, kept["output"].detach()[0])
    assert found.raw.shape == shape and found.bias is None
    assert np.allclose(found.raw, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("method", ["cam", "grad_cam"])
def test_maps_within_inference_mode_and_of_a_monte_carlo_draw(image, method):
    network = used(build_vrn(base_filters=4))
    outside = activation_maps(network, image, method=method).maps[0].raw
    with torch.inference_mode():
        inside = activation_maps(network, image * 1.0, method=method).maps[0].raw
    assert np.array_equal(inside, outside)
    with monte_carlo_dropout(network):
        draws = [activation_maps(network, image, (2,), method=method).maps[0] for _ in range(8)]
    assert len({draw.score for draw in draws}) > 1
    if method == "cam":
        assert all(total(draw) == pytest.approx(draw.score, abs=1e-5) for draw in draws)
    assert all(parameter.grad is None for parameter in network.parameters())


def summing(network):
    """An averaging network whose classes all weigh the features alike."""
    with torch.no_grad():
        averaging(network).classifier.weight.fill_(1.0 / network.classifier.in_features)
    return network.eval()


@pytest.mark.parametrize(
    ("build", "factor", "stride"),
    [
        (lambda: build_vrn(base_filters=4, blocks=1), 1, 2),
        (lambda: build_vrn(base_filters=4, blocks=2), 1, 4),
        (lambda: build_vrn(base_filters=4, blocks=2, pixel_unshuffle=2), 2, 4),
        (lambda: build_vrn(base_filters=4, blocks=2, pixel_unshuffle=2, dense_features=True), 2, 2),
        (lambda: small_densenet(), 1, 4),
    ],
)
def test_a_map_voxel_lies_at_the_centre_of_what_it_sees(build, factor, stride):
    network = summing(build())
    index = 36 // stride
    # Long along I only: along it, every path through the network stays symmetric.
    image = torch.ones(1, 1, 8, 8 * factor, 76 * factor, requires_grad=True)
    features = network.features(image)
    features[..., index].sum().backward()
    profile = image.grad[0, 0].double().sum(dim=(0, 1)).numpy()
    assert profile[0] == 0 == profile[-1]  # the receptive field ends within the image, so nothing cuts it off
    centre = float((profile * np.arange(76 * factor)).sum() / profile.sum())
    matrix, shape = folded_grid(np.eye(4), image.shape[2:], factor)
    grid = feature_grid_ijk_to_lps(matrix, shape, features.shape[2:], network.halving_offset)
    assert centre == pytest.approx((grid @ [index, 0, 0, 1])[0], abs=1e-3)


def oblique(generator):
    """A random rotation, spacing and origin."""
    axes, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = axes * generator.uniform(0.4, 4.0, size=3)
    matrix[:3, 3] = generator.uniform(-200, 200, size=3)
    return matrix


@pytest.mark.parametrize(("method", "block", "stride"), [("cam", None, 4), ("grad_cam", 1, 2)])
def test_the_map_peaks_on_a_bright_block_wherever_it_is(method, block, stride):
    generator = np.random.default_rng(7)
    network = summing(build_vrn(base_filters=4))
    shape = (32, 48, 40)
    errors = []
    for _ in range(5):
        corner = [int(generator.integers(10, side - 18)) for side in shape]
        image = generator.uniform(0, 0.02, size=shape).astype(np.float32)
        image[tuple(slice(first, first + 6) for first in corner)] += 1
        ijk_to_lps = oblique(generator)
        (found,) = activation_maps(network, torch.from_numpy(image)[None, None], (2,), method, block).maps
        grid = feature_grid_ijk_to_lps(ijk_to_lps, shape, found.raw.shape, network.halving_offset)
        truth = np.array(corner[::-1]) + 2.5

        def in_voxels(kji, to_lps=grid, from_lps=ijk_to_lps):
            return (np.linalg.solve(from_lps, to_lps @ [*kji[::-1], 1]))[:3]

        peak = np.unravel_index(found.raw.argmax(), found.raw.shape)
        assert np.abs(in_voxels(peak) - truth).max() <= stride  # one voxel of the map
        weights = found.normalized**4
        mean = [float((weights * position).sum() / weights.sum()) for position in np.indices(weights.shape)]
        errors.append(in_voxels(mean) - truth)
    # An even division of the image would shift the map by half a voxel less than half its stride.
    assert np.abs(np.mean(errors, axis=0)).max() < (stride - 1) / 4


def test_normalized_maps_keep_the_order_within_0_and_1():
    raw = np.array([[-3.0, 0.0, 1.0, 4.0]])
    assert np.allclose(normalize_map(raw), [[0, 0, 0.25, 1]])
    assert np.allclose(normalize_map(raw, "range"), [[0, 3 / 7, 4 / 7, 1]])
    assert np.allclose(normalize_map(np.array([1e38, -3e38, 3e38], dtype=np.float32), "range"), [2 / 3, 0, 1])
    assert np.allclose(normalize_map(np.array([0, 1e-42, 2e-42], dtype=np.float32)), [0, 0.5, 1], atol=1e-3)


@pytest.mark.parametrize("kind", ["positive", "range"])
@pytest.mark.parametrize("value", [0.0, 5.0, -5.0, 1e-30])
def test_a_map_that_is_the_same_everywhere_names_no_place(kind, value):
    raw = np.full((2, 3, 4), value, dtype=np.float32)
    assert np.array_equal(normalize_map(raw, kind), np.zeros((2, 3, 4)))
    raw[0, 0, 0] = np.nextafter(np.float32(value), np.float32(np.inf))
    if value not in (0.0, 1e-30):
        assert not normalize_map(raw, kind).any()


def test_a_map_without_evidence_for_the_target_is_empty():
    assert not normalize_map(np.array([-4.0, -1.0, -0.5])).any()


@pytest.mark.parametrize("raw", [np.array([1.0, np.nan]), np.array([np.inf, 0.0]), np.zeros((0, 2))])
def test_maps_without_values_are_refused(raw):
    with pytest.raises(ValueError, match="finite"):
        normalize_map(raw)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"targets": (5,)}, "no target 5"),
        ({"targets": (-1,)}, "no target -1"),
        ({"targets": (True,)}, "no target True"),
        ({"targets": ("tear",)}, "no target 'tear'"),
        ({"method": "saliency"}, "no method"),
        ({"block": 1}, "last features only"),
        ({"method": "grad_cam", "block": 3}, "no block 3"),
        ({"method": "grad_cam", "block": 0}, "no block 0"),
        ({"image": torch.zeros(2, 1, 8, 8, 8)}, "One image"),
        ({"image": torch.full((1, 1, 8, 8, 8), float("nan"))}, "not finite"),
    ],
)
def test_what_cannot_be_mapped_is_said(arguments, words):
    network = build_vrn(base_filters=4).eval()
    with pytest.raises(ValueError, match=words):
        activation_maps(network, **{"image": torch.zeros(1, 1, 8, 8, 8), **arguments})


def test_a_network_in_training_or_with_a_hidden_layer_has_no_exact_map():
    image = torch.zeros(1, 1, 8, 8, 8)
    with pytest.raises(ValueError, match="in training"):
        activation_maps(build_vrn(base_filters=4), image)
    with pytest.raises(ValueError, match="only Grad-CAM"):
        activation_maps(build_vrn("brock", base_filters=4, blocks=1).eval(), image)
