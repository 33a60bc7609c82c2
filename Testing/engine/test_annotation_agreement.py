"""Agreement of a dataset: each pair of raters on what it shares, figures as scikit-learn and statsmodels have them."""

import csv
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from engine.annotated_folder import VOXEL_ML, annotated_folder
from engine.terminal import output_of

from radiologycnn.evaluation.agreement_report import agreement_of_raters
from radiologycnn.evaluation.rater_agreement import find_raters
from radiologycnn.images import read_volume


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agreement") / "data"
    annotated_folder(folder, 6, {"ab": (1.0, 0), "cd": (1.1, 1), "network": (0.8, 0)})
    annotated_folder(folder, 3, {"ef": (0.9, 1)})  # has done half of the cases
    return folder


@pytest.fixture(scope="module")
def record(folder: Path) -> dict:
    return agreement_of_raters(find_raters(folder / "masks", by_pair=True), "network")


def masks(folder: Path, rater: str) -> dict[str, np.ndarray]:
    files = sorted((folder / "masks" / rater).glob("*.nii.gz"))
    return {file.name[:9]: read_volume(file).array for file in files}


def test_each_pair_is_compared_on_the_cases_that_both_have_done(record) -> None:
    counts = {(row["first"], row["second"]): row["cases"] for row in record["pairs"]}
    assert counts == {
        pair: 3 if "ef" in pair else 6 for pair in combinations(["ab", "cd", "ef", "network"], 2)
    }  # fmt: skip


def test_figures_as_scikit_learn_and_statsmodels_have_them(folder, record) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    models = pytest.importorskip("statsmodels.api")
    for pair in record["pairs"]:
        one, other = masks(folder, pair["first"]), masks(folder, pair["second"])
        common = sorted(set(one) & set(other))
        kappas = [metrics.cohen_kappa_score(one[c].ravel(), other[c].ravel()) for c in common]
        dices = [metrics.f1_score(one[c].ravel(), other[c].ravel()) for c in common]
        x, y = (np.array([m[c].sum() * VOXEL_ML for c in common]) for m in (one, other))
        fit = models.OLS(y, models.add_constant(x)).fit()
        assert pair["kappa_mean"] == pytest.approx(np.mean(kappas))
        assert pair["kappa_sd"] == pytest.approx(np.std(kappas, ddof=1))
        assert pair["dice_mean"] == pytest.approx(np.mean(dices))
        assert (pair["intercept_ml"], pair["slope"]) == pytest.approx(tuple(fit.params), abs=1e-9)
        assert (pair["intercept_p"], pair["slope_p"]) == pytest.approx(tuple(fit.pvalues), rel=1e-6)
        assert pair["disagreement"] == pytest.approx(np.mean(np.abs(2 * (x - y) / (x + y))))
        assert pair["disagreement_signed"] == pytest.approx(np.mean(2 * (x - y) / (x + y)))
        assert pair["bias_ml"] == pytest.approx(np.mean(y - x))
        assert pair["upper_limit_ml"] == pytest.approx(np.mean(y - x) + 1.96 * np.std(y - x, ddof=1))


def test_tables_and_plots_say_what_the_figures_say(record) -> None:
    table, matrix = record["table"], record["matrix"]
    assert len(table["rows"]) == 6 and {len(row) for row in table["rows"]} == {len(table["columns"])}
    assert table["rows"][0][0] == "ab, cd"
    assert matrix["raters"] == ["ab", "cd", "ef", "network"]
    absolute, signed = np.array(matrix["absolute"]), np.array(matrix["signed"])
    assert np.array_equal(absolute, absolute.T) and np.array_equal(signed, -signed.T)
    assert signed[0, 1] < 0 < signed[0, 3]  # cd draws more than ab, the network less
    for pair, plot in zip(record["pairs"], record["plots"]):
        assert len(plot["cases"]) == len(plot["first_ml"]) == pair["cases"]
        assert plot["limits"]["bias"] == pytest.approx(np.mean(plot["difference_ml"]))
        slope = np.diff(plot["line"]["y"]) / np.diff(plot["line"]["x"])
        assert slope == pytest.approx(pair["slope"])
    comparison = record["comparison"]
    assert comparison["kappa_experts"] > comparison["kappa_method"]


def test_command_takes_the_dataset_itself(folder, tmp_path) -> None:
    assert "network" in output_of("agreement", folder, "-o", tmp_path, "--method", "network")
    with (tmp_path / "disagreement.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["measure"] for row in rows] == ["absolute"] * 4 + ["signed"] * 4
    assert float(rows[0]["network"]) == pytest.approx(
        json.loads((tmp_path / "agreement.json").read_text())["matrix"]["absolute"][0][3]
    )


def test_raters_without_a_common_case_leave_a_gap(tmp_path) -> None:
    annotated_folder(tmp_path / "data", 2, {"ab": (1.0, 0), "cd": (1.1, 0)})
    annotated_folder(tmp_path / "data", 3, {"ef": (1.0, 0)})
    for case in ("case-0001", "case-0002"):
        (tmp_path / "data" / "masks" / "ef" / f"{case}.nii.gz").unlink()
    annotated_folder(tmp_path / "data", 3, {"network": (1.0, 0)})
    record = agreement_of_raters(find_raters(tmp_path / "data" / "masks", by_pair=True))
    assert record["matrix"]["absolute"][0][2] is None
    assert record["pairs"][0]["slope"] is None
    assert record["table"]["rows"][0][-1] == "–"
    assert record["plots"][0]["line"] is None
    assert record["comparison"] is None
