"""Benchmark of a folder of scans: head CTs a minute by one process and by several that share the cores.

``python -m Testing.benchmarks.folder_throughput`` from the repository's root. Each process loads its network once and
segments its share of the scans; the time counts from the first process's start to the last one's end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from Testing.benchmarks import click
from Testing.benchmarks.prepare import REPOSITORY, load_scan, prepare
from Testing.benchmarks.table import Row

SCANS, QUICK_SCANS = 16, 4

_WORK = """
import sys, numpy as np
from pathlib import Path
from Testing.benchmarks.prepare import load_scan
from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.images.volume import Volume
from radiologycnn.models.catalog import find_model
array, ijk_to_ras = load_scan(Path(sys.argv[1]))
volume = Volume(array, np.diag([-1.0, -1.0, 1.0, 1.0]) @ ijk_to_ras, "CT", "Head")
segmenter = HemorrhageSegmenter(find_model(sys.argv[3], "hemorrhage-segmentation"))
for _scan in range(int(sys.argv[2])):
    segmenter.segment(volume)
"""


def main() -> None:
    options = click.arguments(__doc__)
    with click.work_folder(options) as folder:
        prepare("prepare_head_ct", folder)
        size = " x ".join(str(count) for count in reversed(load_scan(folder)[0].shape))
        machine = click.machine(f"a folder of head CTs of {size} voxels, demonstration model")
        click.report(machine, [list(_rows(folder, options))], options)


def _rows(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    count = QUICK_SCANS if options.quick else SCANS
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Row(f"{count} head CTs, start of the processes included")
    alone = 0.0
    for processes in sorted({1, min(2, cores), cores}):
        seconds = _seconds(folder, count, processes, max(1, cores // processes))
        alone = alone or seconds
        remark = f"{60 * count / seconds:.0f} scans a minute, {alone / seconds:.2f} x one process"
        yield Row(f"{processes} process{'es' if processes > 1 else ''}", seconds, remark=remark)


def _seconds(folder: Path, scans: int, processes: int, threads: int) -> float:
    shares = [scans // processes + (number < scans % processes) for number in range(processes)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    model = click.bundled_model("hemorrhage-segmentation")
    command = [sys.executable, "-c", _WORK, str(folder)]
    start = time.perf_counter()
    running = [
        subprocess.Popen([*command, str(share), model], cwd=REPOSITORY, env=environment) for share in shares if share
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise RuntimeError(f"a process failed: {codes}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
