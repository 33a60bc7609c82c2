"""Classification figures against the papers' own counts and scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from radiologycnn.evaluation.classification_metrics import (
    binary_metrics,
    calibration,
    delong_auc,
    delong_test,
    roc_curve,
    tear_class_metrics,
)


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
    assert result.quadratic_kappa == pytest.approx(metrics.cohen_kappa_score(truth, predicted, weights="quadratic"))
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
    assert found.lower < found.value < found.upper <= 1
    difference, z, p = delong_test(truth, first, second)
    assert difference == pytest.approx(areas[0] - areas[1])
    assert z == pytest.approx(difference / np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]))
    assert 0 < p < 0.05
    assert delong_test(truth, first, first) == (0.0, 0.0, 1.0)


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
