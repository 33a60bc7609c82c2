"""The papers' statistical tests and those that their questions need, from SciPy and statsmodels, as plain records.

Shim 2020 compares three groups with Kruskal-Wallis and pairs with p against 0.05 / 3; its SPSS 15 had no Dunn test, so
the pairs are Mann-Whitney; Dunn is offered beside it. Arab 2020 shows "no difference" by Mann-Whitney, which does not
show equality: equivalence (TOST) and a mixed model stand beside it. Repeats of one network on one test set are not
independent: intervals by bootstrap over cases, McNemar and DeLong are the tests for two methods on the same cases.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from radiologycnn.errors import missing_package


@dataclass(frozen=True)
class HypothesisTest:
    """A test's statistic and two-sided p-value, with its name in words."""

    name: str
    statistic: float
    p: float


@dataclass(frozen=True)
class PairwiseResult:
    """One pair of groups after an overall test; ``p`` is raw, ``p_adjusted`` is multiplied by the number of pairs."""

    first: str
    second: str
    statistic: float
    p: float
    p_adjusted: float


def mann_whitney(first: ArrayLike, second: ArrayLike) -> HypothesisTest:
    """Two independent groups: U of the first.

    p is exact where one of them has no more than eight values and none is tied; else it is that of the normal
    approximation, corrected for ties and for continuity.
    """
    result = stats.mannwhitneyu(first, second, alternative="two-sided")
    return HypothesisTest("Mann-Whitney U", float(result.statistic), float(result.pvalue))


def wilcoxon(first: ArrayLike, second: ArrayLike) -> HypothesisTest:
    """Paired values: signed-rank test, equal pairs left out; p is 1 where all are equal.

    SciPy chooses how: p is exact for up to 50 pairs that all differ without ties, and with ties or equal pairs for up
    to 13; for more it is that of the normal approximation.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if np.array_equal(first, second):
        return HypothesisTest("Wilcoxon signed-rank", 0.0, 1.0)
    result = stats.wilcoxon(first, second)
    return HypothesisTest("Wilcoxon signed-rank", float(result.statistic), float(result.pvalue))


def friedman(groups: Mapping[str, Sequence[float]]) -> HypothesisTest:
    """Several methods on the same cases, in the same order: three or more.

    Raises:
        ValueError: fewer than three groups, or groups of different length.
    """
    if len(groups) < 3 or len({len(values) for values in groups.values()}) != 1:
        raise ValueError("The Friedman test needs at least three methods, all of them on the same cases.")
    values = np.array(list(groups.values()), float)
    if (values == values[0]).all():
        return HypothesisTest("Friedman", 0.0, 1.0)
    result = stats.friedmanchisquare(*values)
    return HypothesisTest("Friedman", float(result.statistic), float(result.pvalue))


def kruskal_wallis(groups: Mapping[str, Sequence[float]]) -> HypothesisTest:
    """Several independent groups; p is 1 where all values are equal."""
    if len({value for values in groups.values() for value in values}) == 1:
        return HypothesisTest("Kruskal-Wallis", 0.0, 1.0)
    result = stats.kruskal(*groups.values())
    return HypothesisTest("Kruskal-Wallis", float(result.statistic), float(result.pvalue))


def pairwise_mann_whitney(groups: Mapping[str, Sequence[float]]) -> list[PairwiseResult]:
    """Every pair by Mann-Whitney, Bonferroni-adjusted (Shim 2020, Table 3b-f: raw p against 0.05 / pairs)."""
    pairs = list(combinations(groups, 2))
    results = []
    for first, second in pairs:
        test = mann_whitney(groups[first], groups[second])
        results.append(PairwiseResult(first, second, test.statistic, test.p, min(test.p * len(pairs), 1.0)))
    return results


def dunn(groups: Mapping[str, Sequence[float]]) -> list[PairwiseResult]:
    """Dunn 1964: pairs compared by the ranks of the whole Kruskal-Wallis test, with correction for ties, Bonferroni."""
    names = list(groups)
    sizes = {name: len(groups[name]) for name in names}
    values = np.concatenate([np.asarray(groups[name], float) for name in names])
    ranks = np.split(stats.rankdata(values), np.cumsum([sizes[name] for name in names])[:-1])
    means = {name: float(part.mean()) for name, part in zip(names, ranks)}
    total = len(values)
    ties = np.unique(values, return_counts=True)[1].astype(float)
    variance = total * (total + 1) / 12 - (ties**3 - ties).sum() / (12 * (total - 1))
    pairs = list(combinations(names, 2))
    results = []
    for first, second in pairs:
        error = np.sqrt(variance * (1 / sizes[first] + 1 / sizes[second]))
        z = (means[first] - means[second]) / error if error else 0.0
        p = float(2 * stats.norm.sf(abs(z)))
        results.append(PairwiseResult(first, second, float(z), p, min(p * len(pairs), 1.0)))
    return results


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided t tests: small p says that the mean difference lies within the margin (Schuirmann 1987).

    p is the larger one of the two, nan where one of them has none: for a single case, or a difference that never varies
    and is the margin itself.
    """

    mean_difference: float
    margin: float
    p: float


