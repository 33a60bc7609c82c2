"""Benchmark of how the cost grows with the scan: 28 to 320 slices of 256 x 256 to 1024 x 1024 pixels, stage by stage.

``python -m Testing.benchmarks.input_size`` from the repository's root. The network sees the same grid each time; what
grows is reading, checking, mapping back and measuring. Scans are one simulated head, resampled.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from Testing.benchmarks import click
from Testing.benchmarks.prepare import load_scan, prepare
from Testing.benchmarks.table import Row

TASK = "hemorrhage-segmentation"

#: Slices, pixels a side.
SIZES = ((28, 256), (28, 512), (54, 512), (160, 512), (320, 512), (54, 1024), (160, 1024))
QUICK_SIZES = ((28, 256), (54, 512), (160, 512))


def main() -> None:
    options = click.arguments(__doc__)
    with click.work_folder(options) as folder:
        prepare("prepare_head_ct", folder)
        machine = click.machine("one head CT on grids of several sizes, demonstration model")
        click.report(machine, [list(_rows(folder, options))], options)


def _rows(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
    from radiologycnn.models.catalog import find_model

    segmenter = HemorrhageSegmenter(find_model(click.bundled_model(TASK), TASK))
    yield Row(f"Segment as the input grows, {segmenter.device_name}")
    sizes = QUICK_SIZES if options.quick else SIZES
    per_voxel: list[tuple[int, float]] = []
    for slices, pixels in sizes:
        volume = _scan(folder, slices, pixels)
        segmenter.segment(volume)
        runs = [_timed(segmenter, volume) for _ in range(min(options.runs, 3))]
        seconds, network = min(runs)
        per_voxel.append((volume.array.size, seconds - network))
        remark = f"network {network:.3f} s, {volume.array.nbytes / 1e6:.0f} MB"
        yield Row(f"{slices} slices of {pixels} x {pixels}", seconds, remark=remark)
    (small, first), (large, last) = min(per_voxel), max(per_voxel)
    growth = (
        f"{large / small:.0f} times the voxels cost {last / max(first, 1e-9):.1f} times as much outside the network"
    )
    yield Row("outside the network, largest scan", last, remark=growth)


def _scan(folder: Path, slices: int, pixels: int) -> Any:
    from radiologycnn.images.separable import resize, resized_matrix
    from radiologycnn.images.volume import Volume

    array, ijk_to_ras = load_scan(folder)
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ ijk_to_ras
    shape = (slices, pixels, pixels)
    return Volume(resize(array, shape).astype(np.int16), resized_matrix(matrix, array.shape, shape), "CT", "Head")


def _timed(segmenter: Any, volume: Any) -> tuple[float, float]:
    """Seconds of the whole and of the network."""
    start = time.perf_counter()
    result = segmenter.segment(volume)
    return time.perf_counter() - start, result.provenance["seconds"][click.NETWORK_STAGE]


if __name__ == "__main__":
    main()
