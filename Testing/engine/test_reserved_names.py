"""Ids become names of files, and datasets and studies go from one computer to another: Windows has reserved names."""

import os
from pathlib import Path

import pytest
from engine.annotated_folder import annotated_folder, ball
from engine.reader_study import answer, start, write_empty_study

from radiologycnn.annotation.records import Decision, Mask
from radiologycnn.annotation.settled import settle_all
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.errors import InputError
from radiologycnn.readers.answers import AnswerFile
from radiologycnn.readers.study import checked_reader, open_study
from radiologycnn.reserved_names import is_reserved


@pytest.mark.parametrize("name", ["con", "NUL", "aux.csv", "Com1", "lpt9.tar.gz", "prn ", "prn.", "con .txt", "COM¹"])
def test_names_of_devices_are_reserved(name) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["cons", "com", "com10", "r01.con", "null", "", ".con", "a con"])
def test_other_names_are_not(name) -> None:
    assert not is_reserved(name)


@pytest.mark.parametrize("reader", ["con", " Nul ", "AUX", "com1"])
def test_a_reader_cannot_be_called_as_a_device_of_windows(tmp_path: Path, reader: str) -> None:
    with pytest.raises(InputError, match="Windows"):
        checked_reader(reader)
    with pytest.raises(InputError, match="Windows"):
        AnnotationStore(tmp_path / "data", reader)
    assert not (tmp_path / "data").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no folder of that name")
def test_a_rater_called_so_before_it_was_refused_goes_on(tmp_path: Path, monkeypatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("radiologycnn.annotation.records.is_reserved", lambda _name: False)
        annotated_folder(tmp_path, 2, {"con": (1.0, 0.0), "ab": (1.2, 0.0)})
        (case, other), store = ("case-0001", "case-0002"), AnnotationStore(tmp_path, "con")
        store.submit(other, Decision("accepted", Mask.of_whole(ball(4.0)), comment="said last"))
    assert settle_all(tmp_path) == (), "what was decided last counts"
    store = AnnotationStore(tmp_path, "Con")
    assert store.annotation(other).comment == "said last"
    assert store.annotation(case).status == "accepted" and store.read_mask(store.annotation(case)) is not None
    store.decide(case, Decision("flagged"))
    assert AnnotationStore(tmp_path, "con").annotation(case).status == "flagged"
    with pytest.raises(InputError, match="Windows"):
        AnnotationStore(tmp_path, "nul")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file of that name")
def test_a_reader_called_so_before_it_was_refused_goes_on(tmp_path: Path, monkeypatch) -> None:
    write_empty_study(tmp_path)
    with monkeypatch.context() as earlier:
        earlier.setattr("radiologycnn.readers.study.is_reserved", lambda _name: False)
        answer(*start(tmp_path, "Con"), 1)
    reading, clock = start(tmp_path, "con")
    answer(reading, clock, 2)
    assert len(AnswerFile(open_study(tmp_path), "CON").answers) == 2
    with pytest.raises(InputError, match="Windows"):
        start(tmp_path, "nul")


def test_a_scan_may_be_called_so_and_its_case_is_not(tmp_path: Path) -> None:
    store = AnnotationStore(tmp_path, "ab")
    assert store.add_sources([("a", "Aux.nii.gz"), ("b", "p1/aux.nii")], keep_names=True) == {
        "a": "scan-Aux",
        "b": "p1-aux",
    }