def equivalence(first: ArrayLike, second: ArrayLike, margin: float, paired: bool = True) -> Equivalence:
    """Whether first and second are the same on average, up to ``margin`` in their own unit.

    Args:
        first, second: one value a case, in the same order; or of two groups.
        paired: whether they are of the same cases; else the t tests are Welch's.

    Raises:
        ValueError: a margin that is not positive.
    """
    if not margin > 0:
        raise ValueError("The margin of equivalence must be positive.")
    first, second = np.asarray(first, float), np.asarray(second, float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy's, of a difference that does not vary: see p
        if paired:
            low = stats.ttest_1samp(first - second, -margin, alternative="greater").pvalue
            high = stats.ttest_1samp(first - second, margin, alternative="less").pvalue
        else:
            low = stats.ttest_ind(first + margin, second, equal_var=False, alternative="greater").pvalue
            high = stats.ttest_ind(first - margin, second, equal_var=False, alternative="less").pvalue
    return Equivalence(float(first.mean() - second.mean()), float(margin), float(np.max([low, high])))


@dataclass(frozen=True)
class MixedModel:
    """Fixed effect of a binary group in a linear model with a random effect of the case."""

    effect: float
    lower: float
    upper: float
    p: float


def mixed_model(values: ArrayLike, in_group: ArrayLike, case: ArrayLike) -> MixedModel:
    """Does a group (such as pairs with the method in them) differ, when values share cases (Arab 2020, kappa)?

    Args:
        values: one a measurement.
        in_group: whether the measurement belongs to the group.
        case: which case each belongs to.

    Raises:
        ResourceError: statsmodels is not installed.
        ValueError: the model did not converge.
    """
    try:
        from statsmodels.regression.mixed_linear_model import MixedLM
    except ImportError as error:
        raise missing_package("The mixed model needs", "statsmodels", "evaluation") from error
    indicator = np.asarray(in_group, float)
    design = np.column_stack((np.ones_like(indicator), indicator))
    values = np.asarray(values, float)
    unit = values.std() or 1.0  # the optimizer stops early at small numbers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns at each optimizer that fails; the outcome is checked below
        model = MixedLM(values / unit, design, groups=np.asarray(case))
        # Where cases hardly differ the estimate lies at a variance of 0, where gradients lead on some processors only.
        fit = model.fit(reml=True, method=["bfgs", "powell"])
    if not fit.converged or not np.isfinite(fit.pvalues[1]):
        raise ValueError("The mixed model did not converge: too few cases, or too little difference between them.")
    lower, upper = fit.conf_int()[1] * unit
    return MixedModel(float(fit.fe_params[1] * unit), float(lower), float(upper), float(fit.pvalues[1]))


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval."""

    estimate: float
    lower: float
    upper: float

    @property
    def ends(self) -> list[float] | None:
        """Lower and upper end, as records hold them; None where there are none, or both are the same.

        Cases that are all alike, such as Dice 1 in each, make every draw of them alike: an interval of no width would
        say that the figure is certain, however few they are.
        """
        if not self.upper - self.lower > 1e-12 * max(1.0, abs(self.estimate)):
            return None
        return [self.lower, self.upper]


def bootstrap(
    statistic: Callable[..., float],
    *per_case: ArrayLike,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic by drawing cases with replacement.

    Args:
        statistic: takes arrays like ``per_case`` and gives a number; draws for which it is not finite are left out.
        per_case: one or several sequences with one entry a case; the same cases are drawn from each.

    Raises:
        ValueError: no cases, or sequences of different length.
    """
    arrays = [np.asarray(values) for values in per_case]
    if not arrays or not len(arrays[0]) or any(len(a) != len(arrays[0]) for a in arrays):
        raise ValueError("The bootstrap needs at least one case, and as many entries in every sequence.")
    generator = np.random.Generator(np.random.PCG64(seed))
    count = len(arrays[0])
    draws = []
    for _ in range(resamples):
        chosen = generator.integers(0, count, count)
        draws.append(statistic(*(a[chosen] for a in arrays)))
    finite = np.asarray(draws, float)
    finite = finite[np.isfinite(finite)]
    tail = (1 - level) / 2
    lower, upper = np.quantile(finite, [tail, 1 - tail]) if len(finite) else (np.nan, np.nan)
    return Interval(float(statistic(*arrays)), float(lower), float(upper))


def wilson(part: int, whole: int, level: float = 0.95) -> Interval:
    """The share ``part / whole`` of independent cases (Wilson 1927): with a width also where it is none or all of them.

    Raises:
        ValueError: a share of nothing.
    """
    if whole < 1:
        raise ValueError("A share needs at least one case.")
    found = stats.binomtest(part, whole).proportion_ci(level, method="wilson")
    return Interval(part / whole, float(found.low), float(found.high))


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> HypothesisTest:
    """Do two methods err equally often? Whether each is right, by case; exact binomial test of the discordant pairs."""
    first, second = np.asarray(first_right, bool), np.asarray(second_right, bool)
    only_first, only_second = int(np.count_nonzero(first & ~second)), int(np.count_nonzero(second & ~first))
    discordant = only_first + only_second
    p = float(stats.binomtest(min(only_first, only_second), discordant, 0.5).pvalue) if discordant else 1.0
    return HypothesisTest("McNemar (exact)", float(min(only_first, only_second)), p)
