"""What the benchmarks of a click on a panel's big button share: arguments, the run over models, and their rows."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil

from Testing.benchmarks.prepare import MODELS
from Testing.benchmarks.table import Row, render

if TYPE_CHECKING:
    from Testing.benchmarks.heartbeat import Pause
    from Testing.benchmarks.panel import BenchmarkPanel, CancelTimes, ClickTimes

NETWORK_STAGE = "Running the network"
PLAIN_TORCH = "torch-cpu"

OUTSIDE_NETWORK_PERCENT = 25.0
GUI_PAUSE_MS = 200.0
CANCEL_S = 2.0
COLD_S = 3.0
WORKER_MIB = 1536.0
CANCEL_SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)


def arguments(description: str) -> argparse.Namespace:
    """The command line: ``runs``, ``quick``, ``json``, ``work``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runs", type=int, default=5, help="warm clicks of which the median is shown")
    parser.add_argument("--quick", action="store_true", help="one warm click and two cancels, the first network only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE as well")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep scan and networks there for the next time")
    options = parser.parse_args()
    if options.quick:
        options.runs = 1
    return options


@contextmanager
def work_folder(options: argparse.Namespace) -> Iterator[Path]:
    """The folder for scan and networks; its networks are found by panel and worker."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        folder = (options.work or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["RADIOLOGYCNN_MODELS"] = str(folder / MODELS)
        yield folder


def report(machine: str, parts: Iterable[list[Row]], options: argparse.Namespace) -> None:
    """Print each part's table as soon as it is measured: on a busy machine each takes minutes."""
    print(machine, flush=True)
    rows = []
    for part in parts:
        print(f"\n{render(part)}", flush=True)
        rows += part
    print(f"\nTargets missed: {sum(row.is_missed for row in rows)}")
    if options.json:
        record = {"machine": machine, "rows": [row.to_dict() for row in rows]}
        options.json.write_text(json.dumps(record, indent=2))


def models_to_measure(task: str, paper_model: str, options: argparse.Namespace, otherwise: str) -> list[str]:
    """The bundled model, or ``otherwise`` where there is none, and the one of the paper's size."""
    first = bundled_model(task) or otherwise
    return list(dict.fromkeys([first] if options.quick else [first, paper_model]))


def bundled_model(task: str) -> str:
    """Id of the model that comes with the project, whatever else lies in the work folder; "" where there is none."""
    from radiologycnn.models.catalog import bundled_models_folder, list_models

    bundled = (p.id for p in list_models(task) if not p.problem and bundled_models_folder() in p.path.parents)
    return next(bundled, "")


def cold_and_warm(panel: BenchmarkPanel, model: str, runs: int) -> tuple[ClickTimes, list[ClickTimes]]:
    """The first click, which has to start the worker, and those after it, each on a scan that was looked at before."""
    panel.use_model(model)
    panel.stop_worker()
    cold = panel.click()
    panel.wait_until_idle()
    return cold, [_warm_click(panel) for _run in range(runs)]


def _warm_click(panel: BenchmarkPanel) -> ClickTimes:
    panel.look_at_scan()
    return panel.click()


def cancels(panel: BenchmarkPanel, clicks: list[ClickTimes], options: argparse.Namespace) -> list[CancelTimes]:
    """Cancels at shares of the usual time, but for those that a result forestalled."""
    usual_s = median(click.total_s for click in clicks)
    shares = CANCEL_SHARES[1::3] if options.quick else CANCEL_SHARES
    tried = [panel.cancel(share * usual_s) for share in shares]
    return [cancel for cancel in tried if cancel is not None]


