"""Reader studies without a window: reading against the clock, and answers that survive a kill."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engine.reader_study import MARK, answer, start, write_empty_study

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.evaluation.class_files import read_class_table
from radiologycnn.readers.answers import Answer, AnswerFile, read_answers, readers_of
from radiologycnn.readers.marks import PeakCheck
from radiologycnn.readers.reading import SHORTEST_READING_S
from radiologycnn.readers.study import StudySettings, open_study, reading_order, write_settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_empty_study(tmp_path)


# ---- answers -------------------------------------------------------------------------------------------------------


def test_answers_come_back_as_they_were(folder: Path) -> None:
    study = open_study(folder)
    first = Answer("case 1", 1, 4, 12.345, "2026-05-06T07:08:09+00:00", 2, 1, MARK, PeakCheck(False, 3.25))
    second = Answer("case 0", 2, 0, None)
    file = AnswerFile(study, "R 01")
    file.append(first)
    file.append(second)
    assert list(AnswerFile(study, "r 01").answers.values()) == [first, second]
    assert readers_of(study) == {"R 01": {"case 1": first, "case 0": second}}
    assert read_class_table(file.path).classes == {"case 1": 4, "case 0": 0}


def test_a_torn_line_is_dropped_and_what_was_before_it_is_kept(folder: Path) -> None:
    study = open_study(folder)
    file = AnswerFile(study, "R01")
    file.append(Answer("case 1", 1, 3, 5.0))
    whole = file.path.read_bytes()
    file.path.write_bytes(whole + b"case 2,2,Sma")
    assert read_answers(file.path).keys() == {"case 1"}
    again = AnswerFile(study, "R01")
    assert file.path.read_bytes() == whole
    again.append(Answer("case 2", 2, 1, 5.0))
    assert read_answers(file.path).keys() == {"case 1", "case 2"}


def test_what_macos_lays_beside_answers_is_no_reader(folder: Path) -> None:
    study = open_study(folder)
    file = AnswerFile(study, "R01")
    file.append(Answer("case 1", 1, 3, 5.0))
    file.path.with_name("._R01.csv").write_bytes(b"\x00\x05\x16\x07" + bytes(4092))
    assert list(readers_of(study)) == ["R01"]


def test_a_file_that_somebody_else_has_changed_is_not_added_to(folder: Path) -> None:
    study = open_study(folder)
    first, second = AnswerFile(study, "R01"), AnswerFile(study, "R01")
    first.append(Answer("case 1", 1, 3, 5.0))
    with pytest.raises(InputError, match="another program"):
        second.append(Answer("case 1", 1, 2, 5.0))
    assert read_answers(first.path)["case 1"].tear_class == 3


def test_an_answer_that_cannot_be_written_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = AnswerFile(open_study(folder), "R01")
    file.append(Answer("case 1", 1, 3, 5.0))
    before = file.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ResourceError, match="No space left"):
            file.append(Answer("case 2", 2, 3, 5.0))
    assert file.path.read_bytes() == before
    assert file.answers.keys() == {"case 1"}
    file.append(Answer("case 2", 2, 3, 5.0))


@pytest.mark.parametrize("reader", ["", "a/b", "..", "x" * 41, "a\nb", "CON:"])
def test_reader_ids_that_cannot_name_a_file_are_refused(folder: Path, reader: str) -> None:
    with pytest.raises(InputError):
        AnswerFile(open_study(folder), reader)


ANSWERING = """
import sys
from radiologycnn.readers.reading import Reading
from radiologycnn.readers.study import open_study
seconds = 0.0
reading = Reading(open_study(sys.argv[1]), "R01", lambda: seconds)
while not reading.is_complete:
    reading.show()
    seconds += 2.0
    case, tear_class = reading.case.name, reading.number % 5
    reading.answer(tear_class)
    print(f"{case}|{tear_class}", flush=True)
