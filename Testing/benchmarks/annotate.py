"""Benchmark of an annotator's key: how long accept-and-next keeps the GUI from its events, on 512 x 512 x 160 voxels.

``python -m Testing.benchmarks.annotate`` from the repository's root, without a display. Counted is what the GUI thread
itself works, which a busy machine does not change; the worker that reads the next case is only played, the process that
writes masks is the real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from Testing.benchmarks import click
from Testing.benchmarks.table import Row

SHAPE_KJI = (160, 512, 512)
BLOCKED_MS = 100.0
LOADED = 3


def main() -> None:
    options = click.arguments(__doc__)
    machine = click.machine("head CTs of 512 x 512 x 160 voxels")
    with click.work_folder(options) as folder:
        click.report(machine, [list(_rows(folder / "annotate", options.runs))], options)


def _rows(folder, runs: int) -> Iterator[Row]:
    from Testing.benchmarks.annotate_panel import AnnotatePanel

    panel = AnnotatePanel(folder, SHAPE_KJI, runs + 2)
    accepts, prepared = [], []
    for _run in range(runs):
        panel.draw()
        accepts.append(panel.accept())
        prepared.append(panel.prepare_next())
    loaded_s = panel.open_loaded(LOADED)
    panel.close()
    longest = [max(turn.blocking_s for turn in turns) for turns in accepts]
    yield Row("Accept and next case")
    for name, choose in (("median", median), ("longest", max)):
        yield Row(f"GUI thread blocked at a time, {name}", 1000 * choose(longest), "ms", target=BLOCKED_MS)
    yield Row("  key until the next scan is there", 1000 * median(turns[0].blocking_s for turns in accepts), "ms")
    yield Row("  all turns until all is done", 1000 * median(_sum(turns, "blocking_s") for turns in accepts), "ms")
    yield Row("  views drawn by software OpenGL", 1000 * median(_sum(turns, "drawing_s") for turns in accepts), "ms")
    yield Row("first case, read by the worker, longest turn", 1000 * panel.first_s, "ms", target=BLOCKED_MS)
    yield Row(f"{LOADED} loaded scans as the list, longest turn", 1000 * loaded_s, "ms", target=BLOCKED_MS)
    yield Row("next case taken into memory, longest turn", 1000 * max(prepared), "ms", target=BLOCKED_MS)


def _sum(turns, name: str) -> float:
    return sum(getattr(turn, name) for turn in turns)


if __name__ == "__main__":
    main()
