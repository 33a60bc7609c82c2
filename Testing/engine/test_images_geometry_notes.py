"""Files that lost what they said of their geometry are read with a note, and cut ones say how much is left."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from radiologycnn.errors import InputError
from radiologycnn.images import read_volume, write_image
from radiologycnn.images.checks import SIZE_LOST
from radiologycnn.worker.volumes import read_volume_field

FLAT = np.random.default_rng(3).integers(0, 900, (20, 64, 64)).astype(np.int16)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_a_file_that_lost_its_voxel_size_says_so(tmp_path, ending):
    path = tmp_path / f"scan{ending}"
    write_image(path, FLAT, np.eye(4))
    assert SIZE_LOST in read_volume(path).notes
    write_image(path, FLAT, np.diag([-1.0, -1.0, 1.0, 1.0]))
    assert SIZE_LOST in read_volume(path).notes, "the identity in RAS"


@pytest.mark.parametrize(
    ("array", "matrix"),
    [
        (FLAT, np.diag([1.0, 1.0, 5.0, 1.0])),
        (np.repeat(FLAT, 2, axis=0), np.eye(4)),
        (FLAT, np.array([[1.0, 0, 0, -32], [0, 1, 0, -32], [0, 0, 1, 40], [0, 0, 0, 1]])),
    ],
)
def test_a_geometry_that_may_be_true_is_not_doubted(tmp_path, array, matrix):
    assert read_volume(write_image(tmp_path / "scan.nii.gz", array, matrix)).notes == ()


@pytest.mark.parametrize(
    ("ending", "said"), [(".nrrd", rb"(space|space directions|space origin|kinds):[^\n]*\n"),
                         (".mha", rb"(TransformMatrix|AnatomicalOrientation) = [^\n]*\n")]
)  # fmt: skip
def test_nrrd_and_metaimage_without_orientation_say_so(tmp_path, ending, said):
    path = write_image(tmp_path / f"scan{ending}", FLAT, np.diag([0.5, 0.5, 5.0, 1.0]))
    assert read_volume(path).notes == ()
    path.write_bytes(re.sub(said, b"", path.read_bytes()))
    (note, *_) = read_volume(path).notes
    assert "left and right" in note and "assumed (LPS)" in note


def test_of_a_packed_file_cut_in_half_about_half_is_there(tmp_path):
    array = np.random.default_rng(4).integers(-1024, 3000, (40, 256, 256)).astype(np.int16)
    path = write_image(tmp_path / "scan.nii.gz", array, np.diag([0.5, 0.5, 5.0, 1.0]))
    assert gzip.decompress(path.read_bytes())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError) as error:
        read_volume(path)
    (share,) = re.findall(r"ends after (\d+) %", error.value.message)
    assert 40 <= int(share) <= 55


def test_a_scan_from_the_panel_that_lost_its_voxel_size_says_so(tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", np.zeros((10, 64, 64), np.int16))
    field = {"array": str(tmp_path / "scan.npy"), "ijk_to_lps": np.diag([-1.0, -1.0, 1.0, 1.0]).tolist()}
    assert read_volume_field(field).notes == (SIZE_LOST,)
    field["ijk_to_lps"] = np.diag([0.9, 0.9, 5.0, 1.0]).tolist()
    assert read_volume_field(field).notes == ()
