"""Benchmark of the network alone: every backend and precision here, and the arithmetic floor, in one run.

``python -m Testing.benchmarks.backends`` from the repository's root. The ways take turns, so that other programs' load
falls on all of them; the fastest turn of each is shown, as a multiple of plain torch's. Where others keep the cores
busy, ``--one-core`` measures seconds of one core's work in place of the clock's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from Testing.benchmarks import click
from Testing.benchmarks.table import Row, render

#: Side of the matrices whose product shows what the CPU can do at most.
MATRIX_SIDE = 2048
PRODUCT_GFLOP = 2e-9 * MATRIX_SIDE**3
NETWORK_PER_FLOOR = 2.2
#: Of plain torch's time, at most, in float32.
OF_PLAIN_TORCH = 0.5

#: Task, architecture's parameters at the paper's size.
NETWORKS = {
    "CNN-DS, 128 x 128 x 64": ("hemorrhage-segmentation", "cnn_ds", {}),
    "VRN, 64 x 64 x 64": ("rotator-cuff-classification", "vrn", {}),
}
WAYS = (
    ("torch-cpu", "float32"),
    ("torch-cpu", "bfloat16"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("cuda", "float32"),
    ("cuda", "bfloat16"),
    ("cuda", "float16"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="turns of each way")
    parser.add_argument("--quick", action="store_true", help="two turns of each way")
    parser.add_argument("--one-core", action="store_true", help="one thread, seconds of CPU time; not CUDA")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE as well")
    options = parser.parse_args()
    _start_as_the_worker(options.one_core)
    if options.quick:
        options.runs = 2
    cores = "CPU time of one core, " if options.one_core else ""
    machine = click.machine(f"{cores}networks of the papers' sizes, random weights")
    ways = [way for way in WAYS if way[0] != "cuda" or (_has_cuda() and not options.one_core)]
    clock = time.process_time if options.one_core else time.perf_counter
    print(machine, flush=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for name, (task, architecture, parameters) in NETWORKS.items():
            package = random_package(Path(folder), task, architecture, parameters)
            part = list(_rows(name, package, ways, options.runs, clock))
            print(f"\n{render(part)}", flush=True)
            rows += part
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": [row.to_dict() for row in rows]}, indent=2))


def _start_as_the_worker(one_core: bool) -> None:
    """Start this program again with the variables of the worker's process, unless it has them."""
    from radiologycnn.worker.process_environment import worker_variables

    variables = worker_variables(os.environ.get("GLIBC_TUNABLES", ""))
    if one_core:
        variables["OMP_NUM_THREADS"] = "1"
    if not variables.items() <= os.environ.items():
        command = [sys.executable, "-m", __spec__.name, *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **variables})


def _rows(
    name: str, package: Any, wanted: Iterable[tuple[str, str]], runs: int, clock: Callable[[], float]
) -> Iterator[Row]:
    from radiologycnn.errors import RadiologyCNNError
    from radiologycnn.networks.backends import open_backend
    from radiologycnn.networks.devices import computes_bfloat16

    yield Row(f"{name}: the network alone")
    # Without instructions for it, torch takes minutes of a pass in bfloat16.
    precisions = ("float32", "bfloat16") if computes_bfloat16("cpu") else ("float32",)
    image = np.random.default_rng(0).random(_grid(package), dtype=np.float32)
    ways: dict[str, Callable[[], float]] = {}
    for device, precision in wanted:
        if device != "cuda" and precision not in precisions:
            continue
        label = f"{device.removesuffix('-cpu')} {precision}"
        try:
            ways[label] = _timed(open_backend(package, device, precision), image, clock)
        except RadiologyCNNError as error:
            print(f"{label} is left out: {error.message}", file=sys.stderr)
    gflop = _gflop(package)
    products = max(round(gflop / PRODUCT_GFLOP), 1)
    floors = {precision: _matrix_products(precision, products, clock) for precision in precisions}
    seconds: dict[str, list[float]] = {label: [] for label in (*ways, *floors)}
    for way in ways.values():
        way()  # warm: memory, kernels
    for _turn in range(runs):
        for label, way in (*ways.items(), *floors.items()):
            seconds[label].append(way())
    best = {label: min(values) for label, values in seconds.items()}
    floor_s = {label: gflop * best[label] / (products * PRODUCT_GFLOP) for label in floors}
    plain = best["torch float32"]
    for label in ways:
        remark = f"{plain / best[label]:.1f} x plain torch"
        if not label.startswith("cuda"):  # the floor is the CPU's
            remark += f", {best[label] / floor_s[precisions[-1]]:.1f} x the floor in {precisions[-1]}"
        yield Row(label, best[label], remark=remark)
    for label, value in floor_s.items():
        yield Row(f"floor in {label}", value, remark=f"{gflop:.0f} GFLOP at {gflop / value:.0f} GFLOP/s of a product")
    network = name.split(",")[0]
    for label in (label for label in ways if label.startswith("openvino")):
        above = best[label] / floor_s[label.split()[1]]
        yield Row(f"{network}, {label}, multiple of floor", above, "x", target=NETWORK_PER_FLOOR)
    if "openvino float32" in best:
        part, what = best["openvino float32"] / plain, "what a CPU without bfloat16 is left with"
        yield Row(f"{network}, openvino float32, part of torch's", part, "x", target=OF_PLAIN_TORCH, remark=what)


