"""Reading DICOM: which files of a folder make the series, and what is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pydicom
import pytest
from engine.dicom_phantom import (
    RADIUS_MM,
    along_z,
    ball,
    write_series,
)
from pydicom.uid import generate_uid

from radiologycnn.errors import InputError
from radiologycnn.images import list_series, read_volume


def test_duplicates_are_left_out_and_named(tmp_path):
    paths = write_series(tmp_path, along_z(np.arange(0, 80, 4.0)), ball((0, 0, 40), RADIUS_MM))
    for path in paths[3:5]:
        shutil.copy(path, tmp_path / f"copy-of-{path.name}")
    volume = read_volume(tmp_path)
    assert volume.array.shape[0] == 20
    assert any("2 duplicate images were left out" in note for note in volume.notes)


def test_repeated_slice_keeps_the_later_acquisition(tmp_path):
    uid = generate_uid()
    z = np.arange(0, 40, 4.0)
    write_series(
        tmp_path,
        along_z(z),
        lambda p: np.full(p.shape[:2], 10.0),
        series_uid=uid,
        per_slice=lambda n: {"AcquisitionNumber": 1},
    )
    write_series(
        tmp_path,
        along_z(z[4:5]),
        lambda p: np.full(p.shape[:2], 99.0),
        series_uid=uid,
        name="again",
        AcquisitionNumber=2,
    )
    volume = read_volume(tmp_path)
    assert volume.array[:, 0, 0].tolist() == [10] * 4 + [99] + [10] * 5


def test_two_time_points_are_two_series(tmp_path):
    uid = generate_uid()
    for pass_number in (1, 2):
        write_series(
            tmp_path,
            along_z(np.arange(0, 40, 4.0)),
            lambda p, value=pass_number: np.full(p.shape[:2], 100.0 * value),
            series_uid=uid,
            name=f"pass{pass_number}-",
            AcquisitionNumber=pass_number,
        )
    listed = list_series(tmp_path)
    assert [one.slices for one in listed] == [10, 10] and all(one.usable for one in listed)
    with pytest.raises(InputError) as error:
        read_volume(tmp_path)
    assert error.value.code == "several-series"
    values = {int(read_volume(tmp_path, series=one.number).array[0, 0, 0]) for one in listed}
    assert values == {100, 200}
    assert {int(read_volume(tmp_path, series=one.uid).array[0, 0, 0]) for one in listed} == {100, 200}


def test_several_series_are_listed_to_choose_from(tmp_path):
    write_series(tmp_path / "a", along_z(range(0, 40, 4)), ball((0, 0, 20), 10), SeriesDescription="Head 4 mm")
    write_series(tmp_path / "b", along_z(range(0, 40, 2)), ball((0, 0, 20), 10), SeriesDescription="Thin of Roentgen")
    with pytest.raises(InputError) as error:
        read_volume(tmp_path)
    text = str(error.value)
    assert "Head 4 mm" in text and "10 slices" in text and "20 slices" in text and "CT" in text
    assert "roentgen" not in text.lower() and "WCR" not in text
    thin = next(one for one in list_series(tmp_path) if one.slices == 20)
    assert read_volume(tmp_path, series=thin.number).array.shape[0] == 20
    assert read_volume(tmp_path, series=thin.uid).array.shape[0] == 20
    with pytest.raises(InputError, match="no series 7"):
        read_volume(tmp_path, series="7")


def test_localizer_beside_the_scan_is_left_out_with_a_note(tmp_path):
    write_series(tmp_path, along_z(range(0, 40, 4)), ball((0, 0, 20), 10), SeriesDescription="Head")
    scout = dict(orientation=(0, 1, 0, 0, 0, -1), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write_series(tmp_path, [(0, -40, 40)], ball((0, 0, 20), 10), name="scout", **scout)
    volume = read_volume(tmp_path)
    assert volume.array.shape[0] == 10
    assert any("localizer" in note for note in volume.notes)


def test_one_file_stands_for_its_series(tmp_path):
    paths = write_series(tmp_path, along_z(range(0, 40, 4)), ball((0, 0, 20), 10), name="a")
    write_series(tmp_path, along_z(range(0, 40, 2)), ball((0, 0, 20), 10), name="b")
    assert read_volume(paths[4]).array.shape[0] == 10


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        ([0, 4], "only 2 slices"),
        ([0], "only one slice"),
        ([7, 7, 7, 7], "same position"),
        ([0, 4, 8, 30, 34], "22.0 mm without an image"),
    ],
)
def test_stacks_that_are_no_volume_are_refused(tmp_path, z, expected):
    write_series(tmp_path, along_z(z), ball((0, 0, 4), 10))
    with pytest.raises(InputError, match=expected):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "screenshots"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "projection"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"Modality": "SEG"}, "result made from one"),
        ({"ImagePositionPatient": None}, "do not say where"),
    ],
)
def test_what_is_no_scan_is_refused_with_its_reason(tmp_path, tags, expected):
    write_series(tmp_path, along_z(range(0, 40, 4)), ball((0, 0, 4), 10), **tags)
    with pytest.raises(InputError, match=expected):
        read_volume(tmp_path)


def test_mixed_orientations_are_refused(tmp_path):
    uid = generate_uid()
    write_series(tmp_path, along_z([0, 4]), ball((0, 0, 4), 10), series_uid=uid)
    write_series(tmp_path, [(0, -40, 40), (4, -40, 40)], ball((0, 0, 4), 10), series_uid=uid, name="sagittal",
                 orientation=(0, 1, 0, 0, 0, -1))  # fmt: skip
    with pytest.raises(InputError, match="mixes 2 orientations"):
        read_volume(tmp_path)


def test_slices_that_jump_sideways_are_refused(tmp_path):
    positions = [(-48 + (40 if n % 2 else 0), -48, 4.0 * n) for n in range(8)]
    write_series(tmp_path, positions, ball((0, 0, 4), 10))
    with pytest.raises(InputError, match="shifted sideways"):
        read_volume(tmp_path)


def test_files_without_preamble_and_in_nested_folders_are_read(tmp_path):
    paths = write_series(tmp_path / "DICOM" / "PA0" / "ST0", along_z(range(0, 40, 4)), ball((0, 0, 20), 10))
    whole = read_volume(tmp_path).array
    for number, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        moved = tmp_path / "DICOM" / "PA0" / f"SE{number % 3}"
        moved.mkdir(exist_ok=True)
        path.unlink()
        pydicom.dcmwrite(moved / path.name, _without_file_meta(dataset), implicit_vr=True, little_endian=True)
        assert (moved / path.name).read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_volume(tmp_path).array, whole)


def _without_file_meta(dataset):
    bare = pydicom.Dataset()
    bare.update(dataset)
    return bare


@pytest.mark.parametrize("kept_bytes", [140, 600, 12_000])
def test_truncated_slice_is_refused_or_reported(tmp_path, kept_bytes):
    paths = write_series(tmp_path, along_z(range(0, 40, 4)), ball((0, 0, 20), 10))
    paths[5].write_bytes(paths[5].read_bytes()[:kept_bytes])
    try:
        volume = read_volume(tmp_path)
    except InputError as error:
        assert error.code in ("damaged-file", "unusable-series", "no-usable-series")
    else:
        assert volume.provenance["missing_slices"] == 1
        assert any("could not be read" in note or "missing" in note for note in volume.notes)


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(InputError, match="empty"):
        read_volume(tmp_path)
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "scan.nii.gz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"scan\.nii\.gz"):
        read_volume(tmp_path)
    (tmp_path / "broken").write_bytes(bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00")
    with pytest.raises(InputError, match="damaged"):
        read_volume(tmp_path)
