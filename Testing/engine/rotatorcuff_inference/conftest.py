"""A network that sees brightness, one of random weights, and a plain shoulder; nothing of them is changed for good."""

import pytest
from engine.hand_made_shoulder import make_package, plain_scan, random_package

from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier


@pytest.fixture(scope="session")
def sees_light(tmp_path_factory):
    return RotatorCuffClassifier(make_package(tmp_path_factory.mktemp("models") / "light"), "cpu")


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return random_package(tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="session")
def classifier(package):
    return RotatorCuffClassifier(package, "cpu")


@pytest.fixture(scope="session")
def volume():
    return plain_scan()
