"""The humeral head is found in shoulders of any kind and side; where there is none, the confidence says so."""

from dataclasses import replace

import numpy as np
import pytest
from engine.hand_made import centred_matrix, lps_grid
from engine.shoulder_phantom import GREYS, oblique_coronal, shoulder_phantom

from radiologycnn.images import read_volume
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.humeral_head import find_humeral_head
from radiologycnn.rotatorcuff.results import LEAST_CONFIDENCE
from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig, simulate_shoulder_mr

SHAPE = (22, 120, 120)


def phantom(side="right", fat_saturated=False, seed=0, **changes) -> tuple[Volume, np.ndarray, float]:
    random = np.random.default_rng(seed)
    centre, radius = random.uniform(-11, 11, 3), float(random.uniform(21.5, 26.0))
    steps = oblique_coronal(side, (1.33, 1.33, 4.2), random.uniform(15, 45), random.uniform(-10, 10))
    volume = shoulder_phantom(side, fat_saturated, tuple(centre), radius, steps, SHAPE, seed=seed, **changes)
    return volume, centre, radius


def ball(radius_mm: float, centre=(6.0, -5.0, 4.0), inside=300.0, outside=100.0, noise=15.0) -> Volume:
    steps = oblique_coronal("right", (1.33, 1.33, 4.2))
    matrix = centred_matrix(steps, SHAPE)
    squares = sum((axis - c) ** 2 for axis, c in zip(lps_grid(SHAPE, matrix), centre))
    values = outside + (inside - outside) * np.clip(radius_mm - np.sqrt(squares) + 0.5, 0, 1)
    values += np.random.default_rng(0).normal(0, noise, SHAPE)
    return Volume(values.astype(np.float32), matrix, "MR")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("fat_saturated", [False, True], ids=["bright marrow", "dark marrow"])
@pytest.mark.parametrize("seed", range(3))
def test_the_head_is_found_with_confidence(side, fat_saturated, seed):
    volume, centre, radius = phantom(side, fat_saturated, seed)
    head = find_humeral_head(volume)
    assert np.linalg.norm(np.subtract(head.centre_lps_mm, centre)) < 3
    assert head.radius_mm == pytest.approx(radius, abs=4)
    assert head.confidence > 0.7
    assert head.found


def test_the_way_of_storing_does_not_matter():
    volume, centre, _ = phantom("left", True, 4)
    matrix = volume.ijk_to_lps[:, [2, 0, 1, 3]].copy()
    array = volume.array.transpose(1, 2, 0)[:, ::-1]
    matrix[:3, 3] += matrix[:3, 1] * (array.shape[1] - 1)
    matrix[:3, 1] *= -1
    stored = Volume(np.ascontiguousarray(array), matrix, "MR")
    assert np.linalg.norm(np.subtract(find_humeral_head(stored).centre_lps_mm, centre)) < 3


@pytest.mark.parametrize(("inside", "outside"), [(300.0, 100.0), (60.0, 160.0)])
@pytest.mark.parametrize("radius", [20.0, 24.0, 27.0])
def test_a_lone_ball_is_found(radius, inside, outside):
    head = find_humeral_head(ball(radius, inside=inside, outside=outside))
    assert head.centre_lps_mm == pytest.approx((6, -5, 4), abs=1.5)
    assert head.radius_mm == pytest.approx(radius, abs=3)
    assert head.confidence > 0.7


def test_a_coil_that_is_bright_on_one_side_does_not_matter():
    volume, centre, _ = phantom("right", False, 5)
    x, y, z = lps_grid(SHAPE, volume.ijk_to_lps)
    shaded = replace(volume, array=(volume.array * np.exp(-(x + y - z) / 90)).astype(np.float32))
    assert np.linalg.norm(np.subtract(find_humeral_head(shaded).centre_lps_mm, centre)) < 4


@pytest.mark.parametrize("place", [(40, -30, 25), (-45, 10, -30), (10, 45, 0)])
def test_a_surface_coils_hot_spot_does_not_draw_the_cube_to_it(place):
    volume, centre, _radius = phantom(seed=7)
    squares = sum((axis - c) ** 2 for axis, c in zip(lps_grid(SHAPE, volume.ijk_to_lps), np.add(centre, place)))
    head = find_humeral_head(replace(volume, array=volume.array * (1 + 8 * np.exp(-squares / 40**2))))
    assert np.linalg.norm(np.subtract(head.centre_lps_mm, centre)) < 4
    assert head.found


@pytest.mark.parametrize("radius", [8.0, 45.0])
def test_balls_of_another_size_are_not_taken_with_confidence(radius):
    assert find_humeral_head(ball(radius)).confidence < 0.6


@pytest.mark.parametrize("fat_saturated", [False, True])
def test_the_two_condyles_of_a_knee_are_no_humeral_head(fat_saturated):
    steps = oblique_coronal("right", (1.33, 1.33, 4.2), 0.0)
    matrix = centred_matrix(steps, SHAPE)
    x, y, z = lps_grid(SHAPE, matrix)
    fat, muscle, marrow = GREYS[fat_saturated]
    image = np.where(np.hypot(x, y) < 65, np.where(np.hypot(x, y) < 55, muscle, fat), 0)
    condyles = ((np.abs(x) - 22) ** 2 + (y + 8) ** 2 + (z - 20) ** 2 < 23**2) & (z > 0)
    shaft = (np.hypot(x, y) < 16) & (z > 30)
    tibia = ((x / 40) ** 2 + (y / 26) ** 2 < 1) & (z < -4)
    image[condyles | shaft | tibia] = marrow
    noisy = np.hypot(image + np.random.default_rng(0).normal(0, 12, SHAPE), 12).astype(np.float32)
    assert not find_humeral_head(Volume(noisy, matrix, "MR")).found


@pytest.mark.parametrize("seed", range(4))
def test_noise_holds_no_head(seed):
    noise = np.random.default_rng(seed).normal(100, 25, SHAPE).astype(np.float32)
    head = find_humeral_head(Volume(noise, centred_matrix(oblique_coronal("right", (1.33, 1.33, 4.2)), SHAPE), "MR"))
    assert head.confidence < LEAST_CONFIDENCE
    assert not head.found


def test_an_empty_scan_holds_no_head():
    for shape in (SHAPE, (3, 8, 8)):
        head = find_humeral_head(Volume(np.zeros(shape, np.int16), np.diag([1.3, 1.3, 4.0, 1.0]), "MR"))
        assert np.isfinite(head.centre_lps_mm).all()
        assert head.confidence < LEAST_CONFIDENCE


@pytest.mark.parametrize(
    "name",
    ["not-a-head-volume/mr-t1-brain-24-slices", "head-ct-ge-tilt-uneven", "not-a-head-volume/ct-abdomen.nii.gz"],
)
def test_real_scans_of_other_organs_hold_no_humeral_head(shared_data, name):
    head = find_humeral_head(read_volume(shared_data / name))
    assert head.confidence < LEAST_CONFIDENCE


@pytest.mark.parametrize("index", [1, 5], ids=["left, bright marrow", "right, dark marrow"])
def test_the_head_of_a_simulated_shoulder_is_found_within_8_mm(index):
    config = ShoulderMrConfig().with_matrix(128)
    shoulder = simulate_shoulder_mr(index, seed=771, config=config)
    head = find_humeral_head(shoulder.volume)
    assert np.linalg.norm(np.subtract(head.centre_lps_mm, shoulder.truth["head_centre_lps_mm"])) < 8
    assert head.found
