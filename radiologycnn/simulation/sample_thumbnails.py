"""Preview pictures of the sample scans for Slicer's Sample Data module, made from the scans themselves.

``python -m radiologycnn.simulation.sample_thumbnails`` writes those of both modules into a checkout. To be run again
when a sample or its simulator changes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from radiologycnn.images.volume import Volume
from radiologycnn.simulation.population import shrunk
from radiologycnn.simulation.samples import SAMPLES, simulate_sample_scan

SIZE = 128
MODULES = {"head-ct": "HemorrhageSeg", "shoulder-mr": "RotatorCuffCNN"}


def thumbnail(volume: Volume, labels: np.ndarray | None = None) -> np.ndarray:
    """One slice as a square grey picture: the one with most of the lesion, else a typical one.

    CT is shown in the brain window (0-80 HU), MR between its 1st and 99.5th percentile.

    Args:
        labels: lesion on the volume's grid, (K, J, I).

    Returns:
        uint8, (SIZE, SIZE).
    """
    array = volume.array
    area = labels.astype(bool).sum(axis=(1, 2)) if labels is not None else np.zeros(len(array))
    k = int(area.argmax()) if area.any() else round(0.55 * (len(array) - 1))
    picture = array[k].astype(np.float32)
    low, high = (0.0, 80.0) if volume.modality == "CT" else np.percentile(picture, (1, 99.5))
    grey = np.clip((picture - low) / max(high - low, 1e-6), 0, 1)
    return np.rint(shrunk(grey, SIZE) * 255).astype(np.uint8)


def write_thumbnails(checkout: Path) -> list[Path]:
    """Write ``<module>/Resources/Icons/<key>.png`` of every sample; returns the files."""
    import SimpleITK as sitk

    written = []
    for sample in SAMPLES:
        scan = simulate_sample_scan(sample)
        path = checkout / MODULES[sample.population] / "Resources" / "Icons" / f"{sample.key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(sitk.GetImageFromArray(thumbnail(scan.volume, scan.labels)), str(path), useCompression=True)
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write_thumbnails(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()):
        print(path)
