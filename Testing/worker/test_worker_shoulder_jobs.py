"""The worker's jobs on shoulder MR, with a tiny network: where to look, what was found, two warm models at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.hand_made_shoulder import plain_scan, random_package

TASK = "rotator-cuff-classification"
HEMORRHAGE_TASK = "hemorrhage-segmentation"


@pytest.fixture(scope="session")
def shoulder_model(tiny_model: Path) -> Path:
    """A small classifier beside the small segmenter."""
    return random_package(tiny_model.parent / "shoulder-1.0.0", name="shoulder").path


@pytest.fixture(scope="session")
def shoulder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return plain_scan(side="left")


@pytest.fixture(scope="session")
def shoulder_field(shoulder: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A left shoulder as a request's ``volume``."""
    path = tmp_path_factory.mktemp("shoulder") / "shoulder.npy"
    np.save(path, shoulder.array)
    return {
        "array": str(path),
        "ijk_to_lps": shoulder.ijk_to_lps.tolist(),
        "modality": "MR",
        "name": shoulder.name,
        "acquisition": {"ImageLaterality": "L", "EchoTime": 80, "RepetitionTime": 3500},
    }


@pytest.fixture
def ask(worker, shoulder_model: Path, shoulder_field: dict[str, Any], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Sends one request about the shoulder and gives its last event; fields given replace those of the request."""

    def send(cmd: str, **fields: Any) -> dict[str, Any]:
        request = {"cmd": cmd, "job": "j", "volume": shoulder_field, "model": "shoulder-1.0.0"}
        if cmd == "classify":
            request |= {"device": "cpu", "output": str(tmp_path)}
        worker.send(**{**request, **fields})
        return worker.wait_until(lambda message: message["event"] in ("result", "error"))

    return send


def test_locate_finds_the_head_and_says_what_the_series_is(ask, shoulder) -> None:
    message = ask("locate")
    middle = shoulder.ijk_to_lps @ [*((np.array(shoulder.array.shape[::-1]) - 1) / 2), 1]
    roi = message["roi"]
    assert message["found"] is True and roi["automatic"] is True
    assert np.linalg.norm(np.subtract(roi["centre_lps_mm"], middle[:3])) < 8
    assert roi["edge_mm"] == 80 and 0 < roi["confidence"] <= 1
    directions = np.array(roi["directions_lps"])
    assert np.allclose(directions.T @ directions, np.eye(3), atol=1e-6)
    series = message["series"]
    assert (series["plane"], series["side"], series["weighting"]) == ("coronal", "left", "T2")
    assert isinstance(message["notes"], list)


def test_locate_needs_neither_torch_nor_a_model(start_worker, shoulder_field, tmp_path: Path) -> None:
    refuse = "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')"
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(refuse)
    repository = Path(__file__).resolve().parents[2]
    paths = f"{tmp_path}{';' if sys.platform == 'win32' else ':'}{repository}"
    worker = start_worker(PYTHONPATH=paths, RADIOLOGYCNN_MODELS=str(tmp_path / "none"))
    worker.send(cmd="locate", job="l", volume=shoulder_field, model=None)
    assert worker.wait_for("result", "l")["found"] is True


@pytest.mark.parametrize(
    ("change", "code"),
    [({"modality": "CT", "acquisition": None}, "not-an-mr"), ({"acquisition": [1]}, "bad-request")],
    ids=["CT", "no object"],
)
@pytest.mark.parametrize("cmd", ["locate", "classify"])
def test_what_is_no_shoulder_mr_is_refused_with_a_sentence(ask, shoulder_field, cmd, change, code) -> None:
    message = ask(cmd, volume={**shoulder_field, **change})
    assert (message["event"], message["code"]) == ("error", code)
    assert message["message"]


def test_a_scan_that_was_prepared_before_is_classified_alike(ask) -> None:
    roi = {"centre_lps_mm": ask("locate")["roi"]["centre_lps_mm"], "edge_mm": 80.0}
    plain = ask("classify", roi=roi, side="left")
    maps = np.load(plain["maps"])
    ask("prepare", task="rotator-cuff-classification", device="cpu", roi=roi, side="left")
    message, other = ask("classify", roi=roi, side="left"), ask("classify", roi=roi, side="right")
    assert "Preparing the cube" not in message["seconds"] and "Preparing the cube" in other["seconds"]
    assert (message["classification"], message["notes"]) == (plain["classification"], plain["notes"])
    again = ask("classify", roi=roi, side="left")
    assert np.array_equal(np.load(again["maps"]), maps)


def test_classify_gives_the_same_numbers_as_the_engine(ask, shoulder, shoulder_model, shoulder_field) -> None:
    from dataclasses import replace

    from radiologycnn.models.package import load_package
    from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier

    located = ask("locate")["roi"]
    roi = {"centre_lps_mm": located["centre_lps_mm"], "edge_mm": 90.0}
    repeats = {"method": "tta", "count": 3}
    message = ask("classify", roi=roi, side="left", repeats=repeats)
    volume = replace(shoulder, provenance={"acquisition": shoulder_field["acquisition"]})
    classifier = RotatorCuffClassifier(load_package(shoulder_model), "cpu")
    expected = classifier.classify(volume, roi=roi, side="left", repeats=repeats)
    maps = np.load(message["maps"], allow_pickle=False)
    assert maps.dtype == np.float32 and np.allclose(maps, expected.maps, atol=1e-4 * np.abs(maps).max())
    assert (message["methods"], message["targets"]) == (list(expected.methods), list(expected.targets))
    assert message["maps_ijk_to_lps"] == expected.maps_ijk_to_lps.tolist()
    answer = message["classification"]
    assert answer["probabilities"] == pytest.approx(list(expected.classification.probabilities), abs=1e-6)
    assert answer["mirrored"] is True and answer["roi"]["automatic"] is False
    assert answer["repeats"]["count"] == 3
    assert message["notes"] == list(expected.notes)
    assert (message["model"], message["device"]) == ("shoulder-1.0.0", "cpu")
    assert [one["value"] for one in message["classes"]] == [1, 2, 3, 4, 5]


def test_result_says_how_it_was_made(ask, worker) -> None:
    message = ask("classify")
    stages = [event for event in map(json.loads, worker.lines) if event["event"] == "progress"]
    fractions = [stage["fraction"] for stage in stages]
    assert fractions == sorted(fractions)
    assert {stage["stage"] for stage in stages} == set(message["seconds"]) - {"total"}
    assert {"Finding the humeral head", "Preparing the cube", "Running the network"} <= set(message["seconds"])
    assert message["provenance"]["input"]["acquisition"]["EchoTime"] == 80


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"roi": {"centre_lps_mm": [9999, 0, 0], "edge_mm": 80}}, "region-outside-image"),
        ({"side": "up"}, "unknown-side"),
        ({"repeats": {"method": "guess"}}, "bad-repeats"),
        ({"model": "tiny-1.0.0"}, "wrong-task"),
        ({"roi": "middle"}, "bad-request"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_requests_are_refused_with_a_sentence(ask, fields, code) -> None:
    message = ask("classify", **fields)
    assert (message["event"], message["code"]) == ("error", code)


def test_each_task_keeps_its_model_warm_on_the_cpu(shoulder_model, monkeypatch) -> None:
    from radiologycnn.models.weights import load_network
    from radiologycnn.worker.progress import JobProgress
    from radiologycnn.worker.warm_models import WarmModels

    loaded = []

    def counted(package, device):
        loaded.append(package.id)
        return load_network(package, device)

    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(shoulder_model.parent))
    monkeypatch.setattr("radiologycnn.networks.torch_backend.load_network", counted)
    warm, progress = WarmModels(), JobProgress(lambda *said: None, lambda: False)
    for task, model in ((HEMORRHAGE_TASK, "tiny-1.0.0"), (TASK, "shoulder-1.0.0")) * 2:
        assert warm.engine_for(task, model, "cpu", progress)[1].id == model
    assert loaded == ["tiny-1.0.0", "shoulder-1.0.0"]
    assert warm
    warm.unload()
    assert not warm


def test_warming_makes_the_classifier_ready(worker, shoulder_model) -> None:
    worker.send(cmd="warm", job="w", task=TASK, model="shoulder-1.0.0", device="cpu")
    assert worker.wait_for("result", "w")["model"] == "shoulder-1.0.0"


def test_warming_an_unknown_task_is_refused(worker) -> None:
    worker.send(cmd="warm", job="w", task="reading-minds", device="cpu")
    assert worker.wait_until(lambda message: message["event"] == "error")["code"] == "unknown-task"


def test_repeats_are_cancelled_between_two_runs(worker, ask, shoulder_field, tmp_path: Path) -> None:
    request = {"cmd": "classify", "volume": shoulder_field, "model": "shoulder-1.0.0", "device": "cpu"}
    worker.send(**request, job="long", output=str(tmp_path), repeats={"method": "mc_dropout", "count": 1000})
    worker.wait_until(lambda message: message["event"] == "progress" and message["stage"] == "Repeating")
    worker.send(cmd="cancel", job="long")
    worker.wait_for("cancelled", "long")
    assert not list(tmp_path.iterdir())
    assert ask("classify")["event"] == "result"
