"""ABC/2 of shapes whose diameters and slice areas are known."""

import numpy as np
import pytest
from engine.hand_made import centred_matrix, lps_grid

from radiologycnn.hemorrhage.abc2 import abc_half


def ellipsoid(semi_axes, steps, shape_kji=(161, 161, 213), turned=0.0):
    matrix = centred_matrix(np.asarray(steps, float), shape_kji)
    x, y, z = lps_grid(shape_kji, matrix)
    turn = np.radians(turned)
    # Off the voxel centres, or the ends would lie on them and each diameter would be a voxel too long.
    x, y, z = x - 0.11, y - 0.07, z - 0.1
    u, v = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    return (u / semi_axes[0]) ** 2 + (v / semi_axes[1]) ** 2 + (z / semi_axes[2]) ** 2 <= 1, matrix


@pytest.mark.parametrize("turned", [0.0, 33.0])
@pytest.mark.parametrize("steps", [np.diag([0.25, 0.25, 0.25]), np.diag([-0.25, 0.3, 0.25])])
def test_simplified_abc2_of_an_ideal_ellipsoid_is_4_5_percent_low(steps, turned):
    mask, matrix = ellipsoid((25.0, 15.0, 18.0), steps, turned=turned)
    found = abc_half(mask, matrix)
    truth_ml = 4 / 3 * np.pi * 25 * 15 * 18 / 1000
    assert found.a_mm == pytest.approx(50, rel=0.015)
    assert found.b_mm == pytest.approx(30, rel=0.015)
    assert found.simplified_c_mm == pytest.approx(36, rel=0.015)
    assert found.simplified_volume_ml / truth_ml - 1 == pytest.approx(-0.045, abs=0.02)


def test_kotharis_weights_shorten_an_ellipsoid_by_what_they_must():
    mask, matrix = ellipsoid((25.0, 15.0, 18.0), np.diag([0.25, 0.25, 0.25]))
    found = abc_half(mask, matrix)
    # Areas exceed 75 % within half the half-height, and 25 % within sqrt(3)/2 of it.
    assert found.c_mm == pytest.approx(18 * (1 + (3**0.5 / 2 - 0.5)), abs=0.5)
    assert found.volume_ml == pytest.approx(found.a_mm * found.b_mm * found.c_mm / 2000)


@pytest.mark.parametrize(
    ("widths", "slices_counted"),
    [
        ([20, 20, 20], 3.0),
        ([20, 16, 20], 3.0),  # 80 %
        ([20, 15, 20], 2.5),  # exactly 75 % is not above it
        ([20, 5, 20], 2.5),  # exactly 25 %
        ([20, 4, 20], 2.0),  # 20 %
        ([0, 20, 0], 1.0),
    ],
)
def test_slices_count_by_kotharis_shares_of_the_largest_area(widths, slices_counted):
    mask = np.zeros((3, 30, 30), bool)
    for k, width in enumerate(widths):
        mask[k, 5:15, 3 : 3 + width] = True
    found = abc_half(mask, np.diag([1.0, 1.0, 5.0, 1.0]))
    assert found.c_mm == slices_counted * 5
    assert found.simplified_c_mm == 5 * sum(width > 0 for width in widths)


def test_slice_distance_is_measured_across_tilted_slices():
    mask = np.zeros((4, 20, 20), bool)
    mask[:, 5:10, 5:15] = True
    sheared = np.eye(4)
    sheared[:3, 2] = (0.0, 2.0, 5.0)
    assert abc_half(mask, sheared).c_mm == pytest.approx(20)


def test_slices_are_axial_even_where_the_array_is_stored_sagittally():
    mask, matrix = ellipsoid((20.0, 14.0, 9.0), np.diag([0.5, 0.5, 0.5]), (61, 121, 121))
    axial = abc_half(mask, matrix)
    stored = np.ascontiguousarray(mask.transpose(2, 0, 1))  # k -> L, j -> S, i -> P
    to_axial = np.zeros((4, 4))
    to_axial[0, 2] = to_axial[1, 0] = to_axial[2, 1] = to_axial[3, 3] = 1
    sagittal = abc_half(stored, matrix @ to_axial)
    assert sagittal.c_mm == axial.c_mm
    assert sagittal.volume_ml == pytest.approx(axial.volume_ml, rel=1e-6)


def test_b_is_the_longest_unbroken_line_across_a():
    mask = np.zeros((1, 60, 120), bool)
    mask[0, 30:34, 5:115] = True  # A along i
    mask[0, 10:34, 50:54] = True  # an arm of 24 mm
    mask[0, 45:55, 50:54] = True  # beyond a gap
    found = abc_half(mask, np.eye(4))
    assert found.a_mm == pytest.approx(111, abs=2)
    assert found.b_mm == pytest.approx(24, abs=1.5)


def test_one_voxel_and_nothing():
    mask = np.zeros((3, 3, 3), bool)
    nothing = abc_half(mask, np.eye(4))
    assert (nothing.a_mm, nothing.b_mm, nothing.c_mm, nothing.volume_ml) == (0, 0, 0, 0)
    mask[1, 1, 1] = True
    one = abc_half(mask, np.diag([0.5, 0.8, 4.0, 1.0]))
    assert (one.a_mm, one.b_mm, one.c_mm) == pytest.approx((0.8, 0.5, 4.0), abs=0.15)
