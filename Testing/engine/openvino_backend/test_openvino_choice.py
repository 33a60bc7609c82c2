"""What runs in OpenVINO, what in torch, what the record says of it, and how a run is cancelled."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from engine.hand_made_shoulder import random_package

from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.inference_stages import Stages
from radiologycnn.networks.backends import likely_backend, open_backend
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier

pytest.importorskip("openvino")
pytest.importorskip("onnx")


def test_the_backend_is_chosen_by_what_there_is_and_named(shoulder_package, shoulder, tmp_path):
    plain = random_package(tmp_path / "plain")
    assert open_backend(shoulder_package, "cpu").name == likely_backend(shoulder_package, "cpu") == "openvino"
    assert open_backend(shoulder_package, "torch-cpu").name == "torch"
    assert open_backend(plain, "cpu").name == likely_backend(plain, "cpu") == "torch"
    if not torch.cuda.is_available():
        assert open_backend(shoulder_package).name == "openvino" and open_backend(plain).name == "torch"
    with pytest.raises(InputError, match="no exported network"):
        open_backend(plain, "openvino")
    record = json.loads(json.dumps(RotatorCuffClassifier(shoulder_package, "cpu").classify(shoulder).provenance))
    import openvino

    has_bfloat16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision, short = ("bfloat16", "bf16") if has_bfloat16 else ("float32", "fp32")
    assert (record["backend"], record["device"], record["precision"]) == ("openvino", "cpu", precision)
    assert record["device_name"] == f"CPU, OpenVINO {short}" and record["openvino"] and "torch" not in record


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


def test_a_cancel_ends_the_run_between_two_layers_and_the_next_one_is_whole(head_package, head_image):
    backend = open_backend(head_package, "openvino")
    image = head_image
    whole = backend.probability(image, Stages(), (0.0, 1.0)).value
    asked, shares = [], []

    def cancelled() -> bool:
        asked.append(len(asked))
        return len(asked) > 2

    with pytest.raises(Cancelled):
        backend.probability(image, Stages(lambda share, _stage: shares.append(share), cancelled), (0.2, 0.8))
    assert shares and 0.2 <= min(shares) and max(shares) < 0.8
    assert np.array_equal(backend.probability(image, Stages(), (0.0, 1.0)).value, whole)
