"""What commands share on the terminal: its characters, a progress bar on stderr, and Ctrl-C as a wish to stop."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import typer

from radiologycnn.progress import IsCancelled, Progress, no_progress


def print_any_character() -> None:
    """Have stdout show a character that its encoding lacks as its number, such as ``\\u043c``.

    Redirected on Windows, it is in the system's code page: a name in another script, or a sign such as “≥”, would end
    a command whose work is done.
    """
    with suppress(AttributeError, ValueError):  # replaced by something else, or closed
        if sys.stdout.errors == "strict":
            sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def show_progress(quiet: bool = False, even: bool = True) -> Iterator[Progress]:
    """A bar on stderr; one line a stage where stderr is not a terminal.

    Args:
        even: equal parts of the work take about as long, so that the time left can be told.
    """
    if quiet:
        yield no_progress
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = [TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()]
        if even:
            columns.append(TimeRemainingColumn())
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("Starting", total=1.0)
            yield lambda fraction, stage: bar.update(task, completed=fraction, description=stage)
    else:
        last: list[str] = []
        left = TimeLeft()

        def say(fraction: float, stage: str) -> None:
            if last != [stage]:
                last[:] = [stage]
                typer.echo(f"[{fraction:4.0%}] {stage}{left.words(fraction) if even else ''}", err=True)

        yield say


_UNITS = (("s", 1), ("min", 60), ("h", 3600))


class TimeLeft:
    """How long work will go on, by what it took since its first report."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, float] | None = None  # when, and the part that was done by then
        self._part = 0.0

    def words(self, part: float) -> str:
        """Such as ", about 12 min left"; "" where nothing is known yet, or only seconds are left.

        Args:
            part: 0-1, that is done. A smaller one than before begins something new.
        """
        now = self._clock()
        before, self._part = self._part, part
        if self._first is None or part < before or part <= self._first[1]:
            self._first = (now, part)
            return ""
        begun_s, begun_part = self._first
        seconds = (now - begun_s) * (1 - part) / (part - begun_part)
        if seconds < 10:
            return ""
        unit, size = next((one for one in _UNITS if seconds < 100 * one[1]), _UNITS[-1])
        return f", about {seconds / size:.0f} {unit} left"


@contextmanager
def stop_on_interrupt() -> Iterator[IsCancelled]:
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
