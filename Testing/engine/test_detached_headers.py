"""Scans whose header is one file and whose voxels are another: what was made of them knows when either changes."""

import os
from pathlib import Path

import pytest

from radiologycnn.annotation.scan_folder import scan_fingerprint
from radiologycnn.images.detached import voxel_files
from radiologycnn.training.prepared_files import fingerprint_of, written

MHD = "ObjectType = Image\nNDims = 3\nDimSize = 2 2 1\nElementType = MET_SHORT\nElementDataFile = {data}\n"
NHDR = "NRRD0004\ntype: int16\ndimension: 3\nsizes: 2 2 1\nencoding: raw\ndata file: {data}\n"
ONE_AFTER_ANOTHER = ["slice01.raw", "slice02.raw", "slice03.raw"]


def scan(folder: Path, header: str, named: str, *files: str) -> Path:
    """A header that names its voxels, beside files that hold them."""
    path = folder / header
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((MHD if header.endswith("mhd") else NHDR).format(data=named))
    for number, file in enumerate(files):
        (path.parent / file).parent.mkdir(exist_ok=True)
        (path.parent / file).write_bytes(bytes([number]) * 8)
    return path


@pytest.mark.parametrize("ending", ["mhd", "nhdr"])
@pytest.mark.parametrize(
    ("named", "files"),
    [
        ("ct.raw", ["ct.raw"]),
        ("voxels of it.raw.gz", ["voxels of it.raw.gz"]),
        ("raw/7.raw", ["raw/7.raw"]),
        ("LIST\n" + "\n".join(ONE_AFTER_ANOTHER), ONE_AFTER_ANOTHER),
        ("LIST 2\n" + "\n".join(ONE_AFTER_ANOTHER) + "\n", ONE_AFTER_ANOTHER),
        ("slice%02d.raw 1 3 1", ONE_AFTER_ANOTHER),
        ("LOCAL", []),
        ("not there.raw", []),
        ("no name " * 40, []),
    ],
)
def test_a_headers_words_say_where_its_voxels_lie(tmp_path, ending, named, files) -> None:
    path = scan(tmp_path, f"ct.{ending}", named, *files)
    assert voxel_files(path) == [tmp_path / file for file in files]


def test_a_scan_in_one_file_has_no_other(tmp_path) -> None:
    for name in ("ct.nii", "ct.nii.gz", "ct.nrrd", "ct.mha"):
        (tmp_path / name).write_bytes(b"data file: ct.raw\nElementDataFile = ct.raw\n")
    (tmp_path / "ct.raw").write_bytes(b"0")
    assert not any(voxel_files(path) for path in tmp_path.iterdir())


def test_a_pair_of_analyze_files_is_one_scan(tmp_path) -> None:
    for name in ("ct.hdr", "ct.img"):
        (tmp_path / name).write_bytes(b"0")
    assert voxel_files(tmp_path / "ct.hdr") == voxel_files(tmp_path / "ct.img") == [tmp_path / "ct.img"]


@pytest.mark.parametrize("ending", ["mhd", "nhdr"])
@pytest.mark.parametrize("data", ["ct.raw", "voxels.raw", "raw/7.raw", "../7.raw"])
def test_a_case_is_prepared_anew_when_its_voxels_were_written_since(tmp_path, ending, data) -> None:
    path = scan(tmp_path / "scans", f"ct.{ending}", data, data)
    before = fingerprint_of([path])
    os.utime(tmp_path / "scans" / data, ns=(1, 1))
    assert fingerprint_of([path]) != before


def test_what_was_prepared_before_stays_current(tmp_path) -> None:
    """Files beside a header of its own name were looked at from the first."""
    path = scan(tmp_path, "ct.mhd", "ct.raw", "ct.raw", "ct.zraw", "ct2.raw")
    assert [name for name, _size, _time in written(path)] == ["ct.mhd", "ct.raw", "ct.zraw"]


@pytest.mark.parametrize(
    ("header", "fingerprint"),
    [("ct.mhd", "930ccc17dc97a1f29ef86d693ea86266"), ("ct.nhdr", "69cad4d47d69fae9c022c4c68cc880e5")],
)
def test_a_scan_is_known_again_by_later_versions(tmp_path, header, fingerprint) -> None:
    assert scan_fingerprint(scan(tmp_path, header, "ct.raw", "ct.raw")) == fingerprint


@pytest.mark.parametrize("named", ["LIST\n" + "\n".join(ONE_AFTER_ANOTHER), "slice%02d.raw 1 3 1"])
def test_scans_of_several_files_are_told_apart_by_their_voxels(tmp_path, named) -> None:
    first, second = (scan(tmp_path / name, "ct.mhd", named, *ONE_AFTER_ANOTHER) for name in ("a", "b"))
    assert scan_fingerprint(first) == scan_fingerprint(second)
    (tmp_path / "b" / ONE_AFTER_ANOTHER[2]).write_bytes(b"another")
    assert scan_fingerprint(first) != scan_fingerprint(second)
