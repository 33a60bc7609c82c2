"""Raters on disk: which masks belong together, the tables, the consensus, the network among the experts."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from engine.terminal import output_of

from radiologycnn.errors import InputError
from radiologycnn.evaluation.agreement import bland_altman, intraclass_correlation
from radiologycnn.evaluation.agreement_report import (
    TABLE_COLUMNS,
    agreement_of_raters,
    pair_plots,
    paper_table,
    write_agreement,
)
from radiologycnn.evaluation.consensus import consensus
from radiologycnn.evaluation.rater_agreement import agreement_by_pair, compare_with_experts, find_raters
from radiologycnn.images import read_volume, write_image

MATRIX = np.diag([1.0, 1.0, 2.5, 1.0])


def ball(radius: float) -> np.ndarray:
    k, j, i = np.indices((12, 30, 30))
    return ((2.5 * (k - 6)) ** 2 + (j - 15) ** 2 + (i - 15) ** 2 <= radius**2).astype(np.uint8)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two experts who agree, and a network that draws 10 % too large a radius; one case lacks the network."""
    folder = tmp_path / "raters"
    for rater, growth in (("expert-1", 1.0), ("expert-2", 1.02), ("network", 1.1)):
        (folder / rater).mkdir(parents=True)
        for number in range(6):
            if rater == "network" and number == 5:
                continue
            write_image(folder / rater / f"case-{number}.nii.gz", ball((6 + number) * growth), MATRIX)
    (folder / "notes").mkdir()
    (folder / "notes" / "readme.txt").write_text("no masks here")
    return folder


def run(*arguments: object) -> str:
    return output_of("agreement", *arguments)


def test_tables_of_the_paper(study, tmp_path) -> None:
    printed = run(study, "-o", tmp_path / "out", "--method", "network", "--consensus", "majority")
    with (tmp_path / "out" / "pairs.csv").open(newline="") as file:
        pairs = {(row["first"], row["second"]): row for row in csv.DictReader(file)}
    assert set(pairs) == {("expert-1", "expert-2"), ("expert-1", "network"), ("expert-2", "network")}
    experts, network = pairs["expert-1", "expert-2"], pairs["expert-1", "network"]
    assert int(experts["cases"]) == 5
    assert float(experts["kappa_mean"]) > 0.95 > float(network["kappa_mean"])
    # A radius 1.1 times as large is a volume 1.331 times as large, and a disagreement of 2 * .331 / 2.331.
    assert float(network["slope"]) == pytest.approx(1.331, abs=0.08)
    assert float(network["disagreement"]) == pytest.approx(0.284, abs=0.04)
    assert float(network["bias_ml"]) > 0
    record = json.loads((tmp_path / "out" / "agreement.json").read_text())
    assert record["comparison"]["kappa_experts"] > record["comparison"]["kappa_method"]
    assert record["comparison"]["mixed_model_p"] < 0.05
    assert "Difference, mixed model over cases (p)" in printed and "(< 0.001)" in printed
    assert "1 case not judged by everybody, left out: case-5." in printed
    agreed = read_volume(tmp_path / "out" / "consensus" / "case-0.nii.gz")
    assert np.array_equal(agreed.array, ball(6 * 1.02))  # the middle one of three nested balls
    assert np.allclose(agreed.ijk_to_lps, MATRIX)


def test_what_cannot_be_compared(study, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patch:  # told before a mask is read
        patch.setattr("radiologycnn.evaluation.rater_agreement.read_one", None)
        with pytest.raises(InputError, match="no rater nobody"):
            run(study, "-o", tmp_path / "out", "--method", "nobody")
        with pytest.raises(InputError, match="no consensus"):
            run(study, "-o", tmp_path / "out", "--consensus", "dice")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="agreement needs two"):
        run(study / "expert-1", "-o", tmp_path / "out")
    write_image(study / "network" / "case-0.nii.gz", ball(6)[1:], MATRIX)
    with pytest.raises(InputError, match="case-0"):
        run(study, "-o", tmp_path / "out")


def test_comparison_needs_experts() -> None:
    rows = [{"case": "a", "first": "expert", "second": "network", "kappa": 0.8}]
    with pytest.raises(InputError, match="two of them beside the method"):
        compare_with_experts(rows, "network")
    with pytest.raises(InputError, match="no rater nobody"):
        compare_with_experts(rows, "nobody")


def rows_of(x: list[float], y: list[float]) -> list[dict]:
    return [
        {"case": str(n), "first": "a", "second": "b", "kappa": 0.9, "dice": 0.9, "first_ml": one, "second_ml": other}
        for n, (one, other) in enumerate(zip(x, y))
    ]


def pair_of(x: list[float], y: list[float]) -> dict:
    return agreement_by_pair(rows_of(x, y))[0]


