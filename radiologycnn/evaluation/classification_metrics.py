"""How well tear classes are named: accuracy, also ordinal, sensitivity, ROC, calibration (Shim 2020, Tables 2-3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from radiologycnn.evaluation.agreement import cohen_kappa, confusion_matrix

TEAR_CLASS_COUNT = 5
NO_TEAR = 0
#: Figures of :class:`BinaryMetrics` that are a share of cases.
BINARY_SHARES = ("accuracy", "sensitivity", "specificity", "precision")

# Of areas under the curve: below it only rounding is left.
_NO_VARIANCE = 1e-15


@dataclass(frozen=True)
class BinaryMetrics:
    """Counts of a yes-no decision and what follows; a share of nothing is None."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def accuracy(self) -> float | None:
        """Share of right decisions."""
        return _share(*self.counts("accuracy"))

    @property
    def sensitivity(self) -> float | None:
        """Share of the positive cases that are called positive."""
        return _share(*self.counts("sensitivity"))

    @property
    def specificity(self) -> float | None:
        """Share of the negative cases that are called negative."""
        return _share(*self.counts("specificity"))

    @property
    def precision(self) -> float | None:
        """Share of the cases called positive that are."""
        return _share(*self.counts("precision"))

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and sensitivity."""
        wrong = self.false_positive + self.false_negative
        return _share(2 * self.true_positive, 2 * self.true_positive + wrong)

    def counts(self, name: str) -> tuple[int, int]:
        """What a share of cases is made of: so many, of so many; ``name`` is one of :data:`BINARY_SHARES`."""
        positive, negative = self.true_positive, self.true_negative
        return {
            "accuracy": (positive + negative, positive + negative + self.false_positive + self.false_negative),
            "sensitivity": (positive, positive + self.false_negative),
            "specificity": (negative, negative + self.false_positive),
            "precision": (positive, positive + self.false_positive),
        }[name]


def binary_metrics(truth: ArrayLike, found: ArrayLike) -> BinaryMetrics:
    """Compare a decision (tear or none) with the truth, one truth value a case.

    Raises:
        ValueError: different lengths.
    """
    truth, found = np.asarray(truth, bool), np.asarray(found, bool)
    if truth.shape != found.shape:
        raise ValueError(f"There are {truth.size} truths and {found.size} decisions.")
    counts = [int(np.count_nonzero(m)) for m in (truth & found, ~truth & found, ~truth & ~found, truth & ~found)]
    return BinaryMetrics(*counts)


@dataclass(frozen=True)
class TearClassMetrics:
    """Figures of five-class predictions on one test set.

    Attributes:
        confusion: counts, rows true and columns predicted, shape (5, 5).
        top1: share of right classes.
        top1_within_one: share of classes that are right or a neighbour's, in the order None, Partial, Small, Medium,
            Large-to-Massive, which the paper leaves open.
        top1_within_one_strict: the same, but None for Partial and Partial for None are wrong: they decide about a tear.
        tear: the decision tear or none.
        recall: per class; None for classes without cases.
        kappa: agreement beyond chance, every wrong class as wrong as another.
        quadratic_kappa: the same with quadratic weights, where a neighbouring class is less wrong than a distant one.
    """

    confusion: np.ndarray
    top1: float
    top1_within_one: float
    top1_within_one_strict: float
    tear: BinaryMetrics
    recall: tuple[float | None, ...]
    kappa: float
    quadratic_kappa: float


def tear_class_metrics(truth: ArrayLike, predicted: ArrayLike) -> TearClassMetrics:
    """Compare predicted with true classes, 0-4 in the order of severity, one entry a case.

    Raises:
        ValueError: no cases, different lengths, or a class that does not exist.
    """
    truth, predicted = np.asarray(truth, int), np.asarray(predicted, int)
    if not truth.size:
        raise ValueError("There is no case to compare.")
    confusion = confusion_matrix(truth, predicted, TEAR_CLASS_COUNT)
    near = np.abs(truth - predicted) <= 1
    crosses = (truth == NO_TEAR) != (predicted == NO_TEAR)
    recall = tuple(_share(int(row[index]), int(row.sum())) for index, row in enumerate(confusion))
    return TearClassMetrics(
        confusion,
        float((truth == predicted).mean()),
        float(near.mean()),
        float((near & ~crosses).mean()),
        binary_metrics(truth != NO_TEAR, predicted != NO_TEAR),
        recall,
        cohen_kappa(confusion),
        cohen_kappa(confusion, "quadratic"),
    )


@dataclass(frozen=True)
class RocCurve:
    """Operating points from (0, 0) to (1, 1), one for each distinct score, and the area under them."""

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    thresholds: np.ndarray
    auc: float


def roc_curve(truth: ArrayLike, score: ArrayLike) -> RocCurve:
    """ROC of a score that rises with the chance of a tear; a case counts as tear from the threshold up.

    Args:
        truth: whether there is a tear, one a case.
        score: one a case, in any unit.

    Raises:
        ValueError: only one of the two classes is there, different lengths, or a score that is not finite.
    """
    truth, score = _scored(truth, score)
    order = np.argsort(-score, kind="stable")
    sorted_score, sorted_truth = score[order], truth[order]
    last_of_score = np.append(np.flatnonzero(np.diff(sorted_score)), len(score) - 1)
    hits = np.cumsum(sorted_truth)[last_of_score]
    rates = hits / truth.sum(), (last_of_score + 1 - hits) / (~truth).sum()
    true_rate, false_rate = (np.concatenate(([0.0], rate)) for rate in rates)
    thresholds = np.concatenate(([np.inf], sorted_score[last_of_score]))
    return RocCurve(
        false_rate, true_rate, thresholds, float((np.diff(false_rate) * (true_rate[1:] + true_rate[:-1]) / 2).sum())
    )


@dataclass(frozen=True)
class Auc:
    """Area under the ROC curve with DeLong's standard error and 95 % confidence interval.

    The last three are None where the cases cannot tell how the area varies: fewer than two of them in a class, or all
    of them in the same place among the others, as with an area of 1.
    """

    value: float
    standard_error: float | None = None
    lower: float | None = None
    upper: float | None = None


def delong_auc(truth: ArrayLike, score: ArrayLike) -> Auc:
    """AUC with its 95 % interval (DeLong 1988); arguments and errors as of :func:`roc_curve`.

    The interval is symmetric in the logit of the area (Pepe 2003, section 5.2.5): near 1, where an area of few cases
    varies downwards alone, it covers the true one as often as it says.
    """
    truth, score = _scored(truth, score)
    areas, covariance = _delong(truth, score[np.newaxis])
    value = float(areas[0])
    if covariance is None or covariance[0, 0] <= _NO_VARIANCE:
        return Auc(value)
    error = float(np.sqrt(covariance[0, 0]))
    reach = stats.norm.ppf(0.975) * error / (value * (1 - value))
    lower, upper = special.expit(special.logit(value) + np.array((-reach, reach)))
    return Auc(value, error, float(lower), float(upper))


def delong_test(truth: ArrayLike, first: ArrayLike, second: ArrayLike) -> tuple[float, float | None, float | None]:
    """Two scores on the same cases: difference of their AUCs (first - second), z, two-sided p (DeLong 1988).

    z and p are None where the cases cannot tell how the difference varies: fewer than two of them in a class, or no
    variance. Arguments and errors as of :func:`roc_curve`.
    """
    truth, first = _scored(truth, first)
    _, second = _scored(truth, second)
    areas, covariance = _delong(truth, np.stack((first, second)))
    difference = float(areas[0] - areas[1])
    variance = 0.0 if covariance is None else float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance <= _NO_VARIANCE:
        return difference, None, None
    z = difference / np.sqrt(variance)
    return difference, float(z), float(2 * stats.norm.sf(abs(z)))


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities mean what they say.

    Attributes:
        edges: of the bins, shape (bins + 1).
        mean_probability, observed_share: per bin, NaN where it is empty.
        count: cases per bin.
        expected_error: count-weighted mean distance of the two (expected calibration error, Guo 2017).
        brier: mean squared distance of probability and truth.
    """

    edges: np.ndarray
    mean_probability: np.ndarray
    observed_share: np.ndarray
    count: np.ndarray
    expected_error: float
    brier: float


