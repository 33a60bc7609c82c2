"""What is changed in an exported network before it is compiled leaves its answer as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radiologycnn.networks.onnx_export import export_network

pytest.importorskip("openvino")
pytest.importorskip("onnx")


def run(
    network: torch.nn.Module, image: np.ndarray, precision: str = "float32"
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Probability by torch in double precision and by OpenVINO, and the kinds of layers of what was compiled."""
    from radiologycnn.networks.openvino_runner import OpenVinoRunner

    with torch.no_grad():
        expected = torch.sigmoid(network.double()(torch.from_numpy(image).double())).numpy()
    network.options = type("Options", (), {"in_channels": image.shape[1]})
    runner = OpenVinoRunner(export_network(network.float(), image.shape[2:]), precision)
    kinds = [node.get_rt_info()["layerType"].astype(str) for node in runner.compiled.get_runtime_model().get_ops()]
    return expected, runner.run(image, lambda share: None)["probability"], kinds


def test_normalization_over_many_voxels_keeps_its_digits():
    """A head is mostly air: sums that run through all of it must not drift."""
    torch.manual_seed(0)
    normalization = torch.nn.InstanceNorm3d(4, affine=True)
    torch.nn.init.uniform_(normalization.weight, 0.5, 2)
    torch.nn.init.normal_(normalization.bias)
    layers = [torch.nn.Conv3d(1, 4, 3, padding=1), normalization, torch.nn.LeakyReLU()]
    image = np.zeros((1, 1, 64, 128, 128), np.float32)
    image[..., 20:50, 30:90, 40:100] = np.random.default_rng(0).random((30, 60, 60)) * 0.4
    expected, found, kinds = run(torch.nn.Sequential(*layers, torch.nn.Conv3d(4, 1, 1)).eval(), image)
    assert "Reduce" in kinds and "MVN" not in kinds
    assert np.abs(found - expected).max() < 3e-6


@pytest.mark.parametrize("share", [0.0, 1e-6, 1.0])
def test_normalization_of_an_image_of_next_to_one_value_is_torchs(share):
    """What little there is of a spread must not get lost in the square of the mean."""
    torch.manual_seed(0)
    layers = [torch.nn.Conv3d(1, 4, 1), torch.nn.InstanceNorm3d(4, affine=True), torch.nn.Conv3d(4, 1, 1)]
    image = np.full((1, 1, 16, 32, 32), 0.5, np.float32)
    image += np.float32(share * 0.01) * np.random.default_rng(0).standard_normal(image.shape, np.float32)
    expected, found, _kinds = run(torch.nn.Sequential(*layers).eval(), image)
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize(("mode", "kind"), [("nearest", "Deconvolution"), ("trilinear", "Interpolate")])
def test_a_doubling_and_the_convolution_after_it_are_one_where_voxels_are_copied(mode, kind):
    torch.manual_seed(0)
    enlarge = torch.nn.Upsample(scale_factor=2, mode=mode)
    network = torch.nn.Sequential(enlarge, torch.nn.Conv3d(2, 3, 3, padding=1), torch.nn.Conv3d(3, 2, 1)).eval()
    image = np.random.default_rng(0).standard_normal((1, 2, 3, 5, 7), np.float32)
    expected, found, kinds = run(network, image)
    assert kind in kinds and "Convolution" in kinds
    assert np.abs(found - expected).max() < 1e-6


def test_levels_that_see_the_other_side_see_it_without_torch_too():
    from radiologycnn.networks.cnn_ds import build_cnn_ds

    torch.manual_seed(0)
    network = build_cnn_ds(base_filters=2, depth=3, mirrored_levels=2).eval()
    image = np.random.default_rng(0).random((1, 1, 8, 16, 24), np.float32)
    alone = torch.sigmoid(network(torch.from_numpy(image))).detach().numpy()
    for mirroring in network.mirrorings:
        torch.nn.init.xavier_uniform_(mirroring.weight)
    expected, found, _kinds = run(torch.nn.Sequential(network), image)
    assert np.abs(expected - alone).max() > 1e-3
    assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("side", [16, 20])
