"""VRN has the published parameter counts, cost and receptive field, and its parts do what the papers say."""

import json
import subprocess
import sys

import pytest
import torch
from engine.network_cost import giga_multiplications, millions_of_parameters
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from radiologycnn.networks.architectures import architecture_problems, build_network, count_parameters
from radiologycnn.networks.densenet3d import DenseNet3d
from radiologycnn.networks.densenet3d_options import DenseNet3dOptions
from radiologycnn.networks.gap_classifier import StochasticDepth, monte_carlo_dropout
from radiologycnn.networks.vrn import DownsampleUnit, VrnUnit, build_vrn
from radiologycnn.networks.vrn_options import VrnOptions

SMALL = {"base_filters": 4, "blocks": 1}


def test_parameters_of_every_stage_are_the_published_ones():
    network = build_vrn()
    assert count_parameters(network.stem) == 896
    units = [[count_parameters(unit) for unit in block] for block in network.blocks]
    assert units == [[12_624] * 3 + [42_208], [50_208] * 3 + [168_384, 0]]
    assert count_parameters(network.final) == 442_624
    assert count_parameters(network.head_norm) == 256
    assert count_parameters(network.classifier) == 645
    assert count_parameters(network) == 843_509


@pytest.mark.parametrize(
    ("preset", "changes", "millions"),
    [
        ("default", {}, 0.8435),
        ("shim_tf", {}, 0.843949),
        ("default", {"final_convolution": False}, 0.40),
        ("default", {"base_filters": 16}, 0.21),
        ("default", {"blocks": 1}, 0.19),
        ("default", {"blocks": 3}, 3.4),
        ("default", {"blocks": 4}, 13.8),
        ("brock", {}, 14.1),
        ("brock", {"classes": 40}, 14.1),
    ],
)
def test_parameters_of_the_variants_are_the_published_ones(preset, changes, millions):
    assert millions_of_parameters(lambda: build_vrn(preset, **changes), millions) == millions


@pytest.mark.parametrize(
    ("changes", "published"),
    [({}, 28.3), ({"base_filters": 16}, 7.1), ({"blocks": 1}, 21), ({"blocks": 3}, 32), ({"blocks": 4}, 34)],
)
def test_cost_at_the_papers_size_is_the_published_one(changes, published):
    counted = giga_multiplications(lambda: build_vrn(**changes), 1, 1, 64, 64, 64)
    assert round(counted, 1 if isinstance(published, float) else 0) == published


def test_most_of_the_work_is_at_the_two_finest_grids():
    network = build_vrn()
    with torch.device("meta"), FlopCounterMode(display=False, depth=None) as counter, torch.inference_mode():
        network.to("meta").eval()(torch.empty(1, 1, 64, 64, 64))
    per_module = {name: sum(flops.values()) for name, flops in counter.get_flop_counts().items()}
    fine = per_module["Vrn.stem"] + per_module["Vrn.blocks.0"] + per_module["Vrn.blocks.1"]
    assert round(100 * fine / per_module["Global"]) == 94


@pytest.mark.parametrize(("blocks", "side"), [(1, 32), (2, 16), (3, 8), (4, 4)])
def test_each_block_halves_the_grid_of_the_activation_map(blocks, side):
    with torch.device("meta"):
        network = build_vrn(blocks=blocks).eval()
        features = network.features(torch.empty(1, 1, 64, 64, 64))
        assert features.shape == (1, 32 * 2**blocks, side, side, side)
        assert network.classify(features).shape == (1, 5)


@pytest.mark.parametrize("preset", ["default", "shim_tf"])
def test_dense_features_hold_the_halved_ones_and_those_between(preset):
    """So a trained network's weights give a map of twice the resolution, and moving the image moves it."""
    torch.manual_seed(0)
    halved = build_vrn(preset, base_filters=4).eval()
    dense = build_vrn(preset, base_filters=4, dense_features=True).eval()
    dense.load_state_dict(halved.state_dict())
    image = torch.randn(1, 1, 72, 8, 12)
    with torch.inference_mode():
        coarse, fine = halved.features(image), dense.features(image)
        assert fine.shape == (1, 16, 36, 4, 6)
        assert torch.allclose(fine[..., ::2, ::2, ::2], coarse, atol=1e-6)
        assert torch.equal(dense(image), dense.classify(fine))
        # Half a voxel of the coarse map is two of the image; far enough from its ends.
        moved = halved.features(image.roll(-2, dims=2))
        assert torch.allclose(fine[:, :, 17:20:2, ::2, ::2], moved[:, :, 8:10], atol=1e-6)
        assert not torch.allclose(fine[:, :, 17:20:2, ::2, ::2], coarse[:, :, 8:10], atol=1e-2)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_voxel_of_the_activation_map_sees_59_voxels_around_every_fourth(axis):
    torch.manual_seed(0)
    network = build_vrn(base_filters=4).eval()
    # Long along one axis only, which is enough to see how far a voxel sees along it.
    shape = [64 if axis == other else 8 for other in range(3)]
    image = torch.rand(1, 1, *shape, requires_grad=True)
    features = network.features(image)
    features.select(2 + axis, 8).sum().backward()
    seen = image.grad[0, 0].movedim(axis, 0).flatten(1).any(dim=1).nonzero()
    assert (seen.min().item(), seen.max().item()) == (32 - 29, 32 + 29)