def calibration(truth: ArrayLike, probability: ArrayLike, bins: int = 10) -> Calibration:
    """Reliability of the probabilities of a tear (0-1), one a case, in bins of equal width.

    Raises:
        ValueError: no cases, or numbers outside 0-1.
    """
    truth, probability = np.asarray(truth, bool), np.asarray(probability, float)
    if not truth.size or truth.shape != probability.shape:
        raise ValueError("Calibration needs as many probabilities as cases, and at least one.")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("Probabilities lie between 0 and 1.")
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, probability, bins) / count
        share = np.bincount(place, truth, bins) / count
    filled = count > 0
    error = float((np.abs(mean - share)[filled] * count[filled]).sum() / truth.size)
    return Calibration(edges, mean, share, count, error, float(((probability - truth) ** 2).mean()))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _scored(truth: ArrayLike, score: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    truth, score = np.asarray(truth, bool), np.asarray(score, float)
    if truth.shape != score.shape:
        raise ValueError(f"There are {truth.size} truths and {score.size} scores.")
    if truth.all() or not truth.any():
        raise ValueError("A ROC curve needs cases with and without a tear.")
    if not np.isfinite(score).all():
        raise ValueError("Scores must be finite.")
    return truth, score


def _delong(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """AUC of each score, shape (scores,), and their covariance by the ranks (Sun and Xu 2014).

    Without a covariance where a class has a single case: how much that case decides cannot be seen.
    """
    positive, negative = scores[:, truth], scores[:, ~truth]
    m, n = positive.shape[1], negative.shape[1]
    among_all = np.stack([stats.rankdata(np.concatenate(pair)) for pair in zip(positive, negative)])
    among_positive = np.stack([stats.rankdata(row) for row in positive])
    among_negative = np.stack([stats.rankdata(row) for row in negative])
    areas = (among_all[:, :m].sum(axis=1) - m * (m + 1) / 2) / (m * n)
    if min(m, n) < 2:
        return areas, None
    of_positive = (among_all[:, :m] - among_positive) / n
    of_negative = 1 - (among_all[:, m:] - among_negative) / m
    return areas, np.atleast_2d(np.cov(of_positive)) / m + np.atleast_2d(np.cov(of_negative)) / n
