"""A classification of a plain scan by a network of random weights."""

import pytest
from engine.hand_made_shoulder import plain_scan, random_package

from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier


@pytest.fixture(scope="session")
def volume():
    """A right shoulder that passes the checks."""
    return plain_scan()


@pytest.fixture(scope="session")
def result(volume, tmp_path_factory):
    """Its answer, with four repeats under augmentation."""
    package = random_package(tmp_path_factory.mktemp("model") / "random")
    return RotatorCuffClassifier(package, "cpu").classify(volume, repeats={"method": "tta", "count": 4})
