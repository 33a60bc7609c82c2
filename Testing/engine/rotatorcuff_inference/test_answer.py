"""A shoulder goes in; class, region, side and honest notes come out."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine.hand_made_shoulder import random_package
from engine.told_progress import told_by

from radiologycnn.errors import InputError
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.results import Classification
from radiologycnn.rotatorcuff.tear_classes import FROM_PAPER_CODES, TEAR_CLASSES


def middle_of(volume):
    return (volume.ijk_to_lps @ [*((np.array(volume.array.shape[::-1]) - 1) / 2), 1])[:3].tolist()


def test_progress_rises_through_named_stages_and_the_record_is_complete(classifier, package, volume):
    result, told = told_by(lambda progress: classifier.classify(volume, progress=progress))
    stages = list(dict.fromkeys(told))
    assert stages == [
        "Checking the scan",
        "Finding the humeral head",
        "Preparing the cube",
        "Running the network",
        "Locating the evidence",
    ]
    record = json.loads(json.dumps(result.provenance))
    assert list(record["seconds"]) == stages
    assert (record["model"], record["model_sha256"]) == (package.id, package.weights_sha256)
    assert record["preprocessing"]["grid_size"] == 32
    assert record["series"]["plane"] == "coronal"
    assert "path" not in result.model_card and json.dumps(dict(result.model_card))
    answer = result.classification
    assert Classification.from_dict(json.loads(json.dumps(answer.to_dict()))) == answer
    assert [one["name"] for one in result.classes] == [one.name for one in TEAR_CLASSES]


@pytest.mark.parametrize("given", [False, True], ids=["as the scan says", "as the person says"])
def test_a_scan_that_was_prepared_gives_the_same_and_is_not_looked_at_again(classifier, volume, monkeypatch, given):
    where = {"roi": {"centre_lps_mm": middle_of(volume), "edge_mm": 75.0}, "side": "left"} if given else {}
    plain, prepared = classifier.classify(volume, **where), classifier.prepare(volume, **where)
    monkeypatch.setattr("radiologycnn.rotatorcuff.prepared_cuff.check_scan", None)
    after = classifier.classify(volume, **where, prepared=prepared)
    assert (after.classification, after.notes) == (plain.classification, plain.notes)
    assert np.array_equal(after.maps, plain.maps) and np.array_equal(after.maps_ijk_to_lps, plain.maps_ijk_to_lps)
    assert list(after.provenance["seconds"]) == ["Running the network", "Locating the evidence"]


def test_the_region_is_the_persons_where_one_is_given(classifier, volume):
    centre = middle_of(volume)
    given = classifier.classify(volume, roi={"centre_lps_mm": centre, "edge_mm": 90}).classification.roi
    assert (given.automatic, given.edge_mm) == (False, 90) and given.centre_lps_mm == pytest.approx(tuple(centre))
    found = classifier.classify(volume).classification.roi
    assert found.automatic and found.edge_mm == 80
    assert np.linalg.norm(np.subtract(found.centre_lps_mm, centre)) < 8
    for roi, words in (
        ({"centre_lps_mm": [900, 0, 0]}, "outside the image"),
        ({"centre_lps_mm": centre, "edge_mm": -3}, "cannot be used"),
        ({"centre_lps_mm": [1, 2]}, "three numbers"),
        ({"center": centre}, "unknown fields"),
    ):
        with pytest.raises(InputError, match=words):
            classifier.classify(volume, roi=roi)


def test_the_side_is_the_persons_where_one_is_given(classifier, volume):
    answer = classifier.classify(volume, side="left")
    left = answer.classification
    assert (left.side, left.mirrored) == ("left", True)
    assert any("a right shoulder; it was taken for a left one" in note for note in answer.notes)
    assert not any("it was taken for" in note for note in classifier.classify(volume, side="right").notes)
    with pytest.raises(InputError, match="left or right"):
        classifier.classify(volume, side="both")


def test_what_the_person_must_know_is_in_the_notes(classifier, volume, tmp_path):
    notes = classifier.classify(volume).notes
    assert any("Not for patients" in note for note in notes)
    middle = volume.ijk_to_lps @ [*((np.array(volume.array.shape[::-1]) - 1) / 2), 1]
    centred = volume.ijk_to_lps.copy()
    centred[:3, 3] -= middle[:3]
    noise = np.random.default_rng(0).normal(100, 30, volume.array.shape).astype(np.float32)
    unknown = classifier.classify(replace(volume, array=noise, ijk_to_lps=centred, provenance={}))
    assert unknown.classification.side == "unknown" and not unknown.classification.mirrored
    assert not unknown.provenance["humeral_head_found"]
    text = " ".join(unknown.notes)
    assert "not mirrored" in text and "humeral head was not found" in text
    # A side that the person gives is no longer in doubt.
    given = " ".join(classifier.classify(replace(volume, ijk_to_lps=centred, provenance={}), side="right").notes)
    assert "not mirrored" not in given
    real = RotatorCuffClassifier(random_package(tmp_path / "real", simulated=False), "cpu")
    assert not any("patients" in note for note in real.classify(volume).notes)


def test_class_and_tear_probability_that_disagree_are_explained(volume, tmp_path):
    strict = random_package(tmp_path / "strict", operating_threshold=0.999999)
    loose = random_package(tmp_path / "loose", operating_threshold=0.000001)
    texts = [" ".join(RotatorCuffClassifier(one, "cpu").classify(volume).notes) for one in (strict, loose)]
    assert sum("threshold" in text for text in texts) == 1


def test_the_scan_is_checked_first(classifier, volume):
    broken = volume.array.astype(np.float32)
    broken[3, 3, 3] = np.nan
    for changed, words in (
        (replace(volume, array=broken), "NaN"),
        (replace(volume, modality="CT"), "CT"),
        (replace(volume, array=volume.array[:1]), "single slice"),
    ):
        with pytest.raises(InputError, match=words):
            classifier.classify(changed)
    turned = volume.ijk_to_lps.copy()
    turned[:3, :3] = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) @ turned[:3, :3]
    assert any("axial" in note for note in classifier.classify(replace(volume, ijk_to_lps=turned)).notes)


def test_the_papers_codes_are_brought_into_order():
    by_code = [TEAR_CLASSES[FROM_PAPER_CODES[code]].name for code in range(5)]
    assert by_code == ["None", "Small", "Medium", "Large-to-Massive", "Partial"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_cpus_answer(package, volume):
    cpu, cuda = (RotatorCuffClassifier(package, device).classify(volume) for device in ("cpu", "cuda"))
    assert cuda.provenance["device"] == "cuda:0"
    assert cuda.classification.probabilities == pytest.approx(cpu.classification.probabilities, abs=1e-3)
