"""How much raters agree: kappa, disagreement, regression, Bland-Altman, intraclass correlation (Arab 2020, Table 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

KAPPA_WEIGHTS = ("none", "linear", "quadratic")

# Of the size of the values: below it only rounding is left.
_ROUNDING = 1e-9


def confusion_matrix(first: ArrayLike, second: ArrayLike, classes: int) -> np.ndarray:
    """Counts, shape (classes, classes): rows are the first rater's (or true) class, columns the second's (predicted).

    Raises:
        ValueError: different lengths, or a class outside 0 to classes - 1.
    """
    first, second = np.asarray(first, int).ravel(), np.asarray(second, int).ravel()
    if first.shape != second.shape:
        raise ValueError(f"The raters judged {len(first)} and {len(second)} cases.")
    if len(first) and (min(first.min(), second.min()) < 0 or max(first.max(), second.max()) >= classes):
        raise ValueError(f"Classes must be 0 to {classes - 1}.")
    return np.bincount(first * classes + second, minlength=classes * classes).reshape(classes, classes)


def cohen_kappa(confusion: np.ndarray, weights: str = "none") -> float:
    """Agreement beyond chance (Cohen 1960, weighted: Cohen 1968) from a confusion matrix of counts.

    1 where both raters name one and the same class throughout, where chance cannot be told from agreement.

    Args:
        confusion: counts, shape (classes, classes), such as of :func:`confusion_matrix` or :func:`mask_confusion`.
        weights: "none", "linear" or "quadratic" in the distance between ordered classes.

    Raises:
        ValueError: unknown weights, or no cases.
    """
    if weights not in KAPPA_WEIGHTS:
        raise ValueError(f"There are no kappa weights {weights!r} (known: {', '.join(KAPPA_WEIGHTS)}).")
    counts = np.asarray(confusion, float)
    total = counts.sum()
    if not total:
        raise ValueError("Kappa needs at least one case.")
    distance = np.abs(np.subtract.outer(np.arange(len(counts)), np.arange(len(counts))))
    penalty = {"none": (distance > 0).astype(float), "linear": distance, "quadratic": distance**2}[weights]
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    by_chance = float((penalty * expected).sum())
    return 1.0 - float((penalty * counts).sum()) / by_chance if by_chance else 1.0


def mask_confusion(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Voxel counts of two binary masks, shape (2, 2): outside and inside; rows are the first's.

    Raises:
        ValueError: different shapes.
    """
    first, second = np.asarray(first) != 0, np.asarray(second) != 0
    if first.shape != second.shape:
        raise ValueError(f"The masks have different shapes: {first.shape} and {second.shape}.")
    both, one, other = (int(np.count_nonzero(m)) for m in (first & second, first, second))
    return np.array([[first.size - one - other + both, other - both], [one - both, both]])


@dataclass(frozen=True)
class Disagreement:
    """Relative difference of two volumes per case, 2 (first - second) / (first + second).

    Attributes:
        absolute: mean of the absolute values; what the paper's figures of .08 and .09 can only be.
        signed: mean with the sign, the formula as printed: errors of both signs cancel.
        absolute_sd: standard deviation (n - 1) of the absolute values.
    """

    absolute: float
    signed: float
    absolute_sd: float


def disagreement(first: ArrayLike, second: ArrayLike) -> Disagreement:
    """Disagreement of volumes in mL (Arab 2020, Figure 1); cases where both are 0 agree.

    Raises:
        ValueError: no cases, or different lengths.
    """
    first, second = _pairs(first, second, 1)
    total = first + second
    relative = np.divide(2 * (first - second), total, out=np.zeros_like(total), where=total > 0)
    spread = float(np.abs(relative).std(ddof=1)) if len(relative) > 1 else 0.0
    return Disagreement(float(np.abs(relative).mean()), float(relative.mean()), spread)


@dataclass(frozen=True)
class Regression:
    """Least squares ``second = slope * first + intercept``, as the paper reads y = bx + a.

    ``slope_p`` and ``intercept_p`` test each against 0 (two-sided t); ``slope_from_one_p`` tests the slope against 1,
    which is the question behind agreement. Where all points lie on one line each p is 0 or, for what is met, 1.
    """

    slope: float
    slope_p: float
    intercept: float
    intercept_p: float
    r: float
    slope_from_one_p: float


def regression(first: ArrayLike, second: ArrayLike) -> Regression:
    """Regress the second rater on the first, one value a case.

    Raises:
        ValueError: fewer than three cases, or all values of the first the same.
    """
    first, second = _pairs(first, second, 3)
    fit = stats.linregress(first, second)
    freedom = len(first) - 2

    def p_value(estimate: float, error: float, size: float) -> float:
        if error == 0:
            return 0.0 if abs(estimate) > _ROUNDING * size else 1.0
        return float(2 * stats.t.sf(abs(estimate / error), freedom))

    return Regression(
        float(fit.slope),
        p_value(fit.slope, fit.stderr, 1.0),
        float(fit.intercept),
        p_value(fit.intercept, fit.intercept_stderr, float(np.abs(second).max())),
        float(fit.rvalue),
        p_value(fit.slope - 1, fit.stderr, 1.0),
    )


