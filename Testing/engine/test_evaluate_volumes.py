"""How volumes agree in ``radiologycnn evaluate masks``, against SciPy and formulas worked out here."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.evaluation.volume_agreement import volume_agreement, volume_lines
from radiologycnn.images import write_image

REFERENCE_ML, FOUND_ML = np.array([2.0, 10.0, 24.0, 60.0]), np.array([3.0, 9.0, 30.0, 66.0])


def rows_of(reference_ml: np.ndarray, found_ml: np.ndarray) -> list[dict[str, float]]:
    return [{"reference_ml": x, "found_ml": y, "dice": 0.5} for x, y in zip(reference_ml, found_ml)]


def test_the_figures_are_those_of_the_literature() -> None:
    # A case without a bleed is in none of them.
    found = volume_agreement([*rows_of(REFERENCE_ML, FOUND_ML), {"reference_ml": 0.0, "found_ml": 5.0, "dice": 0.0}])
    apart = FOUND_ML - REFERENCE_ML
    assert found["cases"] == 4
    assert found["bias_ml"] == pytest.approx(apart.mean()) and apart.mean() > 0
    assert found["upper_limit_ml"] == pytest.approx(apart.mean() + 1.96 * apart.std(ddof=1))
    assert found["lower_limit_ml"] == pytest.approx(apart.mean() - 1.96 * apart.std(ddof=1))
    line = stats.linregress(REFERENCE_ML, FOUND_ML)
    assert (found["slope"], found["intercept_ml"]) == pytest.approx((line.slope, line.intercept))
    relative = apart / (FOUND_ML + REFERENCE_ML) * 2
    assert found["disagreement"] == pytest.approx(np.abs(relative).mean())
    assert found["disagreement_signed"] == pytest.approx(relative.mean())
    both = np.stack((REFERENCE_ML, FOUND_ML), axis=1)  # ICC(A,1) by its analysis of variance (McGraw and Wong 1996)
    cases, raters, error = 2 * both.mean(1).var(ddof=1), 4 * both.mean(0).var(ddof=1), apart.var(ddof=1) / 2
    assert found["icc"] == pytest.approx((cases - error) / (cases + error + 2 * (raters - error) / 4))


def test_few_cases_have_no_more_than_they_can_have() -> None:
    assert volume_agreement([{"reference_ml": 0.0, "found_ml": 1.0, "dice": 0.0}]) == {}
    one = volume_agreement(rows_of(REFERENCE_ML[:1], FOUND_ML[:1]))
    assert one["disagreement"] == pytest.approx(0.4) and one["icc"] is one["bias_ml"] is one["slope"] is None


def test_the_command_prints_and_keeps_them(tmp_path: Path) -> None:
    for folder, volumes in (("found", FOUND_ML), ("reference", REFERENCE_ML)):
        (tmp_path / folder).mkdir()
        for number, ml in enumerate(volumes):
            mask = np.zeros((4, 8, 8), np.uint8)
            mask.flat[: round(ml)] = 1  # voxels of 1 mL
            write_image(tmp_path / folder / f"{number}.nii.gz", mask, np.diag([10.0, 10.0, 10.0, 1.0]))
    command = ["evaluate", "masks", str(tmp_path / "found"), str(tmp_path / "reference"), "-o", str(tmp_path / "out")]
    printed = CliRunner().invoke(app, command, catch_exceptions=False).output
    found = volume_agreement(rows_of(REFERENCE_ML, FOUND_ML))
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["volumes"] == pytest.approx(found)
    lines = {line[:28].strip(): line[28:].strip() for line in printed.splitlines()}
    assert lines["volume agreement, cases"] == "4" and lines["ICC"].startswith(f"{found['icc']:.3f}  (95 % ")
    assert lines["bias (mL)"].startswith("+3.00  (95 % ")
    assert lines["limits of agreement (mL)"] == "{lower_limit_ml:+.2f} to {upper_limit_ml:+.2f}".format(**found)
    assert lines["regression on the reference"].startswith(f"{found['slope']:.3f} x {found['intercept_ml']:+.2f};")
    assert lines["disagreement"].startswith(f"{found['disagreement']:.3f}; with its sign +")


def test_volumes_that_agree_wholly_have_no_sign() -> None:
    found = volume_agreement(rows_of(REFERENCE_ML, REFERENCE_ML))
    assert not any("-0" in line for line in volume_lines(found)), "nothing is less than nothing"
