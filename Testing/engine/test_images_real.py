"""Real scans and odd series: right geometry, or a sentence that tells what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiologycnn.errors import InputError
from radiologycnn.images import list_series, read_volume


@pytest.fixture(scope="module")
def head(shared_data):
    return read_volume(shared_data / "head-ct-ge-tilt-uneven")


def test_tilted_uneven_head_has_its_true_geometry(head):
    assert head.modality == "CT"
    np.testing.assert_allclose(head.spacing_mm, (0.488281, 0.488281, 4.0), atol=0.005)
    columns = head.ijk_to_lps[:3, :3] / head.spacing_mm
    np.testing.assert_allclose(columns.T @ columns, np.eye(3), atol=1e-6)
    assert head.provenance["tilt_degrees"] == pytest.approx(18.5, abs=0.01)
    assert head.provenance["slice_gaps_mm"] == {"1.08": 1, "4.00": 13, "7.00": 13}
    assert head.source_slices.array.shape == (28, 512, 512)
    # 151.94 mm of table travel seen along the normal of slices tilted by 18.5 degrees
    extent = head.spacing_mm[2] * (head.array.shape[0] - 1)
    assert extent == pytest.approx((157.7760586 - 5.8360586) * np.cos(np.radians(18.5)), abs=0.01)
    text = " ".join(head.notes)
    for words in ("18.5 degrees", "1.08 mm", "4.00 mm", "7.00 mm", "resampled"):
        assert words in text


def test_forehead_of_the_head_is_no_longer_slanted(head):
    """The outer table of the skull in the midline: in a plain stack of the slices it leans by the tilt."""

    def lean_degrees(bone_rows_mm, depth_mm):
        return np.degrees(np.arctan(np.polyfit(depth_mm, bone_rows_mm, 1)[0]))

    def first_bone(slices):
        return np.array([np.argmax(one[:, 256] > 400) for one in slices]) * 0.488281

    depth = np.arange(head.array.shape[0]) * head.spacing_mm[2]
    straight = (depth > 40) & (depth < 85)
    now = lean_degrees(first_bone(head.array)[straight], depth[straight])
    stack_depth = np.array([(head.source_slices.ijk_to_lps[n] @ [0, 0, 0, 1])[2] for n in range(28)])
    stack_depth = (stack_depth - stack_depth[0]) * np.cos(np.radians(18.5))
    in_part = (stack_depth > 40) & (stack_depth < 85)
    before = lean_degrees(first_bone(head.source_slices.array)[in_part], stack_depth[in_part])
    assert abs(abs(before - now) - 18.5) < 6
    assert abs(now) < abs(before)


def test_hounsfield_units_of_the_head(head):
    slices = head.source_slices.array
    air = slices[5:15, 20:60, 240:270]
    assert np.median(air) == pytest.approx(-1000, abs=20)
    brain = slices[20, 230:280, 200:310]
    assert 15 < np.median(brain) < 50
    assert head.array.max() > 1000
    acquired = set(np.unique(slices[0])) | {-1024}
    assert head.array.min() >= min(acquired)


def test_result_on_the_heads_own_slices(head):
    bone = (head.array > 300).astype(np.uint8)
    on_slices = head.to_source_slices(bone)
    truth = head.source_slices.array > 300
    overlap = [2 * np.sum(t & (m > 0)) / (t.sum() + m.sum()) for t, m in zip(truth, on_slices)]
    assert np.median(overlap) > 0.9
    assert overlap[0] > 0.999, "the first slice of the grid is the first acquired slice"


READABLE = {
    "odd-dicom/failing/gantrytilting": "14.0 degrees",
    "odd-dicom/failing/sliceincrement": "missing",
    "odd-dicom/generic/compressed_j2k": "",
    "odd-dicom/generic/compressed_jpeg": "",
    "odd-dicom/generic/compressed_jpegls": "",
    "odd-dicom/generic/compressed_rle": "",
    "odd-dicom/philips_enhanced": "",
    "odd-dicom/siemens_multiframe": "",
    "not-a-head-volume/mr-t1-brain-24-slices": "",
    "not-a-head-volume/ct-abdomen.nii.gz": "",
}
REFUSED = {
    "odd-dicom/failing/notavolume": "same position",
    "odd-dicom/failing/slicecount": "only 2 slices",
    "odd-dicom/failing/sliceorientation": "mixes 2 orientations",
    "odd-dicom/generic/rgb": "colour",
    "odd-dicom": "Choose one",
    "not-a-head-volume/ct-localizer": "localizer",
    "README.md": "not an image",
}


@pytest.mark.parametrize("name", READABLE)
def test_readable(shared_data, name):
    volume = read_volume(shared_data / name)
    assert volume.array.ndim == 3 and volume.array.min() < volume.array.max()
    assert np.linalg.det(volume.ijk_to_lps[:3, :3]) != 0
    if READABLE[name]:
        assert READABLE[name] in " ".join(volume.notes)
    else:
        assert volume.notes == ()


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_sentence(shared_data, name):
    with pytest.raises(InputError) as error:
        read_volume(shared_data / name)
    assert REFUSED[name] in str(error.value)
    assert error.value.hint and "Traceback" not in str(error.value)


def test_compressions_hold_the_same_image(shared_data):
    arrays = [
        read_volume(shared_data / "odd-dicom/generic" / f"compressed_{kind}").array
        for kind in ("rle", "j2k", "jpeg", "jpegls")
    ]
    for array in arrays[1:]:
        np.testing.assert_array_equal(array, arrays[0])


def test_enhanced_frames_are_scaled_and_placed(shared_data):
    volume = read_volume(shared_data / "odd-dicom/philips_enhanced")
    np.testing.assert_allclose(volume.spacing_mm, (1, 1, 1.2), atol=1e-4)
    assert volume.array.dtype == np.float32  # slope 4.2588...
    assert volume.array.shape == (8, 256, 256)


def test_regular_series_lies_where_simpleitk_puts_it(shared_data):
    folder = str(shared_data / "not-a-head-volume/mr-t1-brain-24-slices")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    image = reader.Execute()
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(image))
    for index in ((0, 0, 0), (273, 383, 23), (100, 200, 11)):
        place = (volume.ijk_to_lps @ [*index, 1])[:3]
        np.testing.assert_allclose(place, image.TransformIndexToPhysicalPoint(index), atol=0.01)


def test_listing_says_what_is_wrong_with_each(shared_data):
    listed = list_series(shared_data / "not-a-head-volume")
    assert [(one.modality, one.slices, one.usable) for one in listed] == [("MR", 24, True), ("CT", 1, False)]
    assert "localizer" in listed[1].problem and [one.number for one in listed] == [1, 2]
