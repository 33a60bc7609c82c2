"""The worker's own jobs, with a tiny network: results on disk and in numbers, models, devices, measurements."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

resource = pytest.importorskip("resource") if sys.platform != "win32" else None

TASK = "hemorrhage-segmentation"
LABEL = {"value": 1, "name": "Hemorrhage", "color_rgb": [0.86, 0.16, 0.12]}


@pytest.fixture
def segment(worker, head_volume: dict[str, Any], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Segments the head with the tiny model; fields given replace those of the request."""

    def run(**fields: Any) -> dict[str, Any]:
        request = {
            "cmd": "segment",
            "job": "s",
            "volume": head_volume,
            "model": "tiny-1.0.0",
            "device": "cpu",
            "threshold": None,
            "output": str(tmp_path),
        }
        worker.send(**{**request, **fields})
        return worker.wait_until(lambda message: message["event"] in ("result", "error"))

    return run


def test_segment_gives_the_same_numbers_as_the_engine(segment, head_volume, tiny_model: Path) -> None:
    from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
    from radiologycnn.images.volume import Volume
    from radiologycnn.models.package import load_package

    message = segment()
    volume = Volume(np.load(head_volume["array"]), np.asarray(head_volume["ijk_to_lps"], float), "CT", "Head")
    expected = HemorrhageSegmenter(load_package(tiny_model), device="cpu").segment(volume)
    assert message["measurements"] == json.loads(json.dumps(expected.measurements.to_dict()))
    assert message["threshold"] == expected.threshold
    assert message["notes"] == list(expected.notes)
    crop = np.load(message["probability"], allow_pickle=False)
    box = tuple(slice(start, start + size) for start, size in zip(message["offset_kji"], crop.shape))
    assert crop.dtype == np.float32
    assert message["shape_kji"] == list(volume.array.shape)
    assert np.array_equal(crop, expected.probability[box])
    outside = expected.probability.copy()
    outside[box] = 0
    assert outside.max() < message["floor"]


def test_result_says_how_it_was_made(segment, worker) -> None:
    message = segment()
    stages = [json.loads(line) for line in worker.lines]
    stages = [message for message in stages if message["event"] == "progress"]
    fractions = [stage["fraction"] for stage in stages]
    assert fractions == sorted(fractions)
    assert {stage["stage"] for stage in stages} == set(message["seconds"]) - {"total"}
    assert "Running the network" in message["seconds"]
    assert message["device"] == "cpu"
    assert message["device_name"]
    assert message["labels"][0]["name"] == "Hemorrhage"
    assert message["labels"][0]["type"] == ["50960005", "Hemorrhage"]
    assert message["provenance"]["model"] == "tiny-1.0.0"


def test_a_scan_that_was_prepared_before_gives_the_same_numbers(segment, worker, head_volume) -> None:
    plain = segment()
    crop = np.load(plain["probability"])
    about = {"task": TASK, "volume": head_volume, "model": "tiny-1.0.0", "device": "cpu"}
    worker.send(cmd="prepare", job="p", **about)
    assert set(worker.wait_for("result", "p")) == {"event", "job", "seconds"}
    message = segment()
    assert "Checking the scan" not in message["seconds"] and "Checking the scan" in plain["seconds"]
    assert np.array_equal(np.load(message["probability"]), crop)
    assert all(message[name] == plain[name] for name in ("measurements", "notes", "offset_kji", "threshold"))


def test_what_was_prepared_is_not_used_for_other_voxels_or_another_place(
    segment, worker, head_volume, tmp_path
) -> None:
    copy = {**head_volume, "array": str(tmp_path / "copy.npy")}
    head = np.load(head_volume["array"])
    np.save(copy["array"], head)
    worker.send(cmd="prepare", job="p", task=TASK, volume=copy, model="tiny-1.0.0", device="cpu")
    worker.wait_for("result", "p")
    np.save(copy["array"], np.where(head > 40, head + 5, head))
    assert "Checking the scan" in segment(volume=copy)["seconds"]
    worker.send(cmd="prepare", job="p", task=TASK, volume=copy, model="tiny-1.0.0", device="cpu")
    worker.wait_for("result", "p")
    moved = np.array(copy["ijk_to_lps"])
    moved[0, 3] += 10
    assert "Checking the scan" in segment(volume={**copy, "ijk_to_lps": moved.tolist()})["seconds"]
    assert "Checking the scan" not in segment(volume=copy)["seconds"]


