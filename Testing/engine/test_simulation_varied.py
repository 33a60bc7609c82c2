"""What the plain head CTs do without: thick slices, motion, metal; without them nothing changes."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from radiologycnn.simulation.head_ct import simulate_head_ct
from radiologycnn.simulation.head_ct.artefacts import add_artefacts
from radiologycnn.simulation.head_ct.config import ArtefactConfig, HeadCtConfig, PhysicsConfig
from radiologycnn.simulation.head_ct.physics import bone_haze
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


def with_haze(hu: np.ndarray, pixel_mm: float, strength: float, reach_mm: float = 24.0) -> np.ndarray:
    config = dataclasses.replace(
        PhysicsConfig(), haze_hu=(strength, 0.0, 0.0, strength), haze_mm=(reach_mm, reach_mm)
    )  # fmt: skip
    changed = hu.copy()
    assert bone_haze(changed, pixel_mm, np.random.default_rng(0), config) == strength
    return changed


@pytest.mark.parametrize("pixel_mm", [3.5, 0.9])
def test_haze_is_the_blurred_bone_less_what_the_scanner_was_calibrated_on(pixel_mm) -> None:
    """Against a Gaussian of the whole picture; only differences count, as the calibration shifts all of the brain."""
    side = int(200 / pixel_mm)
    j, i = np.mgrid[:side, :side]
    radius = np.hypot(j - side / 2, i - side / 2) * pixel_mm
    hu = np.where(radius < 60, 35.0, np.where(radius < 68, 1000.0, -1000.0)).astype(np.float32)[None]
    added = with_haze(hu, pixel_mm, 120.0) - hu
    blurred = ndimage.gaussian_filter((hu[0] > 500).astype(np.float64), 24 / pixel_mm, mode="constant")
    brain = radius < 58
    difference = (added[0] - 120 * blurred)[brain]
    assert difference.std() < 0.5 and np.abs(difference - difference.mean()).max() < 1.5
    assert added[0][(radius > 54) & brain].mean() > added[0][radius < 10].mean() + 8
    assert abs(np.quantile(added[0][brain], 0.25)) < 1
    assert not added[0][radius > 70].any()


def test_haze_is_strongest_under_the_vertex() -> None:
    slices, hu = slices_and_disc()
    narrow = np.abs(np.arange(hu.shape[2]) - hu.shape[2] / 2) * slices.pixel_mm
    hu[-1][np.hypot(narrow[:, None], narrow[None]) > 20] = 1000.0  # the last slice cuts the vertex
    added = with_haze(hu, slices.pixel_mm, 120.0) - hu
    middle = hu.shape[1] // 2
    assert added[-1, middle, middle] > added[0, middle, middle] + 20
    assert added[0, middle, middle] < 3


def test_haze_varies_with_the_scan_and_not_with_the_bleed_and_the_plain_population_has_none() -> None:
    coarse = {"matrix": 64, "coarse_mm": 4.0, "fine_mm": 4.0}
    strengths = []
    for bleed_free in (0.0, 1.0):
        config = HeadCtConfig.from_dict({"scanner": coarse, "bleeds": {"bleed_free": bleed_free}})
        strengths.append([simulate_head_ct(index, 2, config).truth["bone_haze_hu"] for index in range(4)])
    assert strengths[0] == strengths[1] and len(set(strengths[0])) == 4
    plain = dataclasses.replace(PLAIN, scanner=dataclasses.replace(PLAIN.scanner, **coarse))
    assert simulate_head_ct(0, 2, plain).truth["bone_haze_hu"] == 0
