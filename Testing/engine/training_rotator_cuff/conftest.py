"""Fifteen cases of balls, written once."""

from pathlib import Path

import pytest
from engine.training_rotator_cuff.balls import ball

from radiologycnn.training.rotatorcuff.cases import save_case


@pytest.fixture(scope="session")
def cases(tmp_path_factory) -> list[Path]:
    """Three cases of each class."""
    folder = tmp_path_factory.mktemp("shoulders")
    for number in range(15):
        save_case(ball(number), folder)
    return [folder / f"c{number}.npz" for number in range(15)]
