"""Agreement between raters against statsmodels, scikit-learn and published tables."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from radiologycnn.evaluation.agreement import (
    bland_altman,
    cohen_kappa,
    confusion_matrix,
    disagreement,
    intraclass_correlation,
    mask_confusion,
    regression,
)

# Shrout and Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


@pytest.fixture
def ratings() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    first = generator.integers(0, 5, 200)
    return first, np.clip(first + generator.integers(-1, 2, 200), 0, 4)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_is_scikit_learns(ratings, weights) -> None:
    expected = cohen_kappa_score(*ratings, weights=None if weights == "none" else weights)
    assert cohen_kappa(confusion_matrix(*ratings, 5), weights) == pytest.approx(expected, abs=1e-12)


def test_kappa_where_chance_is_all() -> None:
    assert cohen_kappa(confusion_matrix([2, 2], [2, 2], 5)) == 1.0
    with pytest.raises(ValueError, match="at least one case"):
        cohen_kappa(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="weights"):
        cohen_kappa(np.eye(2), "cubic")


def test_confusion_matrix_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="2 and 1"):
        confusion_matrix([1, 2], [1], 5)
    with pytest.raises(ValueError, match="0 to 4"):
        confusion_matrix([5], [1], 5)


def test_kappa_of_masks_counts_voxels() -> None:
    generator = np.random.default_rng(1)
    first = generator.random((6, 7, 8)) < 0.3
    second = first ^ (generator.random(first.shape) < 0.1)
    counts = mask_confusion(first, second)
    assert counts.sum() == first.size
    expected = cohen_kappa_score(first.ravel(), second.ravel())
    assert cohen_kappa(counts) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match="different shapes"):
        mask_confusion(first, second[1:])


def test_disagreement_signed_errors_cancel_and_absolute_ones_do_not() -> None:
    found = disagreement([10.0, 20.0, 0.0], [20.0, 10.0, 0.0])
    assert found.signed == pytest.approx(0.0)
    assert found.absolute == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert found.absolute_sd == pytest.approx(np.std([2 / 3, 2 / 3, 0], ddof=1))
    assert disagreement([0.0], [0.0]).absolute == 0.0


def test_regression_is_ordinary_least_squares() -> None:
    import statsmodels.api as sm

    generator = np.random.default_rng(5)
    first = generator.gamma(2, 10, 40)
    second = 1.1 * first - 0.5 + generator.normal(0, 2, 40)
    fit = sm.OLS(second, sm.add_constant(first)).fit()
    found = regression(first, second)
    assert (found.intercept, found.slope) == pytest.approx(tuple(fit.params))
    assert (found.intercept_p, found.slope_p) == pytest.approx(tuple(fit.pvalues))
    assert found.slope_from_one_p == pytest.approx(float(fit.t_test("x1 = 1").pvalue))
    exact = regression([1, 2, 3], [2, 4, 6])
    assert exact.slope == pytest.approx(2.0) and exact.slope_p < 1e-6
    with pytest.raises(ValueError, match="At least 3"):
        regression([1, 2], [1, 2])
    with pytest.raises(ValueError, match="3 and 4"):
        regression([1, 2, 3], [1, 2, 3, 4])


def test_raters_who_differ_by_a_constant_have_a_slope_of_one_whatever_is_rounded() -> None:
    generator = np.random.default_rng(0)
    for count in range(3, 30):
        first = generator.uniform(0, 50, count)
        shifted, scaled = regression(first, first + 0.3), regression(first, 2 * first)
        assert shifted.slope_from_one_p == pytest.approx(1.0) and shifted.slope_p < 1e-6
        assert scaled.intercept_p == pytest.approx(1.0) and scaled.slope_from_one_p < 1e-6


def test_bland_altman_by_hand() -> None:
    first, second = np.array([10.0, 12, 15, 20, 30]), np.array([11.0, 12, 17, 19, 33])
    found = bland_altman(first, second)
    difference = second - first
    assert found.bias == pytest.approx(1.0)
    assert found.upper_limit == pytest.approx(1 + 1.96 * difference.std(ddof=1))
    interval = stats.t.interval(0.95, 4, difference.mean(), difference.std(ddof=1) / np.sqrt(5))
    assert found.bias_interval == pytest.approx(interval)
    low, high = found.lower_limit_interval
    assert (low + high) / 2 == pytest.approx(found.lower_limit)
    # The variance of a limit is about three times that of the bias in large samples.
    assert (high - low) > 1.5 * (interval[1] - interval[0])


def test_bland_altman_intervals_hold_the_true_bias_and_limits_as_often_as_they_say() -> None:
    generator, held = np.random.default_rng(5), np.zeros(3)
    for _ in range(1500):
        first = generator.normal(30, 9, 100)
        found = bland_altman(first, first + generator.normal(2, 3, 100))
        intervals = (found.bias_interval, found.lower_limit_interval, found.upper_limit_interval)
        held += [low <= true <= high for (low, high), true in zip(intervals, (2.0, 2 - 1.96 * 3, 2 + 1.96 * 3))]
    assert held / 1500 == pytest.approx([0.95, 0.95, 0.95], abs=0.02)


def test_icc_as_published() -> None:
    """Shrout and Fleiss 1979 print .29 and .71; by McGraw and Wong the intervals are (.02, .76) and (.34, .95)."""
    agreement = intraclass_correlation(SHROUT_FLEISS)
    assert agreement.value == pytest.approx(0.2898, abs=5e-5)
    assert (agreement.lower, agreement.upper) == pytest.approx((0.0188, 0.7611), abs=5e-4)
    consistency = intraclass_correlation(SHROUT_FLEISS, "consistency")
    assert consistency.value == pytest.approx(0.7148, abs=5e-5)
    assert (consistency.lower, consistency.upper) == pytest.approx((0.3425, 0.9459), abs=5e-4)


def test_icc_at_its_ends() -> None:
    same = np.repeat(np.arange(4.0)[:, None], 2, axis=1)
    assert intraclass_correlation(same).value == 1.0
    rounded = same + np.array([[0, 4e-16]] * len(same))
    assert vars(intraclass_correlation(rounded)) == vars(intraclass_correlation(same))  # and no division by zero
    shifted = same + [0, 5]
    assert intraclass_correlation(shifted, "consistency").value == 1.0
    assert intraclass_correlation(shifted + [[0, 0.1]] * 4).value < 0.5
    with pytest.raises(ValueError, match="two raters"):
        intraclass_correlation(np.ones((4, 1)))
    with pytest.raises(ValueError, match="same"):
        intraclass_correlation(np.ones((4, 2)))
    with pytest.raises(ValueError, match="no ICC"):
        intraclass_correlation(SHROUT_FLEISS, "average")
