"""The exported network: made from a model, checked and carried with its package."""

from __future__ import annotations

import json
import zipfile

import pytest
import torch
from engine.hand_made import make_package as make_head_package
from engine.hand_made_shoulder import make_package

from radiologycnn.errors import InputError
from radiologycnn.models.export import export_if_possible, export_package
from radiologycnn.models.install import install_model
from radiologycnn.models.package import ONNX_NAME, load_package
from radiologycnn.models.weights import load_network, save_package
from radiologycnn.networks.onnx_export import export_network
from radiologycnn.networks.vrn import build_vrn
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.preprocessing import Preprocessing as ShoulderPreprocessing

pytest.importorskip("openvino")
pytest.importorskip("onnx")


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
    record = json.loads(package.read_description())
    again = save_package(package.path, load_network(package).state_dict(), record)
    assert again.onnx_sha256 == "" and not (package.path / ONNX_NAME).exists()


def test_the_command_exports_a_copy_or_the_model_itself(tmp_path):
    from typer.testing import CliRunner

    from radiologycnn.cli import app

    package = make_head_package(tmp_path / "hand-made-1.0.0")
    copy = tmp_path / "copy"
    done = CliRunner().invoke(app, ["models", "export", str(package.path), "-o", str(copy)])
    assert done.exit_code == 0 and ONNX_NAME in done.output
    assert load_package(copy).onnx_sha256 and not load_package(package.path).onnx_sha256
    assert CliRunner().invoke(app, ["models", "export", str(package.path)]).exit_code == 0
    assert load_package(package.path).onnx_sha256
