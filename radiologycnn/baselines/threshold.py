"""Threshold and largest component: what the brightness of blood alone gives away."""

from __future__ import annotations

import json
import time

import numpy as np
from scipy import ndimage

from radiologycnn.baselines.interface import Fit, Learning, ScanCase, Segmenter
from radiologycnn.baselines.intracranial import intracranial, largest_part
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.images.volume import Volume
from radiologycnn.images.write import write_atomically

THRESHOLDS_HU = tuple(range(42, 66, 2))
_UPPER_HU = 100  # above it there is calcium or bone, no blood
_SMOOTH_MM = 1.0
_RECORD = "threshold.json"


def smoothed(hu: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """HU with noise averaged within slices, bone and air clamped before so that they do not leak; float32."""
    sigma = _SMOOTH_MM / np.asarray(spacing_mm, float)[1::-1]
    return ndimage.gaussian_filter(np.clip(hu.astype(np.float32), -50, 150), (0, *sigma))


def largest_bright_part(smooth_hu: np.ndarray, inside: np.ndarray, threshold_hu: float) -> np.ndarray:
    """The largest connected part between the threshold and 100 HU inside the skull; bool (K, J, I)."""
    bright = inside & (smooth_hu > threshold_hu) & (smooth_hu < _UPPER_HU)
    return largest_part(ndimage.binary_opening(bright))


class ThresholdSegmenter(Segmenter):
    """Learns one number: the HU above which the largest bright part fits the training masks best; 50 without any."""

    name = "threshold"
    title = "Threshold + largest component"

    def __init__(self) -> None:
        self.threshold_hu = 50.0

    def learn(self, learning: Learning[ScanCase]) -> Fit:
        path = learning.folder / _RECORD
        if not path.exists():
            started = time.perf_counter()
            scores: list[list[float]] = []
            for case in learning.each(learning.training, "Case"):
                volume, mask = case.read()
                if not mask.any():
                    continue  # nothing to overlap with: every threshold would do as badly
                inside = intracranial(volume.array, volume.spacing_mm)
                smooth = smoothed(volume.array, volume.spacing_mm)
                scores.append([overlap(largest_bright_part(smooth, inside, t), mask).dice for t in THRESHOLDS_HU])
            best = int(np.mean(scores, axis=0).argmax()) if scores else THRESHOLDS_HU.index(50)
            seconds = time.perf_counter() - started if learning.training else None
            record = {"threshold_hu": THRESHOLDS_HU[best], "seconds": seconds}
            learning.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(record).encode())
        record = json.loads(path.read_text(encoding="utf-8"))
        self.threshold_hu = float(record["threshold_hu"])
        return Fit(record["seconds"], None, {"threshold_hu": self.threshold_hu})

    def predict(self, volume: Volume) -> np.ndarray:
        inside = intracranial(volume.array, volume.spacing_mm)
        return largest_bright_part(smoothed(volume.array, volume.spacing_mm), inside, self.threshold_hu)
