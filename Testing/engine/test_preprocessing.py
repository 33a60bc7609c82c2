"""Scans reach the network as the paper says, and its answer comes back to where it belongs."""

import numpy as np
import pytest
from engine.hand_made import centred_matrix, head_phantom, lps_grid

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.hemorrhage.skull import find_skull
from radiologycnn.images.separable import resize, resize_labels, resized_matrix
from radiologycnn.images.volume import Volume

STEPS = {
    "LPS": np.diag([1.1, 1.3, 2.4]),
    "RAS": np.diag([-1.1, -1.3, 2.4]),
    "upside down": np.diag([1.1, 1.3, -2.4]),
    "sagittal": np.array([[0, 0, 2.4], [1.1, 0, 0], [0, -1.3, 0]]),
    "sheared": np.array([[1.1, 0, 0], [0, 1.3, 0.8], [0, 0, 2.4]]),
}


def smooth_volume(steps, shape_kji=(50, 60, 70)):
    """HU that rise by 1 a mm to the left, 0.5 to the back, 0.25 to the head: linear interpolation is exact on it."""
    matrix = centred_matrix(steps, shape_kji)
    x, y, z = lps_grid(shape_kji, matrix)
    return Volume((50 + 0.3 * x + 0.2 * y + 0.1 * z).astype(np.float32), matrix, "CT")


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_every_network_voxel_shows_what_lies_at_its_place(steps):
    volume = smooth_volume(steps)
    prepared = Preprocessing((32, 40, 24)).prepare(volume)
    assert prepared.array.shape == (24, 40, 32)
    assert prepared.array.dtype == np.float32
    x, y, z = lps_grid((24, 40, 32), prepared.ijk_to_lps)
    expected = np.clip(50 + 0.3 * x + 0.2 * y + 0.1 * z, 0, 100) / 100
    # Away from the faces, where the edge values hold (or, beyond sheared slices, air is).
    inside = (abs(x) < 25) & (abs(y) < 20) & (abs(z) < 30)
    assert inside.sum() > 1000
    assert np.allclose(prepared.array[inside], expected[inside], atol=1e-3)


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_network_axes_run_to_left_back_and_head(steps):
    directions = Preprocessing((32, 40, 24)).prepare(smooth_volume(steps)).ijk_to_lps[:3, :3]
    assert (np.diag(directions) > 0).all()
    assert np.allclose(directions, np.diag(np.diag(directions)), atol=1e-9)


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_an_answer_lands_where_it_belongs_on_the_scans_own_grid(steps):
    volume = smooth_volume(steps)
    prepared = Preprocessing((64, 64, 48)).prepare(volume)
    x, y, z = lps_grid(prepared.array.shape, prepared.ijk_to_lps)
    ball = np.clip((15 - np.sqrt((x - 6) ** 2 + (y + 4) ** 2 + (z - 9) ** 2)) / 8 + 0.5, 0, 1)
    probability = prepared.to_scan(ball)
    assert probability.shape == volume.array.shape
    assert probability.dtype == np.float32
    inside = probability >= 0.5
    points = lps_grid(volume.array.shape, volume.ijk_to_lps)
    assert [p[inside].mean() for p in points] == pytest.approx([6, -4, 9], abs=0.2)
    assert inside.sum() * volume.voxel_volume_mm3 == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.03)


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_labels_for_training_lie_where_the_image_shows_them(steps):
    volume = smooth_volume(steps)
    x, y, z = lps_grid(volume.array.shape, volume.ijk_to_lps)
    mask = ((x - 6) ** 2 + (y + 4) ** 2 + (z - 9) ** 2 < 15**2).astype(np.uint8)
    prepared = Preprocessing((64, 64, 48)).prepare(volume)
    on_network = prepared.labels_to_network(mask)
    assert on_network.dtype == np.uint8
    assert on_network.shape == prepared.array.shape
    points = lps_grid(prepared.array.shape, prepared.ijk_to_lps)
    assert [p[on_network > 0].mean() for p in points] == pytest.approx([6, -4, 9], abs=0.7)  # a quarter of a slice


def test_the_grid_covers_the_whole_scan_face_to_face():
    matrix = resized_matrix(np.diag([0.5, 0.5, 5.0, 1.0]), (30, 512, 512), (64, 128, 128))
    assert np.allclose(np.diag(matrix)[:3], [2.0, 2.0, 150 / 64])
    # The outer faces of both grids coincide.
    assert matrix[0, 3] - 1.0 == pytest.approx(-0.25)
    assert matrix[2, 3] - 150 / 128 == pytest.approx(-2.5)


def test_order_decides_whether_bone_leaks_into_its_neighbours():
    hu = np.full((16, 64, 64), 30.0, np.float32)
    hu[:, :, 31:] = 1000.0  # one network voxel reads both sides of the edge
    volume = Volume(hu, np.eye(4), "CT")
    grid = (24, 24, 16)
    paper = Preprocessing(grid).prepare(volume).array
    clamped = Preprocessing(grid, order="clamp_then_resample").prepare(volume).array
    assert paper[0, 0].max() == clamped[0, 0].max() == 1.0
    assert paper.mean() > clamped.mean()
    assert (paper[0, 0, 11], clamped[0, 0, 11]) == pytest.approx((1.0, 0.3 + 0.7 / 6))


