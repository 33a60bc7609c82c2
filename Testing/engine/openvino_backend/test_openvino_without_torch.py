"""A worker that cannot import torch segments and classifies."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engine.hand_made_shoulder import random_package

from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier

pytest.importorskip("openvino")
pytest.importorskip("onnx")

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
        {"cmd": "warm", "task": "hemorrhage-segmentation", "model": head_package.id},
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
    reference = RotatorCuffClassifier(shoulder_package, "torch-cpu").classify(shoulder, side="left")
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
