"""Resampling between grids, change of axis order, and the checks that any volume has to pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engine.dicom_phantom import ball, volume_and_centre

from radiologycnn.errors import InputError
from radiologycnn.images.checks import check_array
from radiologycnn.images.grid import axes_to_lps, reorient_to_lps, resample, restore_axes
from radiologycnn.images.volume import Volume

RADIUS_MM = 30.0
BALL_MM3 = 4 / 3 * np.pi * RADIUS_MM**3


def rotation(a: float, b: float, c: float) -> np.ndarray:
    result = np.eye(3)
    for angle, (p, q) in zip((a, b, c), ((0, 1), (1, 2), (2, 0))):
        turn = np.eye(3)
        turn[p, p] = turn[q, q] = np.cos(angle)
        turn[p, q], turn[q, p] = -np.sin(angle), np.sin(angle)
        result = result @ turn
    return result


def grid_around(centre, directions, spacing, shape_kji) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = directions * np.asarray(spacing, float)
    matrix[:3, 3] = np.asarray(centre, float) - matrix[:3, :3] @ ((np.array(shape_kji[::-1]) - 1) / 2)
    return matrix


SHEAR = np.array([[1, 0.1, 0.2], [0, 1, -0.35], [0, 0, 1.0]])
GRIDS = {
    "plain": (np.eye(3), (1, 1, 1), (80, 80, 80)),
    "anisotropic": (np.eye(3), (0.6, 0.6, 3.0), (28, 140, 140)),
    "oblique": (rotation(0.4, -0.3, 0.7), (0.8, 0.8, 2.0), (44, 110, 110)),
    "sheared": (SHEAR / np.linalg.norm(SHEAR, axis=0), (0.7, 0.7, 2.4), (36, 130, 140)),
    "oblique and sheared": (rotation(-0.5, 0.2, 0.3) @ SHEAR, (0.7, 0.7, 2.4), (36, 130, 140)),
    "left-handed": (np.diag([1, -1, 1]), (1, 1, 2), (40, 90, 90)),
}


def ball_on(name: str, centre) -> tuple[np.ndarray, np.ndarray]:
    directions, spacing, shape = GRIDS[name]
    matrix = grid_around((2.0, -3.0, 5.0), directions, spacing, shape)
    k, j, i = np.mgrid[: shape[0], : shape[1], : shape[2]]
    points = np.stack([i, j, k], axis=-1) @ matrix[:3, :3].T + matrix[:3, 3]
    return ball(centre, RADIUS_MM)(points).astype(np.int16), matrix


@pytest.mark.parametrize("source", GRIDS)
@pytest.mark.parametrize("target", ["plain", "oblique", "oblique and sheared"])
def test_a_ball_keeps_its_volume_and_place_on_every_grid(source, target):
    centre = np.array([3.2, -2.1, 4.4])
    array, matrix = ball_on(source, centre)
    measured, _ = volume_and_centre(array, matrix)
    assert measured == pytest.approx(BALL_MM3, rel=0.01)
    directions, spacing, shape = GRIDS[target]
    to_matrix = grid_around((2.0, -3.0, 5.0), directions, spacing, shape)
    moved = resample(array, matrix, to_matrix, shape)
    assert moved.shape == shape and moved.dtype == np.float32
    measured, measured_centre = volume_and_centre(moved, to_matrix)
    assert measured == pytest.approx(BALL_MM3, rel=0.01)
    assert np.linalg.norm(measured_centre - centre) < 0.3


def test_linear_is_exact_for_a_linear_function():
    directions, spacing, shape = GRIDS["oblique and sheared"]
    matrix = grid_around((0, 0, 0), directions, spacing, shape)
    gradient = np.array([1.5, -2.0, 0.7])

    def function(to_matrix, shape):
        k, j, i = np.mgrid[: shape[0], : shape[1], : shape[2]]
        return (np.stack([i, j, k], -1) @ to_matrix[:3, :3].T + to_matrix[:3, 3]) @ gradient

    to_shape = (7, 9, 11)
    to_matrix = grid_around((3, 2, 1), rotation(0.1, 0.2, 0.3), (2, 2, 2), to_shape)
    values = resample(function(matrix, shape).astype(np.float32), matrix, to_matrix, to_shape)
    np.testing.assert_allclose(values, function(to_matrix, to_shape), atol=1e-3)


def test_outside_is_the_fill_value_and_labels_stay_labels():
    labels = np.full((4, 5, 6), 3, np.uint8)
    moved = resample(
        labels, np.eye(4), grid_around((2.5, 2, 1.5), np.eye(3), (0.5,) * 3, (40,) * 3), (40,) * 3, "nearest", 7
    )
    assert moved.dtype == np.uint8 and set(np.unique(moved)) == {3, 7}
    assert (moved == 3).sum() * 0.5**3 == pytest.approx(4 * 5 * 6)
    mask = resample(labels > 0, np.eye(4), np.eye(4), (5, 5, 6), "nearest")
    assert mask.dtype == bool and mask.sum() == labels.size


def test_only_known_interpolations():
    with pytest.raises(ValueError, match="cubic"):
        resample(np.zeros((3, 3, 3)), np.eye(4), np.eye(4), (3, 3, 3), "cubic")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (-1, -1, 1), (1, -1, -1)])
def test_reorienting_moves_no_voxel_and_can_be_undone(order, signs):
    directions = np.zeros((3, 3))
    for voxel_axis, world_axis in enumerate(order):
        directions[world_axis, voxel_axis] = signs[voxel_axis]
    directions = rotation(0.2, -0.15, 0.1) @ directions
    array = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    volume = Volume(array, grid_around((10, 20, 30), directions, (1, 2, 3), array.shape), "CT", "scan", ("note",))
    turned = reorient_to_lps(volume)
    assert axes_to_lps(turned.ijk_to_lps) == ((0, 1, 2), (False, False, False))
    assert (turned.modality, turned.name, turned.notes) == ("CT", "scan", ("note",))
    for value in (0, 17, 119):
        places = []
        for one in (volume, turned):
            k, j, i = np.argwhere(one.array == value)[0]
            places.append(one.ijk_to_lps @ [i, j, k, 1])
        np.testing.assert_allclose(*places, atol=1e-9)
    np.testing.assert_array_equal(restore_axes(turned.array, volume), array)


def test_at_45_degrees_every_axis_is_still_used_once():
    axes, _ = axes_to_lps(np.block([[rotation(np.pi / 4, np.pi / 4, 0), np.zeros((3, 1))], [np.zeros((1, 3)), 1]]))
    assert sorted(axes) == [0, 1, 2]


def scan(array=None, matrix=None) -> Volume:
    array = np.arange(20 * 30 * 30, dtype=np.float32).reshape(20, 30, 30) if array is None else array
    return Volume(array, np.diag([0.5, 0.5, 5, 1.0]) if matrix is None else matrix)


def test_an_ordinary_scan_passes():
    check_array(scan())
    check_array(
        scan(np.arange(8000).reshape(20, 20, 20).astype(np.int16), grid_around((0, 0, 0), SHEAR, (1, 1, 3), (20,) * 3))
    )


def singular() -> np.ndarray:
    matrix = np.diag([1.0, 1, 1, 1])
    matrix[:3, 2] = (0.7, 0.7, 0.02)
    return matrix


@pytest.mark.parametrize(
    ("volume", "code", "words"),
    [
        (scan(np.zeros((0, 30, 30))), "empty-volume", "no voxels"),
        (scan(np.zeros((3, 20, 30, 30))), "not-three-dimensional", "3 x 20 x 30 x 30"),
        (scan(np.zeros((30, 30))), "not-three-dimensional", "2 dimensions"),
        (scan(np.zeros((20, 30, 30), complex)), "not-numbers", "complex"),
        (scan(np.zeros((1, 30, 30))), "single-slice", "single slice"),
        (scan(np.zeros((2, 30, 30))), "too-few-slices", "2 slices"),
        (scan(np.zeros((20, 5, 30))), "too-few-pixels", "30 x 5"),
        (scan(np.full((20, 30, 30), 7)), "constant-volume", "same value"),
        (scan(np.where(np.arange(18000).reshape(20, 30, 30) < 2, np.nan, 1)), "not-finite", "2 of 18000"),
        (scan(np.where(np.arange(18000).reshape(20, 30, 30) < 2, -np.inf, 1)), "not-finite", "2 of 18000"),
        (scan(matrix=np.diag([0, 1, 1, 1.0])), "broken-geometry", "zero"),
        (scan(matrix=np.diag([np.nan, 1, 1, 1.0])), "broken-geometry", "where its voxels lie"),
        (scan(matrix=singular()), "broken-geometry", "singular"),
        (scan(matrix=np.diag([0.0005, 0.0005, 0.005, 1])), "spacing-too-small", "unit"),
        (scan(matrix=np.diag([0.5, 0.5, 40, 1])), "spacing-too-large", "40"),
        (scan(np.arange(3 * 8 * 900).reshape(3, 8, 900), np.diag([9, 1, 1, 1.0])), "extent-too-large", "8100"),
    ],
)  # fmt: skip
def test_what_is_no_scan_is_refused_in_words(volume, code, words):
    with pytest.raises(InputError) as error:
        check_array(volume)
    assert error.value.code == code
    assert words in error.value.message
    assert error.value.hint.endswith(".")


def test_large_finite_numbers_are_not_called_infinite():
    array = np.full((10, 10, 10), 1e38, np.float32)
    array[0] = -1e38
    check_array(scan(array))


def test_importing_the_volume_record_loads_no_image_library():
    code = "import sys, radiologycnn.images.volume as _; print({'SimpleITK', 'pydicom', 'torch'} & set(sys.modules))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "set()"
