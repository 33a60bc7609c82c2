"""Volumes, diameters, sides and HU of shapes whose truth is known, on grids of every kind."""

import json
from dataclasses import replace

import numpy as np
import pytest
from engine.hand_made import centred_matrix, head_phantom, lps_grid

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.abc2 import abc_half
from radiologycnn.hemorrhage.labels import HEMORRHAGE, LabelDefinition
from radiologycnn.hemorrhage.measurements import measure
from radiologycnn.hemorrhage.midline import Midline, estimate_midline
from radiologycnn.hemorrhage.results import Measurements, csv_rows
from radiologycnn.images.volume import Volume

NO_HEAD = Midline((1.0, 0.0, 0.0), 0.0)


def rotation(axis: tuple[float, float, float], degrees: float) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(np.radians(degrees) * np.array(axis) / np.linalg.norm(axis)).as_matrix()


SHEAR = np.array([[1, 0, 0], [0, 1, 0.33], [0, 0, 1.0]])  # a gantry tilt of 18 degrees

GRIDS = {
    "isotropic": np.diag([0.8, 0.8, 0.8]),
    "anisotropic": np.diag([0.45, 0.45, 2.7]),
    "flipped": np.diag([-0.7, 0.7, -1.5]),
    "oblique": rotation((1, 2, 3), 25) @ np.diag([0.6, 0.6, 1.5]),
    "sheared": SHEAR @ np.diag([0.6, 0.6, 1.5]),
    "sagittal": np.array([[0, 0, 1.5], [0.7, 0, 0], [0, -0.7, 0]]),
}


def volume_with(steps: np.ndarray, extent_mm: float = 70.0, hu: float = 60.0) -> Volume:
    """A volume of one value that holds a cube of this edge around the origin, whatever its axes."""
    # Corner indices of the cube tell how many voxels each axis needs.
    corners = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]) * extent_mm / 2
    half = np.abs(corners @ np.linalg.inv(steps).T).max(axis=0)
    shape_kji = tuple(int(n) for n in (2 * np.ceil(half) + 1)[::-1])
    return Volume(np.full(shape_kji, hu, np.float32), centred_matrix(steps, shape_kji), "CT")


def ellipsoid(volume: Volume, semi_axes: tuple[float, float, float], centre=(0.31, -0.17, 0.23)) -> np.ndarray:
    points = lps_grid(volume.array.shape, volume.ijk_to_lps)
    return sum(((p - c) / s) ** 2 for p, c, s in zip(points, centre, semi_axes)) <= 1


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("semi_axes", [(20.0, 20.0, 20.0), (30.0, 17.0, 22.0)], ids=["ball", "ellipsoid"])
def test_volume_and_place_of_a_shape_are_true_on_every_grid(grid, semi_axes):
    volume = volume_with(GRIDS[grid])
    mask = ellipsoid(volume, semi_axes)
    measured = measure(mask, volume, [HEMORRHAGE], midline=NO_HEAD)
    truth_ml = 4 / 3 * np.pi * np.prod(semi_axes) / 1000
    assert measured.total_volume_ml == pytest.approx(truth_ml, rel=0.01)
    (lesion,) = measured.lesions
    assert lesion.volume_ml == measured.total_volume_ml
    assert lesion.centroid_ras_mm == pytest.approx((-0.31, 0.17, 0.23), abs=0.1)
    assert lesion.place_ras_mm == lesion.centroid_ras_mm


