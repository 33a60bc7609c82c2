"""Reader studies without a window: what a study is, each reader's order, marks, tables from elsewhere."""

import json
from pathlib import Path

import pytest
from engine.dicom_phantom import ball, write_series
from engine.reader_study import MARK, write_empty_study
from engine.terminal import output_of

from radiologycnn.errors import InputError
from radiologycnn.readers.answers import Answer, read_answers, readers_of, write_answers
from radiologycnn.readers.marks import PeakCheck, TearMark, check_peak
from radiologycnn.readers.study import StudySettings, open_study, reading_order, write_settings
from radiologycnn.readers.tables import import_answers, read_groups, read_predictions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_empty_study(tmp_path)


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


def test_settings_stay_once_there_are_answers(folder: Path) -> None:
    def new(*arguments: str) -> str:
        return output_of("readers", "new", folder, *arguments)

    assert "Note" not in new("--seed", "1", "--title", "Spring")
    assert "earlier ones: title “Spring”, show_map false, seed 1." in new("--show-map")
    assert "Note" not in new("--show-map")
    write_answers(folder / "readers" / "dr-b.csv", [Answer("case 1", 1, 3, None)])
    new("--show-map", "--title", "Autumn")  # it had no title
    before = (folder / "study.json").read_bytes()
    with pytest.raises(InputError, match=r"answers already \(dr-b\), and other settings: title “Autumn”, show_map"):
        new("--seed", "7")
    assert (folder / "study.json").read_bytes() == before
    new("--show-map", "--title", "Autumn")
    (folder / "study.json").unlink()  # the defaults are settings, too
    with pytest.raises(InputError, match="seed 0"):
        new("--seed", "7")
    assert not (folder / "study.json").exists()


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


@pytest.mark.parametrize(
    "text",
    [
        "id,class,time\ncase 3,4,12.5\ncase 0,1,\nelsewhere,0,3\n",
        "id;class;time\ncase 3;4;12,5\ncase 0;1;\nelsewhere;0;3\n",
    ],
    ids=["commas", "semicolons and decimal commas"],
)
def test_outside_readers_are_taken_in_with_their_codes_and_times(folder: Path, tmp_path: Path, text: str) -> None:
    table = tmp_path / "Dr A.csv"
    table.write_text(text)
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
    table.write_text("reader,group\nR1,Experts\nr1,Experts\n")
    assert read_groups(table) == {"r1": "Experts"}
    table.write_text("reader,group\nR1,Experts\nr1,Others\n")
    with pytest.raises(InputError, match=r"Line 3 .* puts r1 into another group"):
        read_groups(table)


def test_export_is_one_line_a_case(folder: Path, tmp_path: Path) -> None:
    answers = [Answer("case 1", 1, 3, 5.0, mark=MARK), Answer("case 2", 2, 0, 6.0)]
    write_answers(tmp_path / "out.csv", answers)
    assert list(read_answers(tmp_path / "out.csv").values()) == answers