def test_preparing_what_cannot_be_used_says_why(worker, head_volume) -> None:
    for task, volume, code in (
        ("chess", head_volume, "unknown-task"),
        (TASK, {"array": "/no/file.npy"}, "bad-request"),
    ):
        worker.send(cmd="prepare", job="p", task=task, volume=volume, model="tiny-1.0.0", device="cpu")
        assert worker.wait_until(lambda message: message["event"] == "error")["code"] == code


def test_second_job_knows_how_long_it_will_take(segment, worker) -> None:
    segment()
    seen = len(worker.lines)
    segment()
    later = [json.loads(line) for line in worker.lines[seen:]]
    assert [m for m in later if m["event"] == "progress" and m["remaining_s"] is not None]


def test_warm_answers_where_it_is_a_job_and_is_silent_where_not(worker) -> None:
    worker.send(cmd="warm", model="tiny-1.0.0", task=TASK, device="cpu")
    worker.send(cmd="warm", job="w", model="tiny-1.0.0", task=TASK, device="cpu")
    assert worker.wait_for("result", "w")["device"] == "cpu"
    assert {json.loads(line).get("job") for line in worker.lines} == {"w"}


def test_unknown_model_is_refused_by_name(segment) -> None:
    message = segment(model="no-such-model")
    assert message["event"] == "error"
    assert "no-such-model" in message["message"]
    assert message["code"] != "internal"


