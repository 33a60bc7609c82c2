"""OpenVINO gives torch's answers: on simulated scans, for every target's map, run after run, and without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.hand_made import make_package as make_head_package
from engine.hand_made_shoulder import brightness_network, make_package, plain_scan, random_package

from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.inference_stages import Stages
from radiologycnn.models.catalog import bundled_models_folder, list_models
from radiologycnn.models.export import export_if_possible, export_package
from radiologycnn.models.install import install_model
from radiologycnn.models.package import ONNX_NAME, load_package
from radiologycnn.models.weights import load_network, save_package
from radiologycnn.networks.backends import likely_backend, open_backend
from radiologycnn.networks.onnx_export import export_network
from radiologycnn.networks.vrn import build_vrn
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.preprocessing import Preprocessing as ShoulderPreprocessing
from radiologycnn.simulation.head_ct.config import HeadCtConfig
from radiologycnn.simulation.head_ct.simulate import simulate_head_ct

pytest.importorskip("openvino")
pytest.importorskip("onnx")

REFERENCE = "torch-cpu"
HEAD, SHOULDER = "hemorrhage-segmentation", "rotator-cuff-classification"


def bundled(task: str) -> list:
    return [p for p in list_models(task) if not p.problem and bundled_models_folder() in p.path.parents]


@pytest.fixture(scope="module")
def head_package(tmp_path_factory):
    """The bundled model that segments, exported anew where it is without its network."""
    package = bundled(HEAD)[0]
    return package if package.onnx_sha256 else export_package(package, tmp_path_factory.mktemp("head") / "model")


@pytest.fixture(scope="module")
def heads():
    """Simulated heads with bleeds of several millilitres, one of them large."""
    config = HeadCtConfig().with_matrix(256)
    return [simulate_head_ct(index, seed=99, config=config).volume for index in (1, 5)]


@pytest.fixture(scope="module")
def shoulder_package(tmp_path_factory):
    return export_package(random_package(tmp_path_factory.mktemp("shoulder") / "random-1.0.0"))


@pytest.fixture(scope="module")
def shoulder():
    return plain_scan(side="left")


# ---- parity ----------------------------------------------------------------------------------------


def test_bundled_models_come_with_their_exported_network():
    assert bundled(HEAD)
    for package in list_models():
        if bundled_models_folder() in package.path.parents:
            assert package.onnx_sha256, package.id


def test_segmentation_is_torchs_in_overlap_and_volume(head_package, heads):
    reference, fast = (HemorrhageSegmenter(head_package, device) for device in (REFERENCE, "openvino"))
    for scan in heads:
        expected, found = reference.segment(scan), fast.segment(scan)
        volume_ml = expected.measurements.total_volume_ml
        assert volume_ml > 1
        both = np.count_nonzero(expected.mask & found.mask)
        assert 2 * both / (expected.mask.sum() + found.mask.sum()) >= 0.999
        assert found.measurements.total_volume_ml == pytest.approx(volume_ml, rel=0.005)
        difference = np.abs(found.probability - expected.probability)
        assert difference.max() < 1e-3


def check_classification(package, scan):
    reference, fast = (RotatorCuffClassifier(package, device) for device in (REFERENCE, "openvino"))
    expected, found = reference.classify(scan), fast.classify(scan)
    assert found.classification.probabilities == pytest.approx(expected.classification.probabilities, abs=0.01)
    assert (found.methods, found.targets) == (expected.methods, expected.targets)
    assert np.array_equal(found.maps_ijk_to_lps, expected.maps_ijk_to_lps)
    for ours, theirs in zip(found.maps.reshape(-1, *found.maps.shape[2:]), expected.maps.reshape(-1, ours_size(found))):
        assert np.corrcoef(ours.ravel(), theirs)[0, 1] >= 0.999
    for ours, theirs in zip(found.classification.evidence, expected.classification.evidence):
        assert (ours.target, ours.method) == (theirs.target, theirs.method)
        assert ours.score == pytest.approx(theirs.score, abs=0.01)


def ours_size(result) -> int:
    return int(np.prod(result.maps.shape[2:]))


@pytest.mark.parametrize("name", ["vrn", "squeeze", "densenet3d"])
def test_classification_and_every_map_are_torchs(name, shoulder, tmp_path):
    if name == "densenet3d":
        from radiologycnn.networks.densenet3d import DenseNet3d
        from radiologycnn.networks.densenet3d_options import DenseNet3dOptions

        torch.manual_seed(0)
        parameters = {"base_filters": 4, "growth_rate": 4, "block_layers": [2, 2, 2], "input_size": 32}
        network = DenseNet3d(DenseNet3dOptions.from_dict(parameters)).eval()
        package = make_package(
            tmp_path / "dense",
            network,
            architecture={"name": "densenet3d", "parameters": parameters},
            preprocessing=ShoulderPreprocessing(grid_size=32).to_dict(),
        )
    else:
        package = random_package(tmp_path / name, parameters={"squeeze_excitation": name == "squeeze"})
    check_classification(export_package(package), shoulder)


def test_bundled_classifiers_are_torchs():
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig, simulate_shoulder_mr

    scan = simulate_shoulder_mr(3, seed=99, config=ShoulderMrConfig().with_matrix(192)).volume
    for package in bundled(SHOULDER):
        check_classification(package, scan)


def test_the_answer_is_the_same_to_the_last_digit_each_time(shoulder_package, shoulder, head_package, heads):
    first, second = (RotatorCuffClassifier(shoulder_package, "openvino") for _ in range(2))
    repeats = {"method": "tta", "count": 3}
    answers = [engine.classify(shoulder, repeats=repeats) for engine in (first, first, second)]
    assert all(np.array_equal(answers[0].maps, other.maps) for other in answers)
    assert all(answers[0].classification == other.classification for other in answers)
    segmenter = HemorrhageSegmenter(head_package, "openvino")
    assert np.array_equal(segmenter.segment(heads[0]).probability, segmenter.segment(heads[0]).probability)


def test_repeats_agree_between_the_backends(shoulder_package, shoulder):
    repeats = {"method": "tta", "count": 4}
    fast, reference = (
        RotatorCuffClassifier(shoulder_package, device).classify(shoulder, repeats=repeats).classification.repeats
        for device in ("openvino", REFERENCE)
    )
    assert np.allclose(fast.class_quartiles, reference.class_quartiles, atol=0.01)


# ---- choice and record ----------------------------------------------------------------------------------------


def test_the_backend_is_chosen_by_what_there_is_and_named(shoulder_package, shoulder, tmp_path):
    plain = random_package(tmp_path / "plain")
    assert open_backend(shoulder_package, "cpu").name == likely_backend(shoulder_package, "cpu") == "openvino"
    assert open_backend(shoulder_package, REFERENCE).name == "torch"
    assert open_backend(plain, "cpu").name == likely_backend(plain, "cpu") == "torch"
    if not torch.cuda.is_available():
        assert open_backend(shoulder_package).name == "openvino" and open_backend(plain).name == "torch"
    with pytest.raises(InputError, match="no exported network"):
        open_backend(plain, "openvino")
    record = json.loads(json.dumps(RotatorCuffClassifier(shoulder_package, "cpu").classify(shoulder).provenance))
    assert (record["backend"], record["device"], record["precision"]) == ("openvino", "cpu", "float32")
    assert record["device_name"] == "CPU, OpenVINO fp32" and record["openvino"] and "torch" not in record


def test_a_damaged_openvino_leaves_the_work_to_torch(shoulder_package, monkeypatch):
    from radiologycnn.networks import openvino_runner

    def damaged():
        raise ResourceError("openvino-damaged", "It cannot be loaded.")

    monkeypatch.setattr(openvino_runner, "import_openvino", damaged)
    assert open_backend(shoulder_package, "cpu").name == "torch"
    with pytest.raises(ResourceError):
        open_backend(shoulder_package, "openvino")


def test_what_only_torch_can_do_runs_in_torch(shoulder_package, shoulder):
    classifier = RotatorCuffClassifier(shoulder_package, "openvino")
    result = classifier.classify(shoulder, repeats={"method": "mc_dropout", "count": 3})
    assert result.provenance["backend"] == "torch" and result.classification.repeats.count == 3
    finer = classifier.classify(shoulder, block=1)
    assert finer.methods == ("grad_cam",) and finer.maps.shape[-1] > result.maps.shape[-1]
    assert classifier.classify(shoulder).provenance["backend"] == "openvino"


def test_a_cancel_ends_the_run_between_two_layers_and_the_next_one_is_whole(head_package):
    backend = open_backend(head_package, "openvino")
    image = np.random.default_rng(0).random((64, 128, 128), np.float32)
    whole = backend.probability(image, Stages(), (0.0, 1.0)).value
    asked, shares = [], []

    def cancelled() -> bool:
        asked.append(len(asked))
        return len(asked) > 2

    with pytest.raises(Cancelled):
        backend.probability(image, Stages(lambda share, _stage: shares.append(share), cancelled), (0.2, 0.8))
    assert shares and 0.2 <= min(shares) and max(shares) < 0.8
    assert np.array_equal(backend.probability(image, Stages(), (0.0, 1.0)).value, whole)


# ---- export and package ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_exporting_leaves_the_network_as_it_was(training):
    torch.manual_seed(0)
    network = build_vrn(base_filters=4, input_size=16).train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export_network(network, (16, 16, 16))
    assert {module.training for module in network.modules()} == {training}
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_head_with_a_hidden_layer_is_not_exported_and_still_works(shoulder, tmp_path):
    network = brightness_network(blocks=2)
    del network
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


# ---- without torch ----------------------------------------------------------------------------------------

REFUSE_TORCH = """
import importlib.abc, sys


class NoTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "safetensors", "onnx"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NoTorch())
"""


@pytest.fixture(scope="module")
def torchless_worker(tmp_path_factory, repository, shoulder_package, head_package):
    """Runs requests in a worker that cannot import torch; gives the last event of each."""
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(REFUSE_TORCH)
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(shoulder_package.path, models / "random-1.0.0")
    shutil.copytree(head_package.path, models / "head")
    random_package(models / "plain-1.0.0", name="plain")

    def ask(*requests: dict) -> list[dict]:
        import os

        lines = "".join(json.dumps({**request, "job": str(n)}) + "\n" for n, request in enumerate(requests))
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "radiologycnn.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join((str(site), str(repository))),
                "RADIOLOGYCNN_MODELS": str(models),
            },
        )
        process.stdin.write(lines)
        process.stdin.flush()
        ends: dict[str, dict] = {}
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] in ("result", "error", "devices"):
                ends[event["job"]] = event
            if len(ends) == len(requests):
                break
        process.stdin.close()
        process.wait(30)
        return [ends[str(n)] for n in range(len(requests))]

    return ask


def field(scan, folder: Path) -> dict:
    path = folder / f"{scan.modality}.npy"
    np.save(path, scan.array)
    return {"array": str(path), "ijk_to_lps": scan.ijk_to_lps.tolist(), "modality": scan.modality, "name": "scan"}


def test_the_worker_segments_and_classifies_without_torch(
    torchless_worker, head_package, heads, shoulder_package, shoulder, tmp_path
):
    head, joint = field(heads[0], tmp_path), field(shoulder, tmp_path)
    common = {"cmd": "classify", "volume": joint, "output": str(tmp_path), "device": "auto", "side": "left"}
    devices, warm, segmented, classified, dropout, plain = torchless_worker(
        {"cmd": "devices"},
        {"cmd": "warm", "task": HEAD, "model": head_package.id},
        {"cmd": "segment", "volume": head, "output": str(tmp_path), "model": head_package.id, "device": "auto"},
        {**common, "model": "random-1.0.0", "repeats": {"method": "tta", "count": 2}},
        {**common, "model": "random-1.0.0", "repeats": {"method": "mc_dropout", "count": 2}},
        {**common, "model": "plain-1.0.0"},
    )
    assert [device["id"] for device in devices["devices"]] == ["cpu"]
    assert (warm["backend"], warm["device_name"]) == ("openvino", "CPU, OpenVINO fp32")
    expected = HemorrhageSegmenter(head_package, "openvino").segment(heads[0]).measurements
    assert segmented["measurements"]["total_volume_ml"] == pytest.approx(expected.total_volume_ml, rel=1e-3)
    assert segmented["provenance"]["backend"] == "openvino"
    reference = RotatorCuffClassifier(shoulder_package, REFERENCE).classify(shoulder, side="left")
    maps = np.load(classified["maps"])
    assert maps.shape == reference.maps.shape
    assert np.corrcoef(maps.ravel(), reference.maps.ravel())[0, 1] >= 0.999
    for error, words in ((dropout, "dropout needs PyTorch"), (plain, "no exported network, so it needs PyTorch")):
        assert (error["event"], error["code"]) == ("error", "needs-torch")
        assert words in error["message"] and error["hint"]


def test_torch_and_telemetry_stay_out_of_a_process_that_openvino_serves(head_package, repository):
    program = (
        "import sys, numpy as np\n"
        "from radiologycnn.models.package import load_package\n"
        "from radiologycnn.hemorrhage.inference import HemorrhageSegmenter\n"
        "import radiologycnn.rotatorcuff.inference, radiologycnn.worker.jobs\n"
        f"engine = HemorrhageSegmenter(load_package({str(head_package.path)!r}), 'cpu')\n"
        "print(engine.backend.name, [n for n in ('torch', 'openvino_telemetry') if sys.modules.get(n)])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=repository, check=True)
    assert done.stdout.split(None, 1) == ["openvino", "[]\n"]


# ---- where it fails ----------------------------------------------------------------------------------------


@pytest.fixture
def failing_runs(monkeypatch):
    """Runs of OpenVINO that end as the given errors say, first things first; those after them are real."""
    from radiologycnn.networks.openvino_runner import OpenVinoRunner

    real, errors, runs = OpenVinoRunner.run, [], []

    def run(self, image, report):
        runs.append((self.precision, self.threads))
        if errors:
            raise errors.pop(0)
        return real(self, image, report)

    monkeypatch.setattr(OpenVinoRunner, "run", run)
    return errors, runs


def test_where_memory_ends_a_smaller_way_is_taken_and_said(head_package, failing_runs):
    errors, runs = failing_runs
    backend = open_backend(head_package, "openvino")
    image = np.random.default_rng(0).random((64, 128, 128), np.float32)
    whole = backend.probability(image, Stages(), (0.0, 1.0)).value
    errors.append(ResourceError("out-of-memory", "There is not enough memory to run the network."))
    said = []
    outcome = backend.probability(image, Stages(), (0.0, 1.0), said.append)
    assert runs[-1][1] == 1  # one thread
    assert outcome.backend == "openvino" and outcome.precision == runs[-1][0]
    assert said == list(outcome.fall_backs) and "memory" in said[0] and "smaller" in said[0]
    assert np.abs(outcome.value - whole).mean() < 0.01
    again = backend.probability(image, Stages(), (0.0, 1.0))
    assert not again.fall_backs and np.array_equal(again.value, whole)


def test_torch_does_what_openvino_cannot(shoulder_package, shoulder, failing_runs):
    errors, _ = failing_runs
    classifier = RotatorCuffClassifier(shoulder_package, "openvino")
    expected = classifier.classify(shoulder)
    errors += [ResourceError("openvino-failed", "OpenVINO could not run the network: a fault.")] * 2
    result = classifier.classify(shoulder)
    assert result.provenance["backend"] == "torch"
    assert sum("a fault" in note for note in result.notes) == 2
    assert result.classification.probabilities == pytest.approx(expected.classification.probabilities, abs=0.01)


def test_without_torch_the_reason_is_the_end(shoulder_package, shoulder, failing_runs, monkeypatch):
    from radiologycnn.networks import openvino_backend

    errors, _ = failing_runs
    classifier = RotatorCuffClassifier(shoulder_package, "openvino")
    monkeypatch.setattr(openvino_backend, "is_installed", lambda name: False)
    errors += [ResourceError("out-of-memory", "There is not enough memory to run the network.")] * 2
    with pytest.raises(ResourceError, match="not enough memory"):
        classifier.classify(shoulder)


def test_the_librarys_own_errors_are_told_apart(head_package):
    from radiologycnn.networks.openvino_runner import OpenVinoRunner

    runner = OpenVinoRunner(head_package.read_onnx())
    with pytest.raises(ResourceError, match="OpenVINO could not run the network") as caught:
        runner.run(np.zeros((1, 1, 8, 8, 8), np.float32), lambda share: None)
    assert caught.value.code == "openvino-failed"

    def full(share):
        raise MemoryError

    with pytest.raises(ResourceError) as caught:
        runner.run(np.zeros((1, 1, 64, 128, 128), np.float32), full)
    assert caught.value.code == "out-of-memory"


def test_normalization_over_many_voxels_keeps_its_digits(tmp_path):
    """A head is mostly air: sums that run through all of it must not drift."""
    torch.manual_seed(0)
    layers = [torch.nn.Conv3d(1, 4, 3, padding=1), torch.nn.InstanceNorm3d(4, affine=True), torch.nn.LeakyReLU()]
    network = torch.nn.Sequential(*layers, torch.nn.Conv3d(4, 1, 1)).eval()
    image = np.zeros((1, 1, 64, 128, 128), np.float32)
    image[..., 20:50, 30:90, 40:100] = np.random.default_rng(0).random((30, 60, 60)) * 0.4
    with torch.no_grad():
        expected = torch.sigmoid(network.double()(torch.from_numpy(image).double())).numpy()
    network.options = type("Options", (), {"in_channels": 1})
    from radiologycnn.networks.openvino_runner import OpenVinoRunner

    found = OpenVinoRunner(export_network(network.float(), image.shape[2:])).run(image, lambda share: None)
    assert np.abs(found["probability"] - expected).max() < 3e-6


# ---- the cache ----------------------------------------------------------------------------------------


def test_the_cache_forgets_old_versions_other_machines_and_what_is_too_much(tmp_path, monkeypatch):
    import os

    from radiologycnn.networks.openvino_cache import CACHE_VARIABLE, cache_folder, prune

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    day, now = 86400, 1_800_000_000
    present, older = (cache_folder(version, "CPU X") for version in ("2026.1.0-1", "2025.4.1-9"))
    elsewhere, forgotten = (cache_folder("2026.1.0-1", f"CPU {name}") for name in "YZ")
    assert len({present, older, elsewhere, forgotten}) == 4 and all(p.parent == tmp_path for p in (present, older))

    def blob(folder, name, size, days):
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(bytes(size))
        os.utime(folder / name, (now - days * day,) * 2)
        os.utime(folder, (now - days * day,) * 2)

    blob(older, "a.blob", 10, 8)
    blob(elsewhere, "a.blob", 10, 8)
    blob(forgotten, "a.blob", 10, 91)
    for name, days in (("old.blob", 5), ("new.blob", 1), ("newest.blob", 0)):
        blob(present, name, 40, days)
    removed = prune(present, largest_bytes=100, now=now)
    assert sorted(p.name for p in present.iterdir()) == ["new.blob", "newest.blob"]
    assert not older.exists() and not forgotten.exists() and elsewhere.exists()
    assert set(removed) == {older, forgotten, present / "old.blob"}
    assert prune(present, largest_bytes=100, now=now) == []
