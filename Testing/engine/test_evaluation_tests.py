"""The statistical tests against SciPy, statsmodels and published examples."""

import warnings

import numpy as np
import pytest
from scipy import stats

from radiologycnn.evaluation.hypothesis_tests import (
    bootstrap,
    dunn,
    equivalence,
    friedman,
    kruskal_wallis,
    mann_whitney,
    mcnemar,
    mixed_model,
    pairwise_mann_whitney,
    wilcoxon,
    wilson,
)
from radiologycnn.evaluation.paired import paired_differences

GROUPS = {"network": [69, 67, 70, 71, 68, 69], "specialists": [46, 41, 47, 45], "generalists": [30, 25, 36, 33, 46, 29]}


def test_rank_tests_are_scipys() -> None:
    first, second = GROUPS["network"], GROUPS["generalists"]
    assert mann_whitney(first, second).p == pytest.approx(stats.mannwhitneyu(first, second).pvalue)
    assert wilcoxon(first, second).p == pytest.approx(stats.wilcoxon(first, second).pvalue)
    assert wilcoxon(first, first).p == 1.0
    overall = kruskal_wallis(GROUPS)
    assert (overall.statistic, overall.p) == pytest.approx(tuple(stats.kruskal(*GROUPS.values())))
    assert kruskal_wallis({"a": [1.0, 1.0], "b": [1.0]}).p == 1  # SciPy gives no number


def test_friedman_is_scipys_for_methods_on_the_same_cases() -> None:
    first, second = GROUPS["network"], GROUPS["generalists"]
    third = [66, 69, 50, 71, 60, 40]
    found = friedman({"a": first, "b": second, "c": third})
    expected = stats.friedmanchisquare(first, second, third)
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    # Demsar 2006: by the mean ranks, without ties.
    ranks = stats.rankdata([first, second, third], axis=0).mean(axis=1)
    no_ties = 12 * 6 / (3 * 4) * ((ranks**2).sum() - 3 * 4**2 / 4)
    assert friedman({"a": [5, 6, 7, 8], "b": [1, 2, 3, 4], "c": [9, 9, 9, 9]}).statistic == pytest.approx(8.0)
    assert found.statistic >= no_ties  # ties raise it
    assert friedman({"a": first, "b": first, "c": first}).p == 1.0
    with pytest.raises(ValueError, match="three methods"):
        friedman({"a": first, "b": second})
    with pytest.raises(ValueError, match="same cases"):
        friedman({"a": first, "b": second, "c": third[:-1]})