def random_package(folder: Path, task: str, name: str, parameters: dict[str, Any]) -> Any:
    """Random weights as a package with its exported network."""
    import torch

    from radiologycnn.hemorrhage.labels import HEMORRHAGE
    from radiologycnn.models.package import load_package
    from radiologycnn.networks.architectures import build_network
    from radiologycnn.rotatorcuff.tear_classes import class_records
    from Testing.benchmarks.prepare import MODELS, save_random_model

    torch.manual_seed(0)
    architecture = {"name": name, "parameters": parameters}
    labels = [HEMORRHAGE.to_dict()] if name == "cnn_ds" else class_records()
    identifier = f"random-{name.replace('_', '-')}"
    record = {"task": task, "title": name, "architecture": architecture, "preprocessing": {}, "labels": labels}
    save_random_model(folder, identifier, build_network(architecture).eval(), record)
    return load_package(folder / MODELS / f"{identifier}-1.0.0")


def _grid(package: Any) -> tuple[int, int, int]:
    from radiologycnn.models.export import network_grid

    return network_grid(package)


def _timed(backend: Any, image: np.ndarray, clock: Callable[[], float]) -> Callable[[], float]:
    """A run as the engine makes it, with the maps of a classifier; seconds."""
    from radiologycnn.inference_stages import Stages
    from radiologycnn.rotatorcuff.tear_classes import TARGETS

    def run() -> float:
        start = clock()
        if backend.class_count:
            backend.activation(image, TARGETS, ("cam",), Stages(), (0.0, 1.0))
        else:
            backend.probability(image, Stages(), (0.0, 1.0))
        return clock() - start

    return run


def _matrix_products(precision: str, count: int, clock: Callable[[], float]) -> Callable[[], float]:
    """As much arithmetic as the network's: a shorter measurement would find gaps in other programs' load."""
    import torch

    left, right = (torch.rand(MATRIX_SIDE, MATRIX_SIDE, dtype=getattr(torch, precision)) for _ in range(2))

    def run() -> float:
        start = clock()
        for _product in range(count):
            torch.mm(left, right)
        return clock() - start

    return run


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _gflop(package: Any) -> float:
    """Two operations a multiplication of every convolution in one pass."""
    import torch

    from radiologycnn.models.weights import load_network

    network, count = load_network(package), [0.0]

    def add(layer: Any, _inputs: Any, output: Any) -> None:
        count[0] += 2e-9 * output.numel() * layer.weight.numel() / layer.out_channels

    for module in network.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.register_forward_hook(add)
    # Quarter sides: every layer's work shrinks alike.
    with torch.inference_mode():
        network(torch.zeros(1, 1, *(side // 4 for side in _grid(package))))
    return 64 * count[0]


if __name__ == "__main__":
    main()
