"""A remark on a case changes comment and time of the rater's word, and nothing else of it; a word without a mask leaves
the mask that was drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine.annotation_rater import SHAPE, mask_of

from radiologycnn.annotation.records import Annotation, Decision
from radiologycnn.annotation.store import AnnotationStore

CASE = "case-0001"


def opened(folder: Path) -> AnnotationStore:
    store = AnnotationStore(folder, "ab")
    for case in store.add_sources([("0" * 32, "")]).values():
        store.write_scan(case, np.zeros(SHAPE, np.int16), np.diag([0.5, 0.5, 5.0, 1.0]))
    return store


def accept(store: AnnotationStore) -> Annotation:
    """With all that a word can hold."""
    found, message = mask_of("network", 1), {"model": "m-1.0.0", "threshold": 0.5, "provenance": {}}
    file = store.submit_network(CASE, found, message)
    about = {"comment": "thin rim", "network": file, "model": {"id": "m-1.0.0", "sha256": "0"}, "types": "sdh"}
    return store.submit(CASE, Decision("accepted", mask_of("ab", 1), 12.0, edits={"dice": 0.5}, **about))


@pytest.mark.parametrize("is_settled", [True, False])
def test_accepted_word_keeps_all_but_comment_and_time(tmp_path: Path, is_settled: bool) -> None:
    store, other = opened(tmp_path / "one"), opened(tmp_path / "two")
    accept(other)
    other.settle()
    accept(store)
    if is_settled:
        store.settle()
    word = store.submit_remark(CASE, "old infarct", 15.04)
    assert (word.status, word.comment, word.seconds) == ("accepted", "old infarct", 15.0)
    assert store.annotation(CASE) == word
    assert np.array_equal(store.read_mask(word).crop, mask_of("ab", 1).crop), "also before it is settled"
    assert store.settle() == [] and not store.has_submitted
    settled, before = store.annotation(CASE), other.annotation(CASE)
    assert settled.network_mask and settled.mask
    assert [one["comment"] for one in settled.history] == ["thin rim"]
    about = {"comment": "thin rim", "seconds": 12.0, "history": (), "decided_at": before.decided_at}
    assert replace(settled, **about) == before
    assert (tmp_path / "one/masks/ab/case-0001.nii.gz").is_file()


def test_remark_of_a_killed_process_is_settled_once_by_the_next(tmp_path: Path) -> None:
    store = opened(tmp_path)
    accept(store)
    store.submit_remark(CASE, "old infarct", 15.0)
    store.refresh_submitted()
    assert store.annotation(CASE).comment == "old infarct"
    again = AnnotationStore(tmp_path, "ab", opens=False)
    again.refresh_submitted()
    assert again.annotation(CASE).comment == "old infarct"
    (entry,) = (again.journal.read(file) for file in again.journal.files() if again.journal.read(file).kind == "remark")
    assert again.settle() == []
    settled = again.annotation(CASE)
    again._settle(entry)  # as after a kill before the entry was taken away
    assert again.annotation(CASE) == settled
    assert len(settled.history) == 1


def test_remark_on_a_case_without_a_word_begins_it(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.submit_remark(CASE, "cannot be read", 3.0)
    store.settle()
    word = store.annotation(CASE)
    assert (word.status, word.comment, word.mask) == ("in-progress", "cannot be read", "")
    store.submit_remark(CASE, "cannot be read", 8.0)
    store.settle()
    assert (store.annotation(CASE).seconds, store.annotation(CASE).history) == (8.0, ())


@pytest.mark.parametrize("is_settled", [True, False])
@pytest.mark.parametrize("status", ["in-progress", "accepted"])
def test_a_case_that_is_flagged_without_its_mask_keeps_what_was_drawn(tmp_path: Path, status, is_settled) -> None:
    """As while the network runs anew, or where the scan cannot be read any more."""
    store = opened(tmp_path)
    found, message = mask_of("network", 1), {"model": "m-1.0.0", "threshold": 0.5, "provenance": {}}
    file = store.submit_network(CASE, found, message)
    store.submit(CASE, Decision(status, mask_of("ab", 1), 12.0, "", {"dice": 0.5}, file, {"id": "m-1.0.0"}, "sdh"))
    if is_settled:
        store.settle()
    word = store.submit(CASE, Decision("flagged", seconds=15.0, comment="motion"))
    assert np.array_equal(store.read_mask(word).crop, mask_of("ab", 1).crop), "also before it is settled"
    assert store.settle() == []
    word = AnnotationStore(tmp_path, "ab").annotation(CASE)
    assert (word.status, word.seconds, word.comment) == ("flagged", 15.0, "motion")
    assert np.array_equal(store.read_mask(word).crop, mask_of("ab", 1).crop)
    assert (word.edits, word.model, word.types) == ({"dice": 0.5}, {"id": "m-1.0.0"}, "sdh")
    assert word.network_mask and word.volume_ml > 0
    assert [one["status"] for one in word.history] == ["accepted"] * (status == "accepted")
    assert not (tmp_path / "masks/ab/case-0001.nii.gz").exists()