@pytest.mark.parametrize("grid", GRIDS)
def test_a_crescent_is_looked_at_where_it_is_not_beside_it(grid):
    """The centre of mass of a subdural bleed lies in the brain, off the bleed in two of three views."""
    volume = volume_with(GRIDS[grid])
    left, _back, _head = lps_grid(volume.array.shape, volume.ijk_to_lps)
    crescent = ellipsoid(volume, (30.0, 30.0, 25.0)) & ~ellipsoid(volume, (26.0, 26.0, 40.0)) & (left > 5)
    crescent[0, 0, 0] = True  # another bleed, so that the crop is not the grid
    lesion, _speck = measure(crescent, volume, [HEMORRHAGE], midline=NO_HEAD).lesions

    def at(place) -> bool:
        index = np.linalg.solve(volume.ijk_to_ras, [*place, 1.0])[:3]
        return bool(crescent[tuple(np.rint(index[::-1]).astype(int))])

    assert at(lesion.place_ras_mm) and not at(lesion.centroid_ras_mm)
    assert np.linalg.norm(np.subtract(lesion.place_ras_mm, lesion.centroid_ras_mm)) < 15


@pytest.mark.parametrize("grid", ["isotropic", "anisotropic", "oblique", "sheared"])
def test_maximal_diameter_is_true_to_about_a_voxel(grid):
    volume = volume_with(GRIDS[grid])
    lesion = measure(ellipsoid(volume, (30.0, 17.0, 22.0)), volume, [HEMORRHAGE], midline=NO_HEAD).lesions[0]
    assert lesion.max_diameter_mm == pytest.approx(60, rel=0.02)


def test_diameter_of_single_voxels_and_lines_is_their_length():
    volume = volume_with(np.diag([0.5, 0.5, 2.0]), extent_mm=30)
    mask = np.zeros(volume.array.shape, np.uint8)
    mask[2, 5, 5] = 1
    mask[8, 20, 10:30] = 1
    lesions = measure(mask, volume, [HEMORRHAGE], midline=NO_HEAD).lesions
    assert [lesion.voxel_count for lesion in lesions] == [20, 1]
    assert lesions[0].max_diameter_mm == pytest.approx(10.0)
    assert lesions[1].max_diameter_mm == pytest.approx(2.0)
    assert (lesions[0].first_slice, lesions[0].last_slice) == (8, 8)


def test_parts_that_touch_at_a_corner_are_one_and_apart_are_two():
    volume = volume_with(np.eye(3), extent_mm=20)
    mask = np.zeros(volume.array.shape, bool)
    mask[5, 5, 5] = mask[6, 6, 6] = mask[10:12, 10, 10] = mask[15, 15, 15] = True
    lesions = measure(mask, volume, [HEMORRHAGE], midline=NO_HEAD).lesions
    assert [lesion.voxel_count for lesion in lesions] == [2, 2, 1]
    assert [lesion.index for lesion in lesions] == [1, 2, 3]


def test_hounsfield_units_are_those_of_each_parts_own_voxels():
    volume = volume_with(np.eye(3), extent_mm=20, hu=0)
    mask = np.zeros(volume.array.shape, np.uint8)
    mask[3, 3, 3:7] = 1
    volume.array[3, 3, 3:7] = (50, 60, 70, 80)
    mask[12, 3, 3:5] = 1
    volume.array[12, 3, 3:5] = (40000, 40002)  # far from zero, where a difference of squares loses its digits
    first, second = measure(mask, volume, [HEMORRHAGE], midline=NO_HEAD).lesions
    assert (first.mean_hu, first.sd_hu) == pytest.approx((65, np.std([50, 60, 70, 80])))
    assert (second.mean_hu, second.sd_hu) == pytest.approx((40001, 1))


def test_labels_are_measured_apart_and_summed():
    volume = volume_with(np.eye(3), extent_mm=40)
    other = LabelDefinition(2, "Subdural", (0.0, 0.0, 1.0))
    labelmap = np.zeros(volume.array.shape, np.uint8)
    labelmap[5:10, 5:10, 5:10] = 1
    labelmap[5:10, 5:10, 10:20] = 2  # touches the first
    measured = measure(labelmap, volume, [HEMORRHAGE, other])
    assert [(total.label_name, total.volume_ml, total.lesion_count) for total in measured.totals] == [
        ("Hemorrhage", pytest.approx(0.125), 1),
        ("Subdural", pytest.approx(0.25), 1),
    ]
    assert measured.total_volume_ml == pytest.approx(0.375)
    assert [lesion.label_value for lesion in measured.lesions] == [2, 1]


