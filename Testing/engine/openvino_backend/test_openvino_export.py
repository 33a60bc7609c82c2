"""The exported network: made from a model, checked and carried with its package."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch
from engine.hand_made import description
from engine.hand_made import make_package as make_head_package
from engine.hand_made_shoulder import make_package, random_package

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.inference_stages import Stages
from radiologycnn.models.export import export_if_possible, export_package, export_rounded
from radiologycnn.models.install import install_model
from radiologycnn.models.package import ONNX_NAME, WEIGHTS_NAME, load_package
from radiologycnn.models.weights import load_network, save_package
from radiologycnn.networks.architectures import build_network
from radiologycnn.networks.backends import open_backend
from radiologycnn.networks.onnx_export import export_network
from radiologycnn.networks.vrn import build_vrn
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.preprocessing import Preprocessing as ShoulderPreprocessing

pytest.importorskip("openvino")
pytest.importorskip("onnx")

GRID = Preprocessing((32, 32, 16))


@pytest.mark.parametrize("training", [True, False])
def test_exporting_leaves_the_network_as_it_was(training):
    torch.manual_seed(0)
    network = build_vrn(base_filters=4, input_size=16).train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export_network(network, (16, 16, 16))
    assert {module.training for module in network.modules()} == {training}
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_head_with_a_hidden_layer_is_not_exported_and_still_works(shoulder, tmp_path):
    parameters = {"base_filters": 4, "hidden_features": 8, "input_size": 32}
    torch.manual_seed(0)
    package = make_package(
        tmp_path / "hidden",
        build_vrn(**parameters).eval(),
        architecture={"name": "vrn", "parameters": parameters},
        preprocessing=ShoulderPreprocessing(grid_size=32).to_dict(),
    )
    same, note = export_if_possible(package)
    assert not same.onnx_sha256 and "hidden layer" in note
    assert RotatorCuffClassifier(same, "cpu").classify(shoulder).methods == ("grad_cam",)


def test_the_exported_network_travels_with_the_package_and_is_checked(shoulder_package, tmp_path, monkeypatch):
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(tmp_path / "installed"))
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in shoulder_package.path.iterdir():
            packed.write(path, path.name)
    assert load_package(archive).read_onnx() == (shoulder_package.path / ONNX_NAME).read_bytes()
    for source in (shoulder_package.path, archive):
        installed = install_model(source)
        assert installed.onnx_sha256 == shoulder_package.onnx_sha256 and (installed.path / ONNX_NAME).is_file()
    # As versions that knew no exported networks copied it: usable, with torch.
    (installed.path / ONNX_NAME).unlink()
    assert load_package(installed.path).onnx_sha256 == ""
    (installed.path / ONNX_NAME).write_bytes(b"something else")
    with pytest.raises(InputError, match="exported network"):
        load_package(installed.path)


def test_new_weights_do_not_keep_the_old_exported_network(tmp_path):
    package = export_package(make_head_package(tmp_path / "hand-made-1.0.0"))
    record = package.read_description()
    again = save_package(package.path, load_network(package).state_dict(), record)
    assert again.onnx_sha256 == "" and not (package.path / ONNX_NAME).exists()


def test_rounded_weights_take_half_the_bytes_and_are_the_same_to_the_last_bit_everywhere(tmp_path):
    """Torch and OpenVINO see the same float32 numbers, and OpenVINO's changes to the graph find them."""
    import openvino

    from radiologycnn.networks.openvino_graph import fill_registers, merge_enlargements, restore_weights

    torch.manual_seed(0)
    architecture = {"name": "cnn_ds", "parameters": {"base_filters": 8, "depth": 3, "out_labels": 1}}
    network = build_network(architecture)
    full = save_package(
        tmp_path / "full", network.state_dict(), description(architecture=architecture, preprocessing=GRID.to_dict())
    )
    export_package(full)
    half = export_rounded(full, tmp_path / "half")
    assert (full.weights_precision, half.weights_precision) == ("float32", "float16")
    for name in (ONNX_NAME, WEIGHTS_NAME):
        assert (half.path / name).stat().st_size < 0.6 * (full.path / name).stat().st_size

    rounded = {name: tensor.half().float() for name, tensor in network.state_dict().items()}
    loaded = load_network(half).state_dict()
    assert all(torch.equal(rounded[name], tensor) for name, tensor in loaded.items())

    model = openvino.Core().read_model(half.read_onnx())
    restore_weights(openvino, model)
    constants = [node.data for node in model.get_ordered_ops() if node.get_type_name() == "Constant"]
    found = {(one.shape, one.tobytes()) for one in constants if one.dtype == np.float32}
    kernels = [tensor.numpy() for tensor in rounded.values() if tensor.ndim == 5]
    assert all((kernel.shape, kernel.tobytes()) in found for kernel in kernels)
    assert merge_enlargements(openvino, model) == 2 and fill_registers(openvino, model) == 2

    image = np.random.default_rng(0).random(GRID.grid_shape_ijk[::-1], np.float32)
    answers = [open_backend(half, way).probability(image, Stages(), (0, 1)).value for way in ("openvino", "torch-cpu")]
    assert np.abs(answers[0] - answers[1]).max() < 2e-5


def test_weights_that_float16_cannot_hold_are_refused(tmp_path):
    weights = make_head_package(tmp_path / "fine").path
    network = load_network(load_package(weights)).state_dict()
    network["segmentations.0.bias"] = torch.full_like(network["segmentations.0.bias"], 1e5)
    with pytest.raises(InputError, match="cannot hold the weights of segmentations"):
        save_package(tmp_path / "too-large", network, description(), half=True)
    assert not (tmp_path / "too-large").exists()


def test_a_classifier_in_half_the_bytes_is_the_same_in_torch_and_openvino(shoulder, tmp_path):
    """Its normalizations become part of the exported weights, which float16 need not hold: those stay as they are."""
    package = export_rounded(random_package(tmp_path / "random-1.0.0"), tmp_path / "half")
    ways = ("openvino", "torch-cpu")
    found = [RotatorCuffClassifier(package, way, "float32").classify(shoulder).classification for way in ways]
    assert found[0].probabilities == pytest.approx(found[1].probabilities, abs=1e-4)


def test_the_command_exports_a_copy_or_the_model_itself(tmp_path):
    from typer.testing import CliRunner

    from radiologycnn.cli import app

    package = make_head_package(tmp_path / "hand-made-1.0.0")
    copy = tmp_path / "copy"
    done = CliRunner().invoke(app, ["models", "export", str(package.path), "-o", str(copy)])
    assert done.exit_code == 0 and ONNX_NAME in done.output
    assert load_package(copy).onnx_sha256 and not load_package(package.path).onnx_sha256
    done = CliRunner().invoke(app, ["models", "export", str(copy), "--half", "-o", str(tmp_path / "half")])
    assert done.exit_code == 0 and load_package(tmp_path / "half").weights_precision == "float16"
    for wrong in ([], ["-o", str(copy)]):
        assert CliRunner().invoke(app, ["models", "export", str(copy), "--half", *wrong]).exit_code != 0
    assert CliRunner().invoke(app, ["models", "export", str(package.path)]).exit_code == 0
    assert load_package(package.path).onnx_sha256
