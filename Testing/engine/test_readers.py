"""Reader studies without a window: order, answers that survive a kill, reading, import."""

import csv
import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from engine.dicom_phantom import ball, write_series

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.evaluation.class_files import read_class_table
from radiologycnn.readers.answers import Answer, AnswerFile, read_answers, readers_of, write_answers
from radiologycnn.readers.marks import PeakCheck, TearMark, check_peak
from radiologycnn.readers.reading import SHORTEST_READING_S, Reading
from radiologycnn.readers.study import StudySettings, open_study, reading_order, write_settings
from radiologycnn.readers.tables import import_answers, read_groups, read_predictions

TURN = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
MARK = TearMark("box", (1.5, -2.25, 3.0), (10.0, 20.0, 6.0), TURN)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six files with the names of scans; nothing here looks into them."""
    for number in range(6):
        (tmp_path / f"case {number}.nii.gz").write_bytes(b"")
    return tmp_path


def start(folder: Path, reader: str = "R01") -> tuple[Reading, Clock]:
    clock = Clock()
    return Reading(open_study(folder), reader, clock, lambda: datetime(2026, 5, 6, tzinfo=timezone.utc)), clock


def answer(reading: Reading, clock: Clock, tear_class: int, seconds: float = 5.0, **more: object) -> Answer:
    reading.show()
    clock.seconds += seconds
    written = reading.answer(tear_class, **more)
    assert written is not None
    return written


# ---- study ---------------------------------------------------------------------------------------------------------


def test_a_study_is_its_scans_and_nothing_that_lies_beside_them(tmp_path: Path) -> None:
    for name in ("b.nrrd", "a.nii.gz", "a-mask.nii.gz", "a.json", "contact-sheet.png", ".hidden.nii", "C.MHA"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "notes").mkdir()
    (tmp_path / "readers").mkdir()
    write_series(tmp_path / "d", [(0, 0, z) for z in range(3)], ball((0, 0, 0), 10), shape_ji=(8, 8))
    study = open_study(tmp_path)
    assert [case.name for case in study.cases] == ["C", "a", "b", "d"]
    assert study.case("d").path.is_dir()
    assert study.truth is None


def test_two_scans_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"")
    (tmp_path / "a.nrrd").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.nii and a\.nrrd"):
        open_study(tmp_path)


def test_settings_come_back_and_wrong_ones_are_refused(folder: Path) -> None:
    settings = StudySettings("Spring", True, False, True, False, 7)
    write_settings(folder, settings)
    assert open_study(folder).settings == settings
    for record, words in (
        ({"alow_back": True}, "alow_back"),
        ({"seed": "7"}, "whole number"),
        ({"seed": True}, "seed"),
    ):
        (folder / "study.json").write_text(json.dumps(record))
        with pytest.raises(InputError, match=words):
            open_study(folder)


def test_truth_of_other_scans_is_refused(folder: Path) -> None:
    (folder / "truth.csv").write_text("case,tear_class\nelsewhere,Small\n")
    with pytest.raises(InputError, match="No case"):
        open_study(folder)


# ---- order ---------------------------------------------------------------------------------------------------------


def test_order_is_a_readers_own_and_always_the_same() -> None:
    cases = [f"c{number}" for number in range(40)]
    order = reading_order(3, "R01", cases)
    assert sorted(order) == sorted(cases)
    assert order == reading_order(3, " r01 ", list(reversed(cases)))
    assert order != reading_order(3, "R02", cases)
    assert order != reading_order(4, "R01", cases)
    assert order != cases
    assert [case for case in reading_order(3, "R01", [*cases, "late"]) if case != "late"] == order


def test_every_case_comes_first_about_equally_often() -> None:
    firsts = [reading_order(0, f"reader {number}", list("abcd"))[0] for number in range(400)]
    counts = [firsts.count(case) for case in "abcd"]
    assert min(counts) > 70  # 100 expected; 3.5 standard deviations below


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


# ---- marks ---------------------------------------------------------------------------------------------------------


def test_distance_to_a_turned_box() -> None:
    assert MARK.distance_mm((1.5, -2.25, 3.0)) == 0
    assert MARK.distance_mm((1.5 + 9.9, -2.25, 3.0)) == 0  # its second edge, 20 mm, lies along L
    assert MARK.distance_mm((1.5 + 13.0, -2.25, 3.0)) == pytest.approx(3.0)
    assert MARK.distance_mm((1.5, -2.25 + 9.0, 3.0)) == pytest.approx(4.0)
    assert MARK.distance_mm((1.5 + 13.0, -2.25 + 9.0, 3.0 + 15.0)) == pytest.approx(13.0)  # 3, 4 and 12 mm


def test_a_point_has_a_distance_and_no_inside() -> None:
    point = TearMark("point", (0.0, 0.0, 0.0))
    assert check_peak(point, (3.0, 4.0, 0.0)) == PeakCheck(False, 5.0)
    assert not check_peak(point, (0.0, 0.0, 0.0)).inside
    assert check_peak(MARK, (1.5, -2.25, 5.0)) == PeakCheck(True, 0.0)


# ---- tables from elsewhere -----------------------------------------------------------------------------------------


def test_outside_readers_are_taken_in_with_their_codes_and_times(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "Dr A.csv"
    table.write_text("id,class,time\ncase 3,4,12.5\ncase 0,1,\nelsewhere,0,3\n")
    study = open_study(folder)
    assert import_answers(study, table, codes="paper") == ("Dr A", 2, ["elsewhere"])
    answers = readers_of(study)["Dr A"]
    assert {case: (one.tear_class, one.seconds) for case, one in answers.items()} == {
        "case 0": (2, None),
        "case 3": (1, 12.5),
    }
    with pytest.raises(InputError, match="already"):
        import_answers(study, table, "dr a")


def test_wrong_times_and_groups_are_refused(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    for seconds in ("soon", "-3", "nan", "inf"):
        table.write_text(f"case,tear_class,seconds\ncase 1,Small,{seconds}\n")
        with pytest.raises(InputError, match="Line 2"):
            read_predictions(table)
    table.write_text("reader,team\nR01,A\n")
    with pytest.raises(InputError, match="reader and group"):
        read_groups(table)


def test_export_is_one_line_a_case(folder: Path, tmp_path: Path) -> None:
    answers = [Answer("case 1", 1, 3, 5.0, mark=MARK), Answer("case 2", 2, 0, 6.0)]
    write_answers(tmp_path / "out.csv", answers)
    assert list(read_answers(tmp_path / "out.csv").values()) == answers
