"""Where OpenVINO fails: a smaller way, then torch, then the reason in words."""

from __future__ import annotations

import numpy as np
import pytest

from radiologycnn.errors import ResourceError
from radiologycnn.inference_stages import Stages
from radiologycnn.networks.backends import open_backend
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier

pytest.importorskip("openvino")
pytest.importorskip("onnx")


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


def test_where_memory_ends_a_smaller_way_is_taken_and_said(head_package, head_image, failing_runs):
    errors, runs = failing_runs
    backend = open_backend(head_package, "openvino")
    image = head_image
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


def test_the_librarys_own_errors_are_told_apart(head_package, head_image):
    from radiologycnn.networks.openvino_runner import OpenVinoRunner

    runner = OpenVinoRunner(head_package.read_onnx())
    with pytest.raises(ResourceError, match="OpenVINO could not run the network") as caught:
        runner.run(np.zeros((1, 1, 8, 8, 8), np.float32), lambda share: None)
    assert caught.value.code == "openvino-failed"

    def full(share):
        raise MemoryError

    with pytest.raises(ResourceError) as caught:
        runner.run(head_image[None, None], full)
    assert caught.value.code == "out-of-memory"
