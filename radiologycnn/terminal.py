"""What commands share on the terminal: a progress bar on stderr, and Ctrl-C as a wish to stop."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


@contextmanager
def show_progress(quiet: bool = False) -> Iterator[Callable[[float, str], None]]:
    """A bar on stderr; one line a stage where stderr is not a terminal."""
    if quiet:
        yield lambda fraction, stage: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("Starting", total=1.0)
            yield lambda fraction, stage: bar.update(task, completed=fraction, description=stage)
    else:
        last: list[str] = []

        def say(fraction: float, stage: str) -> None:
            if last != [stage]:
                last[:] = [stage]
                typer.echo(f"[{fraction:4.0%}] {stage}", err=True)

        yield say


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C stops between two steps, so that no half-written file stays; the second one at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def on_interrupt(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
