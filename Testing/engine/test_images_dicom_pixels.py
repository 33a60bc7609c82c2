"""Reading DICOM: negatives (MONOCHROME1) give the same values in every transfer syntax."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from engine.dicom_phantom import along_z, ball, write_series

from radiologycnn.images import Volume, read_volume
from radiologycnn.simulation.acquired_slices import AcquiredSlices
from radiologycnn.simulation.dicom_series import TRANSFER_SYNTAXES, SeriesIdentity, write_dicom_series

IDENTITY = SeriesIdentity("TEST", "{}", 3, 7, description="Test", age_years=64)


def written(folder, modality, syntax):
    array = np.random.default_rng(1).integers(0, 900, (5, 20, 24)).astype(np.int16)
    scan = Volume(array, np.diag([1.0, 1.0, 4.0, 1.0]), modality, "scan")
    return write_dicom_series(folder, AcquiredSlices.of(scan), modality, IDENTITY, syntax)


def call_negative(paths):
    """The same pixels under the header of a negative; gives the range of the stored numbers."""
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.save_as(path)
    return -1 if dataset.PixelRepresentation else (1 << dataset.BitsStored) - 1, dataset


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_the_hu_of_a_ct_do_not_depend_on_how_it_is_shown(tmp_path, syntax):
    paths = written(tmp_path / "s", "CT", syntax)
    before = read_volume(tmp_path / "s")
    call_negative(paths)
    np.testing.assert_array_equal(read_volume(tmp_path / "s").array, before.array)


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_an_mr_that_was_stored_as_a_negative_is_turned_back(tmp_path, syntax):
    paths = written(tmp_path / "s", "MR", syntax)
    before = read_volume(tmp_path / "s")
    ends, dataset = call_negative(paths)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    stored = (before.array - intercept) / slope
    volume = read_volume(tmp_path / "s")
    np.testing.assert_allclose(volume.array, (ends - stored) * slope + intercept, rtol=1e-4, atol=0.01)
    assert any("MONOCHROME1" in note for note in volume.notes)


@pytest.mark.parametrize(("signed", "bits"), [(0, 12), (0, 16), (1, 12)])
def test_the_negative_is_taken_within_the_stored_bits(tmp_path, signed, bits):
    header = {"Modality": "MR", "BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": signed}
    scan = ball((0, 0, 8), 15, inside=1500, outside=100)
    positions, options = along_z(range(0, 20, 4)), {"intercept": 0, "shape_ji": (32, 32)}
    write_series(tmp_path / "plain", positions, scan, **options, **header)
    lowest_and_highest = -1 if signed else (1 << bits) - 1

    def negative(points):
        stored = np.rint(lowest_and_highest - scan(points))
        return np.where(stored > 32767, stored - 65536, stored)  # the phantom writes signed numbers of the same bits

    write_series(
        tmp_path / "negative", positions, negative, **options, **header, PhotometricInterpretation="MONOCHROME1"
    )
    plain, turned = read_volume(tmp_path / "plain"), read_volume(tmp_path / "negative")
    np.testing.assert_allclose(turned.array, np.rint(plain.array), atol=1)
