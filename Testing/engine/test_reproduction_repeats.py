"""Repeats of a test: figures against scikit-learn, intervals against what is known of them, networks that repeat."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import metrics

from radiologycnn.errors import InputError
from radiologycnn.reproduction.repeats import FIGURES, figures_by_repeat, repeat_intervals, repeats_table
from radiologycnn.reproduction.settings import ReproductionSettings
from radiologycnn.reproduction.shim2020_run import MAIN


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    truth = generator.choice(5, 200, p=[0.36, 0.155, 0.11, 0.245, 0.13])
    wrong = generator.random((20, 200)) < 0.3
    return truth, np.where(wrong, generator.integers(0, 5, (20, 200)), truth)


def test_figures_of_each_repeat_are_scikit_learns(answers) -> None:
    truth, predicted = answers
    found = figures_by_repeat(truth, predicted)
    is_tear, called = truth > 0, predicted[3] > 0
    expected = {
        "accuracy": metrics.accuracy_score(is_tear, called),
        "sensitivity": metrics.recall_score(is_tear, called),
        "specificity": metrics.recall_score(~is_tear, ~called),
        "precision": metrics.precision_score(is_tear, called),
        "f1": metrics.f1_score(is_tear, called),
        "top1": metrics.accuracy_score(truth, predicted[3]),
        "top1_within_one": np.mean(np.abs(truth - predicted[3]) <= 1),
    }
    assert {name: found[name][3] for name in FIGURES} == pytest.approx(expected, abs=1e-12)
    # A case that counts twice is a case that is there twice.
    weights = np.r_[2, np.ones(199)]
    twice = figures_by_repeat(np.r_[truth, truth[:1]], np.c_[predicted, predicted[:, :1]])
    weighted = figures_by_repeat(truth, predicted, weights)
    assert all(weighted[name] == pytest.approx(twice[name]) for name in FIGURES)


def test_repeats_alone_hide_how_few_the_cases_are(answers) -> None:
    truth, predicted = answers
    same = np.repeat(predicted[:1], 60, axis=0)  # a network without randomness
    alone, both = (repeat_intervals(truth, same, over_cases)["top1"] for over_cases in (False, True))
    assert alone.lower == alone.upper == pytest.approx(alone.estimate)
    half = 1.96 * np.sqrt(both.estimate * (1 - both.estimate) / 200)  # of a share of 200 cases
    assert (both.lower, both.upper) == pytest.approx((both.estimate - half, both.estimate + half), abs=0.01)
    spread = repeat_intervals(truth, predicted, False)["top1"]
    half = 1.96 * figures_by_repeat(truth, predicted)["top1"].std() / np.sqrt(20)
    assert (spread.lower, spread.upper) == pytest.approx((spread.estimate - half, spread.estimate + half), abs=0.004)
    wide = repeat_intervals(truth, predicted, True)["top1"]
    assert wide.lower < spread.lower and spread.upper < wide.upper


def test_specificity_without_cases_is_no_number() -> None:
    found = repeat_intervals([1, 2, 3], np.ones((4, 3), int), True)["specificity"]
    assert np.isnan([found.estimate, found.lower, found.upper]).all()


def test_a_figure_that_does_not_exist_says_why() -> None:
    runs = np.tile(np.eye(5)[[1, 2, 3]], (4, 1, 1))
    results = SimpleNamespace(
        truth=np.array([1, 2, 3]),
        answers={MAIN: SimpleNamespace(runs=runs)},
        workspace=SimpleNamespace(settings=SimpleNamespace(repeat_method="tta")),
    )
    rows = {row.what: row for row in repeats_table(results, "This run").rows}
    for name in ("mean ± SD", "median (quartiles)"):
        missing, known = rows[f"Specificity: {name}"], rows[f"Sensitivity: {name}"]
        assert (missing.run, missing.note) == ("", "no test case without a tear")
        assert known.run.startswith("1.00") and not known.note
    # Four equal repeats, and three cases all answered rightly, do not make a figure certain.
    intervals = {row.run for what, row in rows.items() if what.startswith("Top-1 accuracy: 95 %")}
    assert intervals == {""}


def test_repeats_that_need_training_are_refused_without_it() -> None:
    for method in ("checkpoints", "seeds"):
        assert ReproductionSettings.of("shim2020", "quick", repeat_method=method).repeat_method == method
        with pytest.raises(InputError, match=f"Repeats by {method} need networks that are trained"):
            ReproductionSettings.of("shim2020", "quick", models="bundled", repeat_method=method)
    with pytest.raises(InputError, match="no repeat “again”"):
        ReproductionSettings.of("shim2020", "quick", repeat_method="again")
