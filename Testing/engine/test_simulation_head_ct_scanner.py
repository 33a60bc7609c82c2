"""The simulated CT scanner: slices, tilt and kernel as they should be, on whatever grid the head was drawn."""

import dataclasses

import numpy as np
import pytest
from engine.simulated_heads import SMALL
from scipy import ndimage

from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct
from radiologycnn.simulation.head_ct.fields import HeadGrid
from radiologycnn.simulation.head_ct.physics import scan
from radiologycnn.simulation.head_ct.scanner import draw_slices, join_upper_slices, onto_slices


def test_gantry_tilt_is_a_true_shear_and_the_matrix_keeps_the_field_of_view() -> None:
    tilted = HeadCtConfig.from_dict(
        {"scanner": {"matrix": 64, "coarse_mm": 4.0, "fine_mm": 4.0, "gantry_tilt": 1.0, "tilt_deg": [15.0, 15.0]}}
    )
    volume = simulate_head_ct(0, 1, tilted).volume
    row, normal = volume.ijk_to_lps[:3, 1], volume.ijk_to_lps[:3, 2]
    cosine = abs(row @ normal) / np.linalg.norm(row) / np.linalg.norm(normal)
    assert np.degrees(np.arcsin(cosine)) == pytest.approx(15.0, abs=0.01)
    finer = simulate_head_ct(0, 1, tilted.with_matrix(128)).volume
    assert finer.spacing_mm[0] * 128 == pytest.approx(volume.spacing_mm[0] * 64)


def test_truth_tells_how_much_of_the_vertex_was_missed() -> None:
    missed = []
    for share in (0.0, 1.0):
        scanner = {"matrix": 64, "coarse_mm": 4.0, "fine_mm": 4.0, "missing_vertex": share}
        scan = simulate_head_ct(0, 1, HeadCtConfig.from_dict({"scanner": scanner}))
        missed.append(scan.truth["missing_vertex_mm"])
        assert (scan.volume.array[-1] > 300).any() == bool(share)  # the last slice shows bone, or air alone
    assert missed[0] == 0 and 0 < missed[1] < 30


def test_joined_upper_slices_average_pairs_and_leave_the_skull_base() -> None:
    steps = np.repeat(np.array([0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0], np.float32), 4).reshape(12, 2, 2)
    joined = steps.copy()
    join_upper_slices(joined, np.random.default_rng(0))
    assert np.array_equal(joined[:3], steps[:3])
    assert joined.sum() == pytest.approx(steps.sum())  # what was bright in one slice is spread over its neighbours
    assert joined[:, 0, 0].max() <= 4 and (joined[:, 0, 0] > 0).sum() >= 3
    even = np.arange(12, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    ramp = even.copy()
    join_upper_slices(ramp, np.random.default_rng(0))
    assert np.allclose(ramp[6:-1], even[6:-1], atol=0.5)


def test_slabs_and_boxes_give_what_the_grid_gives() -> None:
    grid = HeadGrid(3.1, 5.0)
    field = grid.noise(np.random.default_rng(0), 8.0)
    whole = grid.to_fine(field)
    covered = 0
    for slab in grid.slabs(7):
        values = slab.to_fine(field)
        assert np.array_equal(values, whole[slab.window])
        covered += values.size
        found = slab.around(values > 2.5)
        if found:
            box, part = found
            assert np.array_equal(box.to_fine(field), values[part])
            assert (values[part] > 2.5).sum() == (values > 2.5).sum()
            assert np.broadcast_shapes(*(axis.shape for axis in box.fine_axes)) == values[part].shape
    assert covered == whole.size and slab.around(values > 99) is None


@pytest.mark.parametrize("seed", range(3))
def test_blood_reaches_the_same_voxels_when_only_its_slices_are_sampled(seed) -> None:
    grid = HeadGrid(3.0)
    blood = np.zeros(grid.fine_shape, np.float32)
    blood[20:24, 30:37, 15:21] = 0.7
    config = dataclasses.replace(SMALL.scanner, matrix=64, gantry_tilt=1.0, rotation_sd_deg=8.0)
    slices = draw_slices(np.random.default_rng(seed), config, 80.0)
    found = onto_slices(grid, blood, slices, 1.0, 0.0)
    assert found.max() > 0.3
    assert np.array_equal(found, np.maximum(onto_slices(grid, blood, slices, 1.0, -1e-6), 0))
    assert not onto_slices(grid, 0 * blood, slices, 1.0, 0.0).any()


def test_edges_are_as_wide_as_the_kernel_whatever_the_head_was_drawn_on() -> None:
    """Against a Gaussian edge: 10 to 90 % within 2.563 standard deviations, the grid's own blur included."""
    config = dataclasses.replace(SMALL, scanner=dataclasses.replace(SMALL.scanner, matrix=512))
    slices = draw_slices(np.random.default_rng(2), config.scanner, 80.0)
    physics = dataclasses.replace(
        config.physics, kernel_sigma_mm=(0.7, 0.7), noise_hu_at_5mm=(0.0, 0.0), hu_offset=(0.0, 0.0), head_rest=0.0
    )
    x = np.arange(80) * slices.pixel_mm
    for blurred_mm in (0.0, 0.5):
        edge = ndimage.gaussian_filter1d(np.where(x < 18, 0.0, 1000.0), max(blurred_mm, 1e-3) / slices.pixel_mm)
        hu = np.tile(edge.astype(np.float32), (1, 80, 1))
        row = scan(hu, slices, np.random.default_rng(0), physics, blurred_mm)[0, 40].astype(float)
        width = np.interp(900, row, x) - np.interp(100, row, x)
        assert width == pytest.approx(2.563 * 0.7, rel=0.08)
