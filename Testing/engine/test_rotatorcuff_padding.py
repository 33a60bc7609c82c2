"""What is stored around a shoulder's picture, and in which order it is stored, changes nothing of the answer."""

from dataclasses import replace

import numpy as np
import pytest
from engine.hand_made import centred_matrix
from engine.shoulder_phantom import oblique_coronal, shoulder_phantom

from radiologycnn.errors import InputError
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.humeral_head import find_humeral_head
from radiologycnn.rotatorcuff.location import check_scan, locate
from radiologycnn.rotatorcuff.padding import without_padding
from radiologycnn.rotatorcuff.preprocessing import Preprocessing

PICTURE = shoulder_phantom("right", shape_kji=(22, 90, 90), steps=oblique_coronal("right", (1.7, 1.7, 4.2)))


def framed(volume: Volume, widths_kji, value) -> Volume:
    matrix = np.array(volume.ijk_to_lps, float)
    matrix[:3, 3] -= matrix[:3, :3] @ [first for first, _last in widths_kji][::-1]
    return replace(volume, array=np.pad(volume.array, widths_kji, constant_values=value), ijk_to_lps=matrix)


@pytest.mark.parametrize(
    ("widths", "value"),
    [(((2, 3), (60, 60), (60, 60)), 0), (((0, 0), (0, 70), (0, 0)), 0), (((1, 1), (5, 5), (5, 5)), -2048)],
)
def test_a_frame_is_cut_off_and_the_cube_is_the_same(widths, value):
    picture = without_padding(framed(PICTURE, widths, value))
    assert np.array_equal(picture.array, PICTURE.array)
    assert np.allclose(picture.ijk_to_lps, PICTURE.ijk_to_lps)
    assert check_scan(picture) == check_scan(PICTURE)
    preprocessing = Preprocessing(grid_size=32)
    cubes = [preprocessing.prepare(one, locate(one, preprocessing).region, "right").grey for one in (picture, PICTURE)]
    assert np.array_equal(*cubes)


def test_what_is_no_frame_stays():
    assert without_padding(PICTURE) is PICTURE
    island = np.zeros(PICTURE.array.shape, np.float32)
    island[8:12, 30:40, 30:40] = 1  # a mask: what would remain holds no shoulder
    for array in (island, np.zeros_like(island), np.zeros((0, 4, 4)), np.zeros((4, 4))):
        volume = replace(PICTURE, array=array)
        assert without_padding(volume) is volume


@pytest.mark.parametrize("order", [(2, 0, 1), (0, 2, 1)])
def test_grey_values_are_those_of_all_slices_whichever_axis_they_lie_on(order):
    noise = np.random.default_rng(1).normal(100, 20, (20, 210, 210))
    noise[1::2] *= 5  # slices after each other are not alike: none may be left out
    matrix = centred_matrix(oblique_coronal("right", (0.6, 0.6, 4.2)), noise.shape)
    turn = np.eye(4)[:, [*order, 3]]
    stored = noise.transpose([2 - axis for axis in order[::-1]])
    preprocessing = Preprocessing(grid_size=16)
    greys = [
        preprocessing.prepare(one, preprocessing.region(one, (0, 0, 0)), "right").grey
        for one in (Volume(noise, matrix, "MR"), Volume(stored, matrix @ turn, "MR"))
    ]
    assert np.allclose(*greys, atol=1.0)


def test_voxels_marked_as_empty_do_not_make_a_ct_of_an_mr_without_a_header():
    _k, j, i = np.ogrid[tuple(slice(0, n) for n in PICTURE.array.shape)]
    outside = (j - 45) ** 2 + (i - 45) ** 2 > 44**2  # as after a rotation
    rounded = np.where(outside, 0, PICTURE.array)
    expected = find_humeral_head(replace(PICTURE, array=rounded))
    for array in (framed(PICTURE, ((2, 2), (5, 5), (5, 5)), -1024), replace(PICTURE, array=rounded - 1024.0 * outside)):
        picture = without_padding(replace(array, modality=""))
        assert picture.array.min() >= 0
        check_scan(picture)
        assert np.linalg.norm(np.subtract(find_humeral_head(picture).centre_lps_mm, expected.centre_lps_mm)) < 2


def test_a_ct_without_a_header_is_still_known_by_its_air():
    hounsfield = np.where(PICTURE.array > 100, 40, -110) + np.random.default_rng(3).normal(0, 12, PICTURE.array.shape)
    hounsfield[10, 30:40, 30:40] = 900  # bone
    scan = framed(replace(PICTURE, array=hounsfield, modality=""), ((2, 2), (5, 5), (5, 5)), -1000)
    assert without_padding(scan) is scan
    with pytest.raises(InputError, match="as those of a CT"):
        check_scan(scan)
