"""``cases.csv`` of a dataset, saved by people as what it cannot be: it is left alone, and nothing waits for it."""

from pathlib import Path

import numpy as np
import pytest
from engine.annotation_rater import SHAPE, lines_of, mask_of, saved_by_spreadsheet

from radiologycnn.annotation.consensus import make_consensus
from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.annotation.records import Decision
from radiologycnn.annotation.settled import settle_all
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.errors import InputError
from radiologycnn.training.improvement.corrections import read_corrections

MATRIX = np.diag([0.5, 0.5, 5.0, 1.0])


def opened(folder: Path, cases: int = 1) -> AnnotationStore:
    store = AnnotationStore(folder, "ab")
    for case in store.add_sources([(f"{n:032x}", "") for n in range(cases)]).values():
        store.write_scan(case, np.zeros(SHAPE, np.int16), MATRIX)
    return store


def spoil(folder: Path, how: str) -> None:
    """Save ``cases.csv``, whose first line is of a patient in the test split, as nobody can read it."""
    path = saved_by_spreadsheet(
        folder, how if how in ("cp1252", "utf-16") else "utf-8-sig", patient="Müller", split="test"
    )
    text = path.read_text("utf-8-sig") if how not in ("cp1252", "utf-16") else ""
    if how == "first line gone":
        path.write_text(text.partition("\n")[2], "utf-8")
    elif how == "other id":
        path.write_text(text.replace("case-0001;", "1;"), "utf-8")
    elif how == "column twice":
        path.write_text(text.replace("patient", "split", 1), "utf-8")
    elif how == "case twice":
        line = text.splitlines()[1]
        path.write_text(text.rstrip() + f"\n{line.replace('test', 'train')}\n", "utf-8")
    elif how == "cell without a column":
        path.write_text(text.rstrip() + ";see below\n", "utf-8")
    elif how == "endless cell":
        path.write_text(text + "x" * 200_000, "utf-8")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("cp1252", "no text in UTF-8"),
        ("utf-16", "no text in UTF-8"),
        ("first line gone", "no column id"),
        ("other id", "line 2 was filled in, and its id is that of no case"),
        ("column twice", "two of its columns are called split"),
        ("case twice", "line 4 is of case-0001, as one before it, and something else was filled in"),
        ("cell without a column", "line 3 has a cell in a column without a name"),
        ("endless cell", "no CSV table"),
    ],
)
def test_table_that_cannot_be_read_is_left_alone_and_nothing_waits_for_it(tmp_path: Path, how, sentence) -> None:
    store = opened(tmp_path, cases=3)
    for number, case in enumerate(("case-0001", "case-0002")):
        store.decide(case, Decision("accepted", mask_of("ab", number)))
    spoil(tmp_path, how)
    saved = (tmp_path / "cases.csv").read_bytes()

    store.submit("case-0003", Decision("accepted", mask_of("ab", 5)))
    (problem,) = store.settle()
    assert (problem["code"], problem["case"]) == ("manifest-behind", "") and sentence in problem["message"]
    assert not store.has_submitted and store.annotation("case-0003").status == "accepted"
    other = AnnotationStore(tmp_path, "cd")
    assert other.problems == [problem], "the folder opens"
    word = other.decide("case-0001", Decision("accepted", mask_of("cd", 1)))
    assert other.annotation("case-0001") == word

    dataset = AnnotationDataset(tmp_path)
    (note,) = settle_all(tmp_path)
    assert note == f"{problem['message']} {problem['hint']}" and make_consensus(dataset)["notes"][0] == note
    for work in (read_corrections, lambda one: make_consensus(one, use_for_training=True)):
        with pytest.raises(InputError, match=sentence):
            work(dataset)
    assert dataset.training_choice().source == "latest"
    assert (tmp_path / "cases.csv").read_bytes() == saved

    rows = [["id", "split", "patient"], ["case-0001", "test", "Müller"], ["nobody", "", ""]]
    (tmp_path / "cases.csv").write_text("\n".join(map(";".join, rows)), "utf-8")
    assert store.settle() == []
    found = {row["id"]: (row["accepted_by"], row["split"], row["patient"]) for row in lines_of(tmp_path, ";")}
    assert found == {
        "case-0001": ("ab cd", "test", "Müller"), "case-0002": ("ab", "", ""), "case-0003": ("ab", "", "")
    }  # fmt: skip


def test_choice_of_training_masks_holds_where_the_table_cannot_be_read(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.decide("case-0001", Decision("accepted", mask_of("ab", 1)))
    make_consensus(store, use_for_training=True)
    spoil(tmp_path, "cp1252")
    with pytest.raises(InputError, match="What was decided is kept"):
        store.use_latest_masks()
    path = tmp_path / "cases.csv"
    path.write_text(path.read_text("cp1252"), "utf-8")
    assert settle_all(tmp_path) == ()
    assert [(row["rater"], row["patient"]) for row in lines_of(tmp_path, ";")] == [("ab", "Müller")]


def test_table_that_cannot_be_written_is_told_and_written_later(tmp_path: Path) -> None:
    store = opened(tmp_path)
    (tmp_path / "cases.csv").unlink()
    (tmp_path / "cases.csv").mkdir()
    store.submit("case-0001", Decision("accepted", mask_of("ab", 1)))
    (problem,) = store.settle()
    assert problem["code"] == "manifest-behind" and "cases.csv is a folder" in problem["message"]
    (tmp_path / "cases.csv").rmdir()
    assert settle_all(tmp_path) == () and [row["id"] for row in lines_of(tmp_path)] == ["case-0001"]
    (tmp_path / "dataset.json").write_text('{"kind": "photos"}')
    assert settle_all(tmp_path) == ()