def test_small_parts_can_be_left_out_of_list_and_totals():
    volume = volume_with(np.eye(3), extent_mm=30)
    mask = np.zeros(volume.array.shape, np.uint8)
    mask[2:12, 2:12, 2:12] = 1
    mask[6, 20, 20] = 1
    everything = measure(mask, volume, [HEMORRHAGE], midline=NO_HEAD)
    large = measure(mask, volume, [HEMORRHAGE], min_volume_ml=0.1, midline=NO_HEAD)
    assert everything.total_volume_ml == pytest.approx(1.001)
    assert large.total_volume_ml == pytest.approx(1.0)
    assert large.totals[0].lesion_count == 1
    assert large.totals[0].abc2_as_one_ml < everything.totals[0].abc2_as_one_ml


def test_a_mask_that_is_known_to_lie_within_a_box_is_measured_as_if_it_were_not():
    volume = volume_with(GRIDS["oblique"])
    mask = ellipsoid(volume, (12.0, 9.0, 7.0)).astype(np.uint8)
    inside = tuple(slice(int(axis.min()) - 2, int(axis.max()) + 3) for axis in np.nonzero(mask))
    measured = measure(mask, volume, [HEMORRHAGE], midline=NO_HEAD)
    assert measure(mask, volume, [HEMORRHAGE], midline=NO_HEAD, within=inside) == measured
    assert measured.totals[0].abc2_as_one_ml == abc_half(mask.astype(bool), volume.ijk_to_lps).volume_ml
    assert measured.totals[0].abc2_as_one_ml == measured.lesions[0].abc2.volume_ml


def test_an_empty_mask_has_a_total_of_zero():
    volume = volume_with(np.eye(3), extent_mm=20)
    measured = measure(np.zeros(volume.array.shape, np.uint8), volume, [HEMORRHAGE])
    assert (measured.total_volume_ml, measured.total_abc2_ml, measured.lesions) == (0.0, 0.0, ())
    assert measured.totals[0].lesion_count == 0


def test_a_mask_of_another_size_or_with_unknown_values_is_refused():
    volume = volume_with(np.eye(3), extent_mm=20)
    with pytest.raises(InputError, match="voxels"):
        measure(np.ones((3, 3, 3), np.uint8), volume, [HEMORRHAGE])
    with pytest.raises(InputError, match=r"without a label: \[7\]"):
        measure(np.full(volume.array.shape, 7, np.uint8), volume, [HEMORRHAGE])


@pytest.mark.parametrize(
    ("turned", "head_x"), [(0.0, 0.0), (12.0, 14.0), (-15.0, -10.0)], ids=["straight", "turned left", "turned right"]
)
def test_midline_follows_the_head_not_the_scanner(turned, head_x):
    volume, _ = head_phantom(
        turned_degrees=turned, head_centre_lps=(head_x, 3, 0), bleed_centre_lps=(head_x + 35, 20, 0)
    )
    midline = estimate_midline(volume)
    found = np.degrees(np.arctan2(midline.normal[1], midline.normal[0]))
    assert found == pytest.approx(turned, abs=1.5)
    assert midline.leftward_mm(np.array([[head_x, 3.0, 0.0]]))[0] == pytest.approx(0, abs=1.5)


def turned_head(degrees):
    """A head with air where the face is, which tells front from back; no bleed."""
    volume, _ = head_phantom((40, 96, 96), np.diag([2.4, 2.4, 4.2]), turned_degrees=degrees, bleed_radius_mm=0)
    x, y, z = lps_grid(volume.array.shape, volume.ijk_to_lps)
    turn = np.radians(degrees)
    volume.array[(y * np.cos(turn) - x * np.sin(turn) < -55) & (z < -10)] = -1000
    return volume


