"""Repeats: what varies, how it is summed up, and what cannot be repeated."""

import numpy as np
import pytest
import torch
from engine.hand_made_shoulder import PREPROCESSING, random_package

from radiologycnn.errors import InputError
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.repeats import changed_copy


def test_the_answer_is_the_same_to_the_last_digit_each_time(classifier, package, volume):
    first = classifier.classify(volume, repeats={"method": "mc_dropout", "count": 3})
    second = RotatorCuffClassifier(package, "cpu").classify(volume, repeats={"method": "mc_dropout", "count": 3})
    assert first.classification == second.classification
    assert np.array_equal(first.maps, second.maps)


@pytest.mark.parametrize("method", ["mc_dropout", "tta"])
def test_repeats_give_median_and_quartiles_of_runs_that_differ(classifier, volume, method):
    plain = classifier.classify(volume).classification
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    answer = classifier.classify(volume, repeats={"method": method, "count": 7}).classification
    assert torch.equal(torch.random.get_rng_state(), before)  # whoever draws next is not disturbed
    assert answer.probabilities == plain.probabilities and answer.evidence == plain.evidence
    repeats = answer.repeats
    assert (repeats.method, repeats.count) == (method, 7) and sum(repeats.predicted_counts) == 7
    for low, median, high in (*repeats.class_quartiles, repeats.tear_quartiles):
        assert 0 <= low <= median <= high <= 1
    assert any(low < high for low, _, high in repeats.class_quartiles)
    other = classifier.classify(volume, repeats={"method": method, "count": 7, "seed": 1}).classification
    assert other.repeats != repeats


@pytest.mark.parametrize("finer", [1, 2])
def test_a_changed_copy_is_moved_by_a_few_millimetres_at_most_and_never_reflected(finer):
    """Also where pixels in the slice are finer than slices are thick."""
    voxel_mm = np.array([2.0, 2.0 / finer, 2.0 / finer])
    image = np.zeros((24, 32 * finer, 40 * finer), np.float32)
    image[8, 20 * finer : 21 * finer, 30 * finer : 31 * finer] = 1.0
    start = np.argwhere(image).mean(axis=0)
    draws = np.random.default_rng(1)
    places = []
    for _ in range(12):
        moved = changed_copy(image, voxel_mm, draws).astype(np.float64)
        weights = moved - moved.min()
        weights[weights < 0.05 * weights.max()] = 0
        places.append([float((weights * axis).sum() / weights.sum()) for axis in np.indices(weights.shape)])
    moves_mm = (np.array(places) - start) * voxel_mm
    # 2.5 mm along each axis, and what turns of 5 degrees about the middle add so far from it.
    farthest_mm = 2.5 + np.radians(5) * np.linalg.norm([3.5, 4.5, 10.5]) * 2.0 * np.sqrt(2)
    assert np.abs(moves_mm).max() < farthest_mm + 0.5
    assert (moves_mm.std(axis=0) > 0.4).all()


def test_several_models_are_asked_each_in_its_own_way(package, volume, tmp_path, monkeypatch):
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(tmp_path))
    mine = RotatorCuffClassifier(package, "cpu")
    monkeypatch.setattr("radiologycnn.models.catalog.bundled_models_folder", lambda: tmp_path / "none")
    with pytest.raises(InputError, match="at least two"):
        mine.classify(volume, repeats={"method": "models", "count": 60})
    larger = PREPROCESSING.to_dict() | {"grid_size": 48, "edge": 100.0}
    others = [
        random_package(tmp_path / "a", 1, name="a"),
        random_package(tmp_path / "b", 2, name="b", preprocessing=larger),
    ]
    result = mine.classify(volume, repeats={"method": "models", "count": 60})
    assert result.classification.repeats.count == 3
    assert result.provenance["repeats"]["models"] == [package.id, "a-1.0.0", "b-1.0.0"]
    alone = [RotatorCuffClassifier(one, "cpu").classify(volume).classification for one in (package, *others)]
    medians = [median for _, median, _ in result.classification.repeats.class_quartiles]
    assert medians == pytest.approx(np.median([one.probabilities for one in alone], axis=0).tolist(), abs=1e-6)


@pytest.mark.parametrize(
    ("repeats", "words"),
    [
        ({"method": "guess", "count": 5}, "no way 'guess'"),
        ({"method": "tta", "count": 1}, "1 repeats"),
        ({"method": "tta", "count": True}, "repeats"),
        ({"method": "tta", "count": 5, "often": 1}, "often"),
        ({"count": 5}, "no way None"),
    ],
)
def test_repeats_that_cannot_be_are_refused(classifier, volume, repeats, words):
    with pytest.raises(InputError, match=words) as failure:
        classifier.classify(volume, repeats=repeats)
    assert failure.value.code == "bad-repeats"


def test_dropout_that_is_not_there_cannot_be_drawn(volume, tmp_path):
    package = random_package(tmp_path / "off", parameters={"dropout": "off"})
    with pytest.raises(InputError, match="no dropout") as failure:
        RotatorCuffClassifier(package, "cpu").classify(volume, repeats={"method": "mc_dropout", "count": 2})
    assert failure.value.hint
