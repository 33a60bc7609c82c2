"""Benchmark beside other ways to segment a head: the patch-wise and slice-wise U-Nets, and a sliding window.

``python -m Testing.benchmarks.peers`` from the repository's root. Weights are random, which changes no time. A sliding
window over a whole head takes minutes, so that some of its windows are timed and the rest counted, as the table says.
Where MONAI is installed, the window's network is its DynUNet as nnU-Net would plan it, else the project's own 3D U-Net.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from Testing.benchmarks import click
from Testing.benchmarks.prepare import load_scan, prepare
from Testing.benchmarks.table import Row

TASK = "hemorrhage-segmentation"

#: Window (K, J, I) and overlap of nnU-Net's usual plan for a head CT of 0.45 x 0.45 x 3 mm.
WINDOW_KJI = (32, 192, 192)
OVERLAP = 0.5
TIMED_WINDOWS = 2


def main() -> None:
    options = click.arguments(__doc__)
    with click.work_folder(options) as folder:
        prepare("prepare_head_ct", folder)
        array, _ = load_scan(folder)
        size = " x ".join(str(count) for count in reversed(array.shape))
        machine = click.machine(f"head CT of {size} voxels")
        click.report(machine, [list(_rows(array, options))], options)


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
    for title, seconds, remark in _others(array.shape, options.quick):
        yield Row(title, seconds, remark=f"{seconds / ours:.0f} x as long; {remark}")


def _grid(package: Any) -> tuple[int, int, int]:
    from radiologycnn.models.export import network_grid

    return network_grid(package)


def _others(shape_kji: tuple[int, ...], quick: bool) -> Iterator[tuple[str, float, str]]:
    import torch

    torch.manual_seed(0)
    network, title = _window_network()
    steps = [max(1, int(side * (1 - OVERLAP))) for side in WINDOW_KJI]
    count = math.prod(
        1 + math.ceil(max(0, size - window) / step) for size, window, step in zip(shape_kji, WINDOW_KJI, steps)
    )
    window = torch.zeros(1, 1, *WINDOW_KJI)
    with torch.inference_mode():
        once = _fastest(lambda: network(window), 1 if quick else TIMED_WINDOWS)
    yield title, once * count, f"{count} windows, one timed: {once:.2f} s"

    from radiologycnn.networks.unet import UNet
    from radiologycnn.networks.unet_options import UNetOptions

    slices = UNet(UNetOptions.from_dict({"preset": "slices"})).eval()
    with torch.inference_mode():
        once = _fastest(lambda: slices(torch.zeros(1, 1, 256, 256)), 1)
    yield (
        "U-Net of slices (Ironside 2019), torch",
        once * shape_kji[0],
        f"{shape_kji[0]} slices, one timed: {once:.2f} s",
    )


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


def _fastest(work: Callable[[], Any], runs: int) -> float:
    seconds = []
    for _run in range(runs + 1):  # the first is warm-up
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


if __name__ == "__main__":
    main()