def test_antialiasing_averages_the_noise_that_plain_sampling_keeps():
    noise = np.random.default_rng(0).normal(50, 10, (16, 256, 256)).astype(np.float32)
    volume = Volume(noise, np.eye(4), "CT")
    plain = Preprocessing((64, 64, 16)).prepare(volume).array.std()
    smooth = Preprocessing((64, 64, 16), antialias=True).prepare(volume).array.std()
    assert smooth < 0.6 * plain


def test_resizing_keeps_a_linear_ramp_and_the_mean():
    ramp = np.broadcast_to(np.arange(40, dtype=np.float32), (6, 10, 40))
    for antialias in (False, True):
        small = resize(ramp, (6, 10, 10), antialias)
        assert np.allclose(small[0, 0, 2:-2], np.arange(10)[2:-2] * 4 + 1.5, atol=1e-4)
        assert small.mean() == pytest.approx(ramp.mean(), rel=1e-3)
    assert np.allclose(resize(ramp, ramp.shape), ramp)
    assert np.array_equal(resize_labels(np.arange(8).reshape(1, 1, 8), (1, 1, 4)).ravel(), [1, 3, 5, 7])


def test_integer_and_read_only_scans_are_prepared_like_float_ones():
    volume, _ = head_phantom((20, 64, 64), np.diag([3.5, 4.0, 9.0]))
    as_float = Volume(volume.array.astype(np.float64), volume.ijk_to_lps, "CT")
    volume.array.flags.writeable = False
    for order in ("resample_then_clamp", "clamp_then_resample"):
        preprocessing = Preprocessing((32, 32, 16), order=order)
        assert np.array_equal(preprocessing.prepare(volume).array, preprocessing.prepare(as_float).array)


def test_settings_survive_json_and_every_wrong_one_is_named():
    settings = Preprocessing((64, 64, 32), (0, 80), "clamp_then_resample", True, 80.0)
    assert Preprocessing.from_dict({**settings.to_dict(), "grid_shape_ijk": [64, 64, 32]}) == settings
    wrong = {"grid_shape_ijk": [64, 64], "hu_range": [100, 0], "order": "none", "divide_by": 0, "colour": 1}
    with pytest.raises(InputError) as refusal:
        Preprocessing.from_dict(wrong)
    assert all(name in refusal.value.message for name in wrong)


TURNED = {name: steps for name, steps in STEPS.items() if name != "upside down"}


@pytest.mark.parametrize("steps", TURNED.values(), ids=TURNED)
def test_a_crop_to_the_head_shows_the_head_alone_and_brings_the_answer_back_to_its_place(steps):
    volume, truth = head_phantom((80, 200, 200), steps, head_centre_lps=(12, -9, 3))
    cropped = Preprocessing((48, 56, 48), crop="head").prepare(volume)
    whole = Preprocessing((48, 56, 48)).prepare(volume)
    assert np.linalg.det(cropped.ijk_to_lps[:3, :3]) < 0.75 * np.linalg.det(whole.ijk_to_lps[:3, :3])
    # Nothing of what is to be found was cropped away, and it lies where it lay.
    on_network = cropped.labels_to_network(truth.astype(np.uint8)).astype(np.float32)
    back = cropped.to_scan(on_network)
    assert back.shape == volume.array.shape
    found = back >= 0.5
    points = lps_grid(volume.array.shape, volume.ijk_to_lps)
    for axis in range(3):
        assert points[axis][found].mean() == pytest.approx(points[axis][truth > 0].mean(), abs=0.7)
    assert found.sum() == pytest.approx((truth > 0).sum(), rel=0.1)


def test_outside_the_crop_nothing_is_found_and_a_part_of_the_scan_is_the_wholes_part():
    volume, _ = head_phantom(head_centre_lps=(12, -9, 3))
    cropped = Preprocessing((48, 64, 48), crop="head").prepare(volume)
    everywhere = cropped.to_scan(np.ones(cropped.array.shape, np.float32))
    k, j, i = find_skull(volume).box
    assert (everywhere[k, j, i] == 1).all()
    assert everywhere.sum() == everywhere[k, j, i].size
    for box in (np.s_[3:9, 2:40, 1:30], np.s_[0:4, 0:3, 0:2], np.s_[20:40, 30:60, 20:70]):
        assert np.array_equal(cropped.to_scan(np.ones(cropped.array.shape, np.float32), box), everywhere[box])


def test_without_a_skull_the_crop_is_the_whole_scan():
    volume = smooth_volume(STEPS["LPS"])
    cropped, whole = (Preprocessing((32, 40, 24), crop=crop).prepare(volume) for crop in ("head", "none"))
    assert np.array_equal(cropped.array, whole.array)
    assert np.array_equal(cropped.ijk_to_lps, whole.ijk_to_lps)


def test_the_head_looks_the_same_in_any_field_of_view():
    volume, _ = head_phantom()
    matrix = volume.ijk_to_lps.copy()
    matrix[:3, 3] -= matrix[:3, :3] @ (40, 30, 12)
    wide = np.pad(volume.array, ((12, 30), (30, 40), (40, 35)), constant_values=-1000)
    settings = Preprocessing((48, 56, 48), crop="head")
    narrow_view, wide_view = settings.prepare(volume), settings.prepare(Volume(wide, matrix, "CT"))
    assert (
        np.abs(narrow_view.ijk_to_lps - wide_view.ijk_to_lps).max() < 12
    )  # a scan that ends at the vertex has no air there
    scale = [np.abs(np.diag(view.ijk_to_lps)[:2]) for view in (narrow_view, wide_view)]
    assert scale[0] == pytest.approx(scale[1], rel=0.05)