"""


def test_a_kill_at_any_moment_loses_no_answer(tmp_path: Path, repository: Path) -> None:
    """A process answers 400 cases and is killed again and again; whatever it had told is on the disk, once."""
    for number in range(400):
        (tmp_path / f"{number:03d}.nii").write_bytes(b"")
    told: dict[str, int] = {}
    kills = 0
    generator = np.random.default_rng(0)
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    while True:
        process = subprocess.Popen(
            [sys.executable, "-c", ANSWERING, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
        )
        limit = int(generator.integers(20, 160))
        for count, line in enumerate(process.stdout, start=1):
            case, tear_class = line.strip().split("|")
            assert case not in told
            told[case] = int(tear_class)
            if count == limit:
                process.send_signal(signal.SIGKILL)
        process.stdout.close()
        kills += process.wait() != 0
        kept = read_answers(tmp_path / "readers" / "R01.csv")
        assert told.items() <= {case: one.tear_class for case, one in kept.items()}.items()
        told = {case: one.tear_class for case, one in kept.items()}  # one may be written and not yet told
        if len(kept) == 400:
            break
    assert kills >= 2
    with (tmp_path / "readers" / "R01.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["order"]) for row in rows] == list(range(1, 401))
    assert [row["case"] for row in rows] == reading_order(0, "R01", [f"{n:03d}" for n in range(400)])


# ---- reading -------------------------------------------------------------------------------------------------------


def test_reading_takes_time_without_pauses_and_goes_on_in_order(folder: Path) -> None:
    reading, clock = start(folder)
    assert (reading.number, reading.total, reading.done) == (1, 6, 0)
    reading.show()
    clock.seconds += 4
    reading.pause()
    clock.seconds += 100
    with pytest.raises(InputError, match="No case is shown"):
        reading.answer(2)
    reading.resume()
    clock.seconds += 3
    written = reading.answer(2)
    assert (written.seconds, written.pauses, written.order) == (7.0, 1, 1)
    assert written.case == reading.order[0]
    assert reading.case.name == reading.order[1]
    clock.seconds += 50  # until the next one is shown
    assert answer(reading, clock, 0, 6.5).seconds == 6.5


def test_an_answer_right_after_another_is_not_taken(folder: Path) -> None:
    reading, clock = start(folder)
    reading.show()
    clock.seconds += SHORTEST_READING_S / 2
    assert reading.answer(1) is None
    assert reading.done == 0
    clock.seconds += SHORTEST_READING_S
    assert reading.answer(1).seconds == pytest.approx(1.5 * SHORTEST_READING_S)


def test_what_follows_is_what_the_answer_brings(folder: Path) -> None:
    reading, clock = start(folder)
    for _case in range(reading.total):
        following = reading.following
        answer(reading, clock, 1)
        assert reading.case == following
    assert reading.following is None


def test_all_answers_end_the_study(folder: Path) -> None:
    reading, clock = start(folder)
    for _number in range(6):
        answer(reading, clock, 1)
    assert reading.is_complete and reading.case is None
    assert start(folder)[0].is_complete


def test_the_clock_of_an_unanswered_case_survives_the_program(folder: Path) -> None:
    reading, clock = start(folder)
    answer(reading, clock, 1)
    reading.show()
    clock.seconds += 8
    reading.save_state()
    again, clock = start(folder)  # killed
    assert again.case == reading.case
    again.show()
    clock.seconds += 2
    again.leave()
    third, clock = start(folder)  # left in good order
    written = answer(third, clock, 2, 1.0)
    assert (written.seconds, written.interruptions) == (11.0, 1)


def test_going_back_changes_an_answer_where_it_is_allowed(folder: Path) -> None:
    reading, clock = start(folder)
    answer(reading, clock, 1)
    with pytest.raises(InputError, match="going back"):
        reading.go_back()
    write_settings(folder, StudySettings(allow_back=True))
    reading, clock = start(folder)
    answer(reading, clock, 3, 4.0)
    waiting = reading.case
    reading.show()
    clock.seconds += 20
    reading.go_back()
    assert reading.earlier.tear_class == 3
    changed = answer(reading, clock, 4, 2.0)
    assert (changed.seconds, changed.order) == (6.0, 2)
    assert reading.case == waiting
    assert answer(reading, clock, 0, 1.0).seconds == 21.0
    assert [one.tear_class for one in reading.answers.values()] == [1, 4, 0]


def test_a_case_that_cannot_be_shown_is_left_out(folder: Path) -> None:
    reading, clock = start(folder)
    left_out = reading.case.name
    reading.skip()
    for _number in range(5):
        answer(reading, clock, 1)
    assert reading.is_complete
    assert reading.skipped == (left_out,)
    assert not start(folder)[0].is_complete
