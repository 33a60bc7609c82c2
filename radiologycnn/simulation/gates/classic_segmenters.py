"""Two segmenters without a network, which simulated bleeds must fool: a threshold, and a forest on local features.

The forest follows Muschelli 2017 (PItcHPERFeCT: moments of the neighbourhood, smoothed intensities, difference to the
other side, place in the head), without its template registration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from radiologycnn.baselines.intracranial import intracranial
from radiologycnn.baselines.threshold import THRESHOLDS_HU, largest_bright_part, smoothed
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.simulation.gates.scikit_learn import need_scikit_learn

_STRIDE = 2  # the forest looks at every second row and column


@dataclass(frozen=True)
class Case:
    """One scan: HU and binary truth, (K, J, I), and spacing along i, j, k in mm."""

    hu: np.ndarray
    mask: np.ndarray
    spacing_mm: np.ndarray


def threshold_dice(case: Case) -> list[float]:
    """Dice of the largest connected part between each of :data:`THRESHOLDS_HU` and 100 HU inside the skull."""
    inside = intracranial(case.hu, case.spacing_mm)
    smooth, truth = smoothed(case.hu, case.spacing_mm), case.mask > 0
    return [overlap(largest_bright_part(smooth, inside, threshold), truth).dice for threshold in THRESHOLDS_HU]


def forest_dice(cases: Sequence[Case], seed: int = 0) -> list[float]:
    """Dice per scan of a random forest that was trained on the other half of the scans.

    Raises:
        ResourceError: scikit-learn is not installed.
    """
    need_scikit_learn()
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(seed)
    prepared = []
    for case in cases:
        inside = intracranial(case.hu, case.spacing_mm)
        features, where = _features(case, inside)
        truth = case.mask[:, ::_STRIDE, ::_STRIDE] > 0
        prepared.append((features, where, truth))
    scores = [0.0] * len(cases)
    for half in (0, 1):
        chosen, wanted = [], []
        for number, (features, where, truth) in enumerate(prepared):
            if number % 2 == half:
                continue
            blood = truth[where]
            for value, most in ((True, 1500), (False, 3000)):
                places = np.flatnonzero(blood == value)
                places = rng.choice(places, min(len(places), most), replace=False)
                chosen.append(features[places])
                wanted.append(np.full(len(places), value))
        forest = RandomForestClassifier(60, max_depth=14, min_samples_leaf=10, random_state=seed, n_jobs=1)
        forest.fit(np.concatenate(chosen), np.concatenate(wanted))
        for number, (features, where, truth) in enumerate(prepared):
            if number % 2 == half:
                found = np.zeros(where.shape, np.float32)
                found[where] = forest.predict_proba(features)[:, 1]
                found = ndimage.gaussian_filter(found, (0, 0.7, 0.7)) >= 0.6  # bleeds were drawn too often in training
                scores[number] = overlap(_without_specks(found), truth).dice
    return scores


def _without_specks(mask: np.ndarray, least: int = 12) -> np.ndarray:
    parts, _ = ndimage.label(mask)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return sizes[parts] >= least


def _features(case: Case, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(features (n, f) of the voxels inside the skull, their mask on the coarser grid)."""
    spacing = np.asarray(case.spacing_mm, float)[::-1]
    hu = np.where(inside, np.clip(case.hu, -20, 110), 30).astype(np.float32)
    thin = (slice(None), slice(None, None, _STRIDE), slice(None, None, _STRIDE))
    smooth = {mm: ndimage.gaussian_filter(hu, mm / spacing) for mm in (1.0, 2.0, 5.0, 10.0)}
    variance = ndimage.gaussian_filter(hu * hu, 3.0 / spacing) - ndimage.gaussian_filter(hu, 3.0 / spacing) ** 2
    edge = ndimage.gaussian_gradient_magnitude(hu, 1.5 / spacing)
    depth = ndimage.distance_transform_edt(inside, sampling=spacing)
    k, j, i = np.nonzero(inside)
    middle = [float(np.mean(axis)) for axis in (k, j, i)] if len(k) else [0.0, 0.0, 0.0]
    mirror = np.clip(np.rint(2 * middle[2] - np.arange(hu.shape[2])).astype(int), 0, hu.shape[2] - 1)
    other_side = smooth[5.0] - smooth[5.0][:, :, mirror]
    planes = [hu, *smooth.values(), np.sqrt(np.maximum(variance, 0)), edge, depth, other_side]
    where = inside[thin]
    columns = [plane[thin][where] for plane in planes]
    for axis, coordinate in enumerate(np.nonzero(where)):
        step = spacing[axis] * (_STRIDE if axis else 1)
        columns.append(coordinate * step - middle[axis] * spacing[axis])
    columns[-1] = np.abs(columns[-1])
    return np.stack(columns, axis=1).astype(np.float32), where