@pytest.mark.parametrize("turned", [-75, -55, 55, 75])
def test_left_and_right_are_the_patients_where_the_head_is_turned_far(turned):
    volume = turned_head(turned)
    midline = estimate_midline(volume)
    assert np.degrees(np.arctan2(midline.normal[1], midline.normal[0])) == pytest.approx(turned, abs=2)
    to_left = 30 * np.array([np.cos(np.radians(turned)), np.sin(np.radians(turned)), 0])
    for place, side in ((to_left, "left"), (-to_left, "right")):
        bleed = sum((axis - c) ** 2 for axis, c in zip(lps_grid(volume.array.shape, volume.ijk_to_lps), place)) < 144
        (lesion,) = measure(bleed, volume, [HEMORRHAGE]).lesions
        assert lesion.side == side


@pytest.mark.parametrize("part", [np.s_[24:, :], np.s_[:, :, 48:], np.s_[:, :, :62]], ids=["vault", "left", "right"])
def test_what_is_there_of_a_straight_head_is_not_taken_to_be_turned(part):
    """A part can be more symmetric from front to back than from side to side."""
    volume, _ = head_phantom((40, 96, 96), np.diag([2.4, 2.4, 4.2]), bleed_centre_lps=(45.0, 0.0, 40.0))
    midline = estimate_midline(replace(volume, array=volume.array[part]))
    assert abs(np.degrees(np.arctan2(midline.normal[1], midline.normal[0]))) < 30


def test_midline_is_the_same_where_a_registration_has_filled_up_with_0():
    volume, _ = head_phantom(turned_degrees=12, head_centre_lps=(8, 0, 0))
    filled = volume.array.copy()
    _k, j, i = np.indices(filled.shape)
    filled[(filled < -300) & (j + i < 0.35 * sum(filled.shape[1:]))] = 0  # one corner, which is not symmetric
    assert estimate_midline(replace(volume, array=filled)) == estimate_midline(volume)


@pytest.mark.parametrize(("offset", "side"), [(30.0, "left"), (-30.0, "right"), (0.0, "midline")])
@pytest.mark.parametrize("steps", [np.diag([1.4, 1.6, 2.8]), np.diag([-1.4, -1.6, 2.8])], ids=["LPS", "RAS"])
def test_side_is_the_patients_even_where_the_head_lies_off_centre(offset, side, steps):
    # The head's middle is 20 mm to the left of the scanner's.
    volume, bleed = head_phantom(
        steps=steps, head_centre_lps=(20, 0, 0), bleed_centre_lps=(20 + offset, 0, 10), bleed_radius_mm=12
    )
    (lesion,) = measure(bleed, volume, [HEMORRHAGE]).lesions
    assert lesion.side == side


def test_record_survives_json_and_the_table_has_every_digit():
    volume = volume_with(GRIDS["oblique"])
    measured = measure(ellipsoid(volume, (20.0, 11.0, 9.0)), volume, [HEMORRHAGE], midline=NO_HEAD)
    assert Measurements.from_dict(json.loads(json.dumps(measured.to_dict()))) == measured
    heading, row, total = csv_rows(measured)
    assert float(row[heading.index("volume_ml")]) == measured.lesions[0].volume_ml
    assert float(row[heading.index("abc2_ml")]) == measured.lesions[0].abc2.volume_ml
    assert float(total[heading.index("volume_ml")]) == measured.total_volume_ml
    assert len(heading) == len(row) == len(total)


def test_terminology_is_slicers_seven_parts():
    assert HEMORRHAGE.terminology() == (
        "Segmentation category and type - DICOM master list~SCT^49755003^Morphologically Altered Structure~"
        "SCT^50960005^Hemorrhage~^^~Anatomic codes - DICOM master list~SCT^12738006^Brain~^^"
    )
