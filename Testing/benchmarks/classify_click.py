"""Benchmark of one click on Classify: stages, click to overlay, GUI pauses, class switch, cancel, memory, as one table.

``python -m Testing.benchmarks.classify_click`` from the repository's root, without a display. Repeats are off.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

from Testing.benchmarks import click
from Testing.benchmarks.peak_memory import PeakMemory
from Testing.benchmarks.prepare import load_scan, prepare
from Testing.benchmarks.prepare_shoulder_mr import PAPER_MODEL
from Testing.benchmarks.table import Row

if TYPE_CHECKING:
    from Testing.benchmarks.classify_panel import ClassifyPanel

TASK = "rotator-cuff-classification"
WARM_S, CUDA_WARM_S = 0.3, 0.1


def main() -> None:
    options = click.arguments(__doc__)
    with click.work_folder(options) as folder:
        prepare("prepare_shoulder_mr", folder)
        size = " x ".join(str(count) for count in reversed(load_scan(folder)[0].shape))
        machine = click.machine(f"shoulder MR of {size} voxels")
        from Testing.benchmarks.classify_panel import ClassifyPanel

        models = click.models_to_measure(TASK, PAPER_MODEL, options, otherwise=PAPER_MODEL)
        panel = ClassifyPanel(folder)
        parts = click.measure_models(panel, models, lambda panel, model: _rows(panel, model, options))
        click.report(machine, parts, options)


def _rows(panel: ClassifyPanel, model: str, options: argparse.Namespace) -> Iterator[Row]:
    with PeakMemory(lambda: panel.pids) as memory:
        cold, clicks = click.cold_and_warm(panel, model, options.runs)
        switches = panel.switch_targets()
        cancelled = click.cancels(panel, clicks, options)
    yield from click.stage_rows(model, clicks)
    yield from click.click_rows(model, cold, clicks, WARM_S)
    own = f"{1000 * median(switches.changed_own_s):.0f} ms of it own work"
    yield Row("another class's map, median", 1000 * median(switches.changed_s), "ms", remark=own)
    yield Row("  and drawn by software OpenGL, median", 1000 * median(switches.drawn_s), "ms")
    yield from click.cancel_rows(cancelled)
    yield from click.memory_rows(memory.peak_mib)
    # After the memory's figures, which torch would be part of.
    yield from click.backend_rows(panel, model, clicks, options.runs, CUDA_WARM_S)


if __name__ == "__main__":
    main()
