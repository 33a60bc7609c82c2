"""What happens when a shoulder cannot be classified: no memory, a cancel, a model or device that does not fit."""

import numpy as np
import pytest
from engine.hand_made_shoulder import random_package

from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier


def failing(classifier, monkeypatch, times, error):
    """Lets the network end in an error so many times, then work."""
    forward, left = classifier.backend.network.classify, [times]

    def fail(features):
        if features.shape[-1] == 8 and left[0]:
            left[0] -= 1
            raise error
        return forward(features)

    monkeypatch.setattr(classifier.backend.network, "classify", fail)


@pytest.mark.parametrize(
    ("at_stage", "repeats"), [("Checking the scan", 0), ("Running the network", 0), ("Repeating", 50)]
)
def test_cancelling_stops_between_stages_layers_and_repeats(classifier, volume, at_stage, repeats):
    seen = []
    with pytest.raises(Cancelled):
        classifier.classify(
            volume,
            repeats={"method": "tta", "count": repeats} if repeats else None,
            progress=lambda fraction, stage: seen.append(stage),
            cancelled=lambda: seen.count(at_stage) >= (1 if at_stage == "Checking the scan" else 3),
        )
    assert seen[-1] == at_stage
    assert classifier.classify(volume).classification.probabilities


def test_out_of_memory_takes_a_smaller_way_and_says_so(classifier, volume, monkeypatch):
    exact = classifier.classify(volume)
    failing(classifier, monkeypatch, 1, RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    logged = []
    result = classifier.classify(volume, log=logged.append)
    assert result.provenance["precision"] == "bfloat16"
    assert len(logged) == 1 and logged[0] in result.notes
    assert result.classification.probabilities == pytest.approx(exact.classification.probabilities, abs=0.05)
    answer = result.classification
    total = result.maps[0, 0].mean(dtype=np.float64)
    assert np.isfinite(total) and answer.evidence_for(0).score == pytest.approx(
        exact.classification.evidence_for(0).score, abs=0.3
    )


def test_no_memory_at_all_is_a_sentence_for_the_person(classifier, volume, monkeypatch):
    failing(classifier, monkeypatch, 9, MemoryError())
    with pytest.raises(ResourceError, match="not enough memory"):
        classifier.classify(volume)


def test_another_error_of_the_network_is_not_taken_for_lack_of_memory(classifier, volume, monkeypatch):
    failing(classifier, monkeypatch, 9, RuntimeError("expected scalar type Half"))
    with pytest.raises(RuntimeError, match="scalar type"):
        classifier.classify(volume)


def test_what_cannot_run_is_refused_with_the_reason(package, tmp_path):
    from engine.hand_made import make_package as make_head_package

    with pytest.raises(InputError, match="no device cuda:77"):
        RotatorCuffClassifier(package, device="cuda:77")
    with pytest.raises(InputError, match="precision"):
        RotatorCuffClassifier(package, "cpu", precision="int4")
    with pytest.raises(InputError, match="not for rotator-cuff-classification"):
        RotatorCuffClassifier(make_head_package(tmp_path / "head"), "cpu")
    four = [*package.labels][:4]
    with pytest.raises(InputError, match="names 4 classes"):
        RotatorCuffClassifier(random_package(tmp_path / "four", labels=four), "cpu")
    with pytest.raises(InputError, match="preprocessing"):
        RotatorCuffClassifier(random_package(tmp_path / "odd", preprocessing={"edge": "large"}), "cpu")
