"""Classifiers that look at what must not tell the class: intensities without places, headers, sizes of files.

Score: balanced accuracy (the mean of the classes' sensitivities) on scans not trained with; chance is one over the
number of classes, whatever their shares. Of a linear model and a forest the better one counts.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from radiologycnn.images.grid import resample
from radiologycnn.images.volume import Volume
from radiologycnn.simulation.gates.scikit_learn import need_scikit_learn

_FOLDS = 5
_BINS = 32
_CUBE_MM = 90.0  # round the humeral head, as the classifier's region
_CUBE = 48


def cube(volume: Volume, centre_lps_mm: np.ndarray, edge_mm: float = _CUBE_MM) -> np.ndarray:
    """Intensities round a point on the scan's own axes, float32 (48, 48, 48); 0 outside the scan."""
    directions = np.asarray(volume.ijk_to_lps, float)[:3, :3] / volume.spacing_mm
    matrix = np.eye(4)
    matrix[:3, :3] = directions * (edge_mm / _CUBE)
    matrix[:3, 3] = np.asarray(centre_lps_mm, float) - matrix[:3, :3] @ np.full(3, (_CUBE - 1) / 2)
    return resample(volume.array, volume.ijk_to_lps, matrix, (_CUBE,) * 3, "linear", 0.0)


def histogram_features(values: np.ndarray) -> np.ndarray:
    """Shares of 32 bins up to the brightest half per cent, which no display keeps."""
    top = max(float(np.percentile(values, 99.5)), 1e-6)
    counts, _ = np.histogram(np.clip(values / top, 0, 1), _BINS, (0, 1))
    return counts / counts.sum()


def intensity_features(values: np.ndarray) -> np.ndarray:
    """Mean, spread, percentiles, and how much is as bright as fluid: more than twice what is usual there."""
    percentiles = np.percentile(values, [1, 5, 25, 50, 75, 95, 99, 99.9])
    usual = max(float(percentiles[4]), 1e-6)
    bright = [float((values > factor * usual).mean()) for factor in (1.5, 2, 3)]
    return np.array([values.mean(), values.std(), *percentiles, *percentiles / usual, *bright])


def file_features(volume: Volume) -> np.ndarray:
    """What a file tells without its picture: size, spacing, place, directions, padding, packed size, acquisition."""
    array = volume.array
    lowest = array.min()
    padded = [float((side == lowest).mean()) for side in (array[0], array[-1], array[:, 0], array[:, -1])]
    padded += [float((side == lowest).mean()) for side in (array[:, :, 0], array[:, :, -1], array)]
    middle = np.ascontiguousarray(array[len(array) // 2])
    packed = len(zlib.compress(middle.tobytes(), 1)) / middle.size
    acquisition = volume.provenance.get("acquisition", {})
    numbers = [_number(acquisition[keyword]) for keyword in sorted(acquisition)]
    return np.array(
        [*array.shape, *volume.spacing_mm, *np.asarray(volume.ijk_to_lps)[:3].ravel(), *padded, packed, *numbers]
    )


def _number(value: Any) -> float:
    """Numbers as they are; words by a sum of their letters, so that equal words are equal."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float(zlib.crc32(str(value).encode()) % 9973)


def balanced_accuracy(features: np.ndarray, classes: np.ndarray, seed: int = 0) -> float:
    """The better one's balanced accuracy of a linear model (cross-validated) and a forest (out of bag).

    Args:
        features: shape (scans, features).
        classes: shape (scans,), whole numbers.

    Raises:
        ResourceError: scikit-learn is not installed.
        ValueError: a class has fewer scans than there are folds.
    """
    need_scikit_learn()
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classes = np.asarray(classes)
    if np.bincount(classes)[np.unique(classes)].min() < _FOLDS:
        raise ValueError(f"every class needs {_FOLDS} scans")
    features = np.asarray(features, float)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=300, class_weight="balanced"))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    by_line = cross_val_predict(linear, features, classes, cv=folds)
    # Each tree leaves out a third of the scans: their votes on those are a test without folds.
    forest = RandomForestClassifier(
        120, min_samples_leaf=3, class_weight="balanced_subsample", oob_score=True, random_state=seed, n_jobs=1
    ).fit(features, classes)
    by_forest = forest.classes_[forest.oob_decision_function_.argmax(axis=1)]
    return float(max(balanced_accuracy_score(classes, found) for found in (by_line, by_forest)))
