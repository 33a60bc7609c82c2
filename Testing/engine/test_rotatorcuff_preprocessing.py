"""The cube that the network reads: every voxel where its matrix says, on either side, for any scan."""

from dataclasses import replace

import numpy as np
import pytest
from engine.hand_made import centred_matrix, lps_grid
from engine.shoulder_phantom import oblique_coronal, shoulder_phantom
from scipy.spatial.transform import Rotation

from radiologycnn.errors import InputError
from radiologycnn.images.volume import Volume
from radiologycnn.networks.feature_grid import folded_grid
from radiologycnn.rotatorcuff.cube import cube_matrix
from radiologycnn.rotatorcuff.preprocessing import Preprocessing

EDGE_MM, SIZE = 80.0, 64
VOXEL_MM = EDGE_MM / SIZE


def any_scan(seed: int, spacing=(0.6, 0.8, 3.5), size=(200, 150, 32)) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Steps (3x3) and shape of a scan turned at random, its axes in any order and direction, perhaps left-handed."""
    random = np.random.default_rng(seed)
    order = random.permutation(3)
    signs = random.choice([-1.0, 1.0], 3)
    steps = Rotation.random(random_state=seed).as_matrix() * np.array(spacing) * signs
    return steps[:, order], tuple(np.array(size)[order][::-1])


def with_block(steps: np.ndarray, shape_kji: tuple[int, int, int], centre_lps: np.ndarray) -> Volume:
    """A smooth bright spot, 5 mm wide, on a dark ground that varies a little."""
    matrix = centred_matrix(steps, shape_kji)
    x, y, z = lps_grid(shape_kji, matrix)
    squares = sum((axis - c) ** 2 for axis, c in zip((x, y, z), centre_lps))
    return Volume((20 + 400 * np.exp(-squares / (2 * 4.0**2))).astype(np.int16), matrix, "MR")


def brightest_lps(grey: np.ndarray, ijk_to_lps: np.ndarray) -> np.ndarray:
    weights = np.clip(grey - grey.max() / 2, 0, None).astype(float)
    index = [np.average(axis, weights=weights) for axis in np.indices(grey.shape)][::-1]
    return (ijk_to_lps @ [*index, 1.0])[:3]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("seed", range(12))
def test_a_bright_spot_is_where_the_matrix_of_the_cube_says(seed, side):
    random = np.random.default_rng(100 + seed)
    steps, shape = any_scan(seed)
    centre, spot = random.uniform(-8, 8, 3), random.uniform(-20, 20, 3)
    volume = with_block(steps, shape, spot)
    preprocessing = Preprocessing(intensity="min_max")
    prepared = preprocessing.prepare(volume, preprocessing.region(volume, centre), side)
    assert np.linalg.norm(brightest_lps(prepared.grey, prepared.ijk_to_lps) - spot) < VOXEL_MM
    assert prepared.mirrored == (side == "left")
    assert np.linalg.det(prepared.ijk_to_lps) * (-1 if side == "left" else 1) > 0
    middle = prepared.ijk_to_lps @ [31.5, 31.5, 31.5, 1]
    assert middle[:3] == pytest.approx(centre, abs=1e-9)


def test_a_sheared_scan_is_put_straight():
    steps = np.diag([0.8, 0.8, 3.0])
    steps[1, 2] = 1.2  # slices that move with depth, as with a tilt
    spot = np.array([12.0, -9.0, 15.0])
    volume = with_block(steps, (32, 180, 180), spot)
    preprocessing = Preprocessing(intensity="min_max")
    for side in ("left", "right"):
        prepared = preprocessing.prepare(volume, preprocessing.region(volume, (2.0, 1.0, 3.0)), side)
        assert np.linalg.norm(brightest_lps(prepared.grey, prepared.ijk_to_lps) - spot) < VOXEL_MM
        axes = prepared.ijk_to_lps[:3, :3] / VOXEL_MM
        assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-9)


@pytest.mark.parametrize("side", ["left", "right"])
def test_finer_pixels_in_the_slice_show_the_same_cube(side):
    steps = oblique_coronal(side, (0.3, 0.4, 3.5), 20.0, 5.0)
    sheared = steps @ np.array([[1, 0, 0.3], [0, 1, 0], [0, 0, 1.0]])
    spot = np.array([7.0, -6.0, 11.0])
    for straight in (steps, sheared):
        volume = with_block(straight, (30, 280, 300), spot)
        coarse = Preprocessing(intensity="min_max")
        fine = replace(coarse, in_plane_factor=2)
        region = coarse.region(volume, (2.0, 1.0, 3.0))
        seen, expected = fine.prepare(volume, region, side), coarse.prepare(volume, region, side)
        assert seen.array.shape == seen.grey.shape == fine.shape == (64, 128, 128)
        assert np.linalg.norm(brightest_lps(seen.grey, seen.ijk_to_lps) - spot) < VOXEL_MM / 2
        matrix, shape = folded_grid(seen.ijk_to_lps, seen.array.shape, 2)
        assert shape == (64, 64, 64) and np.allclose(matrix, expected.ijk_to_lps)
        assert np.abs(seen.grey.reshape(64, 64, 2, 64, 2).mean(axis=(2, 4)) - expected.grey).max() < 6


def test_every_voxel_is_the_scan_interpolated_at_its_place():
    steps = oblique_coronal("right", (0.9, 1.1, 3.0), 33.0, 8.0)
    matrix = centred_matrix(steps, (40, 150, 160))
    gradient = np.array([2.0, -1.5, 3.0])
    points = np.stack(lps_grid((40, 150, 160), matrix))
    volume = Volume(np.tensordot(gradient, points, 1).astype(np.float32), matrix, "MR")
    preprocessing = Preprocessing(intensity="min_max", antialias=True)
    prepared = preprocessing.prepare(volume, preprocessing.region(volume, (3.0, 2.0, -5.0)), "left")
    low, high = float(volume.array.min()), float(volume.array.max())
    expected = np.tensordot(gradient, np.stack(lps_grid((SIZE,) * 3, prepared.ijk_to_lps)), 1)
    # A triangle that is not a whole number of voxels wide balances to within a tenth of a mm.
    per_mm = np.linalg.norm(gradient) * 255 / (high - low)
    assert np.abs(prepared.grey - (expected - low) / (high - low) * 255).max() < 0.1 * per_mm


def test_the_cube_runs_left_down_and_back_and_a_mirrored_one_right():
    for side, sign in (("right", 1), ("left", -1)):
        volume = shoulder_phantom(side, shape_kji=(20, 120, 120), steps=oblique_coronal(side, (1.3, 1.3, 4.4)))
        preprocessing = Preprocessing()
        prepared = preprocessing.prepare(volume, preprocessing.region(volume, (0, 0, 0)), side)
        i, j, k = prepared.ijk_to_lps[:3, :3].T / VOXEL_MM
        assert sign * i[0] > 0.8
        assert j[2] < -0.99
        assert k[1] > 0.8


def test_both_shoulders_of_a_person_look_alike_to_the_network():
    prepared = {}
    preprocessing = Preprocessing()
    for side in ("left", "right"):
        volume = shoulder_phantom(side, shape_kji=(22, 160, 160), steps=oblique_coronal(side, (1.0, 1.0, 4.2)), noise=0)
        prepared[side] = preprocessing.prepare(volume, preprocessing.region(volume, (0, 0, 0)), side)
    assert np.abs(prepared["left"].grey - prepared["right"].grey).max() < 1e-2
    without = replace(preprocessing, mirror_left=False)
    unmirrored = without.prepare(volume, without.region(volume, (0, 0, 0)), "left")
    assert not unmirrored.mirrored


@pytest.mark.parametrize("angle", [20, 40, 52])
def test_an_oblique_coronal_series_keeps_its_slices_across_the_cube(angle):
    steps = oblique_coronal("right", (1.0, 1.0, 4.0), angle)
    volume = shoulder_phantom(shape_kji=(22, 160, 160), steps=steps, name="COR T2 right shoulder")
    region = Preprocessing().region(volume, (0, 0, 0))
    normal = steps[:, 2] / 4.0
    assert abs(np.array(region.directions_lps)[:, 2] @ normal) == pytest.approx(1.0)


def test_the_papers_cube_is_as_large_as_the_scan_is_deep():
    volume = Volume(np.zeros((20, 512, 512), np.int16), np.diag([0.3125, 0.3125, 4.4, 1]), "MR")
    assert Preprocessing.preset("paper").edge_mm(volume) == pytest.approx(88.0)
    assert Preprocessing.preset("default").edge_mm(volume) == 80.0
    with pytest.raises(ValueError, match="paper"):
        Preprocessing.preset("other")


def test_one_bright_voxel_darkens_the_papers_cube_but_not_the_default():
    volume = shoulder_phantom(shape_kji=(20, 120, 120), steps=oblique_coronal("right", (1.3, 1.3, 4.4)))
    spoiled = volume.array.copy()
    spoiled[0, 0, 0] = 5000
    greys = {}
    for name in ("paper", "default"):
        preprocessing = replace(Preprocessing.preset(name), mirror_left=True)
        region = preprocessing.region(volume, (0, 0, 0))
        greys[name] = [
            preprocessing.prepare(replace(volume, array=array), region, "right").grey.mean()
            for array in (volume.array, spoiled)
        ]
    assert greys["paper"][1] < 0.2 * greys["paper"][0]
    assert greys["default"][1] == pytest.approx(greys["default"][0], rel=0.01)


def test_the_limits_may_come_from_the_cube_alone():
    volume = shoulder_phantom(shape_kji=(20, 120, 120), steps=oblique_coronal("right", (1.3, 1.3, 4.4)))
    array = volume.array.copy()
    array[:, :10] = 3000  # far outside the cube
    preprocessing = Preprocessing(edge=60.0)
    region = preprocessing.region(volume, (0, 0, 0))
    spoiled = replace(volume, array=array)
    assert preprocessing.prepare(spoiled, region, "right").grey.max() < 80
    cube = replace(preprocessing, intensity_region="cube")
    assert cube.prepare(spoiled, region, "right").grey.max() == 255


@pytest.mark.parametrize(
    ("scale", "low", "high"), [("grey", 0, 255), ("zero_to_one", 0, 1), ("minus_one_to_one", -1, 1)]
)
def test_input_scales(scale, low, high):
    grey = np.array([0.0, 51.0, 255.0], np.float32).reshape(1, 1, 3)
    scaled = Preprocessing(input_scale=scale).scale_input(grey)
    assert scaled.dtype == np.float32
    assert scaled.ravel() == pytest.approx([low, low + 0.2 * (high - low), high])


def test_a_standardized_input_has_mean_0_and_deviation_1_even_when_flat():
    grey = np.random.default_rng(0).uniform(0, 255, (8, 8, 8)).astype(np.float32)
    scaled = Preprocessing(input_scale="standardized").scale_input(grey)
    assert (scaled.mean(), scaled.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5))
    assert not Preprocessing(input_scale="standardized").scale_input(np.full((4, 4, 4), 7.0)).any()


def test_antialiasing_averages_what_lies_between_the_cubes_voxels():
    noise = np.random.default_rng(0).normal(100, 20, (24, 320, 320)).astype(np.float32)
    volume = Volume(noise, centred_matrix(oblique_coronal("right", (0.3, 0.3, 3.6)), noise.shape), "MR")
    deviations = []
    for antialias in (False, True):
        preprocessing = Preprocessing(edge=60.0, antialias=antialias)
        deviations.append(preprocessing.prepare(volume, preprocessing.region(volume, (0, 0, 0)), "right").grey.std())
    assert deviations[1] < 0.6 * deviations[0]


def test_outside_the_scan_the_network_sees_black_and_the_person_is_told():
    array = np.full((20, 120, 120), 500, np.int16)
    array[0, 0, 0] = 100
    volume = Volume(array, centred_matrix(oblique_coronal("right", (1.0, 1.0, 4.0)), array.shape), "MR")
    preprocessing = Preprocessing(intensity="min_max")
    inside = preprocessing.prepare(volume, preprocessing.region(volume, (0, 0, 0)), "right")
    assert inside.notes == ()
    assert inside.grey[5:-5].min() == 255
    region = preprocessing.region(volume, tuple(volume.ijk_to_lps[:3] @ [2.0, 60, 10, 1]))
    partly = preprocessing.prepare(volume, region, "right")
    assert any("outside the image" in note for note in partly.notes)
    assert (partly.grey[:, :, :28] == 0).all()
    assert (partly.grey[5:-5, 5:-5, 32:] == 255).all()


def test_a_cube_whose_centre_lies_outside_is_refused():
    volume = shoulder_phantom(shape_kji=(20, 120, 120), steps=oblique_coronal("right", (1.3, 1.3, 4.4)))
    with pytest.raises(InputError, match="outside the image") as refusal:
        Preprocessing().region(volume, (300.0, 0, 0))
    assert refusal.value.code == "region-outside-image"


@pytest.mark.parametrize(
    ("centre", "edge"), [((0, 0, 0), 0.0), ((0, 0, 0), np.nan), ((0, 0, 0), 1e4), ((0, np.nan, 0), 80.0), ((0, 0), 80)]
)
def test_numbers_that_make_no_cube_are_refused(centre, edge):
    volume = shoulder_phantom(shape_kji=(8, 40, 40), steps=oblique_coronal("right", (4.0, 4.0, 10.0)))
    with pytest.raises(InputError) as refusal:
        Preprocessing().region(volume, centre, edge)
    assert refusal.value.code == "bad-region"


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_cube_is_put_around_the_humeral_head(side):
    centre = (9.0, -7.0, 6.0)
    volume = shoulder_phantom(
        side, True, centre, steps=oblique_coronal(side, (1.0, 1.0, 4.2)), shape_kji=(22, 160, 160)
    )
    region = Preprocessing().region(volume)
    assert region.automatic
    assert region.confidence > 0.6
    assert np.linalg.norm(np.subtract(region.centre_lps_mm, centre)) < 4


def test_where_no_head_is_found_the_cube_stays_in_the_middle_and_this_is_said():
    noise = np.random.default_rng(2).normal(100, 20, (20, 120, 120)).astype(np.float32)
    matrix = centred_matrix(oblique_coronal("right", (1.3, 1.3, 4.4)), noise.shape)
    matrix[:3, 3] += (5, 6, 7)
    volume = Volume(noise, matrix, "MR")
    preprocessing = Preprocessing()
    region = preprocessing.region(volume)
    assert region.centre_lps_mm == pytest.approx((5, 6, 7))
    assert any("not found" in note for note in preprocessing.prepare(volume, region, "right").notes)
    placed = preprocessing.region(volume, (5, 6, 7))
    assert not any("not found" in note for note in preprocessing.prepare(volume, placed, "right").notes)


def test_an_unknown_side_is_not_mirrored_and_said():
    volume = shoulder_phantom("left", shape_kji=(20, 120, 120), steps=oblique_coronal("left", (1.3, 1.3, 4.4)))
    preprocessing = Preprocessing()
    prepared = preprocessing.prepare(volume, preprocessing.region(volume, (0, 0, 0)), "unknown")
    assert not prepared.mirrored
    assert any("side" in note for note in prepared.notes)


def test_integer_and_read_only_scans_are_prepared_like_float_ones_and_left_alone():
    volume = shoulder_phantom(shape_kji=(20, 120, 120), steps=oblique_coronal("right", (1.3, 1.3, 4.4)))
    volume.array.flags.writeable = False
    preprocessing = Preprocessing()
    region = preprocessing.region(volume, (0, 0, 0))
    as_float = replace(volume, array=volume.array.astype(np.float64))
    assert np.array_equal(
        preprocessing.prepare(volume, region, "left").array, preprocessing.prepare(as_float, region, "left").array
    )


def test_a_constant_scan_gives_finite_numbers():
    volume = Volume(np.full((20, 60, 60), 7, np.int16), np.diag([2.0, 2.0, 4.0, 1]), "MR")
    preprocessing = Preprocessing(input_scale="standardized")
    assert np.isfinite(preprocessing.prepare(volume, preprocessing.region(volume), "right").array).all()


def test_the_matrix_reaches_from_face_to_face():
    volume = shoulder_phantom(shape_kji=(20, 120, 120), steps=oblique_coronal("right", (1.3, 1.3, 4.4), 0.0))
    region = Preprocessing().region(volume, (1.0, 2.0, 3.0), 64.0)
    matrix = cube_matrix(region, (64, 64, 64))
    assert (matrix @ [-0.5, -0.5, -0.5, 1])[:3] == pytest.approx([1 - 32, 2 - 32, 3 + 32])
    assert (matrix @ [63.5, 63.5, 63.5, 1])[:3] == pytest.approx([1 + 32, 2 + 32, 3 - 32])


def test_settings_survive_json_and_every_wrong_one_is_named():
    settings = Preprocessing(32, "scan_thickness", "min_max", (1.0, 99.0), "cube", "grey", False, False, 2)
    assert Preprocessing.from_dict(settings.to_dict()) == settings
    assert Preprocessing.from_dict({}) == Preprocessing()
    wrong = {"grid_size": 4, "edge": "wide", "intensity": "none", "percentiles": [9, 1], "intensity_region": "here",
             "input_scale": 3, "antialias": 1, "mirror_left": "yes", "in_plane_factor": 3, "colour": 1}  # fmt: skip
    with pytest.raises(InputError) as refusal:
        Preprocessing.from_dict(wrong)
    assert all(name in refusal.value.message for name in wrong)
