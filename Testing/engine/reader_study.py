"""A reader study of empty files, and a reader whose clock the test moves."""

from datetime import datetime, timezone
from pathlib import Path

from radiologycnn.readers.answers import Answer
from radiologycnn.readers.marks import TearMark
from radiologycnn.readers.reading import Reading
from radiologycnn.readers.study import open_study

TURN = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
MARK = TearMark("box", (1.5, -2.25, 3.0), (10.0, 20.0, 6.0), TURN)


class Clock:
    """Seconds that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def write_empty_study(folder: Path) -> Path:
    """Six files with the names of scans; nothing looks into them."""
    for number in range(6):
        (folder / f"case {number}.nii.gz").write_bytes(b"")
    return folder


def start(folder: Path, reader: str = "R01") -> tuple[Reading, Clock]:
    """A reader's session, and the clock that it is timed with."""
    clock = Clock()
    return Reading(open_study(folder), reader, clock, lambda: datetime(2026, 5, 6, tzinfo=timezone.utc)), clock


def answer(reading: Reading, clock: Clock, tear_class: int, seconds: float = 5.0, **more: object) -> Answer:
    """Show the present case for some seconds, and answer."""
    reading.show()
    clock.seconds += seconds
    written = reading.answer(tear_class, **more)
    assert written is not None
    return written
