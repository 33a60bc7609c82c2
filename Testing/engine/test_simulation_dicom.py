"""Simulated scans as DICOM: what is written is read back, value for value and place for place, by several readers."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from scipy import ndimage
from scipy.interpolate import interp1d

from radiologycnn.errors import InputError
from radiologycnn.images import Volume, list_series, read_volume
from radiologycnn.simulation.acquired_slices import AcquiredSlices
from radiologycnn.simulation.dicom_series import TRANSFER_SYNTAXES, SeriesIdentity, write_dicom_series

IDENTITY = SeriesIdentity("HEAD-CT", "{}", 3, 7, description="Head CT without contrast", age_years=64)

needs_dcm2niix = pytest.mark.skipif(not shutil.which("dcm2niix"), reason="dcm2niix is not installed")


def volume(tilt_deg: float = 0.0, modality: str = "CT", oblique: bool = False) -> Volume:
    """Random values on a grid of unequal steps; tilted: rows lean, slices rise straight up."""
    rng = np.random.default_rng(1)
    array = rng.integers(-1024, 3071, (12, 40, 36)).astype(np.int16)
    if modality == "MR":
        array = (array + 1024).astype(np.float32) * 0.37
    angle = np.radians(tilt_deg)
    matrix = np.eye(4)
    matrix[:3, 0] = 0.7, 0, 0
    matrix[:3, 1] = 0, 0.8 * np.cos(angle), -0.8 * np.sin(angle)
    matrix[:3, 2] = 0, 0, 4.3
    matrix[:3, 3] = -31.7, 22.25, -71.4
    if oblique:
        matrix[:3, :3] = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0], [0.48, 0.64, 0.6]]) @ matrix[:3, :3]
    return Volume(array, matrix, modality, "scan")


def read_with_itk(folder):
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    return sitk.ReadImage(files), files


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_values_and_places_survive_every_transfer_syntax(tmp_path, syntax) -> None:
    scan = volume(oblique=True)
    paths = write_dicom_series(tmp_path / "s", AcquiredSlices.of(scan), "CT", IDENTITY, syntax)
    assert pydicom.dcmread(paths[0]).file_meta.TransferSyntaxUID == TRANSFER_SYNTAXES[syntax]
    own = read_volume(tmp_path / "s")
    assert own.modality == "CT" and own.name == "Head CT without contrast" and not own.notes
    assert np.array_equal(own.array, scan.array)
    np.testing.assert_allclose(own.ijk_to_lps, scan.ijk_to_lps, atol=1e-6)
    image, _ = read_with_itk(tmp_path / "s")
    assert np.array_equal(sitk.GetArrayFromImage(image), scan.array)
    far = np.array(scan.array.shape[::-1]) - 1.0
    there = image.TransformContinuousIndexToPhysicalPoint(far.tolist())
    np.testing.assert_allclose(there, (scan.ijk_to_lps @ [*far, 1])[:3], atol=1e-3)


def test_tilted_gantry_keeps_each_slice_and_says_its_tilt(tmp_path) -> None:
    scan = volume(tilt_deg=14.0)
    paths = write_dicom_series(tmp_path / "s", AcquiredSlices.of(scan), "CT", IDENTITY)
    assert float(pydicom.dcmread(paths[0]).GantryDetectorTilt) == pytest.approx(14.0, abs=1e-4)  # sign as GE's
    own = read_volume(tmp_path / "s")
    assert own.provenance["tilt_degrees"] == pytest.approx(14.0, abs=0.01)
    assert np.array_equal(own.source_slices.array, scan.array)
    for k in (0, 5, 11):
        np.testing.assert_allclose(
            own.source_slices.ijk_to_lps[k] @ [3, 8, 0, 1], scan.ijk_to_lps @ [3, 8, k, 1], atol=1e-5
        )


def test_thicker_slices_above_are_means_at_uneven_gaps(tmp_path) -> None:
    scan = volume()
    slices = AcquiredSlices.of(scan).joined_above(4)
    assert np.allclose(slices.thickness_mm, [4.3] * 4 + [8.6] * 4)
    write_dicom_series(tmp_path / "s", slices, "CT", IDENTITY)
    own = read_volume(tmp_path / "s")
    assert own.provenance["slice_gaps_mm"] == {"4.30": 3, "6.45": 1, "8.60": 3}
    assert any("unevenly spaced" in note for note in own.notes)
    stored = own.source_slices.array
    assert np.array_equal(stored[:4], scan.array[:4])
    assert np.abs(stored[4] - (scan.array[4].astype(float) + scan.array[5]) / 2).max() <= 0.5
    np.testing.assert_allclose(own.source_slices.ijk_to_lps[4][:3, 3], (scan.ijk_to_lps @ [0, 0, 4.5, 1])[:3])


def test_a_lost_slice_is_noticed(tmp_path) -> None:
    write_dicom_series(tmp_path / "s", AcquiredSlices.of(volume()).without(6), "CT", IDENTITY)
    own = read_volume(tmp_path / "s")
    assert own.provenance["missing_slices"] == 1
    assert any("missing" in note for note in own.notes)


def test_every_file_says_that_it_is_simulated_and_names_nobody(tmp_path) -> None:
    for path in write_dicom_series(tmp_path / "s", AcquiredSlices.of(volume()), "CT", IDENTITY):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        assert str(header.PatientName) == "SIMULATED^HEAD-CT-3-0007"
        assert "SIMULATED" in header.ImageType and "SIMULATED" in header.ImageComments
        assert header.QualityControlImage == "YES"
        assert header.PatientBirthDate == "" and header.PatientAge == "064Y"


def test_required_attributes_of_ct_and_mr_are_there(tmp_path) -> None:
    """Types 1 and 2 of PS3.3 A.3 and A.4, as far as they do not depend on other values."""
    both = (
        "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID Modality ImageType "
        "PixelSpacing ImageOrientationPatient ImagePositionPatient SamplesPerPixel PhotometricInterpretation Rows "
        "PixelData Columns BitsAllocated BitsStored HighBit PixelRepresentation"
    )
    empty_allowed = (
        "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime StudyID AccessionNumber SliceThickness "
        "ReferringPhysicianName SeriesNumber InstanceNumber PositionReferenceIndicator Manufacturer AcquisitionNumber"
    )
    extra = {
        "CT": ("RescaleSlope RescaleIntercept", "KVP"),
        "MR": ("ScanningSequence SequenceVariant", "ScanOptions MRAcquisitionType RepetitionTime EchoTime"),
    }
    for modality, (type_1, type_2) in extra.items():
        path = write_dicom_series(
            tmp_path / modality, AcquiredSlices.of(volume(modality=modality)), modality, IDENTITY
        )[0]
        header = pydicom.dcmread(path)
        assert all(header.get(keyword) not in (None, "") for keyword in f"{both} {type_1}".split())
        assert all(keyword in header for keyword in f"{empty_allowed} {type_2}".split())
        assert "InversionTime" not in header  # type 2C, of inversion recovery alone


def test_mr_keeps_fractions_and_its_acquisition(tmp_path) -> None:
    scan = volume(modality="MR", oblique=True)
    acquisition = {"RepetitionTime": 3800.0, "EchoTime": 61.5, "Laterality": "L", "BodyPartExamined": "SHOULDER"}
    identity = SeriesIdentity("SHOULDER-MR", "{}", 0, 1, description="T2 oblique coronal", acquisition=acquisition)
    paths = write_dicom_series(tmp_path / "s", AcquiredSlices.of(scan, gap_mm=0.3), "MR", identity)
    header = pydicom.dcmread(paths[0])
    assert (header.RepetitionTime, header.EchoTime, header.Laterality) == (3800, 61.5, "L")
    assert header.SliceThickness == pytest.approx(4.0) and header.SpacingBetweenSlices == pytest.approx(4.3)
    for values in (read_volume(tmp_path / "s").array, sitk.GetArrayFromImage(read_with_itk(tmp_path / "s")[0])):
        assert np.abs(values - scan.array).max() < 0.2  # half a step of 12 bits


def test_same_scan_has_same_uids_and_another_others(tmp_path) -> None:
    def uids(name: str, **changes) -> tuple:
        identity = SeriesIdentity(**{"kind": "HEAD-CT", "settings": "{}", "seed": 3, "index": 7, **changes})
        header = pydicom.dcmread(write_dicom_series(tmp_path / name, AcquiredSlices.of(volume()), "CT", identity)[3])
        return header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID, header.FrameOfReferenceUID

    first = uids("a")
    assert first == uids("b")
    assert all(uid.startswith("2.25.") and uid.is_valid and int(uid[5:]) < 2**128 for uid in first)
    assert len(set(first)) == 4
    for change in ({"index": 8}, {"seed": 4}, {"settings": "{1}"}, {"study": 1}):
        assert not set(first) & set(uids("c", **change))
    (tmp_path / "c" / "leftover.dcm").write_bytes(b"old")
    uids("c")
    assert len(list((tmp_path / "c").iterdir())) == 12 and len(list_series(tmp_path / "c")) == 1


def test_unknown_transfer_syntax_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="deflated"):
        write_dicom_series(tmp_path / "s", AcquiredSlices.of(volume()), "CT", IDENTITY, "zip")


def convert_with_dcm2niix(folder: Path, slices: AcquiredSlices, modality: str = "CT", syntax: str = "explicit"):
    """Images by name with their rows in DICOM's order (dcm2niix stores them upside down), and what dcm2niix said."""
    write_dicom_series(folder / "s", slices, modality, IDENTITY, syntax)
    (folder / "o").mkdir()
    command = ["dcm2niix", "-b", "n", "-z", "n", "-f", "scan", "-o", str(folder / "o"), str(folder / "s")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    return {path.stem: sitk.Flip(sitk.ReadImage(path), (False, True, False)) for path in folder.glob("o/*.nii")}, said


def place(image: sitk.Image, index_ijk) -> np.ndarray:
    return np.array(image.TransformContinuousIndexToPhysicalPoint([float(n) for n in index_ijk]))


# dcm2niix shares no code with the project's reader or ITK. It knows no deflated files, and says so.
@needs_dcm2niix
@pytest.mark.parametrize("syntax", sorted(set(TRANSFER_SYNTAXES) - {"deflated"}))
def test_dcm2niix_finds_voxels_and_places_of_every_transfer_syntax(tmp_path, syntax) -> None:
    scan = volume(oblique=True)
    images, _ = convert_with_dcm2niix(tmp_path, AcquiredSlices.of(scan), syntax=syntax)
    image = images["scan"]
    assert np.array_equal(sitk.GetArrayFromImage(image), scan.array)
    for index in ((0, 0, 0), (35, 0, 0), (0, 39, 0), (35, 39, 11)):
        np.testing.assert_allclose(place(image, index), (scan.ijk_to_lps @ [*index, 1])[:3], atol=1e-3)


@needs_dcm2niix
def test_dcm2niix_sees_the_tilt_and_straightens_to_the_same_places(tmp_path) -> None:
    scan = volume(tilt_deg=14.0)
    images, said = convert_with_dcm2niix(tmp_path, AcquiredSlices.of(scan))
    assert "Gantry Tilt based on 0018,1120 14, estimated from slice vector 14" in said
    assert np.array_equal(sitk.GetArrayFromImage(images["scan"]), scan.array)
    # It shifts rows within each slice: a straightened voxel holds what the slice shows at that place.
    straight = images["scan_Tilt_1"]
    found = sitk.GetArrayFromImage(straight)
    to_ijk = np.linalg.inv(scan.ijk_to_lps)
    compared = 0
    for k in (0, 4, 11):
        for j in range(straight.GetHeight()):
            i, row, slice_ = (to_ijk @ [*place(straight, (5, j, k)), 1])[:3]
            if 0 <= row <= 39:
                assert (i, slice_) == pytest.approx((5, k), abs=0.01)
                expected = ndimage.map_coordinates(scan.array[k, :, 5].astype(float), [[row]], order=1)[0]
                assert found[k, j, 5] == pytest.approx(expected, abs=12)  # places are kept as float32
                compared += 1
    assert compared >= 3 * 38


@needs_dcm2niix
def test_dcm2niix_tells_uneven_gaps_and_changes_no_slice(tmp_path) -> None:
    slices = AcquiredSlices.of(volume()).joined_above(4)
    images, said = convert_with_dcm2niix(tmp_path, slices)
    assert "Interslice distance varies" in said
    assert np.array_equal(sitk.GetArrayFromImage(images["scan"]), slices.array)
    # It also writes evenly spaced slices: each holds what the acquired ones hold at its place, wherever it puts them.
    even = images["scan_Eq_1"]
    places_mm = np.array([place(even, (0, 0, k)) for k in range(even.GetDepth())])
    np.testing.assert_allclose(places_mm[:, :2] - slices.origins_lps_mm[0, :2], 0, atol=1e-3)
    between = interp1d(slices.origins_lps_mm[:, 2], slices.array, axis=0, fill_value="extrapolate")(places_mm[:, 2])
    np.testing.assert_allclose(sitk.GetArrayFromImage(even), between, atol=1)


@needs_dcm2niix
def test_dcm2niix_finds_the_values_of_mr(tmp_path) -> None:
    scan = volume(modality="MR", oblique=True)
    images, _ = convert_with_dcm2niix(tmp_path, AcquiredSlices.of(scan, 0.3), "MR")
    assert np.abs(sitk.GetArrayFromImage(images["scan"]) - scan.array).max() < 0.2  # half a step of 12 bits
