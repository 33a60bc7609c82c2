"""Benchmark beside other ways to segment a head or to name a tear: every baseline, and a sliding window.

``python -m Testing.benchmarks.peers`` from the repository's root. Weights are random, which changes no time. A sliding
window over a whole head takes minutes, so that some of its windows are timed and the rest counted, as the table says.
Where MONAI is installed, the window's network is its DynUNet as nnU-Net would plan it, else the project's own 3D U-Net.
The threshold and the random forest, which run no network, are timed from scan to mask, as the model beside them is; the
forest is grown from this one scan, with what the threshold finds as its blood.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.images.volume import Volume
from Testing.benchmarks import click
from Testing.benchmarks.prepare import load_scan, prepare
from Testing.benchmarks.table import Row

TASK = "hemorrhage-segmentation"

#: Window (K, J, I) and overlap of nnU-Net's usual plan for a head CT of 0.45 x 0.45 x 3 mm.
WINDOW_KJI = (32, 192, 192)
OVERLAP = 0.5
#: Side of the patches of the baseline's U-Net, on the grid that CNN-DS sees whole.
PATCH = 64
TIMED_WINDOWS = 2


def main() -> None:
    options = click.arguments(__doc__)
    with click.work_folder(options) as folder:
        prepare("prepare_head_ct", folder)
        array, ijk_to_ras = load_scan(folder)
        size = " x ".join(str(count) for count in reversed(array.shape))
        machine = click.machine(f"head CT of {size} voxels")
        volume = Volume(array, np.diag([-1.0, -1.0, 1.0, 1.0]) @ ijk_to_ras, "CT", "Head")
        parts = (_rows(array, options), _whole_rows(volume, options), _tear_rows(options))
        click.report(machine, (list(part) for part in parts), options)


def _rows(array: np.ndarray, options: argparse.Namespace) -> Iterator[Row]:
    from radiologycnn.inference_stages import Stages
    from radiologycnn.models.catalog import find_model
    from radiologycnn.networks.backends import open_backend

    runs = min(options.runs, 3)
    yield Row("The network's part of one head, CPU")
    package = find_model(click.bundled_model(TASK), TASK)
    backend = open_backend(package, "cpu")
    image = np.random.default_rng(0).random(_grid(package), dtype=np.float32)
    ours = _fastest(lambda: backend.probability(image, Stages(), (0.0, 1.0)), runs)
    yield Row(f"{package.id}, {backend.device_name}", ours, remark="the whole head at once")
    for title, seconds, remark in _others(array.shape, image.shape, options.quick):
        yield Row(title, seconds, remark=f"{seconds / ours:.1f} x as long; {remark}")


@dataclass(frozen=True)
class _KnownCase:
    """A scan in memory with its mask, as a method learns from it."""

    volume: Volume
    mask: np.ndarray
    id: str = "head"

    def read(self) -> tuple[Volume, np.ndarray]:
        return self.volume, self.mask


def _whole_rows(volume: Volume, options: argparse.Namespace) -> Iterator[Row]:
    from radiologycnn.baselines.forest import ForestSegmenter
    from radiologycnn.baselines.threshold import ThresholdSegmenter
    from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
    from radiologycnn.models.catalog import find_model

    runs = min(options.runs, 3)
    yield Row("One head, from scan to mask, CPU")
    package = find_model(click.bundled_model(TASK), TASK)
    segmenter = HemorrhageSegmenter(package, "cpu")
    ours = _fastest(lambda: segmenter.segment(volume), runs)
    yield Row(package.id, ours, remark="with measurements")
    threshold, forest = ThresholdSegmenter(), ForestSegmenter()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        forest.fit([_KnownCase(volume, threshold.predict(volume))], [], Path(folder))
    for method in (threshold, forest):
        seconds = _fastest(lambda method=method: method.predict(volume), runs)
        yield Row(method.title, seconds, remark=f"{seconds / ours:.1f} x as long")


def _tear_rows(options: argparse.Namespace) -> Iterator[Row]:
    import torch

    from radiologycnn.baselines.tear_networks import VARIANTS, architecture
    from radiologycnn.inference_stages import Stages
    from radiologycnn.networks.architectures import build_network
    from radiologycnn.networks.backends import open_backend
    from radiologycnn.training.rotatorcuff.settings import TrainingSettings
    from Testing.benchmarks.backends import NETWORKS, random_package

    yield Row("One shoulder, networks of the paper's size, CPU")
    title = "VRN, 64 x 64 x 64"
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        package = random_package(Path(folder), *NETWORKS[title])
        backend = open_backend(package, "cpu")
        image = np.random.default_rng(0).random(_grid(package), dtype=np.float32)
        ours = _fastest(lambda: backend.activation(image, (0,), ("cam",), Stages(), (0.0, 1.0)), min(options.runs, 3))
        yield Row(f"{title}, {backend.device_name}", ours, remark="with a map")
    for variant, (title, _name, _changes) in VARIANTS.items():
        torch.manual_seed(0)
        network = build_network(architecture(variant, TrainingSettings())).eval()
        seconds = _forward_s(network, image.shape)
        yield Row(f"{title}, torch", seconds, remark=f"{seconds / ours:.1f} x as long")


def _grid(package: Any) -> tuple[int, int, int]:
    from radiologycnn.models.export import network_grid

    return network_grid(package)


def _others(shape_kji: tuple[int, ...], grid_kji: tuple[int, ...], quick: bool) -> Iterator[tuple[str, float, str]]:
    import torch

    torch.manual_seed(0)
    network, title = _window_network()
    count = _windows(shape_kji, WINDOW_KJI)
    once = _forward_s(network, WINDOW_KJI, 1 if quick else TIMED_WINDOWS)
    yield title, once * count, f"{count} windows, one timed: {once:.2f} s"

    from radiologycnn.baselines.slice_recipe import SliceRecipe
    from radiologycnn.networks.unet import UNet
    from radiologycnn.networks.unet_options import UNetOptions

    patch = tuple(min(PATCH, side) for side in grid_kji)
    patches, slices = UNet(UNetOptions()).eval(), UNet(UNetOptions.from_dict({"preset": "slices"})).eval()
    for title, network, shape, count, what in (
        ("U-Net of patches (Cicek 2016), torch", patches, patch, _windows(grid_kji, patch), "patches"),
        ("U-Net of slices (Ironside 2019), torch", slices, (SliceRecipe().size,) * 2, shape_kji[0], "slices"),
    ):
        once = _forward_s(network, shape)
        yield title, once * count, f"{count} {what}, one timed: {once:.2f} s"


def _windows(shape: Sequence[int], window: Sequence[int]) -> int:
    """How many cover an image, overlapping by half."""
    steps = (max(1, int(side * (1 - OVERLAP))) for side in window)
    return math.prod(1 + math.ceil(max(0, size - side) / step) for size, side, step in zip(shape, window, steps))


def _window_network() -> tuple[Any, str]:
    try:
        from monai.networks.nets import DynUNet
    except ImportError:
        from radiologycnn.networks.unet import UNet
        from radiologycnn.networks.unet_options import UNetOptions

        return UNet(UNetOptions()).eval(), "sliding window, own 3D U-Net, torch"
    strides = [1, [1, 2, 2], 2, 2, 2]
    kernels = [[1, 3, 3], 3, 3, 3, 3]
    filters = [32, 64, 128, 256, 320]
    network = DynUNet(3, 1, 1, kernels, strides, strides[1:], filters=filters, norm_name="instance", res_block=False)
    return network.eval(), "sliding window, MONAI DynUNet, torch"


def _forward_s(network: Any, shape: Sequence[int], runs: int = 1) -> float:
    import torch

    image = torch.zeros(1, 1, *shape)
    with torch.inference_mode():
        return _fastest(lambda: network(image), runs)


def _fastest(work: Callable[[], Any], runs: int) -> float:
    seconds = []
    for _run in range(runs + 1):  # the first is warm-up
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


if __name__ == "__main__":
    main()
