"""The demonstration model that ships: says what it is, and finds a plain simulated bleed where there is one."""

import dataclasses

import numpy as np
import pytest

from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.models.package import load_package
from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct


@pytest.fixture(scope="module")
def package(repository):
    (folder,) = (repository / "Resources" / "Models").glob("hemorrhage-demo-*")
    return load_package(folder)


def test_card_is_honest_and_small(package) -> None:
    assert package.simulated
    assert package.path.name == package.id
    assert "Not for patients" in package.intended_use
    assert "simulated" in package.training_data
    assert package.performance["validation"]["dice_mean"] > 0
    assert len(package.read_weights()) < 5_000_000


def test_finds_a_large_lobar_bleed_and_where_it_is(package) -> None:
    config = HeadCtConfig().with_matrix(128)
    bleeds = dataclasses.replace(
        config.bleeds,
        bleed_free=0.0,
        second_bleed=0.0,
        primary_weights={"iph": 1.0},
        location_weights={"lobar": 1.0},
        volume_ml={**config.bleeds.volume_ml, "lobar": (40.0, 0.0, 40.0, 40.0)},
    )
    scan = simulate_head_ct(1, 77, dataclasses.replace(config, bleeds=bleeds))
    result = HemorrhageSegmenter(package, "cpu").segment(scan.volume)
    found, truth = result.mask > 0, scan.mask > 0
    assert 2 * np.logical_and(found, truth).sum() / (found.sum() + truth.sum()) > 0.7
    assert result.measurements.total_volume_ml == pytest.approx(40.0, rel=0.35)
