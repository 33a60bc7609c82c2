"""Shim 2020's tables of hand-made answers: intervals, kappa, and maps measured alike for coarse and fine ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from radiologycnn.baselines.interface import Fit, ShoulderCase, TearAnswer
from radiologycnn.evaluation.hypothesis_tests import wilson
from radiologycnn.evaluation.localization import localization
from radiologycnn.images import write_image
from radiologycnn.reproduction import shim2020_run
from radiologycnn.reproduction.settings import ReproductionSettings
from radiologycnn.reproduction.shim2020_run import MAIN, Answers, ShimResults
from radiologycnn.reproduction.shim2020_tables import shim2020_tables
from radiologycnn.reproduction.tables import Row
from radiologycnn.reproduction.workspace import Workspace

TRUTH = [0] * 26 + [1] * 4 + [3] * 6
EDGE_MM = 80.0


def cube_map(size: int, peak_ijk: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A map of one voxel over a cube of 80 mm, and its IJK to LPS."""
    raw = np.zeros((size,) * 3)
    raw[peak_ijk[::-1]] = 1.0
    voxel = EDGE_MM / size
    matrix = np.diag([voxel, voxel, voxel, 1.0])
    matrix[:3, 3] = voxel / 2
    return raw, matrix


def answers_of(folder: Path, name: str, size: int, right: bool = True) -> Answers:
    """Of a network whose map's peak lies 8 mm beside a tear of 4 mm in every case."""
    said = TRUTH if right else [0] * len(TRUTH)
    probabilities = np.full((len(TRUTH), 5), 0.02)
    probabilities[np.arange(len(TRUTH)), said] = 0.92
    raw, matrix = cube_map(size, (size // 2,) * 3)
    peak = matrix[0, 0] * size // 2 + matrix[0, 3]
    tear = np.eye(4)
    tear[:3, 3] = (peak + 8.5, peak - 1.5, peak - 1.5)
    found = localization(raw, matrix, np.ones((4, 4, 4)), tear)
    assert found.distance_mm == pytest.approx(8)
    path = folder / f"{name}.npz"
    np.savez(path, map=raw)
    tears = [f"c{number}" for number, value in enumerate(TRUTH) if value]
    runs = np.stack([probabilities] * 3) if name == MAIN else None
    seconds = np.full(len(TRUTH), 0.1)
    return Answers(probabilities, seconds, dict.fromkeys(tears, found), runs, dict.fromkeys(tears, path))


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> dict[str, dict[str, Row]]:
    tmp_path = tmp_path_factory.mktemp("shim")
    settings = ReproductionSettings.of("shim2020", "quick", methods=("vrn", "vrn_1", "vrn_3", "vrn_4"))
    answers = {
        name: answers_of(tmp_path, name, size, name != "vrn_4")
        for name, size in (("vrn", 16), ("vrn_1", 32), ("vrn_3", 8), ("vrn_4", 4))
    }
    cases = [ShoulderCase(f"c{number}", tmp_path, value, side="left") for number, value in enumerate(TRUTH)]
    results = ShimResults(
        Workspace(tmp_path / "run", settings, {}), True, True, {"train": [], "validation": [], "test": cases},
        {name: Fit(None, None, {"parameters": 1000, "threshold": 0.5}) for name in answers},
        {name: f"Network {name}" for name in answers}, answers, [], "a processor",
        {case.id: {"confounders": ["metal"] * (number > 29)} for number, case in enumerate(cases)},
    )  # fmt: skip
    return {table.key: {row.what: row for row in table.rows} for table in shim2020_tables(results)}


def test_maps_of_every_network_are_measured_alike(rows) -> None:
    """Half a voxel of four blocks' map is 10 mm: it hit the tear, and nobody else's did."""
    found = rows["networks"]
    low, high = wilson(0, 10).ends
    for name, size in (("vrn", 16), ("vrn_1", 32), ("vrn_3", 8), ("vrn_4", 4)):
        title = f"Network {name}"
        for words in ("CAM's peak in the tear", "CAM's peak within 5 mm of the tear"):
            assert found[f"{title}: {words}"].run == f"0.00 ({low:.2f} to {high:.2f})"
            assert f"map of {size} x {size} x {size}; by chance 0.0" in found[f"{title}: {words}"].note
        assert found[f"{title}: share of the positive CAM within 5 mm of the tear"].run == "0.00 (–)"
        assert found[f"{title}: Dice of the CAM above half its peak and the tear with 5 mm around it"].run == "0.00 (–)"
    assert not [what for what in found if "voxel" in what]
    own = rows["localization"]["Pointing game: tear within half a map voxel of the peak"]
    assert own.run.startswith("0.00 (0.00 to 0.28)") and "not to be compared between networks" in own.note


def test_areas_that_do_not_vary_have_no_p_in_the_table(rows) -> None:
    row = rows["networks"]["Network vrn_1: p against VRN, 2 blocks"]
    assert row.run == "McNemar 1.000; DeLong – (AUC +0.000)"


def test_figures_of_one_run_have_intervals_that_say_how_few_the_cases_are(rows) -> None:
    found = rows["one-run"]
    assert found["Specificity"].run == found["At the model's threshold: specificity"].run == "1.000 (0.871 to 1.000)"
    assert found["Recall of Medium"].run == "1.00 (0.61 to 1.00)" and found["Recall of Small"].run == ""
    assert found["AUC, tear or none"].run == "1.000 (–)"
    assert found["Unweighted kappa"].run == found["Quadratic kappa"].run == "1.000 (–)"


def test_maps_of_an_older_version_are_measured_again(tmp_path) -> None:
    """Their energy and Dice were within half a voxel of the map: a finished run does not tell them as today's."""
    raw, matrix = cube_map(16, (8, 8, 8))
    mask = np.zeros((80, 80, 80), np.uint8)
    mask[40:44, 40:44, 45:49] = 1
    write_image(tmp_path / "scan.nii.gz", np.zeros(mask.shape, np.int16), np.eye(4))
    write_image(tmp_path / "mask.nii.gz", mask, np.eye(4))
    case = ShoulderCase("c0", tmp_path / "scan.nii.gz", 3, tmp_path / "mask.nii.gz")
    bare = ShoulderCase("c1", tmp_path / "scan.nii.gz", 0)
    settings = ReproductionSettings.of("shim2020", "quick")
    workspace = Workspace(tmp_path / "run", settings, {})
    asked = []

    class Method:
        name, title = "vrn_1", "VRN, 1 block"

        def ready(self):
            return self

        def predict(self, volume) -> TearAnswer:
            asked.append(volume)
            return TearAnswer((0.2,) * 5, {"tear_versus_none": raw}, matrix)

    def measured() -> Answers:
        return shim2020_run._answers(workspace, Method(), [case, bare], is_main=False)

    first, count = measured(), len(asked)
    expected = localization(raw, matrix, mask, np.eye(4), 5.0)
    assert first.maps == {"c0": expected} and expected.energy_inside == 1.0
    for path in first.map_files.values():
        with np.load(path) as kept:
            arrays = {name: kept[name] for name in kept.files if not name.startswith("localization")}
        old = {**expected.to_dict(), "energy_inside": 0.0, "dice": 0.0}
        np.savez(path, **arrays, **({"localization": json.dumps(old)} if path.stem == "c0" else {}))
    assert measured().maps == {"c0": expected}
    files = {path: path.read_bytes() for path in first.map_files.values()}
    assert measured().maps == {"c0": expected}
    assert len(asked) == count and files == {path: path.read_bytes() for path in files}


def test_confounders_that_a_manifest_names_are_groups(rows) -> None:
    groups = rows["by-shoulder"]
    assert groups["With metal"].note == "6 cases" and groups["No confounder"].note.startswith("30 cases; 4 tears")
    assert not any("fat saturation" in title or title.endswith(" T") for title in groups)