def stage_rows(model: str, clicks: list[ClickTimes]) -> Iterator[Row]:
    """Everything between the median warm click and its result, in order, and the share outside the network."""
    click = sorted(clicks, key=lambda click: click.total_s)[len(clicks) // 2]
    yield Row(f"{model}: stages of the median warm click")
    stages = {name: seconds for name, seconds in click.worker_s.items() if name != "total"}
    parts = {
        "panel: writing the scan for the worker": click.export_s,
        **{f"worker: {name[0].lower()}{name[1:]}": seconds for name, seconds in stages.items()},
        "panel: result into nodes": click.nodes_s,
        "panel: showing it, first drawing": click.show_s,
    }
    parts["between them (events, views, pipes)"] = click.total_s - sum(parts.values())
    for name, seconds in parts.items():
        remark = click.device_name if name.lower().endswith(NETWORK_STAGE.lower()) else ""
        yield Row(name, seconds, ratio=seconds / click.total_s, remark=remark)
    yield Row("whole", click.total_s, ratio=1.0, remark=click.found)
    outside = 100 * (1 - click.worker_s[NETWORK_STAGE] / click.total_s)
    yield Row("outside the network", outside, "%", target=OUTSIDE_NETWORK_PERCENT)


def backend_rows(
    panel: BenchmarkPanel, model: str, clicks: list[ClickTimes], runs: int, cuda_warm_s: float
) -> Iterator[Row]:
    """The same clicks on the other devices here, plain torch on the CPU last, and how many times as long that takes.

    Args:
        clicks: on the device that the panel chooses by itself.
        cuda_warm_s: what a warm click is to take on a GPU.
    """
    devices = _other_devices()
    if PLAIN_TORCH not in devices:
        return
    measured = [clicks]
    for device in devices:
        panel.use_device(device)
        panel.click()
        measured.append([_warm_click(panel) for _run in range(runs)])
    panel.use_device("auto")
    yield Row(f"{model}: by device")
    for name, seconds in (
        ("network", lambda click: click.worker_s[NETWORK_STAGE]),
        ("click to result, warm", lambda click: click.total_s),
    ):
        plain = median(map(seconds, measured[-1]))
        for some in measured:
            here, device = median(map(seconds, some)), some[0].device_name
            target = cuda_warm_s if "cuda" in device and name != "network" else None
            yield Row(f"{name}, {device}", here, target=target, remark=f"{plain / here:.1f} x plain torch")


def _other_devices() -> list[str]:
    """Those that the panel's own choice is not: of a GPU's machine the CPU, and plain torch where it is installed."""
    from radiologycnn.networks.installed import cuda_is_likely, is_installed

    return ["cpu"] * cuda_is_likely() + [PLAIN_TORCH] * is_installed("torch")


def click_rows(model: str, cold: ClickTimes, clicks: list[ClickTimes], warm_s: float) -> Iterator[Row]:
    """What the person notices of the clicks, which are to take ``warm_s`` once the worker is warm."""
    seconds = [click.total_s for click in clicks]
    spread = f"{len(seconds)} runs, {min(seconds):.2f} to {max(seconds):.2f} s"
    yield Row(f"{model}: what the person notices")
    yield Row("click to result, warm", median(seconds), target=warm_s, remark=spread)
    yield Row("click to result, worker not started", cold.total_s, target=COLD_S)
    pause = max((click.pause for click in clicks), key=lambda pause: pause.seconds)
    yield pause_row("GUI thread blocked, warm clicks", pause)
    yield pause_row("GUI thread blocked, cold click", cold.pause)


def cancel_rows(cancelled: list[CancelTimes]) -> Iterator[Row]:
    for cancel in cancelled:
        remark = "worker killed and started anew" if cancel.was_killed else ""
        yield Row(f"cancel {cancel.after_s:.1f} s after the click", cancel.seconds, target=CANCEL_S, remark=remark)


def memory_rows(peak_mib: dict[str, float]) -> Iterator[Row]:
    yield Row("peak memory of the panel's process", peak_mib["panel"], "MiB")
    yield Row("peak memory of the worker", peak_mib["worker"], "MiB", target=WORKER_MIB)


def pause_row(name: str, pause: Pause) -> Row:
    """Own work is what the panel is to blame for; the rest of a pause is other programs' load."""
    remark = f"after {pause.begin_s:.1f} s; {1000 * pause.own_s:.0f} ms of it own work"
    return Row(name, 1000 * pause.seconds, "ms", target=GUI_PAUSE_MS, remark=remark)


def measure_models(
    panel: BenchmarkPanel, models: list[str], rows: Callable[[BenchmarkPanel, str], Iterator[Row]]
) -> Iterator[list[Row]]:
    """The rows of one model after the other; the panel is closed at the end."""
    try:
        for model in models:
            yield list(rows(panel, model))
    finally:
        panel.close()


def machine(work: str) -> str:
    """The machine in words, before the benchmark's own load, and what is worked on."""
    load = ", ".join(f"{value:.1f}" for value in psutil.getloadavg())
    return (
        f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPU cores, load before {load}; "
        f"{work}"
    )
