"""What the plain head CTs do without: thick slices, motion, metal; without them nothing changes."""

import dataclasses

import numpy as np
import pytest

from radiologycnn.simulation.head_ct.artefacts import add_artefacts
from radiologycnn.simulation.head_ct.config import ArtefactConfig, HeadCtConfig
from radiologycnn.simulation.head_ct.scanner import draw_slices

PLAIN = HeadCtConfig.preset("plain")
SCANNER = PLAIN.with_matrix(64).scanner


def slices_and_disc():
    """A scan of a head-sized disc of brain in a ring of bone, HU (K, J, I)."""
    slices = draw_slices(np.random.default_rng(1), SCANNER, 90.0)
    count, rows, columns = slices.shape_kji
    j, i = np.mgrid[:rows, :columns]
    radius = np.hypot(j - rows / 2, i - columns / 2) * slices.pixel_mm
    disc = np.where(radius < 70, 35.0, np.where(radius < 78, 1000.0, -1000.0)).astype(np.float32)
    return slices, np.repeat(disc[None], count, axis=0)


def test_plain_population_has_neither_and_its_numbers_stay() -> None:
    slices, hu = slices_and_disc()
    before = hu.copy()
    assert add_artefacts(hu, slices, np.random.default_rng(0), PLAIN.artefacts) == []
    assert np.array_equal(hu, before)
    with_stream = draw_slices(np.random.default_rng(4), SCANNER, 90.0, np.random.default_rng(9))
    without = draw_slices(np.random.default_rng(4), SCANNER, 90.0)
    assert np.array_equal(with_stream.ijk_to_lps, without.ijk_to_lps) and with_stream.shape_kji == without.shape_kji


def test_motion_doubles_the_skull_in_some_neighbouring_slices() -> None:
    slices, hu = slices_and_disc()
    before = hu.copy()
    assert add_artefacts(hu, slices, np.random.default_rng(0), ArtefactConfig(motion=1.0, metal=0.0)) == ["motion"]
    changed = np.flatnonzero(np.abs(hu - before).max(axis=(1, 2)) > 50)
    assert 2 <= len(changed) < 0.5 * len(hu)
    assert np.array_equal(changed, np.arange(changed[0], changed[-1] + 1))


def test_metal_is_bright_and_its_streaks_fade_with_distance() -> None:
    slices, hu = slices_and_disc()
    before = hu.copy()
    assert add_artefacts(hu, slices, np.random.default_rng(3), ArtefactConfig(motion=0.0, metal=1.0)) == ["metal"]
    change = np.abs(hu - before)
    k, j, i = np.unravel_index(change.argmax(), change.shape)
    assert hu[k, j, i] > 1500
    rows, columns = np.mgrid[: hu.shape[1], : hu.shape[2]]
    away = np.hypot(rows - j, columns - i) * slices.pixel_mm
    brain = before[k] == 35
    near, far = (change[k][brain & (away > low) & (away < high)].mean() for low, high in ((8, 25), (60, 90)))
    assert near > 2 * far
    assert change[-1].max() == 0


@pytest.mark.parametrize("seed", range(4))
def test_thick_slices_cover_the_same_head(seed) -> None:
    thick = dataclasses.replace(SCANNER, thick_slices=1.0, missing_vertex=0.0)
    slices = draw_slices(np.random.default_rng(seed), thick, 90.0, np.random.default_rng(seed))
    assert 4.9 < slices.slice_mm < 8.1
    reach = slices.slice_mm * slices.shape_kji[0]
    assert 145 < reach < 185
