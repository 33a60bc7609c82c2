"""Benchmark of one click on Segment: stages, click to result, GUI pauses, threshold, cancel, memory, as one table.

``python -m Testing.benchmarks.segment_click`` from the repository's root, without a display.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil

from Testing.benchmarks.peak_memory import PeakMemory
from Testing.benchmarks.prepare import MODELS, SCAN
from Testing.benchmarks.table import Row, render

if TYPE_CHECKING:
    from Testing.benchmarks.heartbeat import Pause
    from Testing.benchmarks.panel import BenchmarkPanel, ClickTimes

REPOSITORY = Path(__file__).resolve().parents[2]
TASK = "hemorrhage-segmentation"
SHIPPED_SIZE, PAPER_SIZE = 8, 16
NETWORK_STAGE = "Running the network"

OUTSIDE_NETWORK_PERCENT = 25.0
GUI_PAUSE_MS = 200.0
THRESHOLD_MS = 100.0
CANCEL_S = 2.0

CANCEL_SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
THRESHOLDS = tuple(round(0.05 + 0.05 * step, 2) for step in range(19))


def main() -> None:
    arguments = _arguments()
    machine = _machine()  # before the benchmark's own load
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = (arguments.work or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / SCAN).exists():
            print("Preparing a 512 x 512 x 54 head CT and networks ...", file=sys.stderr, flush=True)
            sizes = [str(SHIPPED_SIZE), str(PAPER_SIZE)]
            subprocess.run(
                [sys.executable, "-m", "Testing.benchmarks.prepare", str(folder), *sizes], check=True, cwd=REPOSITORY
            )
        os.environ["RADIOLOGYCNN_MODELS"] = str(folder / MODELS)
        print(machine, flush=True)
        rows = []
        for part in _measure(folder, arguments):  # shown at once: on a busy machine each takes minutes
            print(f"\n{render(part)}", flush=True)
            rows += part
    missed = [row.name for row in rows if row.is_missed]
    print(f"\nTargets missed: {len(missed)}")
    if arguments.json:
        record = {"machine": machine, "rows": [row.to_dict() for row in rows]}
        arguments.json.write_text(json.dumps(record, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="segment_click", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="warm clicks of which the median is shown")
    parser.add_argument("--quick", action="store_true", help="one warm click and two cancels, the first network only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE as well")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep scan and networks there for the next time")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.runs = 1
    return arguments


def _measure(folder: Path, arguments: argparse.Namespace) -> Iterator[list[Row]]:
    """The rows of one model after the other."""
    from radiologycnn.models.catalog import bundled_models_folder, list_models
    from Testing.benchmarks.panel import BenchmarkPanel

    bundled = [p.id for p in list_models(TASK) if not p.problem and bundled_models_folder() in p.path.parents]
    first = bundled[0] if bundled else f"random-base-{SHIPPED_SIZE}-1.0.0"
    models = [first] if arguments.quick else [first, f"random-base-{PAPER_SIZE}-1.0.0"]
    panel = BenchmarkPanel(folder)
    try:
        for model in models:
            yield list(_measure_model(panel, model, arguments))
    finally:
        panel.close()


def _measure_model(panel: BenchmarkPanel, model: str, arguments: argparse.Namespace) -> Iterator[Row]:
    panel.use_model(model)
    panel.stop_worker()
    with PeakMemory(lambda: panel.pids) as memory:
        cold = panel.segment()
        panel.wait_until_idle()
        clicks = [panel.segment() for _run in range(arguments.runs)]
        moves = panel.move_threshold(list(THRESHOLDS))
        warm_s = median(click.total_s for click in clicks)
        shares = CANCEL_SHARES[1::3] if arguments.quick else CANCEL_SHARES
        cancels = [panel.cancel(share * warm_s) for share in shares]

    middle = sorted(clicks, key=lambda click: click.total_s)[len(clicks) // 2]
    yield Row(f"{model}: stages of the median warm click")
    yield from _stages(middle)
    network_s = middle.worker_s[NETWORK_STAGE]
    outside = 100 * (1 - network_s / middle.total_s)
    yield Row("outside the network", outside, "%", target=OUTSIDE_NETWORK_PERCENT)

    yield Row(f"{model}: what the person notices")
    yield Row("click to result, warm", warm_s, remark=_spread([click.total_s for click in clicks]))
    yield Row("click to result, worker not started", cold.total_s)
    pause = max((click.pause for click in clicks), key=lambda pause: pause.seconds)
    yield _pause_row("GUI thread blocked, warm clicks", pause)
    yield _pause_row("GUI thread blocked, cold click", cold.pause)
    yield _pause_row("GUI thread blocked, threshold and table", moves.pause)
    for name, choose in (("median", median), ("longest", max)):
        own = f"{1000 * choose(moves.applied_own_s):.0f} ms of it own work"
        yield Row(f"threshold moved, {name}", 1000 * choose(moves.applied_s), "ms", target=THRESHOLD_MS, remark=own)
    yield Row("  and drawn by software OpenGL, median", 1000 * median(moves.drawn_s), "ms")
    for cancel in cancels:
        remark = "worker killed and started anew" if cancel.was_killed else ""
        yield Row(f"cancel {cancel.after_s:.1f} s after the click", cancel.seconds, target=CANCEL_S, remark=remark)
    yield Row("peak memory of the panel's process", memory.peak_mib["panel"], "MiB")
    yield Row("peak memory of the worker", memory.peak_mib["worker"], "MiB")


def _stages(click: ClickTimes) -> Iterator[Row]:
    """Everything between the click and the result, in order; the last row but one is what nobody accounts for."""
    stages = {name: seconds for name, seconds in click.worker_s.items() if name != "total"}
    parts = {
        "panel: writing the scan for the worker": click.export_s,
        **{f"worker: {name[0].lower()}{name[1:]}": seconds for name, seconds in stages.items()},
        "panel: result into nodes": click.nodes_s,
        "panel: showing it, first drawing": click.show_s,
    }
    parts["between them (events, views, pipes)"] = click.total_s - sum(parts.values())
    for name, seconds in parts.items():
        yield Row(name, seconds, ratio=seconds / click.total_s)
    yield Row("whole", click.total_s, ratio=1.0, remark=click.found)


def _spread(seconds: list[float]) -> str:
    return f"{len(seconds)} runs, {min(seconds):.2f} to {max(seconds):.2f} s"


def _pause_row(name: str, pause: Pause) -> Row:
    """Own work is what the panel is to blame for; the rest of a pause is other programs' load."""
    remark = f"after {pause.begin_s:.1f} s; {1000 * pause.own_s:.0f} ms of it own work"
    return Row(name, 1000 * pause.seconds, "ms", target=GUI_PAUSE_MS, remark=remark)


def _machine() -> str:
    load = ", ".join(f"{value:.1f}" for value in psutil.getloadavg())
    return (
        f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPU cores, load before {load}; "
        "head CT of 512 x 512 x 54 voxels, network on the CPU"
    )


if __name__ == "__main__":
    main()
