"""Model packages: written, checked, refused with reasons, listed."""

import hashlib
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from engine.hand_made import description, make_package, window_network
from engine.model_files import change_description, refusal, zipped

from radiologycnn.models.catalog import find_model, list_models
from radiologycnn.models.install import install_model
from radiologycnn.models.package import load_package
from radiologycnn.models.weights import load_network, save_package

TASK = "hemorrhage-segmentation"
pytestmark = pytest.mark.usefixtures("models_folder")


# ---- reading -----------------------------------------------------------------------------------------------------


def test_a_saved_package_gives_back_its_network(package_folder):
    package = load_package(package_folder)
    assert (package.id, package.task, package.simulated) == ("hand-made-1.0.0", TASK, True)
    network = load_network(package)
    assert not network.training
    image = torch.rand(1, 1, 8, 8, 8)
    assert torch.equal(network(image), window_network().eval()(image))


def test_half_precision_weights_are_stored_half_and_computed_in_full(tmp_path):
    half = {name: tensor.half() for name, tensor in window_network().state_dict().items()}
    package = save_package(tmp_path / "half", half, description())
    assert (package.path / "weights.safetensors").stat().st_size < 2 * sum(t.numel() for t in half.values()) + 6000
    assert all(parameter.dtype == torch.float32 for parameter in load_network(package).parameters())


@pytest.mark.parametrize("prefix", ["", "hand-made-1.0.0/"])
def test_a_zip_is_as_good_as_its_folder(package_folder, tmp_path, prefix):
    package = load_package(zipped(package_folder, tmp_path / "model.zip", prefix))
    assert package.id == "hand-made-1.0.0"
    image = torch.rand(1, 1, 8, 8, 8)
    assert torch.equal(load_network(package)(image), window_network().eval()(image))


def test_every_problem_of_a_description_is_said_at_once(package_folder):
    change_description(
        package_folder,
        name="Bad Name",
        version="one",
        task="weather",
        title=...,
        simulated="yes",
        operating_threshold=2,
        labels=[{"value": 3, "name": "", "color_rgb": [0, 0], "type": "blood", "size": 1}],
        architecture={"name": "cnn_ds", "parameters": {"depth": 99}},
    )
    message = refusal(load_package, package_folder)
    for problem in (
        '"name" must be',
        '"version" must be',
        '"weather" is unknown',
        '"title" is missing',
        '"simulated" must be true or false',
        '"operating_threshold" must lie',
        '"value" of label 1',
        '"name" of label 1',
        '"color_rgb" of label 1',
        '"type" of label 1',
        "unknown fields: size",
        "depth",
    ):
        assert problem in message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema_version": 2}, "newer RadiologyCNN"),
        ({"schema_version": "1"}, "schema_version"),
        ({"architecture": {"name": "transformer", "parameters": {}}}, "'transformer' is unknown"),
        ({"weights_sha256": "0" * 64}, "damaged or were changed"),
        ({"name": "../../evil"}, '"name" must be'),
        ({"labels": []}, "at least one label"),
    ],
)
def test_a_package_is_refused_with_the_reason(package_folder, changes, reason):
    change_description(package_folder, **changes)
    assert reason in refusal(load_package, package_folder)


def test_changed_weights_are_refused(package_folder):
    file = package_folder / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "damaged or were changed" in refusal(load_package, package_folder)


def test_weights_changed_after_the_check_are_refused(package_folder):
    package = load_package(package_folder)
    (package_folder / "weights.safetensors").write_bytes(b"other")
    assert "changed since" in refusal(load_network, package)


def test_a_pickle_is_never_loaded(package_folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    content = pickle.dumps(Trap())
    (package_folder / "weights.safetensors").write_bytes(content)
    change_description(package_folder, weights_sha256=hashlib.sha256(content).hexdigest())
    assert "not a valid safetensors" in refusal(load_network, load_package(package_folder))
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_network_are_refused(tmp_path):
    weights = window_network().state_dict()
    other = {"name": "cnn_ds", "parameters": {"preset": "small"}}
    assert "do not fit" in refusal(save_package, tmp_path / "x", weights, description(architecture=other))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_a_broken_description_is_refused(package_folder, content):
    (package_folder / "model.json").write_bytes(content)
    assert refusal(load_package, package_folder)


def test_what_is_no_package_is_refused(tmp_path):
    assert "no model.json" in refusal(load_package, tmp_path)
    (tmp_path / "x.zip").write_bytes(b"PK no zip")
    assert "neither a folder nor a complete zip" in refusal(load_package, tmp_path / "x.zip")
    assert "no model at" in refusal(load_package, tmp_path / "absent")


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:evil.txt"])
def test_a_zip_with_a_name_that_leads_out_is_refused(package_folder, tmp_path, models_folder, name):
    path = zipped(package_folder, tmp_path / "model.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "evil")
    assert "leads out of its folder" in refusal(load_package, path)
    assert "leads out of its folder" in refusal(install_model, path)
    assert not list(tmp_path.rglob("evil.txt"))
    assert list_models() == []


# ---- the list ----------------------------------------------------------------------------------------------------


def test_models_are_listed_with_broken_ones_and_their_reason(tmp_path, models_folder):
    make_package(tmp_path / "bundled" / "hand-made-1.0.0")
    make_package(models_folder / "hand-made-1.10.0", version="1.10.0")
    make_package(models_folder / "hand-made-1.9.0", version="1.9.0")
    make_package(models_folder / "real-1.0.0", name="real", title="Real", simulated=False)
    make_package(models_folder / "broken")
    change_description(models_folder / "broken", version="?")
    (models_folder / ".installing-x").mkdir()
    (models_folder / "notes.txt").write_text("not a model")

    listed = list_models(TASK)
    assert [package.id for package in listed] == [
        "real-1.0.0",
        "hand-made-1.10.0",
        "hand-made-1.9.0",
        "hand-made-1.0.0",
        "broken",
    ]
    assert [bool(package.problem) for package in listed] == [False] * 4 + [True]
    assert "version" in listed[-1].problem
    assert [package.problem for package in list_models("rotator-cuff-classification")] == [listed[-1].problem]


def test_a_model_is_found_by_id_name_path_or_as_the_first(tmp_path, models_folder):
    make_package(models_folder / "hand-made-1.10.0", version="1.10.0")
    make_package(models_folder / "hand-made-1.9.0", version="1.9.0")
    elsewhere = make_package(tmp_path / "elsewhere", name="other").path
    assert find_model("hand-made-1.9.0", TASK).version == "1.9.0"
    assert find_model("hand-made", TASK).version == "1.10.0"
    assert find_model(None, TASK).version == "1.10.0"
    assert find_model(str(elsewhere), TASK).name == "other"
    assert "no model nonsense" in refusal(find_model, "nonsense", TASK)
    assert "is for hemorrhage" in refusal(find_model, "hand-made", "rotator-cuff-classification")
    assert "No model is installed" in refusal(find_model, None, "rotator-cuff-classification")


def test_a_changed_model_is_noticed(models_folder):
    make_package(models_folder / "m")
    assert not list_models()[0].problem
    (models_folder / "m" / "weights.safetensors").write_bytes(b"shorter")
    assert "damaged" in list_models()[0].problem
