"""A gantry's tilt that a file has lost, and slices that cannot be where their header says."""

from dataclasses import replace

import numpy as np
import pytest
from engine.datasets.made_up_folders import lines_of
from engine.hand_made import head_phantom
from engine.head_folder import SHAPE_KJI, STEPS_MM
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.datasets.geometry import lost_tilt, with_tilt
from radiologycnn.datasets.importing import import_dataset
from radiologycnn.images import read_volume, write_image
from radiologycnn.images.volume import Volume


def tilted(volume: Volume, degrees: float, thickness_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """The matrix of slices tilted by a gantry, IJK to LPS; and the one that a program writes which loses the tilt."""
    angle = np.radians(degrees)
    sheared, lost = volume.ijk_to_lps.copy(), volume.ijk_to_lps.copy()
    down = np.array([0.0, np.cos(angle), np.sin(angle)]) * volume.spacing_mm[1]
    sheared[:3, 1] = lost[:3, 1] = down
    sheared[:3, 2] = (0.0, 0.0, thickness_mm / np.cos(angle))
    lost[:3, 2] = np.array([0.0, -np.sin(angle), np.cos(angle)]) * thickness_mm / np.cos(angle)
    return sheared, lost


@pytest.mark.parametrize("restore", [False, True])
def test_a_gantry_tilt_that_was_lost_is_told_or_put_back(own_source, tmp_path, restore: bool) -> None:
    source = own_source("bhsd")
    name = "ID_0b10cbee_ID_f91d6a7cd2.nii.gz"
    paths = [source / "label_192" / part / name for part in ("images", "ground truths")]
    volumes = [read_volume(path) for path in paths]
    sheared, lost = tilted(volumes[0], 22.0, 6.0)
    for path, volume in zip(paths, volumes):
        write_image(path, volume.array, lost)
    arguments = ["datasets", "import", "bhsd", str(source), str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments + ["--restore-tilt"] * restore)
    assert done.exit_code == 0, done.output
    assert ("Gantry tilt that the files have lost, of up to 22°: in 1 scan. " in done.output) is not restore
    row = lines_of(tmp_path / "out" / "cases.csv")[0]
    assert (tmp_path / "out" / "images").exists() is restore
    image, mask = (read_volume(tmp_path / "out" / row[column]) for column in ("image", "mask"))
    right = sheared if restore else lost
    for read, before in zip((image, mask), volumes):
        assert np.allclose(read.ijk_to_lps, right, atol=1e-3) and np.array_equal(read.array, before.array)
    ml = np.count_nonzero(mask.array) * abs(np.linalg.det(right[:3, :3])) / 1000
    assert float(row["volume_ml"]) == pytest.approx(ml, rel=1e-3)
    report = lines_of(tmp_path / "out" / "import-report.csv")[0]["notes"]
    assert ("22°, which the files had lost, was put back" if restore else "volumes are 7.9 % too large") in report


@pytest.mark.parametrize(
    ("degrees", "thickness_mm", "found"),
    [(22.0, 5.0, 22.0), (14.0, 2.5, 14.0), (3.0, 5.0, 0.0), (0.0, 5.0, 0.0), (22.0, 5.0 * np.cos(np.radians(22)), 0.0)],
    ids=["tilted", "thin", "too little to matter", "upright", "oblique slices that are 5 mm apart"],
)
def test_a_lost_tilt_is_known_by_its_spacing(degrees: float, thickness_mm: float, found: float) -> None:
    volume, _ = head_phantom(SHAPE_KJI, STEPS_MM)
    sheared, lost = tilted(volume, degrees, thickness_mm)
    assert lost_tilt(replace(volume, ijk_to_lps=lost)) == pytest.approx(found, abs=0.01)
    assert lost_tilt(replace(volume, ijk_to_lps=sheared)) == 0
    if found:
        assert np.allclose(with_tilt(replace(volume, ijk_to_lps=lost)), sheared)


def test_slices_that_cannot_be_so_close_are_named(own_source, tmp_path) -> None:
    source = own_source("bhsd")
    name = "ID_0b10cbee_ID_f91d6a7cd2.nii.gz"
    for part in ("images", "ground truths"):
        path = source / "label_192" / part / name
        volume = read_volume(path)
        flat = volume.ijk_to_lps @ np.diag([1, 1, 0.5 / volume.spacing_mm[2], 1])
        write_image(path, volume.array, flat)
    reason = import_dataset("bhsd", source, tmp_path / "out").left_out["bhsd-ID_0b10cbee_ID_f91d6a7cd2"]
    assert reason.endswith("By its header its 32 slices are 0.5 mm apart, 16 mm in all.")
