"""The rotator cuff demonstration model that ships: says what it is, tells clear cases, points at the tears."""

import numpy as np
import pytest

from radiologycnn.evaluation.localization import localization
from radiologycnn.models.package import load_package
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.tear_classes import TEAR_VERSUS_NONE, class_records
from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig, plan_shoulder, simulate_shoulder_mr

MATRIX = 192
SEED = 20260


@pytest.fixture(scope="module")
def package(repository):
    (folder,) = (repository / "Resources" / "Models").glob("rotator-cuff-demo-*")
    return load_package(folder)


@pytest.fixture(scope="module")
def classifier(package):
    return RotatorCuffClassifier(package, "cpu")


def shoulders(tear_class: int, count: int):
    """The first shoulders of this class in a population that nothing was trained or tested on."""
    config = ShoulderMrConfig().with_matrix(MATRIX)
    indices = [index for index in range(200) if plan_shoulder(index, SEED, config).tear.tear_class == tear_class]
    return [simulate_shoulder_mr(index, SEED, config) for index in indices[:count]]


def test_card_is_honest_and_small(package) -> None:
    assert package.simulated and package.path.name == package.id
    assert package.task == "rotator-cuff-classification" and list(package.labels) == class_records()
    assert "Not for patients" in package.intended_use
    assert "simulated" in package.training_data and "tear masks" in package.training_data
    assert len(package.read_weights()) < 5_000_000


def test_card_gives_the_pointing_game_beside_chance(package) -> None:
    test = package.performance["test"]
    assert test["cases"] >= 100 and "unseen" in test["data"]
    found = test["localization_tear_versus_none"]
    assert found["peak_within_5_mm"] >= 0.8 > 4 * found["peak_within_5_mm_chance"]
    assert found["peak_in_tear"] > 4 * found["peak_in_tear_chance"] > 0
    assert test["tear_accuracy"] > 0.7 and test["top1_within_one"] > 0.7


def test_large_tears_are_tears_and_the_map_points_at_them(classifier) -> None:
    near = []
    for scan in shoulders(4, 3):
        result = classifier.classify(scan.volume)
        assert result.classification.predicted >= 2
        assert result.classification.tear_probability > 0.6
        raw = result.maps[result.methods.index("cam"), result.targets.index(TEAR_VERSUS_NONE)]
        found = localization(raw, result.maps_ijk_to_lps, scan.labels == 1, scan.volume.ijk_to_lps)
        near.append(found.distance_mm)
    assert np.median(near) <= 5 and max(near) <= 15


def test_intact_shoulders_look_less_torn_than_torn_ones(classifier, package) -> None:
    intact = [classifier.classify(scan.volume).classification.tear_probability for scan in shoulders(0, 4)]
    torn = [classifier.classify(scan.volume).classification.tear_probability for scan in shoulders(3, 3)]
    assert np.median(intact) < package.operating_threshold < np.median(torn)