def test_folded_pixels_that_count_alike_are_their_mean():
    """So a network of coarse voxels can go on learning from finer ones."""
    coarse, fine = build_vrn(**SMALL).eval(), build_vrn(**SMALL, pixel_unshuffle=2).eval()
    weights = coarse.state_dict()
    weights["stem.weight"] = weights["stem.weight"].repeat(1, 4, 1, 1, 1) / 4
    fine.load_state_dict(weights)
    image = torch.randn(2, 1, 8, 32, 24)
    with torch.no_grad():
        seen = nn.functional.avg_pool3d(image, (1, 2, 2))
        assert torch.allclose(fine.features(image), coarse.features(seen), atol=1e-5)
        # And which pixel of the square is which is not lost.
        fine.stem.weight[:, 1:] = 0
        coarse.stem.weight.copy_(fine.stem.weight[:, :1])
        assert torch.allclose(fine(image), coarse(image[..., ::2, ::2]), atol=1e-5)


def test_forward_is_the_head_on_the_features():
    torch.manual_seed(0)
    network = build_vrn(**SMALL).eval()
    image = torch.rand(2, 1, 16, 16, 16)
    assert torch.equal(network(image), network.classify(network.features(image)))


def test_a_unit_adds_its_branches_to_the_raw_input():
    torch.manual_seed(0)
    unit = VrnUnit(8, 1.0, VrnOptions()).eval()
    features = torch.randn(1, 8, 5, 5, 5)
    before = features.clone()
    nn.init.zeros_(unit.plain[-1].weight)
    nn.init.constant_(unit.plain[-1].bias, 2.0)
    result = unit(features)
    assert torch.equal(features, before)
    # The first half of the channels comes from the bottleneck branch, the second from the plain one.
    assert torch.equal(result[:, 4:], before[:, 4:] + 2.0)
    assert not torch.allclose(result[:, :4], before[:, :4])


def test_downsampling_pools_by_largest_and_by_mean_with_zeros_around():
    unit = DownsampleUnit(4, VrnOptions(norm_eps=1e-12)).eval()
    for branch in unit.branches:
        nn.init.zeros_(branch[0].weight)
    for pooled in (2, 3):
        nn.init.constant_(unit.branches[pooled][0].bias, 27.0)
    result = unit(torch.zeros(1, 4, 6, 6, 6))
    assert result.shape == (1, 8, 3, 3, 3)
    assert torch.equal(result[:, :4], torch.zeros(1, 4, 3, 3, 3))
    assert torch.allclose(result[:, 4:6], torch.full((1, 2, 3, 3, 3), 27.0))
    # The corner's window has 8 of 27 voxels inside.
    assert result[0, 6, 0, 0, 0].item() == pytest.approx(8.0)
    assert result[0, 6, 1, 1, 1].item() == pytest.approx(27.0)


def test_stochastic_depth_drops_whole_samples_and_weights_at_test_time():
    torch.manual_seed(0)
    layer = StochasticDepth(0.7)
    branch = torch.rand(4000, 2, 1, 1, 3) + 1
    dropped = layer(branch)
    kept = (dropped != 0).flatten(1)
    assert bool((kept.all(dim=1) | ~kept.any(dim=1)).all())
    assert torch.equal(dropped[kept.all(dim=1)], branch[kept.all(dim=1)])
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.03)
    assert torch.equal(layer.eval()(branch), branch * 0.7)


def test_keep_probabilities_fall_with_depth_as_in_brocks_schedule():
    network = build_vrn()
    keep = [layer.keep_probability for layer in network.modules() if isinstance(layer, StochasticDepth)]
    assert keep == [0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.5]


def test_dropout_as_in_the_published_code_never_draws_unless_asked():
    torch.manual_seed(0)
    image = torch.rand(3, 1, 8, 8, 8)

    def varies(**changes):
        network = build_vrn("shim_tf", **SMALL, **changes).train()
        return not torch.equal(network(image), network(image))

    assert not varies()
    assert varies(dropout="element")
    assert varies(dropout="stochastic_depth")


def test_the_published_code_normalizes_after_the_activation_and_has_biases_everywhere():
    layers = build_vrn("shim_tf").blocks[0][0].plain
    assert [type(layer).__name__ for layer in layers] == ["Conv3d", "ELU", "BatchNorm3d", "Conv3d"]
    layers = build_vrn().blocks[0][0].plain
    assert [type(layer).__name__ for layer in layers] == ["Conv3d", "BatchNorm3d", "ELU", "Conv3d"]
    assert all(
        layer.bias is not None for layer in build_vrn("shim_tf").modules() if isinstance(layer, nn.Conv3d | nn.Linear)
    )


