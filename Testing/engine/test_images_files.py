"""Reading and writing of image files: geometry kept to the last digit that the format holds, damage refused."""

from __future__ import annotations

import os
import resource
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from engine.oblique_grids import left_handed_matrix, oblique_matrix, sheared_matrix

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.images import read_map, read_volume, write_image
from radiologycnn.images.nifti import read_nifti
from radiologycnn.images.volume import LPS_TO_RAS

ENDINGS = [".nii", ".nii.gz", ".nrrd", ".mha"]


@pytest.fixture
def array() -> np.ndarray:
    return np.random.default_rng(2).integers(-1024, 3000, (9, 10, 11)).astype(np.int16)


@pytest.mark.parametrize("matrix", [oblique_matrix(), sheared_matrix(), left_handed_matrix(), np.diag([2, 2, 5, 1.0])])
@pytest.mark.parametrize("ending", ENDINGS)
def test_written_images_come_back_in_their_place(tmp_path, array, ending, matrix):
    path = write_image(tmp_path / f"scan{ending}", array, matrix)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.int16
    np.testing.assert_allclose(volume.ijk_to_lps, matrix, atol=1e-4 if "nii" in ending else 1e-9)
    assert volume.voxel_volume_mm3 == pytest.approx(abs(np.linalg.det(matrix[:3, :3])), rel=1e-6)
    assert volume.name == "scan"
    assert os.listdir(tmp_path) == [path.name], "no temporary file may stay"


@pytest.mark.parametrize("matrix", [oblique_matrix(), sheared_matrix(), left_handed_matrix()])
def test_nibabel_sees_the_same_nifti(tmp_path, array, matrix):
    image = nibabel.load(write_image(tmp_path / "scan.nii.gz", array, matrix))
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), array.T)
    np.testing.assert_allclose(image.affine, LPS_TO_RAS @ matrix, atol=1e-4)
    qform, code = image.get_qform(coded=True)
    if code:
        np.testing.assert_allclose(qform, LPS_TO_RAS @ matrix, atol=1e-4)
    assert bool(code) == (not np.allclose(matrix, sheared_matrix()))


@pytest.mark.parametrize("matrix", [oblique_matrix(), left_handed_matrix()])
@pytest.mark.parametrize("ending", ENDINGS)
def test_simpleitk_sees_the_same_image(tmp_path, array, ending, matrix):
    image = sitk.ReadImage(str(write_image(tmp_path / f"scan{ending}", array, matrix)))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array)
    corner = image.TransformIndexToPhysicalPoint((10, 9, 8))
    np.testing.assert_allclose(corner, (matrix @ [10, 9, 8, 1])[:3], atol=1e-3)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint16", "int32", "float16", "float32", "float64"])
def test_number_types_keep_their_values(tmp_path, ending, dtype):
    array = (np.arange(9 * 10 * 11).reshape(9, 10, 11) % 2).astype(dtype)
    np.testing.assert_array_equal(read_volume(write_image(tmp_path / f"a{ending}", array, np.eye(4))).array, array)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_whole_numbers_of_64_bits_become_those_of_32(tmp_path, array, ending, dtype):
    array = (array + (1024 if dtype == "uint64" else 0)).astype(dtype)
    array[0, 0, :2] = 0, 2**31 - 1
    path = write_image(tmp_path / f"a{ending}", array, np.eye(4))
    for volume in (read_volume(path), read_map(path)):
        assert volume.array.dtype == np.int32, "Slicer's views show no larger ones"
        np.testing.assert_array_equal(volume.array, array)
    assert not any("32 bits" in note for note in volume.notes)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**63])
def test_whole_numbers_beyond_32_bits_are_kept_and_said(tmp_path, array, value):
    array = array.astype("uint64" if value >= 2**63 else "int64")
    array[4, 5, 6] = value
    volume = read_volume(write_image(tmp_path / "a.nii", array, np.eye(4)))
    assert volume.array.dtype == np.float64 and volume.array[4, 5, 6] == value
    assert "too large for 32 bits" in volume.notes[-1]


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("form", ["sform", "qform"])
def test_nifti_of_others_is_read_as_nibabel_reads_it(tmp_path, array, kind, byte_order, form):
    affine = LPS_TO_RAS @ (sheared_matrix() if form == "sform" else left_handed_matrix())
    header = kind.header_class(endianness=byte_order)
    image = kind(array.T, affine, header)
    image.set_sform(affine, code=1 if form == "sform" else 0)
    if form == "qform":
        image.set_qform(affine, code=1)
    nibabel.save(image, tmp_path / "other.nii.gz")
    volume = read_volume(tmp_path / "other.nii.gz")
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.ijk_to_ras, nibabel.load(tmp_path / "other.nii.gz").affine, atol=1e-4)
    assert volume.provenance["orientation_from"] == form


def test_nifti_pair_and_scaling(tmp_path, array):
    image = nibabel.Nifti1Pair(array.T, np.diag([2, 2, 2, 1.0]))
    image.header.set_slope_inter(2.0, -1024)
    nibabel.save(image, tmp_path / "pair.hdr")
    expected = nibabel.load(tmp_path / "pair.hdr").get_fdata().T
    for name in ("pair.hdr", "pair.img"):
        np.testing.assert_allclose(read_volume(tmp_path / name).array, expected)


def test_nifti_in_metres_is_converted_and_said(tmp_path, array):
    path = write_image(tmp_path / "scan.nii", array, np.diag([0.0005, 0.0005, 0.005, 1]))
    content = bytearray(path.read_bytes())
    content[123] = 1
    path.write_bytes(content)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.spacing_mm, (0.5, 0.5, 5), rtol=1e-5)
    assert any("metres" in note for note in volume.notes)