def test_features_at_every_voxel_are_torchs(side):
    """Also where the grid that is no longer halved is not a whole number of dilated steps."""
    from radiologycnn.networks.vrn import build_vrn

    torch.manual_seed(0)
    network = build_vrn(base_filters=4, dense_features=True).eval()
    image = np.random.default_rng(0).random((1, 1, 16, side, 18), np.float32)
    features = torch.nn.Sequential(*network.stages())
    expected, found, _kinds = run(features, image)
    assert found.shape == (1, 16, 8, side // 2, 9)
    assert np.abs(found - expected).max() < 1e-5


def test_bfloat16_does_less_work_too():
    from radiologycnn.errors import InputError

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Upsample(scale_factor=2), torch.nn.Conv3d(2, 3, 3, padding=1)).eval()
    image = np.random.default_rng(0).standard_normal((1, 2, 3, 5, 7), np.float32)
    try:
        expected, found, kinds = run(network, image, "bfloat16")
    except InputError:
        pytest.skip("this CPU does not calculate in bfloat16")
    assert "Deconvolution" in kinds
    assert np.abs(found - expected).max() < 0.01


@pytest.mark.parametrize(("columns", "labels"), [(32, 1), (20, 1), (32, 2)])
def test_a_last_convolution_to_one_channel_gives_the_same_voxels(columns, labels):
    torch.manual_seed(0)
    image = np.random.default_rng(0).standard_normal((1, 3, 4, 6, columns), np.float32)
    expected, found, _kinds = run(torch.nn.Sequential(torch.nn.Conv3d(3, labels, 3, padding=1)).eval(), image)
    assert np.abs(found - expected).max() < 1e-6


def test_convolutions_to_few_channels_between_others_give_the_same_voxels():
    """As in VRN's branches: several voxels at once, with shift and ELU, where only convolutions take them."""
    from radiologycnn.networks.openvino_graph import FEW_CHANNELS, fill_registers
    from radiologycnn.networks.openvino_runner import import_openvino

    torch.manual_seed(0)
    layers = [
        torch.nn.Conv3d(2, 8, 3, padding=1),
        torch.nn.ELU(),
        torch.nn.Conv3d(8, 4, 3, padding=1),
        torch.nn.ELU(0.5),
    ]
    layers += [
        torch.nn.Conv3d(4, 4, 1),
        torch.nn.Conv3d(4, 2, 3, padding=1, bias=False),
        torch.nn.Conv3d(2, 12, 3, padding=1),
        torch.nn.ELU(),
    ]
    # Not single voxels, 2 channels or 12, and not those that a normalization takes.
    layers += [torch.nn.Conv3d(12, 8, 3, padding=1), torch.nn.InstanceNorm3d(8), torch.nn.Conv3d(8, 32, 1)]
    network = torch.nn.Sequential(*layers).eval()
    network.options = type("Options", (), {"in_channels": 2})
    image = np.random.default_rng(0).standard_normal((1, 2, 3, 4, 16), np.float32)
    openvino = import_openvino()
    core = openvino.Core()
    plain, model = (core.read_model(export_network(network, image.shape[2:])) for _ in range(2))
    assert fill_registers(openvino, model, (1, *FEW_CHANNELS)) == 2
    has_bfloat16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    for precision, limit in (("f32", 1e-6), *([("bf16", 1e-3)] if has_bfloat16 else [])):
        hint = {"INFERENCE_PRECISION_HINT": precision}
        expected, compiled = core.compile_model(plain, "CPU", hint)(image)[0], core.compile_model(model, "CPU", hint)
        kinds = [node.get_rt_info()["layerType"].astype(str) for node in compiled.get_runtime_model().get_ops()]
        assert kinds.count("Convolution") == 7
        assert np.abs(compiled(image)[0] - expected).max() < limit
