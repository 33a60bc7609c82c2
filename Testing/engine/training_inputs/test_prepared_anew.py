"""Cases are prepared anew when a file of theirs was mended since, and only then."""

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from engine.training_inputs.newcomer import GRID, rewrite

from radiologycnn.images import read_volume, write_image
from radiologycnn.training.hemorrhage.cases import load_case, prepare_folder


def test_a_mask_that_was_corrected_is_prepared_anew(own, tmp_path) -> None:
    first = prepare_folder(own, tmp_path / "cache", GRID)[""]
    stamps = [path.stat().st_mtime_ns for path in first]
    volume = read_volume(own / "mask-1.nii")
    write_image(own / "mask-1.nii", np.zeros_like(volume.array), volume.ijk_to_lps)
    later = first[1].stat().st_mtime + 5
    os.utime(own / "mask-1.nii", (later, later))
    again = prepare_folder(own, tmp_path / "cache", GRID)[""]
    assert [load_case(path).mask.any() for path in again] == [True, False, True]
    assert again[0].stat().st_mtime_ns == stamps[0]


def test_a_line_that_names_an_older_file_is_prepared_anew(own, tmp_path) -> None:
    empty = read_volume(own / "mask-1.nii")
    write_image(own / "empty.nii", np.zeros_like(empty.array), empty.ijk_to_lps)
    os.utime(own / "empty.nii", (1e9, 1e9))
    prepare_folder(own, tmp_path / "cache", GRID)
    rewrite(own, "mask-1.nii", "empty.nii")
    found = prepare_folder(own, tmp_path / "cache", GRID)[""]
    assert [load_case(path).mask.any() for path in found] == [True, False, True]


def test_voxels_beside_their_header_are_looked_at_too(own, tmp_path) -> None:
    mask = sitk.ReadImage(str(own / "mask-1.nii"))
    sitk.WriteImage(mask, str(own / "mask-1.mhd"))  # and mask-1.raw
    rewrite(own, "mask-1.nii", "mask-1.mhd")
    assert load_case(prepare_folder(own, tmp_path / "cache", GRID)[""][1]).mask.any()
    (own / "mask-1.raw").write_bytes(bytes((own / "mask-1.raw").stat().st_size))
    assert not load_case(prepare_folder(own, tmp_path / "cache", GRID)[""][1]).mask.any()


def test_cases_without_a_note_of_what_they_were_made_from_are_prepared_anew(own, tmp_path, monkeypatch) -> None:
    """As versions before the note left them, and those of which the first preparation was killed."""
    first = prepare_folder(own, tmp_path / "cache", GRID)[""]
    arrays = [load_case(path) for path in first]
    for path in (tmp_path / "cache").glob("*.made-from"):
        path.unlink()
    stamps = [path.stat().st_mtime_ns for path in first]
    monkeypatch.chdir(tmp_path)
    again = prepare_folder(Path("heads"), Path("cache"), GRID)[""]
    assert all(path.stat().st_mtime_ns > stamp for path, stamp in zip(again, stamps))
    for before, path in zip(arrays, again):  # to the bit, so that a training that is gone on with does not change
        after = load_case(path)
        assert np.array_equal(before.image, after.image) and np.array_equal(before.labels, after.labels)
    stamps = [path.stat().st_mtime_ns for path in again]
    assert [path.stat().st_mtime_ns for path in prepare_folder(own, tmp_path / "cache", GRID)[""]] == stamps