def test_nifti_without_orientation_says_so(tmp_path, array):
    path = write_image(tmp_path / "scan.nii", array, np.diag([1, 1, 2, 1.0]))
    content = bytearray(path.read_bytes())
    struct.pack_into("<hh", content, 252, 0, 0)
    path.write_bytes(content)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.spacing_mm, (1, 1, 2))
    assert any("does not say how the patient lies" in note for note in volume.notes)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kept", [0, 5, 200, 0.6, -1])
def test_cut_files_are_refused(tmp_path, array, ending, kept):
    path = write_image(tmp_path / f"scan{ending}", array, oblique_matrix())
    content = path.read_bytes()
    # Of gzip's own tail (eight bytes of checksum) every reader can do without.
    end = kept if isinstance(kept, int) and kept >= 0 else int(0.6 * len(content)) if kept == 0.6 else len(content) - 40
    path.write_bytes(content[:end])
    with pytest.raises(InputError) as error:
        read_volume(path)
    assert error.value.code in ("damaged-file", "not-an-image")
    assert path.name in str(error.value) and error.value.hint


@pytest.mark.parametrize("ending", [*ENDINGS, ".dcm", ".txt", ".png", ".nhdr", ".mhd", ".hdr", ""])
def test_other_contents_are_refused(tmp_path, ending):
    path = tmp_path / f"scan{ending}"
    path.write_bytes(b"This is a letter, and no image at all. " * 50)
    with pytest.raises(InputError) as error:
        read_volume(path)
    assert error.value.code == "not-an-image"


def test_files_that_may_not_be_read_are_not_called_damaged(tmp_path, array, monkeypatch):
    path = write_image(tmp_path / "scan.nii.gz", array, oblique_matrix())

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"scan\.nii\.gz may not be read: there is no permission"):
        read_nifti(path)


def test_missing_paths_are_refused(tmp_path):
    with pytest.raises(InputError, match="no file or folder"):
        read_volume(tmp_path / "nowhere.nii.gz")


def test_a_folder_of_scan_files_is_refused_with_the_way_to_give_them(tmp_path, array):
    def hint():
        with pytest.raises(InputError) as error:
            read_volume(tmp_path)
        assert error.value.code == "no-dicom"
        return error.value.hint

    write_image(tmp_path / "head-1-mask.nii.gz", array, np.eye(4))
    assert hint() == "Give a folder with DICOM files, or a scan file."
    write_image(tmp_path / "head-1.nii.gz", array, np.eye(4))
    assert hint() == "Give the file itself, head-1.nii.gz."
    write_image(tmp_path / "head-2.nii.gz", array, np.eye(4))
    assert hint() == f"Give the file itself, for instance head-1.nii.gz, or {tmp_path}/*.nii.gz for all of them."


def test_four_dimensions_colours_and_complex_numbers_are_refused(tmp_path):
    four = np.zeros((12, 12, 12, 3), np.float32)
    nibabel.save(nibabel.Nifti1Image(four, np.eye(4)), tmp_path / "four.nii.gz")
    rgb = np.zeros((12, 12, 12), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, np.eye(4)), tmp_path / "rgb.nii.gz")
    nibabel.save(nibabel.Nifti1Image(four[..., 0].astype(np.complex64), np.eye(4)), tmp_path / "complex.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(four, isVector=True), tmp_path / "rgb.nrrd")
    sitk.WriteImage(sitk.GetImageFromArray(four, isVector=False), tmp_path / "four.mha")
    sitk.WriteImage(sitk.GetImageFromArray(four[0, :, :, 0]), tmp_path / "two.nrrd")
    expected = {
        "four.nii.gz": "3 volumes", "rgb.nii.gz": "RGB", "complex.nii.gz": "complex", "rgb.nrrd": "3 numbers a voxel",
        "four.mha": "four|4 dimensions", "two.nrrd": "2 dimensions",
    }  # fmt: skip
    for name, words in expected.items():
        with pytest.raises(InputError, match=words):
            read_volume(tmp_path / name)


def test_a_fourth_dimension_of_one_is_no_obstacle(tmp_path, array):
    nibabel.save(nibabel.Nifti1Image(array.T[..., None], np.eye(4)), tmp_path / "one.nii.gz")
    np.testing.assert_array_equal(read_volume(tmp_path / "one.nii.gz").array, array)


@pytest.mark.parametrize("ending", ENDINGS)
def test_nan_is_refused_on_reading_and_zero_masks_are_not(tmp_path, ending):
    array = np.zeros((9, 10, 11), np.float32)
    assert not read_volume(write_image(tmp_path / f"zero{ending}", array, np.eye(4))).array.any()
    array[4, 5, 6] = np.nan
    with pytest.raises(InputError, match="1 of 990 voxels"):
        read_volume(write_image(tmp_path / f"nan{ending}", array, np.eye(4)))


def test_a_full_disk_leaves_the_old_file_and_no_remains(tmp_path, array):
    path = write_image(tmp_path / "scan.nii", array, np.eye(4))
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(ResourceError) as error:
            write_image(path, np.random.default_rng(0).random((20, 20, 20)), np.eye(4))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.code == "disk-full"
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["scan.nii"]


def test_places_that_cannot_be_written_are_named(tmp_path, array):
    with pytest.raises(InputError, match="does not exist"):
        write_image(tmp_path / "no" / "scan.nii", array, np.eye(4))
    (tmp_path / "folder.nii").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write_image(tmp_path / "folder.nii", array, np.eye(4))
    with pytest.raises(InputError, match=r"\.nii\.gz"):
        write_image(tmp_path / "scan.doc", array, np.eye(4))
    assert sorted(os.listdir(tmp_path)) == ["folder.nii"]
