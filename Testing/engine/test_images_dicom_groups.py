"""Reading DICOM: what belongs to one scan, however headers mix examinations, passes and kinds of image."""

from __future__ import annotations

import shutil

import numpy as np
import pydicom
import pytest
from engine.dicom_phantom import RADIUS_MM, along_z, assert_is_the_ball, ball, write_series
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian

from radiologycnn.errors import InputError
from radiologycnn.images import list_series, read_volume

Z = np.arange(0, 80, 4.0)
BALL = ball((0, 0, 40), RADIUS_MM)


def empty(points):
    return np.zeros(points.shape[:2])


def assert_two_scans(folder, slices=(20, 20)):
    """Two usable series, the first of which shows the ball, and which are not chosen between by chance."""
    listed = list_series(folder)
    assert [(one.slices, one.usable) for one in listed] == [(count, True) for count in slices]
    assert len({one.uid for one in listed}) == 2
    assert len({one.label().partition(":")[2] for one in listed}) == 2, "a person can tell them apart"
    with pytest.raises(InputError) as error:
        read_volume(folder)
    assert error.value.code == "several-series"
    return [read_volume(folder, series=one.number) for one in listed]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"SeriesInstanceUID": ""}, {"SeriesInstanceUID": ""}),
        ({"SeriesInstanceUID": "", "StudyInstanceUID": ""}, {"SeriesInstanceUID": "", "StudyInstanceUID": ""}),
        ({"StudyInstanceUID": "1.2.7"}, {"StudyInstanceUID": "1.2.8"}),
        ({"SeriesNumber": 2}, {"SeriesNumber": 3}),
    ],
)
def test_two_examinations_are_not_woven_into_one(tmp_path, first, second):
    uid = {"series_uid": "1.2.3"}
    write_series(tmp_path / "baseline", along_z(Z), BALL, **uid, **first)
    write_series(tmp_path / "later", along_z(Z + 1.7, -45, -44), empty, **uid, **second)
    with_ball, without = assert_two_scans(tmp_path)
    assert_is_the_ball(with_ball, (0, 0, 40))
    assert not without.array.any()
    assert_is_the_ball(read_volume(next((tmp_path / "baseline").iterdir())), (0, 0, 40))


def test_a_study_uid_of_its_own_for_every_slice_tells_no_studies_apart(tmp_path):
    write_series(tmp_path, along_z(Z), BALL, per_slice=lambda n: {"StudyInstanceUID": f"1.2.{n + 1}"})
    assert_is_the_ball(read_volume(tmp_path), (0, 0, 40))


@pytest.mark.parametrize("repeated", [Z, Z[5:13]])
def test_a_pass_that_was_repeated_a_little_higher_is_a_series_of_its_own(tmp_path, repeated):
    uid = {"series_uid": "1.2.3"}
    write_series(tmp_path, along_z(Z), BALL, **uid, AcquisitionNumber=1)
    write_series(tmp_path, along_z(repeated + 1.6), empty, **uid, name="again", AcquisitionNumber=2)
    with_ball, without = assert_two_scans(tmp_path, (20, len(repeated)))
    assert_is_the_ball(with_ball, (0, 0, 40))
    assert not without.array.any()


def test_acquisitions_that_follow_one_another_stay_one_scan(tmp_path):
    heights = np.concatenate([np.arange(0, 30, 2.5), np.arange(30, 80, 5.0)])  # a thin skull base, a thick vertex
    write_series(tmp_path, along_z(heights), BALL, per_slice=lambda n: {"AcquisitionNumber": 1 + (n >= 12)})
    assert [one.slices for one in list_series(tmp_path)] == [len(heights)]


def test_a_base_and_a_vertex_that_were_both_repeated_are_two_whole_passes(tmp_path):
    uid = {"series_uid": "1.2.3"}
    for number, (shape, shift) in enumerate([(BALL, 0.0), (empty, 1.6)]):
        write_series(tmp_path, along_z(Z + shift), shape, **uid, name=f"pass{number}-",
                     per_slice=lambda n, first=1 + 2 * number: {"AcquisitionNumber": first + (n >= 10)})  # fmt: skip
    assert_two_scans(tmp_path)


@pytest.mark.parametrize("left_out", [None, 7])
def test_the_alternating_slices_of_an_mr_stay_one_scan(tmp_path, left_out):
    heights = np.delete(Z, left_out) if left_out else Z
    write_series(tmp_path, along_z(heights), BALL, Modality="MR", per_slice=lambda n: {"AcquisitionNumber": 1 + n % 2})
    assert [one.slices for one in list_series(tmp_path)] == [len(heights)]


def test_water_and_fat_in_one_series_are_told_apart_by_the_image_type(tmp_path):
    for kind, shape in (("WATER", BALL), ("FAT", empty)):
        write_series(tmp_path, along_z(Z), shape, series_uid="1.2.3", name=kind, Modality="MR",
                     ImageType=["DERIVED", "PRIMARY", "DIXON", kind, "NORM"])  # fmt: skip
    assert_two_scans(tmp_path)
    labels = [one.label() for one in list_series(tmp_path)]
    assert sum("(water)" in label for label in labels) == sum("(fat)" in label for label in labels) == 1


def test_a_further_value_that_changes_from_slice_to_slice_splits_nothing(tmp_path):
    kinds = [["ORIGINAL", "PRIMARY", "AXIAL"], ["ORIGINAL", "PRIMARY", "AXIAL", "ADD"]]
    write_series(tmp_path, along_z(Z), BALL, per_slice=lambda n: {"ImageType": kinds[n % 2]})
    assert_is_the_ball(read_volume(tmp_path), (0, 0, 40))


def test_one_instance_uid_for_all_slices_makes_them_no_copies(tmp_path):
    paths = write_series(tmp_path, along_z(Z), BALL, SOPInstanceUID="1.2.3")
    assert_is_the_ball(read_volume(tmp_path), (0, 0, 40))
    for path in paths[3:5]:
        shutil.copy(path, tmp_path / f"copy-of-{path.name}")
    volume = read_volume(tmp_path)
    assert volume.array.shape[0] == 20
    assert any("2 duplicate images were left out" in note for note in volume.notes)


def write_table_of_contents(folder):
    contents = Dataset()
    contents.file_meta = FileMetaDataset()
    contents.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    contents.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    contents.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    contents.FileSetID = "CD"
    contents.DirectoryRecordSequence = DicomSequence([])
    pydicom.dcmwrite(folder / "DICOMDIR", contents, enforce_file_format=True)
    return folder / "DICOMDIR"


def test_the_table_of_contents_of_a_cd_stands_for_its_folder(tmp_path):
    contents = write_table_of_contents(tmp_path)
    with pytest.raises(InputError, match=f"The folder {tmp_path.name} "):
        read_volume(contents)
    write_series(tmp_path / "DICOM" / "S1", along_z(Z), BALL, SeriesDescription="Head 4 mm")
    assert_is_the_ball(read_volume(contents), (0, 0, 40))
    write_series(tmp_path / "DICOM" / "S2", along_z(Z[:9]), BALL)
    assert sorted(one.slices for one in list_series(contents)) == [9, 20]
    assert len(list_series(tmp_path)) == 2