def test_adjustment_is_statsmodels_bonferroni() -> None:
    from statsmodels.stats.multitest import multipletests

    for pairs in (pairwise_mann_whitney(GROUPS), dunn(GROUPS)):
        adjusted = multipletests([pair.p for pair in pairs], method="bonferroni")[1]
        assert [pair.p_adjusted for pair in pairs] == pytest.approx(list(adjusted))
    for pair in pairwise_mann_whitney(GROUPS):
        expected = stats.mannwhitneyu(GROUPS[pair.first], GROUPS[pair.second])
        assert (pair.statistic, pair.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_pairs_are_adjusted_for_their_number() -> None:
    pairs = pairwise_mann_whitney(GROUPS)
    assert [(p.first, p.second) for p in pairs] == [
        ("network", "specialists"),
        ("network", "generalists"),
        ("specialists", "generalists"),
    ]
    assert all(p.p_adjusted == pytest.approx(min(3 * p.p, 1)) for p in pairs)


def test_dunn_from_its_ranks() -> None:
    """By hand: 1, 2, 3 | 4, 5, 6 | 7, 8, 9 have mean ranks 2, 5, 8 and a standard error of sqrt(7.5 * 2/3)."""
    found = dunn({"a": [1, 2, 3], "b": [4, 5, 6], "c": [7, 8, 9]})
    error = np.sqrt(9 * 10 / 12 * (2 / 3))
    assert [pair.statistic for pair in found] == pytest.approx([-3 / error, -6 / error, -3 / error])
    assert found[1].p == pytest.approx(2 * stats.norm.sf(6 / error))
    tied = dunn({"a": [1, 1, 2], "b": [2, 2, 3]})[0]
    # With two groups z^2 is the Kruskal-Wallis statistic, its correction for ties included.
    assert tied.statistic**2 == pytest.approx(stats.kruskal([1, 1, 2], [2, 2, 3]).statistic)


def test_equivalence_is_statsmodels_tost() -> None:
    from statsmodels.stats.weightstats import ttost_ind, ttost_paired

    generator = np.random.default_rng(4)
    first = generator.normal(0.83, 0.03, 30)
    second = first + generator.normal(0.01, 0.02, 30)
    assert equivalence(first, second, 0.05).p == pytest.approx(ttost_paired(first, second, -0.05, 0.05)[0])
    independent = equivalence(first, second, 0.05, paired=False)
    assert independent.p == pytest.approx(ttost_ind(first, second, -0.05, 0.05, usevar="unequal")[0])
    assert equivalence(first, second, 0.001).p > 0.05
    with pytest.raises(ValueError, match="positive"):
        equivalence(first, second, 0.0)


def test_mixed_model_sees_through_hard_and_easy_cases() -> None:
    """Cases differ by far more than the groups: the effect is found only where the case is taken into account."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    generator = np.random.default_rng(8)
    case = np.repeat(np.arange(30), 6)
    in_group = np.tile([False, False, False, True, True, True], 30)
    difficulty = generator.normal(0, 0.2, 30)[case]
    values = 0.8 + difficulty - 0.02 * in_group + generator.normal(0, 0.01, len(case))
    found = mixed_model(values, in_group, case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = MixedLM(values, np.column_stack((np.ones(180), in_group)), case).fit(reml=True, method="lbfgs")
    assert found.effect == pytest.approx(expected.fe_params[1], abs=1e-4)
    assert (found.lower, found.upper) == pytest.approx(tuple(expected.conf_int()[1]), abs=1e-3)
    assert np.log10(found.p) == pytest.approx(np.log10(expected.pvalues[1]), abs=0.5)
    assert found.effect == pytest.approx(-0.02, abs=0.005)
    assert found.lower < found.effect < found.upper < 0 and found.p < 1e-6
    assert mann_whitney(values[in_group], values[~in_group]).p > 0.05


def test_mixed_model_of_cases_that_differ_by_chance_alone_is_the_difference_of_the_means() -> None:
    """The estimate lies at the edge, a variance of 0 between cases, where optimizers by gradients may stop short."""
    experts = [0.989, 0.967, 0.941, 0.971, 0.975]
    method = [0.858, 0.869, 0.830, 0.862, 0.821, 0.879, 0.838, 0.866, 0.828, 0.853]
    found = mixed_model(experts + method, [False] * 5 + [True] * 10, [*range(5), *np.repeat(range(5), 2)])
    assert found.effect == pytest.approx(np.mean(method) - np.mean(experts), abs=1e-6)
    assert found.lower < found.effect < found.upper < 0 and found.p < 1e-6


def test_methods_that_differ_alike_in_all_cases_have_no_interval_without_width() -> None:
    rows = [{"case": str(n), "dice": 0.1 * n, "recall": 0.5} for n in range(1, 6)]
    others = [{"case": row["case"], "dice": row["dice"] - 0.02 * n, "recall": 0.25} for n, row in enumerate(rows)]
    found = paired_differences(rows, others)
    assert found["recall"]["difference"] == 0.25 and found["recall"]["difference_95"] is None
    lower, upper = found["dice"]["difference_95"]
    assert found["dice"]["difference"] == pytest.approx(0.04) and lower < 0.04 < upper
    assert paired_differences(rows[:1], others)["dice"]["difference_95"] is None


def test_bootstrap_covers_the_mean() -> None:
    values = np.random.default_rng(6).normal(5, 2, 100)
    found = bootstrap(lambda v: float(v.mean()), values, seed=1)
    half = 1.96 * values.std(ddof=1) / 10
    assert found.estimate == pytest.approx(values.mean())
    assert (found.lower, found.upper) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.08)
    assert bootstrap(lambda v: float(v.mean()), values, seed=1) == found
    scipys = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=2000, rng=np.random.default_rng(2))
    assert (found.lower, found.upper) == pytest.approx(tuple(scipys.confidence_interval), abs=0.05)
    # Sequences are drawn together: of paired values the difference never varies.
    shifted = bootstrap(lambda a, b: float((a - b).mean()), values, values - 1)
    assert (shifted.lower, shifted.upper) == pytest.approx((1.0, 1.0))
    assert shifted.ends is None and found.ends == [found.lower, found.upper]
    assert bootstrap(lambda v: np.nan, values).ends is None
    with pytest.raises(ValueError, match="as many"):
        bootstrap(lambda a, b: 0.0, [1, 2], [1])


def test_wilson_is_statsmodels_and_has_a_width_where_all_are_right() -> None:
    from statsmodels.stats.proportion import proportion_confint

    for part, whole in ((0, 26), (7, 26), (26, 26), (1, 1)):
        found = wilson(part, whole)
        assert found.estimate == part / whole
        assert found.ends == pytest.approx(list(proportion_confint(part, whole, method="wilson")), abs=1e-12)
    assert wilson(26, 26).lower == pytest.approx(0.8713, abs=1e-4)
    with pytest.raises(ValueError, match="at least one"):
        wilson(0, 0)


def test_mcnemar_counts_discordant_pairs() -> None:
    from statsmodels.stats.contingency_tables import mcnemar as reference

    first = np.array([True] * 30 + [False] * 12 + [True] * 3 + [False] * 5)
    second = np.array([True] * 30 + [True] * 12 + [False] * 3 + [False] * 5)
    expected = reference([[30, 3], [12, 5]], exact=True)
    assert mcnemar(first, second).p == pytest.approx(expected.pvalue)
    assert mcnemar(first, first).p == 1.0


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_difference_that_is_just_the_margin_is_not_within_it(paired, sign) -> None:
    """It does not vary, so that one of the two tests has no p; the other's alone would say equivalent."""
    first = np.array([1.0, 2.0, 3.0]) if paired else np.ones(3)
    assert not equivalence(first + 0.5 * sign, first, 0.5, paired).p < 0.05
