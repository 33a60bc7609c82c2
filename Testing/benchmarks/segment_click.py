"""Benchmark of one click on Segment: stages, click to result, GUI pauses, threshold, cancel, memory, as one table.

``python -m Testing.benchmarks.segment_click`` from the repository's root, without a display.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

from Testing.benchmarks import click
from Testing.benchmarks.peak_memory import PeakMemory
from Testing.benchmarks.prepare import prepare
from Testing.benchmarks.table import Row

if TYPE_CHECKING:
    from Testing.benchmarks.segment_panel import SegmentPanel

TASK = "hemorrhage-segmentation"
SHIPPED_SIZE, PAPER_SIZE = 8, 16
WARM_S, CUDA_WARM_S = 0.6, 0.15
THRESHOLD_MS = 100.0
THRESHOLDS = tuple(round(0.05 + 0.05 * step, 2) for step in range(19))


def main() -> None:
    options = click.arguments(__doc__)
    machine = click.machine("head CT of 512 x 512 x 54 voxels")
    with click.work_folder(options) as folder:
        bundled_is_enough = options.quick and click.bundled_model(TASK)
        sizes = () if bundled_is_enough else (SHIPPED_SIZE, PAPER_SIZE)
        prepare("prepare_head_ct", folder, *map(str, sizes))
        from Testing.benchmarks.segment_panel import SegmentPanel

        names = [f"random-base-{size}-1.0.0" for size in (PAPER_SIZE, SHIPPED_SIZE)]
        models = click.models_to_measure(TASK, names[0], options, otherwise=names[1])
        panel = SegmentPanel(folder)
        parts = click.measure_models(panel, models, lambda panel, model: _rows(panel, model, options))
        click.report(machine, parts, options)


def _rows(panel: SegmentPanel, model: str, options: argparse.Namespace) -> Iterator[Row]:
    with PeakMemory(lambda: panel.pids) as memory:
        cold, clicks = click.cold_and_warm(panel, model, options.runs)
        moves = panel.move_threshold(list(THRESHOLDS))
        cancelled = click.cancels(panel, clicks, options)
    yield from click.stage_rows(model, clicks)
    yield from click.click_rows(model, cold, clicks, WARM_S)
    yield click.pause_row("GUI thread blocked, threshold and table", moves.pause)
    for name, choose in (("median", median), ("longest", max)):
        own = f"{1000 * choose(moves.applied_own_s):.0f} ms of it own work"
        yield Row(f"threshold moved, {name}", 1000 * choose(moves.applied_s), "ms", target=THRESHOLD_MS, remark=own)
    yield Row("  and drawn by software OpenGL, median", 1000 * median(moves.drawn_s), "ms")
    yield from click.cancel_rows(cancelled)
    yield from click.memory_rows(memory.peak_mib)
    # After the memory's figures, which torch would be part of.
    yield from click.backend_rows(panel, model, clicks, options.runs, CUDA_WARM_S)


if __name__ == "__main__":
    main()
