"""A simulated head CT as a whole: the same scan for the same numbers, its tissues, and the anatomy that is drawn."""

import dataclasses

import numpy as np
import pytest
from engine.simulated_heads import SMALL, only, with_anatomy
from scipy import ndimage

from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct
from radiologycnn.simulation.head_ct.brain import build_brain
from radiologycnn.simulation.head_ct.cavity import build_cavity
from radiologycnn.simulation.head_ct.config import BleedConfig
from radiologycnn.simulation.head_ct.fields import HeadGrid
from radiologycnn.simulation.head_ct.person import draw_person


@pytest.fixture(scope="module")
def bleed_free():
    return simulate_head_ct(3, 5, dataclasses.replace(SMALL, bleeds=BleedConfig(bleed_free=1.0)))


def test_same_numbers_give_the_same_scan_and_others_another() -> None:
    first, again, other = (simulate_head_ct(i, 11, SMALL) for i in (0, 0, 1))
    assert np.array_equal(first.volume.array, again.volume.array)
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.volume.ijk_to_lps, again.volume.ijk_to_lps)
    assert first.truth == again.truth
    assert first.volume.array.shape != other.volume.array.shape or (first.volume.array != other.volume.array).any()


def test_bleed_free_scan_has_tissues_of_a_head(bleed_free) -> None:
    array = bleed_free.volume.array
    assert array.dtype == np.int16 and not bleed_free.labels.any()
    assert array[0, 0, 0] < -900
    assert 800 < np.percentile(array[array > 300], 95) < 2600  # bone, thin tables drawn on 2 mm
    middle = array[len(array) // 2]
    brain = middle[(middle > 0) & (middle < 80)]
    assert 26 < np.median(brain) < 40
    litres = (array > -300).sum() * bleed_free.volume.voxel_volume_mm3 / 1e6
    assert 2.0 < litres < 6.0


def test_no_label_outside_the_head_or_in_bone() -> None:
    for index in range(2):
        scan = simulate_head_ct(index, 21, dataclasses.replace(SMALL, bleeds=BleedConfig(bleed_free=0.0)))
        under_label = scan.volume.array[scan.labels > 0]
        assert under_label.size
        assert np.percentile(under_label, 1) > -50
        assert np.median(under_label) < 90


def test_orbital_roofs_bulge_over_a_thin_bone() -> None:
    """Between the roofs the brain lies deeper, and there is less bone in front than under a thick flat floor."""
    bulging = dataclasses.replace(SMALL, bleeds=BleedConfig(bleed_free=1.0))
    flat = dataclasses.replace(bulging, anatomy=dataclasses.replace(bulging.anatomy, orbital_roof_mm=0.0))
    bone = []
    for config in (flat, bulging):
        volume = simulate_head_ct(4, 8, config).volume
        front = volume.array[: len(volume.array) // 2, : volume.array.shape[1] // 2]
        bone.append(int((front > 300).sum()))
    assert bone[1] < 0.9 * bone[0]


def test_fissures_of_the_cerebellum_hold_csf_and_no_blood() -> None:
    closed, open_ = (
        simulate_head_ct(1, 4, with_anatomy(only("sah", 8.0), folium_cleft_mm=width)) for width in (0.01, 0.6)
    )
    assert np.array_equal(closed.labels, open_.labels)
    change = open_.volume.array.astype(int) - closed.volume.array
    assert change.min() < -5 and change[closed.volume.array < 100].max() <= 2
    changed = np.argwhere(change < -3)
    shape = np.array(change.shape)
    assert changed[:, 0].max() < 0.7 * shape[0] and np.median(changed[:, 1]) > 0.5 * shape[1]  # low, and behind


def test_white_matter_is_uneven_about_the_same_mean() -> None:
    bleed_free = dataclasses.replace(SMALL, bleeds=BleedConfig(bleed_free=1.0))
    settings = {"white_change_hu": (0.0, 0.0)}
    even, uneven = (
        simulate_head_ct(3, 5, with_anatomy(bleed_free, white_uneven_hu=(sd, sd), **settings)).volume.array.astype(
            float
        )
        for sd in (0.0, 2.0)
    )
    brain = (even > 15) & (even < 45) & (uneven > 15) & (uneven < 45)
    change = (uneven - even)[brain]
    assert abs(change.mean()) < 0.6
    assert 0.4 < change.std() < 2.2


def test_sulci_under_the_vertex_are_no_rings() -> None:
    """What lies on one side of the sulci in a slice reaches the brain's edge, as it does not within a ring."""
    config, grid = HeadCtConfig().anatomy, HeadGrid(3.0, 3.0)
    ringed = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        person = draw_person(rng, config)
        cavity = build_cavity(grid, person, rng, config.orbital_roof_mm, config.temporalis_mm)
        brain = build_brain(grid, person, cavity, np.zeros((3, *grid.coarse[0].shape), np.float32), rng, config)
        level = int(np.searchsorted(grid.axis(2, 3.0), 0.7 * person.height_mm))
        for k in range(level, level + 4):
            within = brain.surface[k] > 0
            for side in (1, -1):
                pieces, _ = ndimage.label(within & (side * brain.sulcus[k] > 0))
                open_ = np.unique(pieces[within & ~ndimage.binary_erosion(within)])
                ringed.append((within & (pieces > 0) & ~np.isin(pieces, open_)).sum() / within.sum())
    assert np.sum(ringed) < 0.06
