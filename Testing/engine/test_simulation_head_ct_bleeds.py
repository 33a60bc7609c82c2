"""Simulated bleeds: how many, of which volume, brightness and label, and what they push aside."""

import dataclasses

import numpy as np
import pytest
from engine.simulated_heads import only
from scipy import ndimage

from radiologycnn.simulation.head_ct import BLEED_LABELS, HeadCtConfig, simulate_head_ct
from radiologycnn.simulation.head_ct.bleeds import plan_bleeds
from radiologycnn.simulation.head_ct.config import BleedConfig


@pytest.mark.parametrize(
    ("kind", "place", "volume_ml"),
    [("iph", "lobar", 30.0), ("iph", "cerebellar", 10.0), ("sdh", "", 40.0), ("edh", "", 25.0), ("ivh", "", 4.0)],
)
def test_bleed_has_its_volume_its_label_and_its_brightness(kind: str, place: str, volume_ml: float) -> None:
    scan = simulate_head_ct(2, 3, only(kind, volume_ml, place))
    (bleed,) = scan.truth["bleeds"]
    assert bleed["kind"] == kind
    assert bleed["volume_ml"] == pytest.approx(volume_ml, rel=0.10)  # drawn on a 3 mm grid
    mask_ml = (scan.labels > 0).sum() * scan.volume.voxel_volume_mm3 / 1000
    assert scan.truth["mask_ml"] == pytest.approx(mask_ml, abs=0.01)
    # What bone brightens beyond 100 HU is not labelled; on this coarse grid that is much of a layer on the bone.
    assert mask_ml == pytest.approx(scan.truth["volume_ml"], rel=0.3 if kind in ("sdh", "edh") else 0.25)
    assert set(np.unique(scan.labels)) <= {0, BLEED_LABELS[kind]}
    assert 38 < np.median(scan.volume.array[scan.labels > 0]) < 80


def test_subarachnoid_blood_lies_where_csf_was() -> None:
    config = only("sah", 8.0)
    with_blood = simulate_head_ct(1, 4, config)
    assert with_blood.truth["bleeds"][0]["volume_ml"] == pytest.approx(8.0, rel=0.25)
    assert (with_blood.labels == BLEED_LABELS["sah"]).any()


def test_large_bleeds_push_the_midline_and_small_ones_do_not() -> None:
    large, small = (simulate_head_ct(2, 3, only("sdh", ml)).truth for ml in (90.0, 4.0))
    assert large["midline_shift_mm"] > 2.0
    assert small["midline_shift_mm"] < large["midline_shift_mm"] / 2


def test_a_fifth_is_bleed_free_and_most_bleeds_are_parenchymal() -> None:
    plans = [plan_bleeds(np.random.default_rng(seed), BleedConfig()) for seed in range(600)]
    assert 0.15 < sum(not plan for plan in plans) / len(plans) < 0.25
    kinds = [bleed.kind for plan in plans for bleed in plan]
    assert set(kinds) == set(BLEED_LABELS)
    assert max(set(kinds), key=kinds.count) == "iph"


def test_thin_blood_is_labelled_from_the_share_of_its_kind() -> None:
    config = only("sah", 8.0)
    half = simulate_head_ct(1, 4, config)
    shares = {**config.bleeds.label_share, "sah": 0.2}
    generous = simulate_head_ct(
        1, 4, dataclasses.replace(config, bleeds=dataclasses.replace(config.bleeds, label_share=shares))
    )
    assert np.array_equal(half.volume.array, generous.volume.array)
    assert generous.truth["volume_ml"] == half.truth["volume_ml"]
    assert half.truth["mask_ml"] < generous.truth["mask_ml"]
    assert np.all(generous.labels[half.labels > 0] > 0)


def test_settled_cells_brighten_the_back_of_a_bleed_and_leave_its_mean_and_its_outline() -> None:
    config = only("iph", 40.0, "lobar")
    clotted, liquid = (
        simulate_head_ct(
            2, 3, dataclasses.replace(config, bleeds=dataclasses.replace(config.bleeds, fluid_level=share))
        )
        for share in (0.0, 1.0)
    )
    inner = ndimage.binary_erosion(clotted.labels > 0) & ndimage.binary_erosion(liquid.labels > 0)
    change = (liquid.volume.array.astype(float) - clotted.volume.array)[inner]
    in_head = np.stack(np.nonzero(inner)[::-1] + (np.ones(inner.sum()),))
    back = ((liquid.lps_to_head @ liquid.volume.ijk_to_lps) @ in_head)[1]
    low, high = HeadCtConfig().bleeds.fluid_level_hu
    behind, before = (np.median(change[part]) for part in (back > np.median(back) + 6, back < np.median(back) - 6))
    assert 0.6 * low < behind - before < 1.2 * high
    assert abs(change.mean()) < 3
    assert clotted.truth["volume_ml"] == liquid.truth["volume_ml"]
