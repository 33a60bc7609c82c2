"""``radiologycnn evaluate maps``: where activation maps peak against masks on grids of their own."""

import csv
import json
import re

import numpy as np
import pytest
from engine.evaluate_command import run

from radiologycnn.errors import InputError
from radiologycnn.images import write_image


def test_maps_are_scored_on_grids_of_their_own(tmp_path) -> None:
    """Of a map of 4 mm voxels whose peak lies in the lesion of case a, and three voxels (12 mm) away from b's."""
    maps, masks = tmp_path / "maps", tmp_path / "masks"
    coarse = np.diag([4.0, 4.0, 4.0, 1.0])
    coarse[:3, 3] = 1.5  # the coarse voxels' centres, above fine ones of 1 mm
    masks.mkdir()
    for case, place in (("a", 2), ("b", 5), ("c", None)):
        (maps / case).mkdir(parents=True)
        raw = np.zeros((8, 8, 8), np.float32)
        raw[3, 3, 2] = 1
        write_image(maps / case / "cam_raw.nii.gz", raw, coarse)
        lesion = np.zeros((32, 32, 32), np.uint8)
        if place is not None:
            lesion[12:16, 12:16, 4 * place : 4 * place + 4] = 1
        write_image(masks / f"{case}-mask.nii.gz", lesion, np.eye(4))
    printed = run("maps", maps, masks, "-o", tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["tears"], summary["peak_in_tear"], summary["peak_within_5_mm"]) == (2, 0.5, 0.5)
    with (tmp_path / "out" / "cases.csv").open(newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert [float(rows[case]["distance_mm"]) for case in "ab"] == [0, pytest.approx(10.0)]
    assert float(rows["a"]["energy_inside"]) == 1
    assert summary["peak_in_tear_95"] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    assert re.search(r"peak in tear +0\.5  \(95 % 0\.0945 to 0\.9055\)", printed)
    assert "Left out, as the mask is empty (1): c." in printed
    write_image(maps / "a" / "cam_raw.nii.gz", np.zeros((70, 70, 70), np.float32), np.eye(4))
    with pytest.raises(InputError, match="343,000 voxels"):
        run("maps", maps, masks, "-o", tmp_path / "out")


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_maps_of_a_few_large_voxels_are_scored(ending, tmp_path) -> None:
    """Of a network of four blocks, which leave 4 x 4 x 4 voxels of 20 mm of its cube."""
    raw, lesion = np.zeros((4, 4, 4), np.float32), np.zeros((80, 80, 80), np.uint8)
    raw[1, 2, 3] = 1
    lesion[20:40, 40:60, 60:80] = 1
    matrix = np.diag([20.0, 20.0, 20.0, 1.0])
    matrix[:3, 3] = 9.5
    write_image(tmp_path / f"map{ending}", raw, matrix)
    write_image(tmp_path / "mask.nii.gz", lesion, np.eye(4))
    run("maps", tmp_path / f"map{ending}", tmp_path / "mask.nii.gz", "-o", tmp_path / "out", "-q")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["tears"], summary["peak_in_tear"], summary["energy_inside"]) == (1, 1.0, 1.0)
