"""Baseline and follow-up of one head: the growth is what was asked for, and the motion brings one onto the other."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from radiologycnn.images.grid import resample
from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct
from radiologycnn.simulation.head_ct.config import BleedConfig
from radiologycnn.simulation.head_ct.pairs import FollowUpConfig, simulate_head_ct_pair

SMALL = HeadCtConfig.from_dict({"scanner": {"matrix": 128, "coarse_mm": 3.0, "fine_mm": 2.0}})
LOBAR = dataclasses.replace(
    SMALL,
    bleeds=dataclasses.replace(
        BleedConfig(), bleed_free=0.0, second_bleed=0.0, primary_weights={"iph": 1.0}, location_weights={"lobar": 1.0},
        volume_ml={**BleedConfig().volume_ml, "lobar": (20.0, 0.0, 20.0, 20.0)},
    ),
)  # fmt: skip
GROWS = FollowUpConfig(grows=1.0, shrinks=0.0, growth=(1.5, 1.5))
SHRINKS = FollowUpConfig(grows=0.0, shrinks=1.0, shrinkage=(0.5, 0.5))


@pytest.fixture(scope="module")
def growing():
    return simulate_head_ct_pair(2, 3, LOBAR, GROWS)


def test_growth_is_what_was_asked_for(growing) -> None:
    truth = growing.truth
    assert truth["change"] == "grows"
    assert truth["follow_up_ml"] == pytest.approx(1.5 * truth["baseline_ml"], rel=0.04)
    assert truth["growth_ml"] == pytest.approx(truth["follow_up_ml"] - truth["baseline_ml"], abs=0.002)
    mask_growth = truth["follow_up_mask_ml"] - truth["baseline_mask_ml"]
    assert mask_growth == pytest.approx(truth["growth_ml"], rel=0.25)


def test_baseline_is_the_scan_of_that_number_and_the_follow_up_lies_elsewhere(growing) -> None:
    alone = simulate_head_ct(2, 3, LOBAR)
    assert np.array_equal(growing.baseline.volume.array, alone.volume.array)
    assert growing.follow_up.truth["rotation_deg"] != alone.truth["rotation_deg"]
    again = simulate_head_ct_pair(2, 3, LOBAR, GROWS)
    assert np.array_equal(again.follow_up.volume.array, growing.follow_up.volume.array)


def test_known_motion_brings_bone_and_bleed_of_one_scan_onto_the_other(growing) -> None:
    first, second = growing.baseline.volume, growing.follow_up.volume
    rotation = growing.baseline_to_follow_up[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)

    def dice(in_first: np.ndarray, in_second: np.ndarray, motion: np.ndarray) -> float:
        onto_second = np.linalg.inv(motion) @ second.ijk_to_lps
        moved = resample(in_first, first.ijk_to_lps, onto_second, in_second.shape, "nearest")
        return 2 * (moved & in_second).sum() / (moved.sum() + in_second.sum())

    # Slices of both reach differently far down: compare where both have bone, the vault.
    heads = [ndimage.binary_fill_holes(volume.array > -300).astype(np.uint8) for volume in (first, second)]
    moved, still = (dice(*heads, motion) for motion in (growing.baseline_to_follow_up, np.eye(4)))
    assert moved > 0.93 and moved > still
    # The larger bleed holds the smaller one: same place, same form.
    onto_second = np.linalg.inv(growing.baseline_to_follow_up) @ second.ijk_to_lps
    small = resample(growing.baseline.mask, first.ijk_to_lps, onto_second, second.array.shape, "nearest")
    assert (small & growing.follow_up.mask).sum() > 0.9 * small.sum()


def test_old_blood_fades_while_it_shrinks() -> None:
    pair = simulate_head_ct_pair(2, 3, LOBAR, SHRINKS)
    assert pair.truth["growth_ml"] == pytest.approx(-0.5 * pair.truth["baseline_ml"], rel=0.06)
    assert pair.truth["hours"] >= 72
    before, after = (scan.truth["bleeds"][0]["core_hu"] for scan in (pair.baseline, pair.follow_up))
    assert 34 <= after < before - 1.5


def test_a_head_without_a_bleed_stays_without() -> None:
    free = dataclasses.replace(SMALL, bleeds=BleedConfig(bleed_free=1.0))
    pair = simulate_head_ct_pair(0, 3, free, GROWS)
    assert pair.truth["change"] == "stays" and pair.truth["growth_ml"] == 0
    assert not pair.follow_up.labels.any()