def test_unknown_device_is_refused(segment) -> None:
    message = segment(device="cuda:9")
    assert (message["event"], message["code"] != "internal") == ("error", True)
    assert message["hint"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"array": "/nowhere/volume.npy"}, "missing-array"),
        ({"ijk_to_lps": [[1, 2], [3, 4]]}, "bad-request"),
        ({"ijk_to_lps": None}, "bad-request"),
        ({"array": 5}, "bad-request"),
        ({"modality": "MR"}, None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_volumes_are_refused_with_a_sentence(change: dict, code: str | None, segment, head_volume) -> None:
    message = segment(volume={**head_volume, **change})
    assert message["event"] == "error"
    assert message["code"] == code or (code is None and message["code"] != "internal")
    assert message["message"]
    assert not message.get("details")  # a refusal is no entry for Slicer's log of errors


def test_file_that_is_no_array_is_refused_and_never_unpickled(segment, head_volume, tmp_path: Path) -> None:
    path = tmp_path / "object.npy"
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    assert segment(volume={**head_volume, "array": str(path)})["code"] == "bad-array"
    path.write_bytes(b"\x93NUMPY")
    assert segment(volume={**head_volume, "array": str(path)})["code"] == "bad-array"


def test_output_folder_that_is_gone_is_an_error_not_an_end(segment, tmp_path: Path) -> None:
    assert segment(output=str(tmp_path / "gone"))["code"] == "missing-file"
    assert segment()["event"] == "result"


def test_name_of_the_volume_is_in_no_log(start_worker, head_volume, tmp_path: Path) -> None:
    worker = start_worker()
    about = {"model": "tiny-1.0.0", "device": "cpu", "threshold": None, "output": str(tmp_path)}
    for array in (head_volume["array"], "/nowhere.npy"):
        volume = {**head_volume, "name": "DOE^JANE", "array": array}
        worker.send(cmd="segment", job="s", volume=volume, **about)
        worker.wait_until(lambda message: message["event"] in ("result", "error"))
    logs = [line for line in worker.lines if b'"log"' in line]
    assert b"DOE" not in worker.last_words() + b"".join(logs)


def test_measure_takes_a_crop_and_the_results_own_labels(worker, head_volume, tmp_path: Path) -> None:
    mask = np.zeros((32, 96, 96), np.uint8)
    mask[10:14, 40:50, 50:58] = 1
    whole, crop = tmp_path / "whole.npy", tmp_path / "crop.npy"
    np.save(whole, mask)
    np.save(crop, mask[9:15, 38:52, 50:58])
    common = {"cmd": "measure", "volume": head_volume, "model": None, "labels": [LABEL]}
    worker.send(**common, job="whole", mask=str(whole))
    expected = worker.wait_for("result", "whole")["measurements"]
    worker.send(**common, job="crop", mask=str(crop), offset_kji=[9, 38, 50])
    assert worker.wait_for("result", "crop")["measurements"] == expected
    assert expected["total_volume_ml"] == pytest.approx(4 * 10 * 8 * 20 / 1000)
    worker.send(**common, job="off", mask=str(crop), offset_kji=[30, 38, 50])
    error = worker.wait_until(lambda message: message["event"] == "error")
    assert error["code"] == "mask-off-grid"


def test_models_are_installed_listed_and_removed(start_worker, tiny_model: Path, tmp_path: Path) -> None:
    worker = start_worker(RADIOLOGYCNN_MODELS=str(tmp_path / "models"))

    def listed() -> list[str]:
        worker.send(cmd="models", job="list", task=TASK)
        return [model["id"] for model in worker.wait_for("result", "list")["models"]]

    assert "tiny-1.0.0" not in listed()
    worker.send(cmd="install_model", job="install", source=str(tiny_model), sha256=None)
    assert worker.wait_for("result", "install")["model"]["id"] == "tiny-1.0.0"
    assert "tiny-1.0.0" in listed()
    worker.send(cmd="remove_model", job="remove", model="tiny-1.0.0")
    assert worker.wait_for("result", "remove")["model"] == "tiny-1.0.0"
    assert "tiny-1.0.0" not in listed() and tiny_model.is_dir()
    worker.send(cmd="remove_model", job="again", model="tiny-1.0.0")
    error = worker.wait_until(lambda message: message["event"] == "error")
    assert "tiny-1.0.0" in error["message"] and error["code"] != "internal"


def test_every_machine_lists_its_cpu_with_what_computes_on_it(worker) -> None:
    worker.send(cmd="devices", job="d")
    devices = worker.wait_for("devices", "d")["devices"]
    cpu = next(device for device in devices if device["id"] == "cpu")
    with_openvino = importlib.util.find_spec("openvino") is not None
    assert (cpu["backend"], cpu["name"]) == (
        ("openvino", "CPU, OpenVINO") if with_openvino else ("torch", "CPU, PyTorch")
    )
    # The slower way is offered too, as the reference.
    assert [device["id"] for device in devices if device["name"] == "CPU, PyTorch"] == [
        "torch-cpu" if with_openvino else "cpu"
    ]


def test_idle_worker_gives_the_models_memory_back(start_worker) -> None:
    worker = start_worker(RADIOLOGYCNN_IDLE_UNLOAD_S="0.2")
    worker.send(cmd="warm", job="w", model="tiny-1.0.0", task=TASK, device="cpu")
    worker.wait_for("result", "w")
    assert "unloaded" in worker.wait_for("log")["text"]
    worker.send(cmd="warm", job="again", model="tiny-1.0.0", task=TASK, device="cpu")
    worker.wait_for("result", "again")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "torch-damaged"),
        ("raise OSError('c10.dll')", "torch-damaged"),
        # Windows, whose libraries take of the paging file what they may need later: that is too small for torch's
        ("error = OSError('cudnn.dll')\nerror.winerror = 1455\nraise error", "out-of-memory"),
        (None, "needs-torch"),
    ],
    ids=["empty", "library missing", "memory too small for it", "not there"],
)
def test_torch_that_cannot_be_used_is_a_sentence(content, code, start_worker, head_volume, tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    refuse = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')"
    (tmp_path / "torch" / "__init__.py").write_text(refuse if content is None else content)
    paths = os.pathsep.join((str(tmp_path), str(Path(__file__).resolve().parents[2])))
    worker = start_worker(PYTHONPATH=paths)
    worker.send(cmd="warm", job="w", model="tiny-1.0.0", task=TASK, device="cpu")
    error = worker.wait_until(lambda message: message["event"] == "error")
    assert error["code"] == code
    assert "torch" in error["message"].lower()
    assert error["hint"]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits another process's memory")
def test_starved_worker_says_so_and_works_again_with_memory(start_worker, head_volume, tmp_path: Path) -> None:
    worker = start_worker()
    request = {"cmd": "segment", "volume": head_volume, "model": "tiny-1.0.0", "device": "cpu", "output": str(tmp_path)}
    worker.send(**request, job="first")  # libraries that end the process without memory have theirs after this
    worker.wait_for("result", "first")
    process = psutil.Process(worker.process.pid)
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_AS)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (process.memory_info().vms + (2 << 20), hard))
    worker.send(**request, job="starved")
    error = worker.wait_until(lambda message: message["event"] in ("error", "result"))
    assert error["event"] == "error"
    assert error["code"] == "out-of-memory", error["details"]
    assert error["hint"]
    resource.prlimit(process.pid, resource.RLIMIT_AS, (hard, hard))
    worker.send(**request, job="fed")
    worker.wait_for("result", "fed")
