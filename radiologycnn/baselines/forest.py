"""Random forest on hand-made features of every voxel, after PItcHPERFeCT (Muschelli 2017); own code.

Works on the standard grid of CNN-DS. What differs from the published method, because it needs a template of healthy
brains and its registration:

- left out: ``zscore_template`` (each voxel against healthy heads after non-linear registration);
- instead of a template-based skull strip: the inside of the skull by closing the bone;
- ``flipped_value`` mirrors about the brain's own centre instead of after affine registration;
- ``prob_img`` is the share of the two brightest of four intensity clusters (k-means) in the neighbourhood, where the
  original has a segmentation with spatial prior;
- the threshold is the best on the validation cases, as every method's of a comparison, not on the training cases, which
  a forest knows by heart.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from radiologycnn.baselines.interface import TRAINED, Fit, Learning, ScanCase, Segmenter
from radiologycnn.baselines.intracranial import intracranial
from radiologycnn.baselines.operating_point import MaskAt, best_threshold
from radiologycnn.errors import InputError, missing_package
from radiologycnn.hemorrhage.preprocessing import NetworkInput, Preprocessing
from radiologycnn.images.affine import voxel_ml
from radiologycnn.images.volume import Volume
from radiologycnn.images.write import write_atomically
from radiologycnn.training.case_files import save_arrays

FEATURES = (
    "moment1", "moment2", "skew", "kurtosis", "value", "thresh", "pct_thresh", "zscore1", "zscore2", "zscore3",
    "win_z", "prob_img", "pct_zero_neighbor", "any_zero_neighbor", "dist_centroid", "smooth5", "smooth10", "smooth20",
    "flipped_value",
)  # fmt: skip
LEFT_OUT = {
    "zscore_template": "the z-score of each voxel against healthy heads",
    "augmentation": "the augmentation that the networks learn with",
}
_CANDIDATE_HU = (30.0, 100.0)
_CANDIDATE_FEATURES = ("zscore2", "zscore3", "pct_thresh")
_BLOOD_HU = (40.0, 80.0)
_SMALLEST_ML = 0.1  # 100 voxels of 1 mm
_SAMPLES, _RECORD = "samples.npz", "forest.json"


class ForestSegmenter(Segmenter):
    """Features of candidate voxels, 500 trees, smoothed probability.

    Facts tell the seconds of each stage of learning: features, trees, threshold (with the validation cases' features).
    What was learned is kept as the sample that the forest is grown from, so that no program has to be read from disk.

    Args:
        grid_shape_ijk: of the standard grid.
        trees: 500 in R's default.
        voxels_a_case: most blood voxels and most others taken from a training scan.
    """

    name = "forest"
    title = "Random forest (PItcHPERFeCT's features)"

    def __init__(
        self,
        grid_shape_ijk: tuple[int, int, int] = (128, 128, 64),
        trees: int = 500,
        voxels_a_case: int = 2000,
        seed: int = 0,
    ) -> None:
        # HU are kept far beyond the brain's, as the skull is needed to find its inside.
        self.preprocessing = Preprocessing(grid_shape_ijk, (-1000.0, 1000.0), "clamp_then_resample", True, 1.0)
        self.trees, self.voxels_a_case, self.seed = trees, voxels_a_case, seed

    def learn(self, learning: Learning[ScanCase]) -> Fit:
        samples, path = learning.folder / _SAMPLES, learning.folder / _RECORD
        if not samples.exists():
            self._sample(learning.part(0.0, TRAINED), samples)
        with np.load(samples) as arrays:
            features, blood, ranges = arrays["features"], arrays["blood"], arrays["ranges"]
            stages = {"features": float(arrays["seconds"]) if "seconds" in arrays else 0.0}
        if blood.all() or not blood.any():
            raise InputError("too-few-cases", "The training scans hold no blood, or nothing else.", "Add cases.")
        self._ranges = ranges
        started = time.perf_counter()
        self._forest = _new_forest(self.trees, self.seed).fit(features, blood)
        stages["trees"] = time.perf_counter() - started
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if "stages" not in record:  # earlier versions kept a threshold that was chosen on the training cases
            started = time.perf_counter()
            threshold = best_threshold(learning.part(TRAINED, 1.0), self.outlined)
            stages["threshold"] = time.perf_counter() - started
            record = {"threshold": threshold, "seconds": sum(stages.values()), "stages": stages}
            write_atomically(path, json.dumps(record).encode())
        self._threshold = float(record["threshold"])
        importance = dict(zip(FEATURES, (round(float(x), 3) for x in self._forest.feature_importances_)))
        facts = {
            "trees": self.trees,
            "threshold": self._threshold,
            "left_out": list(LEFT_OUT.values()),
            "importance": importance,
            "seconds_by_stage": record["stages"],
        }
        return Fit(record["seconds"], None, facts)

    def predict(self, volume: Volume) -> np.ndarray:
        return self.outlined(volume)(self._threshold)

    def outlined(self, volume: Volume) -> MaskAt:
        """What the forest makes of a scan."""
        ready = self.preprocessing.prepare(volume)
        probability = self._probability(ready)

        def mask_at(threshold: float) -> np.ndarray:
            return ready.to_scan(self._cleaned(probability > threshold, ready).astype(np.float32)) > 0.5

        return mask_at

    def _sample(self, learning: Learning[ScanCase], path: Path) -> None:
        started = time.perf_counter()
        rng = np.random.default_rng(self.seed)
        per_case, of_blood = [], []
        for case in learning.each(learning.training, "Features of"):
            volume, mask = case.read()
            ready = self.preprocessing.prepare(volume)
            truth = ready.labels_to_network(mask.astype(np.uint8)) > 0
            features, inside = voxel_features(ready)
            blood = truth[inside]
            of_blood.append(features[blood])
            per_case.append((features, blood))
        every = np.concatenate(of_blood)
        columns = [FEATURES.index(name) for name in _CANDIDATE_FEATURES]
        if len(every):
            ranges = np.quantile(every[:, columns], (0.005, 0.995), axis=0)
        else:
            ranges = np.array([[-np.inf] * 3, [np.inf] * 3])
        chosen, wanted = [], []
        for features, blood in per_case:
            candidate = candidates(features, ranges)
            for value in (True, False):
                places = np.flatnonzero(candidate & (blood == value))
                if not len(places):  # the ranges alone tell blood from the rest: the forest still needs the rest
                    places = np.flatnonzero(blood == value)
                places = rng.choice(places, min(len(places), self.voxels_a_case), replace=False)
                chosen.append(features[places])
                wanted.append(np.full(len(places), value))
        features, blood = np.concatenate(chosen), np.concatenate(wanted)
        save_arrays(path, features=features, blood=blood, ranges=ranges, seconds=time.perf_counter() - started)

    def _probability(self, ready: NetworkInput) -> np.ndarray:
        """Probability of blood, the mean over 3^3 voxels, float32 (K, J, I) on the standard grid."""
        features, inside = voxel_features(ready)
        found = np.zeros(inside.shape, np.float32)
        candidate = candidates(features, self._ranges)
        if candidate.any():
            values = np.zeros(len(features), np.float32)
            values[candidate] = _chance_of_blood(self._forest, features[candidate])
            found[inside] = values
        return ndimage.uniform_filter(found, 3)

    def _cleaned(self, mask: np.ndarray, ready: NetworkInput) -> np.ndarray:
        parts, _ = ndimage.label(mask, np.ones((3, 3, 3), bool))
        sizes = np.bincount(parts.ravel()) * voxel_ml(ready.ijk_to_lps)
        sizes[0] = 0
        return sizes[parts] >= _SMALLEST_ML


def candidates(features: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Which voxels can be blood: 30-100 HU, and features within those of nearly all training blood; bool (n)."""
    value = features[:, FEATURES.index("value")]
    columns = features[:, [FEATURES.index(name) for name in _CANDIDATE_FEATURES]]
    low, high = _CANDIDATE_HU
    return (value >= low) & (value <= high) & ((columns >= ranges[0]) & (columns <= ranges[1])).all(axis=1)


def voxel_features(ready: NetworkInput) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 19), float32, of the voxels inside the skull, eroded, and where these are, bool (K, J, I).

    Args:
        ready: the scan in HU on the standard grid, i to the left, j to the back, k to the head.
    """
    spacing = np.linalg.norm(ready.ijk_to_lps[:3, :3], axis=0)
    brain = intracranial(ready.array, spacing)
    hu = np.where(brain, np.clip(ready.array, 0, 100), 0).astype(np.float32)
    inside = ndimage.binary_erosion(brain, np.ones((1, 3, 3), bool))
    planes: dict[str, np.ndarray] = {"value": hu}

    def mean(values: np.ndarray) -> np.ndarray:
        return ndimage.uniform_filter(values.astype(np.float32), 3)

    exact = hu.astype(np.float64)  # fourth powers lose their differences in single precision
    powers = [ndimage.uniform_filter(exact**order, 3) for order in (1, 2, 3, 4)]
    m = powers[0]
    variance = np.maximum(powers[1] - m**2, 1e-3)
    third = powers[2] - 3 * m * powers[1] + 2 * m**3
    fourth = powers[3] - 4 * m * powers[2] + 6 * m**2 * powers[1] - 3 * m**4
    planes.update(moment1=m, moment2=variance, skew=third / variance**1.5, kurtosis=fourth / variance**2)
    planes["thresh"] = (hu >= _BLOOD_HU[0]) & (hu <= _BLOOD_HU[1])
    planes["pct_thresh"] = mean(planes["thresh"])
    for number, axis in enumerate((2, 1, 0), start=1):  # sagittal, coronal, axial
        planes[f"zscore{number}"] = _scores_in_planes(hu, brain, axis)
    values = hu[brain] if brain.any() else np.zeros(1, np.float32)
    low, high = np.percentile(values, (20, 80))
    winsorized = np.clip(values, low, high)
    planes["win_z"] = (hu - winsorized.mean()) / max(float(winsorized.std()), 1e-3)
    planes["prob_img"] = mean(hu > _second_cluster_edge(values)) * brain
    zero = hu == 0
    planes["pct_zero_neighbor"] = mean(zero)
    planes["any_zero_neighbor"] = ndimage.maximum_filter(zero, 3)
    k, j, i = np.indices(hu.shape, sparse=True)
    centre = ndimage.center_of_mass(brain) if brain.any() else (0.0, 0.0, 0.0)
    planes["dist_centroid"] = np.sqrt(
        ((k - centre[0]) * spacing[2]) ** 2 + ((j - centre[1]) * spacing[1]) ** 2 + ((i - centre[2]) * spacing[0]) ** 2
    )
    for mm in (5, 10, 20):
        planes[f"smooth{mm}"] = ndimage.gaussian_filter(hu, mm / spacing[::-1], truncate=3)
    mirror = np.clip(np.rint(2 * centre[2] - np.arange(hu.shape[2])).astype(int), 0, hu.shape[2] - 1)
    planes["flipped_value"] = hu - hu[:, :, mirror]
    return np.stack([planes[name][inside] for name in FEATURES], axis=1).astype(np.float32), inside


def _scores_in_planes(hu: np.ndarray, brain: np.ndarray, axis: int) -> np.ndarray:
    """Z-score of each voxel among the brain voxels of its own plane across ``axis``."""
    axes = tuple(a for a in range(3) if a != axis)
    count = np.maximum(brain.sum(axis=axes, keepdims=True), 1)
    mean = (hu * brain).sum(axis=axes, keepdims=True) / count
    sd = np.sqrt((((hu - mean) * brain) ** 2).sum(axis=axes, keepdims=True) / count)
    return (hu - mean) / np.maximum(sd, 1e-3)


def _second_cluster_edge(values: np.ndarray) -> float:
    """HU between the two darker and the two brighter of four clusters (k-means of a histogram)."""
    counts, edges = np.histogram(values, 100, (0, 100))
    middles = (edges[1:] + edges[:-1]) / 2
    centres = np.percentile(values, (10, 40, 70, 95)) + np.arange(4) * 1e-3
    for _ in range(30):
        nearest = np.abs(middles[:, None] - centres).argmin(axis=1)
        weight = np.bincount(nearest, counts, 4)
        moved = np.where(weight > 0, np.bincount(nearest, counts * middles, 4) / np.maximum(weight, 1), centres)
        if np.allclose(moved, centres):
            break
        centres = np.sort(moved)
    return float((centres[1] + centres[2]) / 2)


def _new_forest(trees: int, seed: int) -> Any:
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError as error:
        raise missing_package("The random forest needs", "scikit-learn", "evaluation") from error
    # As many cores as a network has; each tree's own seed makes the forest the same with any number of them.
    return RandomForestClassifier(trees, max_features="sqrt", random_state=seed, n_jobs=torch.get_num_threads())


def _chance_of_blood(forest: Any, features: np.ndarray) -> np.ndarray:
    """Probability (n) of voxels of these features (n, 19), computed on all cores.

    Voxels are shared out among threads, not trees: trees that add up in another order would change the last digits.
    """
    forest.n_jobs = 1
    cores = torch.get_num_threads()
    shares = np.array_split(features, min(cores, len(features)))
    with ThreadPoolExecutor(cores) as pool:
        return np.concatenate(list(pool.map(lambda share: forest.predict_proba(share)[:, 1], shares)))