def test_raters_of_one_volume_have_no_line_but_all_else() -> None:
    volumes = [10.0, 14.0, 21.0]
    for x, y in ((volumes, [0.0] * 3), ([5.0] * 3, volumes)):
        pair = pair_of(x, y)
        assert pair["slope"] is pair["slope_p"] is pair["intercept_p"] is None
        icc, limits = intraclass_correlation(np.column_stack((x, y))), bland_altman(x, y)
        assert [pair[f"icc{end}"] for end in ("", "_lower_95", "_upper_95")] == [icc.value, icc.lower, icc.upper]
        assert (pair["bias_ml"], pair["upper_limit_ml"]) == (limits.bias, limits.upper_limit)
        assert (pair["bias_lower_95"], pair["bias_upper_95"]) == limits.bias_interval
        assert (pair["lower_limit_lower_95"], pair["lower_limit_upper_95"]) == limits.lower_limit_interval
        cells = dict(zip(TABLE_COLUMNS, paper_table([pair])["rows"][0]))
        assert cells["Slope (p)"] == cells["Intercept, mL (p)"] == "–" and cells["ICC (95 %)"].count(" to ") == 1
        assert cells["95 % of bias; lower limit; upper limit, mL"].count(" to ") == 3
        (plot,) = pair_plots(rows_of(x, y), [pair])
        assert plot["line"] is None and plot["limits"]["bias"] == limits.bias
    constant = pair_of([5.0] * 3, [7.0] * 3)
    assert constant["icc"] is None and constant["bias_ml"] == 2.0
    assert paper_table([constant])["rows"][0][-1] == "–"


def test_one_case_has_no_spread() -> None:
    pair = pair_of([10.0], [12.0])
    assert all(np.isnan(pair[f"{name}_sd"]) for name in ("kappa", "dice", "disagreement"))
    assert paper_table([pair])["rows"][0][2:6] == ["0.90 (one case)", "0.90 (one case)", "0.18 (one case)", "-0.18"]


def test_intervals_stand_in_the_tables(study, tmp_path) -> None:
    record = agreement_of_raters(find_raters(study), "network")
    figures, table = record["comparison"], dict(record["comparison_table"]["rows"])
    assert figures["mixed_model_lower_95"] < figures["mixed_model_effect"] < figures["mixed_model_upper_95"] < 0
    words = f"{figures['mixed_model_lower_95']:+.3f} to {figures['mixed_model_upper_95']:+.3f}"
    assert table["The same, 95 % interval"] == words
    write_agreement(tmp_path, record)
    with (tmp_path / "pairs.csv").open(newline="") as file:
        for row, pair in zip(csv.DictReader(file), record["pairs"]):
            assert float(row["icc_lower_95"]) == pair["icc_lower_95"] < pair["icc"] < pair["icc_upper_95"]


def test_consensus_methods() -> None:
    masks = [ball(6), ball(6), ball(9)]
    assert np.array_equal(consensus(masks, "majority"), ball(6))
    assert np.array_equal(consensus(masks, "union"), ball(9))
    assert np.array_equal(consensus(masks, "intersection"), ball(6))
    # Two agree, one draws far more: its specificity is low, so it is overruled.
    assert np.array_equal(consensus(masks, "staple"), ball(6))
    assert not consensus([np.zeros((3, 3, 3))] * 2, "staple").any()
    with pytest.raises(ValueError, match="same shape"):
        consensus([ball(6), ball(6)[1:]])
    with pytest.raises(ValueError, match="no consensus"):
        consensus(masks, "mean")


def test_staple_trusts_those_who_agree() -> None:
    """Five raters are wrong at random, some far more often: weighted, they are right at least as often as by vote."""
    generator = np.random.default_rng(0)
    truth = ball(9).astype(bool)
    wrong = (0.02, 0.02, 0.05, 0.2, 0.3)
    masks = [truth ^ ((generator.random(truth.shape) < share) & (ball(12) > 0)) for share in wrong]
    errors = {kind: np.count_nonzero(consensus(masks, kind) != truth) for kind in ("staple", "majority", "union")}
    assert errors["staple"] <= errors["majority"] < errors["union"]


def test_raters_who_store_their_voxels_in_another_order_agree_on_the_same_ones(tmp_path) -> None:
    """As one program writes the last slice first, and another one the first."""
    mask = np.zeros((12, 30, 30), np.uint8)
    mask[2:5, 3:9, 20:25] = 1  # nowhere near the middle, where either order would do
    turned = np.diag([-1.0, 1.0, -1.0, 1.0])
    turned[[0, 2], 3] = 29, 11
    for rater, voxels, matrix in (
        ("a", mask, MATRIX),
        ("b", mask[::-1, :, ::-1], MATRIX @ turned),
        ("c", mask, MATRIX),
    ):
        (tmp_path / "raters" / rater).mkdir(parents=True)
        write_image(tmp_path / "raters" / rater / "x.nii.gz", voxels, matrix)
    run(tmp_path / "raters", "-o", tmp_path / "out", "--consensus", "intersection", "-q")
    with (tmp_path / "out" / "cases.csv").open(newline="") as file:
        assert [float(row["dice"]) for row in csv.DictReader(file)] == [1.0, 1.0, 1.0]
    agreed = read_volume(tmp_path / "out" / "consensus" / "x.nii.gz")
    assert agreed.array.sum() == mask.sum()


def test_a_consensus_does_not_become_a_rater_of_the_next_run(study) -> None:
    with pytest.raises(InputError, match="among the raters' folders"):
        run(study, "-o", study, "--consensus", "majority")
    assert not (study / "consensus").exists()
    run(study, "-o", study / "results", "--consensus", "majority", "-q")
    assert (study / "results" / "consensus" / "case-0.nii.gz").is_file()
    assert find_raters(study).raters == ("expert-1", "expert-2", "network")


def test_a_mask_that_cannot_be_used_is_named(study, tmp_path) -> None:
    path = study / "expert-2" / "case-3.nii.gz"
    write_image(path, np.where(ball(8), 1, np.nan).astype(np.float32), MATRIX)
    with pytest.raises(InputError, match=re.escape(f"{path}: ") + ".*not numbers"):
        run(study, "-o", tmp_path / "out")
