"""One reader's way through a study: which case is next, the clock of each, pause, answer, and back where allowed.

Knows nothing of windows; whoever shows the scans tells it what happens. Besides the answers it keeps a small state
file, so that a program that ended in the middle of a case does not give the reader a fresh clock for it.

Light on purpose: the Slicer panel imports this.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Set
from datetime import datetime
from typing import Any

from radiologycnn.awake_clock import awake_seconds
from radiologycnn.errors import InputError
from radiologycnn.file_replacing import whole_file
from radiologycnn.readers.answers import Answer, AnswerFile
from radiologycnn.readers.marks import TearMark, check_peak, network_peak_lps
from radiologycnn.readers.study import Study, StudyCase, reading_order

#: A second answer this soon after the first is a key that was pressed twice, not a reading.
SHORTEST_READING_S = 0.5


class Reading:
    """A reader's session.

    Args:
        study: the study.
        reader: id.
        clock: seconds that only rise.
        now: date and time for the answers' time stamps.

    Raises:
        InputError: an id that cannot name a file, or a file of answers that cannot be read.
    """

    def __init__(
        self,
        study: Study,
        reader: str,
        clock: Callable[[], float] = awake_seconds,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self.study = study
        self._skipped: set[str] = set()
        self._file = AnswerFile(study, reader)
        self.reader = self._file.reader
        self.order = reading_order(study.settings.seed, self.reader, [case.name for case in study.cases])
        self._clock, self._now = clock, now
        self._state_path = self._file.path.with_name(f".{self.reader}.state.json")
        self._place = self._first_open()
        self._started: float | None = None
        self._before = 0.0  # seconds of this case before the clock was started last
        self._shown_at = 0.0
        self._pauses = 0
        self._interruptions = 0
        self._is_shown = False
        self._unanswered = self._read_state()

    # Where the reader is

    @property
    def answers(self) -> dict[str, Answer]:
        """What the reader has answered so far, by case."""
        return self._file.answers

    @property
    def total(self) -> int:
        """How many cases there are to read."""
        return len(self.order)

    @property
    def done(self) -> int:
        """Cases that have an answer."""
        return sum(name in self.answers for name in self.order)

    @property
    def is_complete(self) -> bool:
        """Whether every case has been answered."""
        return self._place >= self.total

    @property
    def number(self) -> int:
        """Of the present case, from 1."""
        return self._place + 1

    @property
    def case(self) -> StudyCase | None:
        """The present case; None when all are answered."""
        return None if self.is_complete else self.study.case(self._case_name)

    @property
    def _case_name(self) -> str:
        """Of the present case; there is none when all are answered."""
        return self.order[self._place]

    @property
    def following(self) -> StudyCase | None:
        """The case that comes when the present one is answered; None when that is the last."""
        if self.is_complete:
            return None
        place = self._first_open(self._place, {self._case_name})
        return None if place >= self.total else self.study.case(self.order[place])

    @property
    def earlier(self) -> Answer | None:
        """The answer that the present case has already, when the reader has gone back to it."""
        return None if self.is_complete else self.answers.get(self._case_name)

    @property
    def is_running(self) -> bool:
        """Whether the clock runs."""
        return self._started is not None

    @property
    def seconds(self) -> float:
        """Of the present case, pauses left out."""
        return self._before + (self._clock() - self._started if self._started is not None else 0.0)

    # What happens

    def show(self) -> None:
        """The present case is on the screen: the clock starts."""
        if self.is_complete or self._is_shown:
            return
        earlier = self.earlier
        kept = self._unanswered.get(self._case_name)
        if kept is not None:
            self._before, self._pauses = float(kept["seconds"]), int(kept["pauses"])
            self._interruptions = int(kept["interruptions"]) + bool(kept["is_shown"])
        elif earlier is not None:
            self._before, self._pauses = earlier.seconds or 0.0, earlier.pauses
            self._interruptions = earlier.interruptions
        else:
            self._before, self._pauses, self._interruptions = 0.0, 0, 0
        self._is_shown = True
        self._started = self._shown_at = self._clock()
        self.save_state()

    def pause(self) -> None:
        """The case is hidden: the clock stops."""
        if self._started is not None:
            self._before, self._started = self.seconds, None
            self._pauses += 1
            self.save_state()

    def resume(self) -> None:
        """The case is on the screen again."""
        if self._is_shown and self._started is None:
            self._started = self._shown_at = self._clock()

    def answer(self, tear_class: int, mark: TearMark | None = None) -> Answer | None:
        """Write the answer of the present case and go on to the next; None where it came too soon to be meant.

        Raises:
            ResourceError: it could not be written; the case stays, and the clock goes on.
            InputError: no case is shown.
        """
        if self.is_complete or self._started is None:
            raise InputError("no-case", "No case is shown.", "Resume the study first.")
        if self._clock() - self._shown_at < SHORTEST_READING_S:
            return None
        peak = network_peak_lps(self.study.network_folder(self._case_name)) if mark else None
        answer = Answer(
            self._case_name,
            self.number,
            int(tear_class),
            round(self.seconds, 3),
            self._now().isoformat(timespec="seconds"),
            self._pauses,
            self._interruptions,
            mark,
            check_peak(mark, peak) if mark and peak else None,
        )
        self._file.append(answer)
        self._unanswered.pop(self._case_name, None)
        self._started, self._is_shown = None, False
        self._place = self._first_open(self._place)
        self._write_state()
        return answer

    def skip(self) -> None:
        """The present case cannot be shown: go on to the next one; this one stays without an answer."""
        if not self.is_complete:
            self._skipped.add(self._case_name)
            self._started, self._is_shown = None, False
            self._place = self._first_open(self._place)

    @property
    def skipped(self) -> tuple[str, ...]:
        """Cases that could not be shown."""
        return tuple(sorted(self._skipped))

    @property
    def can_go_back(self) -> bool:
        """Whether the study lets readers go back, and there is a case to go back to."""
        return self.study.settings.allow_back and self._place > 0

    def go_back(self) -> None:
        """To the case before, whose answer can then be changed; its clock goes on where it stopped.

        Raises:
            InputError: the study does not allow it, or this is the first case.
        """
        if not self.can_go_back:
            raise InputError("no-way-back", "This study does not allow going back.", "")
        self.leave()
        self._place -= 1

    def leave(self) -> None:
        """The reader leaves the present case without an answer: its clock is kept for the next time."""
        if self._is_shown:
            self._before, self._started = self.seconds, None
            self.save_state(is_shown=False)
            self._is_shown = False

    def save_state(self, is_shown: bool = True) -> None:
        """Keep the present case's clock; called now and then while it runs."""
        if not self._is_shown or self.is_complete:
            return
        self._unanswered[self._case_name] = {
            "seconds": round(self.seconds, 3),
            "pauses": self._pauses,
            "interruptions": self._interruptions,
            "is_shown": is_shown,
        }
        self._write_state()

    # Inside

    def _write_state(self) -> None:
        try:
            self._state_path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self._state_path) as file:
                file.write(json.dumps(self._unanswered).encode())
        except OSError:
            pass  # a clock that is not kept is no reason to stop a reader; an answer that is not kept is one

    def _first_open(self, start: int = 0, besides: Set[str] = frozenset()) -> int:
        """Place of the first case without an answer from here on, then from the beginning; total where none is left.

        Args:
            start: place to look from.
            besides: cases that count as answered.
        """
        answered = self.answers.keys() | self._skipped | besides
        places = [*range(start, self.total), *range(start)]
        return next((place for place in places if self.order[place] not in answered), self.total)

    def _read_state(self) -> dict[str, dict[str, Any]]:
        try:
            state = json.loads(self._state_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        names = {"seconds", "pauses", "interruptions", "is_shown"}
        return {case: kept for case, kept in dict(state).items() if isinstance(kept, dict) and names <= kept.keys()}