@pytest.mark.parametrize("dropout", ["stochastic_depth", "element"])
def test_monte_carlo_dropout_draws_and_leaves_the_network_as_it_was(dropout):
    torch.manual_seed(0)
    network = build_vrn(**SMALL, dropout=dropout).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    image = torch.rand(1, 1, 8, 8, 8)
    with monte_carlo_dropout(network), torch.inference_mode():
        outputs = {tuple(network(image)[0].tolist()) for _ in range(12)}
    assert len(outputs) > 1
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(module.training for module in network.modules())


def test_weights_start_as_xavier_uniform_and_as_orthogonal():
    torch.manual_seed(0)
    network = build_vrn()
    weight = network.final.convolution.weight
    bound = (6 / (128 * 27 + 128 * 27)) ** 0.5
    assert weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    assert not network.stem.bias.any() and not network.classifier.bias.any()
    rows = build_vrn("brock", blocks=1, hidden_features=0).final.convolution.weight.flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(64), atol=1e-5)


def test_squeeze_and_excitation_weights_each_branch_by_its_gates():
    torch.manual_seed(0)
    plain = build_vrn()
    network = build_vrn(squeeze_excitation=True)
    # 16-fold reduction, two layers with biases, after each residual branch.
    gates = sum(c * (c // 16) * 2 + c + c // 16 for c in [32] * 3 + [64] * 3 + [128])
    assert count_parameters(network) == count_parameters(plain) + gates
    unit = VrnUnit(16, 1.0, VrnOptions(squeeze_excitation=True)).eval()
    features = torch.randn(1, 16, 4, 4, 4)
    nn.init.zeros_(unit.squeeze.excite.weight)
    nn.init.constant_(unit.squeeze.excite.bias, 100.0)
    whole = unit(features) - features
    nn.init.zeros_(unit.squeeze.excite.bias)
    assert torch.allclose(unit(features) - features, whole / 2, atol=1e-6)


def test_vrn_learns_which_images_hold_a_bright_block():
    torch.manual_seed(0)
    image = torch.rand(8, 1, 12, 12, 12) * 0.3
    label = torch.tensor([0, 1] * 4)
    for index in range(1, 8, 2):
        image[index, :, index : index + 4, 4:8, 6:10] += 1
    network = build_vrn(**SMALL, classes=2).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(image), label)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-4:]) < 0.5 * sum(losses[:4])
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_densenet_is_of_vrns_size_and_has_the_same_grid():
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.inference_mode():
        network = DenseNet3d().eval()
        features = network.features(torch.empty(1, 1, 64, 64, 64))
        assert network.classify(features).shape == (1, 5)
    assert features.shape[2:] == (16, 16, 16)
    assert count_parameters(network) == pytest.approx(843_509, rel=0.1)
    assert counter.get_total_flops() / 2e9 == pytest.approx(28.3, rel=0.15)


@pytest.mark.parametrize("options", [VrnOptions.from_dict({"preset": "brock"}), DenseNet3dOptions(growth_rate=4)])
def test_options_survive_json(options):
    again = type(options).from_dict(json.loads(json.dumps(options.to_dict())))
    assert again == options


@pytest.mark.parametrize("name", ["vrn", "densenet3d"])
def test_a_model_package_may_name_the_network(name):
    with torch.device("meta"):
        network = build_network({"name": name, "parameters": {"base_filters": 8, "classes": 3}})
        assert network.eval()(torch.empty(2, 1, 16, 16, 16)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("vrn", {"preset": "vgg"}, "no preset 'vgg'"),
        ("vrn", {"preset": ["brock"]}, "no preset"),
        ("vrn", {"depth": 4}, "no option 'depth'"),
        ("vrn", {"blocks": 5}, "within 1 to 4"),
        ("vrn", {"blocks": True}, "within 1 to 4"),
        ("vrn", {"base_filters": 6}, "multiple of 4"),
        ("vrn", {"dropout": "sometimes"}, "not one of"),
        ("vrn", {"keep_probabilities": [0.9, 0.0, 0.5] * 2}, "within 0.01 to 1.0"),
        ("vrn", {"keep_probabilities": [0.9] * 5}, "2 blocks need 6"),
        ("vrn", {"keep_probabilities": 0.5}, "must be a list"),
        ("vrn", {"squeeze_excitation": 1}, "not true or false"),
        ("vrn", {"norm_eps": float("nan")}, "norm_eps"),
        ("densenet3d", {"block_layers": [2.5]}, "block_layers"),
        ("densenet3d", {"growth_rate": 10_000}, "within 1 to 128"),
    ],
)
def test_impossible_options_are_named(name, parameters, words):
    problems = architecture_problems({"name": name, "parameters": parameters})
    assert len(problems) == 1 and words in problems[0]
    with pytest.raises(ValueError, match=r"option|preset"):
        build_network({"name": name, "parameters": parameters})


def test_options_are_checked_without_torch():
    program = (
        "import sys; from radiologycnn.networks.architectures import architecture_problems as p;"
        "assert p({'name': 'vrn', 'parameters': {'blocks': 9}}) and not p({'name': 'vrn', 'parameters': {}});"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