@dataclass(frozen=True)
class BlandAltman:
    """Bias and 95 % limits of agreement of second - first, with 95 % confidence intervals (Bland and Altman 1999)."""

    bias: float
    sd: float
    lower_limit: float
    upper_limit: float
    bias_interval: tuple[float, float]
    lower_limit_interval: tuple[float, float]
    upper_limit_interval: tuple[float, float]


def bland_altman(first: ArrayLike, second: ArrayLike) -> BlandAltman:
    """Bland-Altman analysis of paired measurements, such as volumes in mL.

    Raises:
        ValueError: fewer than three cases.
    """
    first, second = _pairs(first, second, 3)
    difference = second - first
    count, bias, sd = len(difference), float(difference.mean()), float(difference.std(ddof=1))
    t = float(stats.t.ppf(0.975, count - 1))
    z = 1.96
    of_bias = t * sd / np.sqrt(count)
    # Their variance of a limit: (1/n + z^2 / 2(n-1)) sd^2.
    of_limit = t * sd * np.sqrt(1 / count + z**2 / (2 * (count - 1)))
    lower, upper = bias - z * sd, bias + z * sd
    return BlandAltman(
        bias,
        sd,
        lower,
        upper,
        (bias - of_bias, bias + of_bias),
        (lower - of_limit, lower + of_limit),
        (upper - of_limit, upper + of_limit),
    )


@dataclass(frozen=True)
class IntraclassCorrelation:
    """ICC of single ratings with its 95 % confidence interval (McGraw and Wong 1996)."""

    value: float
    lower: float
    upper: float


def intraclass_correlation(ratings: np.ndarray, kind: str = "agreement") -> IntraclassCorrelation:
    """Two-way ICC of single ratings.

    Args:
        ratings: shape (cases, raters), every rater judged every case.
        kind: "agreement" (ICC(A,1), also called ICC(2,1): a rater who is always higher disagrees) or "consistency"
            (ICC(C,1), ICC(3,1): only the order and the distances count).

    Raises:
        ValueError: fewer than two cases or raters, an unknown kind, or values without any spread.
    """
    ratings = np.asarray(ratings, float)
    if ratings.ndim != 2 or min(ratings.shape) < 2:
        raise ValueError("ICC needs at least two cases and two raters.")
    if kind not in ("agreement", "consistency"):
        raise ValueError(f"There is no ICC {kind!r} (known: agreement, consistency).")
    n, k = ratings.shape
    mean = ratings.mean()
    between_cases = k * ((ratings.mean(axis=1) - mean) ** 2).sum() / (n - 1)
    between_raters = n * ((ratings.mean(axis=0) - mean) ** 2).sum() / (k - 1)
    residual = ratings - ratings.mean(axis=1, keepdims=True) - ratings.mean(axis=0, keepdims=True) + mean
    error = (residual**2).sum() / ((n - 1) * (k - 1))
    if between_cases == 0 and error == 0:
        raise ValueError("ICC does not exist where all cases are rated the same.")
    if error == 0 and (kind == "consistency" or between_raters == 0):
        return IntraclassCorrelation(1.0, 1.0, 1.0)

    if kind == "consistency":
        value = (between_cases - error) / (between_cases + (k - 1) * error)
        ratio = between_cases / error
        freedom = (n - 1) * (k - 1)
        low = ratio / stats.f.ppf(0.975, n - 1, freedom)
        high = ratio * stats.f.ppf(0.975, freedom, n - 1)
        return IntraclassCorrelation(float(value), float((low - 1) / (low + k - 1)), float((high - 1) / (high + k - 1)))

    value = (between_cases - error) / (between_cases + (k - 1) * error + k * (between_raters - error) / n)
    if value >= 1:  # but for rounding: raters who agree to the last digits
        return IntraclassCorrelation(1.0, 1.0, 1.0)
    # Satterthwaite's degrees of freedom, as McGraw and Wong give them (table 7).
    a, b = k * value / (n * (1 - value)), 1 + k * value * (n - 1) / (n * (1 - value))
    freedom = (a * between_raters + b * error) ** 2 / (
        (a * between_raters) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    )
    low_f, high_f = stats.f.ppf(0.975, n - 1, freedom), stats.f.ppf(0.975, freedom, n - 1)
    rest = k * between_raters + (k * n - k - n) * error
    lower = n * (between_cases - low_f * error) / (low_f * rest + n * between_cases)
    upper = n * (high_f * between_cases - error) / (rest + n * high_f * between_cases)
    return IntraclassCorrelation(float(value), float(lower), float(upper))


def _pairs(first: ArrayLike, second: ArrayLike, least: int) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first, float).ravel(), np.asarray(second, float).ravel()
    if first.shape != second.shape:
        raise ValueError(f"The raters judged {len(first)} and {len(second)} cases.")
    if len(first) < least:
        raise ValueError(f"At least {least} cases are needed.")
    return first, second
