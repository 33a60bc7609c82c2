"""Classification figures against the papers' own counts and scikit-learn."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

from radiologycnn.evaluation.classification_metrics import (
    Auc,
    binary_metrics,
    calibration,
    delong_auc,
    delong_test,
    roc_curve,
    tear_class_metrics,
)
from radiologycnn.evaluation.hypothesis_tests import bootstrap
from radiologycnn.evaluation.summary import share_figures, summarize_classes


def test_shim_table_2_from_its_counts() -> None:
    """128 tears and 72 without: 120 found and 65 rightly left give the printed .94, .90, .94 and .94, and 92.5 %."""
    truth = np.repeat([True, False], [128, 72])
    found = np.concatenate([np.arange(128) < 120, np.arange(72) >= 65])
    result = binary_metrics(truth, found)
    assert round(100 * result.accuracy, 1) == 92.5
    rounded = [round(x, 2) for x in (result.sensitivity, result.specificity, result.precision, result.f1)]
    assert rounded == [0.94, 0.90, 0.94, 0.94]


def test_binary_metrics_of_nothing() -> None:
    result = binary_metrics([False, False], [False, False])
    assert result.sensitivity is None and result.precision is None and result.f1 is None
    assert result.specificity == 1.0 and result.accuracy == 1.0
    with pytest.raises(ValueError, match="2 truths and 1"):
        binary_metrics([True, False], [True])


def test_tear_classes_forgive_one_step_only() -> None:
    truth, predicted = [0, 1, 2, 3, 4, 0, 4], [0, 0, 3, 1, 4, 2, 3]
    result = tear_class_metrics(truth, predicted)
    assert result.top1 == pytest.approx(2 / 7)
    assert result.top1_within_one == pytest.approx(5 / 7)
    # Partial called None is one step, but says that there is no tear.
    assert result.top1_within_one_strict == pytest.approx(4 / 7)
    assert result.recall == (0.5, 0.0, 0.0, 0.0, 0.5)
    assert result.tear.false_negative == 1 and result.tear.false_positive == 1
    assert result.kappa == pytest.approx(metrics.cohen_kappa_score(truth, predicted))
    assert result.quadratic_kappa == pytest.approx(metrics.cohen_kappa_score(truth, predicted, weights="quadratic"))
    assert result.kappa < result.quadratic_kappa
    assert (result.confusion == metrics.confusion_matrix(truth, predicted)).all()


def test_tear_classes_without_cases() -> None:
    with pytest.raises(ValueError, match="no case"):
        tear_class_metrics([], [])
    assert tear_class_metrics([0], [0]).recall == (1.0, None, None, None, None)


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(11)
    truth = generator.random(150) < 0.6
    first = np.round(truth + generator.normal(0, 1, 150), 1)  # rounded, so that there are ties
    second = np.round(0.5 * truth + generator.normal(0, 1, 150), 1)
    return truth, first, second


def test_roc_is_scikit_learns(scored) -> None:
    truth, score, _ = scored
    result = roc_curve(truth, score)
    assert result.auc == pytest.approx(metrics.roc_auc_score(truth, score))
    false_rate, true_rate, _ = metrics.roc_curve(truth, score, drop_intermediate=False)
    assert result.false_positive_rate == pytest.approx(false_rate)
    assert result.true_positive_rate == pytest.approx(true_rate)
    at = int(np.flatnonzero(result.thresholds == np.unique(score)[40])[0])
    assert result.true_positive_rate[at] == pytest.approx((score[truth] >= result.thresholds[at]).mean())
    with pytest.raises(ValueError, match="with and without"):
        roc_curve([True, True], [0.1, 0.2])


def test_delong_by_its_definition(scored) -> None:
    """Against the sums over all pairs of the original paper, ties counted half."""
    truth, first, second = scored
    areas, by_tear, by_none = [], [], []
    for score in (first, second):
        psi = (score[truth][:, None] > score[~truth]) + 0.5 * (score[truth][:, None] == score[~truth])
        areas.append(psi.mean())
        by_tear.append(psi.mean(axis=1))
        by_none.append(psi.mean(axis=0))
    covariance = np.cov(by_tear) / truth.sum() + np.cov(by_none) / (~truth).sum()
    found = delong_auc(truth, first)
    assert found.value == pytest.approx(areas[0])
    assert found.standard_error == pytest.approx(np.sqrt(covariance[0, 0]))
    logit = np.log(areas[0] / (1 - areas[0]))
    reach = 1.959964 * np.sqrt(covariance[0, 0]) / (areas[0] * (1 - areas[0]))
    ends = [1 / (1 + np.exp(-(logit + side * reach))) for side in (-1, 1)]
    assert [found.lower, found.upper] == pytest.approx(ends, abs=1e-6)
    difference, z, p = delong_test(truth, first, second)
    assert difference == pytest.approx(areas[0] - areas[1])
    assert z == pytest.approx(difference / np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]))
    assert 0 < p < 0.05
    assert delong_test(truth, first, first) == (0.0, None, None)


@pytest.mark.parametrize("truth", [[True] + 20 * [False], 20 * [True] + [False]])
def test_one_case_of_a_class_has_neither_interval_nor_p(truth) -> None:
    """Taken for a class without variance, it made p < 0.05 of half of all pairs of equally good scores."""
    first, second = np.random.default_rng(3).normal(size=(2, 21))
    found = delong_auc(truth, first)
    assert 0 < found.value < 1
    assert found.standard_error is found.lower is found.upper is None
    difference, z, p = delong_test(truth, first, second)
    assert difference == pytest.approx(found.value - delong_auc(truth, second).value)
    assert z is p is None


def test_areas_that_do_not_vary_have_neither_interval_nor_p() -> None:
    """Three tears above three others say little; no variance said p = 0."""
    truth, right = [False] * 3 + [True] * 3, np.arange(6)
    assert delong_auc(truth, right) == Auc(1.0, None, None, None)
    assert delong_test(truth, right, -right) == (1.0, None, None)
    assert delong_auc(truth, np.zeros(6)) == Auc(0.5, None, None, None)


@pytest.mark.parametrize(("tears", "others"), [(2, 20), (5, 20), (20, 100)])
def test_interval_of_the_area_covers_the_true_one_with_few_cases(tears, others) -> None:
    """A true area of 0.95; symmetric in the area itself, the interval of 5 and 20 cases covered 87 %."""
    generator = np.random.default_rng(5)
    truth = np.arange(tears + others) < tears
    apart = np.sqrt(2) * stats.norm.ppf(0.95) * truth
    found = [delong_auc(truth, apart + generator.normal(size=len(truth))) for _ in range(800)]
    known = [one for one in found if one.lower is not None]
    assert np.mean([one.lower <= 0.95 <= one.upper for one in known]) > 0.91
    assert len(known) > 300 and all(one.value == 1 for one in found if one.lower is None)


def test_two_equal_scores_differ_in_a_twentieth_of_all_draws_only() -> None:
    generator = np.random.default_rng(6)
    truth = np.arange(60) < 20
    p = [delong_test(truth, *(generator.normal(size=(2, 60)) + truth))[2] for _ in range(800)]
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.08


def test_shares_that_are_whole_have_an_interval_and_other_figures_at_their_bound_none() -> None:
    """26 of 26 may come from a specificity of 0.871 (Wilson 1927), not of 1 alone."""
    truth = [0] * 26 + [3] * 10
    summary = summarize_classes(truth, truth, [0.1] * 26 + [0.9] * 10)
    assert summary["tear_specificity"] == 1.0
    assert summary["tear_specificity_95"] == pytest.approx([0.8713, 1.0], abs=1e-4)
    assert summary["tear_sensitivity_95"] == pytest.approx([0.7225, 1.0], abs=1e-4)
    assert summary["top1_95"] == pytest.approx([0.9036, 1.0], abs=1e-4)
    assert [summary[name] for name in ("kappa", "quadratic_kappa", "tear_f1", "tear_auc")] == [1.0] * 4
    names = ("kappa", "quadratic_kappa", "tear_f1", "tear_auc", "tear_brier", "tear_calibration_error")
    assert not [name for name in names if f"{name}_95" in summary]
    assert "tear_precision_95" not in summarize_classes([0, 3], [0, 0])  # nothing was called a tear
    assert share_figures(binary_metrics([True], [False]), ["precision"]) == {"precision": None}


def test_every_figure_of_ordinary_cases_has_an_interval_around_it() -> None:
    generator = np.random.default_rng(7)
    truth = generator.integers(0, 5, 120)
    predicted = np.clip(truth + generator.integers(-1, 2, 120), 0, 4)
    tear = np.clip(0.2 + 0.5 * (truth > 0) + generator.normal(0, 0.2, 120), 0, 1)
    summary = summarize_classes(truth, predicted, tear)
    figures = [name for name, value in summary.items() if isinstance(value, float)]
    assert {"kappa", "tear_f1", "tear_auc", "tear_brier", "tear_calibration_error"} < set(figures)
    assert len(figures) == 13
    for name in figures:
        lower, upper = summary[f"{name}_95"]
        assert 0 <= lower <= summary[name] <= upper <= 1 and lower < upper, name


def test_interval_of_the_calibration_error_takes_off_what_few_cases_add() -> None:
    """Honest probabilities: the error of 100 cases is chance alone, and percentiles of draws lie above it."""
    generator = np.random.default_rng(8)
    tear = generator.random(100)
    truth = 3 * (generator.random(100) < tear)
    percentiles = bootstrap(lambda *drawn: calibration(*drawn).expected_error, truth > 0, tear, resamples=300)
    assert percentiles.lower > 0.05
    summary = summarize_classes(truth, truth, tear)
    lower, upper = summary["tear_calibration_error_95"]
    assert lower < 0.02 and summary["tear_calibration_error"] <= upper < 0.2


def test_calibration_of_honest_and_of_bold_probabilities() -> None:
    generator = np.random.default_rng(2)
    probability = generator.random(20_000)
    truth = generator.random(20_000) < probability
    honest = calibration(truth, probability)
    assert honest.expected_error < 0.02
    assert honest.brier == pytest.approx(metrics.brier_score_loss(truth, probability))
    shares, means = calibration_curve(truth, probability, n_bins=10)
    assert honest.observed_share == pytest.approx(shares) and honest.mean_probability == pytest.approx(means)
    bold = calibration(truth, np.where(probability > 0.5, 1.0, 0.0))
    assert bold.expected_error == pytest.approx(0.25, abs=0.02)
    assert bold.count.sum() == 20_000 and np.isnan(bold.observed_share[5])
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration([True], [1.2])
    with pytest.raises(ValueError, match="at least one"):
        calibration([], [])
