"""Reading DICOM: where a series' voxels lie, and what they are: order, tilt, gaps, multi-frame, compression."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from engine.dicom_phantom import (
    AXIAL,
    RADIUS_MM,
    along_z,
    assert_is_the_ball,
    ball,
    image_dataset,
    slice_points,
    tilted,
    write_enhanced,
    write_series,
)
from pydicom.uid import generate_uid

from radiologycnn.images import read_volume


def spacing_matrix_is_orthogonal(volume):
    columns = volume.ijk_to_lps[:3, :3] / volume.spacing_mm
    return np.allclose(columns.T @ columns, np.eye(3), atol=1e-6)


def test_regular_series_with_shuffled_files_is_read_as_it_is(tmp_path):
    centre = (1.5, -2.0, 40.0)
    write_series(tmp_path, along_z(np.arange(0, 80, 2.5)), ball(centre, RADIUS_MM), slope=2.0, intercept=-1000)
    volume = read_volume(tmp_path)
    assert volume.modality == "CT"
    assert volume.array.shape == (32, 96, 96)
    np.testing.assert_allclose(volume.spacing_mm, (1, 1, 2.5))
    assert (volume.array.min(), volume.array.max()) == (0, 1000)
    assert volume.notes == () and volume.source_slices is None
    assert_is_the_ball(volume, centre)


@pytest.mark.parametrize("degrees", [18.5, -12.0])
def test_tilted_gantry_becomes_an_orthogonal_grid(tmp_path, degrees):
    # As scanners write it: the table moves along z, so all first pixels share x and y, and the planes are oblique.
    centre = (0.0, 0.0, 50.0)
    middle = centre[2] + 52 * np.tan(np.radians(degrees))  # where the plane through the centre has its first pixel
    z = middle + (np.arange(45) - 22.3) * 2.2
    write_series(
        tmp_path,
        along_z(z, y=-52.0),
        ball(centre, RADIUS_MM),
        orientation=tilted(degrees),
        shape_ji=(112, 96),
        GantryDetectorTilt=degrees,
    )
    volume = read_volume(tmp_path)
    assert spacing_matrix_is_orthogonal(volume)
    assert volume.provenance["tilt_degrees"] == pytest.approx(abs(degrees), abs=0.1)
    assert any(f"{abs(degrees):.1f} degrees" in note for note in volume.notes)
    assert volume.spacing_mm[2] == pytest.approx(2.2 * np.cos(np.radians(degrees)), rel=1e-4)
    assert_is_the_ball(volume, centre)


def test_uneven_gaps_become_regular(tmp_path):
    centre = (3.0, 4.0, 50.0)
    z = np.concatenate([np.arange(0, 50, 2.5), 51 + np.arange(0, 60, 4.0)])
    write_series(tmp_path, along_z(z), ball(centre, RADIUS_MM))
    volume = read_volume(tmp_path)
    assert volume.spacing_mm[2] == pytest.approx(2.5, rel=0.02)
    assert any("unevenly spaced" in note and "2.50" in note and "4.00" in note for note in volume.notes)
    last = (volume.ijk_to_lps @ [0, 0, len(volume.array) - 1, 1])[2]
    assert last == pytest.approx(z[-1], abs=1e-6), "the grid must neither end early nor reach beyond the last slice"
    assert_is_the_ball(volume, centre)


def test_oblique_uneven_tilted_series_keeps_the_ball_in_place(tmp_path):
    centre = np.array([5.0, -8.0, 12.0])
    rotation = np.linalg.qr(np.array([[1, 0.3, -0.2], [-0.25, 1, 0.4], [0.3, -0.35, 1.0]]))[0]
    rotation *= np.sign(np.diag(rotation))
    if np.linalg.det(rotation) < 0:
        rotation[:, 2] *= -1
    depth = np.concatenate([np.arange(-50, 0, 2.0), np.arange(0, 51, 3.0)])
    positions = [centre + rotation @ (-56 + 0.21 * d, -56 - 0.17 * d, d) for d in depth]
    write_series(
        tmp_path, positions, ball(centre, RADIUS_MM), orientation=rotation[:, :2].T.ravel(), shape_ji=(112, 112)
    )
    volume = read_volume(tmp_path)
    assert spacing_matrix_is_orthogonal(volume)
    assert_is_the_ball(volume, centre)


def test_results_go_back_to_the_slices_that_the_person_sees(tmp_path):
    centre = (0.0, 0.0, 45.0)
    z = np.concatenate([np.arange(0, 40, 2.5), 41 + np.arange(0, 50, 4.0)])
    positions = along_z(z + 5, y=-60.0)
    orientation = tilted(15)
    write_series(tmp_path, positions, ball(centre, 20), orientation=orientation, shape_ji=(128, 96))
    volume = read_volume(tmp_path)
    mask = (volume.array > 500).astype(np.uint8)
    on_slices = volume.to_source_slices(mask)
    assert on_slices.shape == volume.source_slices.array.shape == (len(z), 128, 96)
    assert on_slices.dtype == np.uint8
    truth = np.stack([ball(centre, 20)(slice_points(p, orientation, 1.0, (128, 96))) > 500 for p in positions])
    overlap = 2 * np.sum(truth & (on_slices > 0)) / (truth.sum() + on_slices.sum())
    assert overlap > 0.97
    # A single spot in the middle of slice 9 comes back on slice 9, at its pixel, and on no slice far from it.
    target = volume.source_slices.ijk_to_lps[9] @ [40, 70, 0, 1]
    k, j, i = np.rint(np.linalg.inv(volume.ijk_to_lps) @ target)[:3].astype(int)[::-1]
    spot = np.zeros_like(mask)
    spot[k, j - 1 : j + 2, i - 1 : i + 2] = 1
    slices, rows, columns = np.nonzero(volume.to_source_slices(spot))
    assert 9 in slices and set(slices) <= {8, 9, 10}
    assert abs(rows[slices == 9].mean() - 70) <= 1 and abs(columns[slices == 9].mean() - 40) <= 1


def test_grid_slice_on_an_acquired_slice_is_that_slice(tmp_path):
    z = [0, 5, 10, 15, 25, 30]
    rng = np.random.default_rng(1)
    write_series(tmp_path, along_z(z), lambda points: rng.integers(0, 1000, points.shape[:2]).astype(float))
    volume = read_volume(tmp_path)
    assert volume.array.shape[0] == 7
    np.testing.assert_array_equal(volume.array[[0, 1, 2, 3, 5, 6]], volume.source_slices.array)
    between = (volume.source_slices.array[3].astype(float) + volume.source_slices.array[4]) / 2
    assert np.abs(volume.array[4] - between).max() <= 0.5
    assert any("1 slice seems to be missing (1 after slice 4)" in note for note in volume.notes)


def test_thin_skull_base_and_thick_vertex_is_not_called_missing_slices(tmp_path):
    z = np.concatenate([np.arange(0, 40, 2.5), 40 + np.arange(0, 80, 5.0)])
    write_series(tmp_path, along_z(z), ball((0, 0, 40), 10))
    volume = read_volume(tmp_path)
    assert volume.provenance["missing_slices"] == 0
    assert volume.spacing_mm[2] == pytest.approx(2.5)
    assert not any("missing" in note for note in volume.notes)


def test_outside_a_tilted_slice_is_air_and_not_a_copy(tmp_path):
    write_series(
        tmp_path, along_z(np.arange(20) * 4.0), lambda points: np.full(points.shape[:2], 700.0), orientation=tilted(20)
    )
    volume = read_volume(tmp_path)
    assert set(np.unique(volume.array)) == {-1024, 700}
    rows = (volume.array[:, :, 48] == 700).sum(axis=1)
    assert (np.abs(rows - 96) <= 2).all()


def test_enhanced_multi_frame_is_sorted_by_the_frames_positions(tmp_path):
    centre = (0.0, 1.0, 35.0)
    z = np.arange(0, 70, 2.0)
    np.random.default_rng(3).shuffle(z)
    write_enhanced(tmp_path / "enhanced.dcm", along_z(z), ball(centre, RADIUS_MM))
    volume = read_volume(tmp_path / "enhanced.dcm")
    np.testing.assert_allclose(volume.spacing_mm, (1, 1, 2))
    assert volume.array.max() == 1000
    assert_is_the_ball(volume, centre)


def test_run_length_gives_the_same_as_plain(tmp_path):
    z, shape = along_z(range(0, 40, 4)), ball((0, 0, 20), 15, outside=-900)
    write_series(tmp_path / "plain", z, shape)
    write_series(tmp_path / "packed", z, shape, run_length=True)
    np.testing.assert_array_equal(read_volume(tmp_path / "plain").array, read_volume(tmp_path / "packed").array)


def test_signed_jpeg2000_keeps_negative_hu(tmp_path):
    z, shape = along_z(range(0, 20, 4)), ball((0, 0, 8), 15, inside=1500, outside=-900)
    paths = write_series(tmp_path / "plain", z, shape, intercept=0)
    (tmp_path / "packed").mkdir()
    for path in paths:
        dataset = pydicom.dcmread(path)
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG2000")
        packed = tmp_path / "packed" / f"{path.name}.dcm"
        writer.SetFileName(str(packed))
        writer.Execute(sitk.GetImageFromArray(dataset.pixel_array[np.newaxis]))
        made = pydicom.dcmread(packed)
        assert made.file_meta.TransferSyntaxUID.is_compressed
        dataset.file_meta.TransferSyntaxUID = made.file_meta.TransferSyntaxUID
        dataset.PixelData = made.PixelData
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(packed, enforce_file_format=True)
    np.testing.assert_array_equal(read_volume(tmp_path / "plain").array, read_volume(tmp_path / "packed").array)


def test_scaling_may_differ_from_slice_to_slice(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    uid = generate_uid()
    for number, slope in enumerate([0.5, 1.25, 2.0, 3.5]):
        values = np.full((16, 16), 70.0)
        dataset = image_dataset(values, slope, 0.0, uid)
        dataset.ImagePositionPatient = [0, 0, 3 * number]
        dataset.ImageOrientationPatient = list(AXIAL)
        dataset.PixelSpacing = [1, 1]
        dataset.InstanceNumber = number
        dataset.save_as(folder / str(number), enforce_file_format=True)
    np.testing.assert_allclose(read_volume(folder).array, 70)


def test_rounded_headers_are_not_called_uneven(tmp_path):
    positions = [(-48, -48, round(0.625 * n, 1)) for n in range(60)]
    write_series(tmp_path, positions, ball((0, 0, 18), 10))
    volume = read_volume(tmp_path)
    assert volume.source_slices is None and volume.array.shape[0] == 60
    assert volume.spacing_mm[2] == pytest.approx(0.625, abs=0.01)


def test_header_tilt_without_shift_is_mentioned(tmp_path):
    write_series(tmp_path, along_z(range(0, 40, 4)), ball((0, 0, 20), 10), GantryDetectorTilt=15.0)
    volume = read_volume(tmp_path)
    assert volume.source_slices is None
    assert any("15.0 degrees" in note and "corrected already" in note for note in volume.notes)


def test_nothing_of_the_patient_is_kept(tmp_path):
    uid = generate_uid()
    z = np.array([0, 4, 8, 12, 20, 24])
    write_series(tmp_path, along_z(z), ball((0, 0, 12), 10), series_uid=uid, SeriesDescription="ROENTGEN head wcr-1895")
    volume = read_volume(tmp_path)
    kept = json.dumps([volume.name, volume.notes, dict(volume.provenance)]).lower()
    for secret in ("roentgen", "wilhelm", "wcr-1895", uid):
        assert secret not in kept
    assert volume.name.endswith("head ...")
    assert volume.provenance["series"]


def test_random_distances_are_resampled_at_their_median(tmp_path):
    gaps = np.random.default_rng(4).uniform(2.0, 4.0, 30)
    z = np.concatenate([[0], np.cumsum(gaps)])
    centre = (0.0, 0.0, z[-1] / 2)
    write_series(tmp_path, along_z(z), ball(centre, RADIUS_MM))
    volume = read_volume(tmp_path)
    assert 2.0 <= volume.spacing_mm[2] <= np.median(gaps) * 1.05
    assert volume.provenance["missing_slices"] == 0
    assert_is_the_ball(volume, centre)


def test_ct_without_rescale_says_that_its_numbers_may_not_be_hu(tmp_path):
    paths = write_series(tmp_path, along_z(range(0, 40, 4)), ball((0, 0, 20), 10), intercept=0)
    for path in paths:
        dataset = pydicom.dcmread(path)
        del dataset.RescaleSlope, dataset.RescaleIntercept
        dataset.save_as(path)
    assert any("HU" in note for note in read_volume(tmp_path).notes)
