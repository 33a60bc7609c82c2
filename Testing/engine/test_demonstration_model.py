"""The demonstration models that ship: say what they are, and find a plain simulated bleed where there is one."""

import dataclasses

import numpy as np
import pytest

from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.images.affine import voxel_ml
from radiologycnn.models.catalog import MODELS_VARIABLE, find_model
from radiologycnn.models.package import load_package
from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct
from radiologycnn.tasks import HEMORRHAGE_TASK

PLAIN, TYPES = "hemorrhage-demo", "hemorrhage-types-demo"


@pytest.fixture(scope="module")
def packages(repository) -> dict:
    models = repository / "Resources" / "Models"
    return {name: load_package(*models.glob(f"{name}-[0-9]*")) for name in (PLAIN, TYPES)}


@pytest.fixture(scope="module")
def lobar_bleed():
    """A head with one lobar bleed of 40 mL, of which the mask holds 37."""
    config = HeadCtConfig().with_matrix(128)
    bleeds = dataclasses.replace(
        config.bleeds,
        bleed_free=0.0,
        second_bleed=0.0,
        primary_weights={"iph": 1.0},
        location_weights={"lobar": 1.0},
        volume_ml={**config.bleeds.volume_ml, "lobar": (40.0, 0.0, 40.0, 40.0)},
    )
    return simulate_head_ct(1, 77, dataclasses.replace(config, bleeds=bleeds))


@pytest.fixture(scope="module")
def results(packages, lobar_bleed) -> dict:
    return {name: HemorrhageSegmenter(package, "cpu").segment(lobar_bleed.volume) for name, package in packages.items()}


def dice(found, truth) -> float:
    return 2 * np.logical_and(found, truth).sum() / (found.sum() + truth.sum())


@pytest.mark.parametrize("name", [PLAIN, TYPES])
def test_card_is_honest_and_small(packages, name) -> None:
    package = packages[name]
    assert package.simulated
    assert package.path.name == package.id
    assert "Not for patients" in package.intended_use
    assert "simulated" in package.training_data
    assert package.performance["validation"]["dice_mean"] > 0
    assert len(package.read_weights()) < 5_000_000


def test_card_of_the_types_says_how_well_each_is_told(packages) -> None:
    types = packages[TYPES].performance["validation"]["types"]
    assert types.keys() == BLEED_TYPES.keys()
    assert all(0 <= figures["dice"] <= 1 and figures["cases"] > 0 for figures in types.values())


def test_blood_or_none_is_what_runs_where_no_model_is_chosen(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    assert find_model(None, HEMORRHAGE_TASK).name == PLAIN


@pytest.mark.parametrize("name", [PLAIN, TYPES])
def test_finds_a_large_lobar_bleed_and_where_it_is(results, lobar_bleed, name) -> None:
    assert dice(results[name].mask > 0, lobar_bleed.mask > 0) > 0.7
    true_ml = lobar_bleed.mask.astype(bool).sum() * voxel_ml(lobar_bleed.volume.ijk_to_lps)
    assert results[name].measurements.total_volume_ml == pytest.approx(true_ml, rel=0.35)


def test_types_are_of_nearly_the_same_blood_and_most_of_this_is_parenchymal(results) -> None:
    mask = results[TYPES].mask
    # The same on the network's grid; where two types meet, between its voxels, each is interpolated on its own.
    assert dice(mask > 0, results[PLAIN].mask > 0) > 0.98
    assert (mask == BLEED_TYPES["iph"].value).sum() > 0.5 * (mask > 0).sum()
