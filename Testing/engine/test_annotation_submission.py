"""A word that was submitted holds at once, whatever ends the process; its files are what ``decide`` would have made."""

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engine.annotation_rater import SHAPE, mask_of, run_rater, voxels_sha

from radiologycnn.annotation import store as store_module
from radiologycnn.annotation.consensus import make_consensus
from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.annotation.file_lock import file_lock
from radiologycnn.annotation.records import Decision, Mask
from radiologycnn.annotation.settled import raters_of_dataset, settle_all
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.errors import InputError, ResourceError
from radiologycnn.images import read_volume
from radiologycnn.training.improvement.corrections import read_corrections

MATRIX = np.diag([0.5, 0.5, 5.0, 1.0])
EDITS = {"network_ml": 1.0, "corrected_ml": 2.0, "added_ml": 1.0, "removed_ml": 0.0, "dice": 0.5, "changes": 3}


def opened(folder: Path, rater: str = "ab", cases: int = 1) -> AnnotationStore:
    store = AnnotationStore(folder, rater, {"Slicer": "5.12"})
    for case in store.add_sources([(f"{n:032x}", "") for n in range(cases)]).values():
        store.write_scan(case, np.zeros(SHAPE, np.int16), MATRIX)
    return store


def test_submitted_word_is_settled_to_what_decide_writes(tmp_path: Path) -> None:
    submitting, deciding = opened(tmp_path / "one"), opened(tmp_path / "two")
    about = {"seconds": 12.34, "comment": "thin rim", "model": {"id": "m-1.0.0", "sha256": "0"}, "edits": EDITS}
    mask, found = mask_of("ab", 1), mask_of("network", 1)
    message = {"model": "m-1.0.0", "threshold": 0.5, "provenance": {"model_sha256": "0"}}
    probability = np.full(found.crop.shape, 0.25, np.float32)
    file = submitting.submit_network("case-0001", found, message, probability)
    word = submitting.submit("case-0001", Decision("accepted", mask, network=file, **about))
    assert (word.status, word.seconds, word.edits["changes"]) == ("accepted", 12.3, 3)
    assert np.array_equal(submitting.read_mask(word).crop, mask.crop)
    assert submitting.annotation("case-0001") == word and submitting.has_submitted
    assert submitting.settle() == [] and not submitting.has_submitted

    network_mask = deciding.save_network("case-0001", found, message, probability)
    expected = deciding.decide("case-0001", Decision("accepted", mask, network=file, **about)).to_dict()
    settled = submitting.annotation("case-0001").to_dict()
    assert {**settled, "decided_at": ""} == {**expected, "decided_at": ""}
    assert settled["decided_at"] == word.decided_at
    assert submitting.prediction("case-0001") == deciding.prediction("case-0001")
    for name in (settled["mask"], network_mask, "masks/ab/case-0001.nii.gz", "cases.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert np.array_equal(submitting.network_result("case-0001")[1], probability)
    assert np.array_equal(submitting.read_mask(word).crop, submitting.read_mask(settled_word(submitting)).crop)
    assert submitting.submit_network("case-0001", found, message, probability) == file
    assert not list((tmp_path / "one/pending/ab").glob("*.npy")), "a result that is kept is not written again"


def settled_word(store: AnnotationStore):
    return store.annotation("case-0001")


def test_several_labels_and_an_empty_mask_come_back(tmp_path: Path) -> None:
    store = opened(tmp_path, cases=2)
    labels = np.random.default_rng(0).choice([0, 1, 2, 5, 200], (3, 7, 5)).astype(np.uint8)
    store.submit("case-0001", Decision("accepted", Mask(labels, (1, 2, 3))))
    store.submit("case-0002", Decision("in-progress", Mask(np.zeros((1, 1, 1), np.uint8))))
    again = AnnotationStore(tmp_path, "ab")  # as after a crash
    assert again.problems == []
    assert np.array_equal(again.read_mask(again.annotation("case-0001")).crop, Mask.of_whole(labels).crop)
    assert not again.read_mask(again.annotation("case-0002")).crop.any()


def test_words_stay_in_order_and_a_full_disk_keeps_them(tmp_path: Path, monkeypatch) -> None:
    store = opened(tmp_path, cases=2)
    for number in range(3):
        store.submit("case-0001", Decision("accepted", mask_of("ab", number), comment=str(number)))
    store.submit("case-0002", Decision("flagged"))

    def full(self, folder, case, mask):
        raise ResourceError("disk-full", "The disk is full.", "Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr(store_module.AnnotationStore, "write_mask", full)
        problems = store.settle()
        assert [(one["case"], one["code"]) for one in problems] == [("case-0001", "disk-full")]
        assert store.annotation("case-0002").status == "flagged"
        assert store.annotation("case-0001").comment == "2"
        reopened = AnnotationStore(tmp_path, "ab")
        assert [one["code"] for one in reopened.problems] == ["disk-full"]
        assert np.array_equal(reopened.read_mask(reopened.annotation("case-0001")).crop, mask_of("ab", 2).crop)
    assert reopened.settle() == []
    word = reopened.annotation("case-0001")
    assert [one["comment"] for one in word.history] == ["0", "1"] and word.comment == "2"
    store.refresh_submitted()
    assert store.annotation("case-0001") == word


def test_damaged_entry_is_set_aside_and_told(tmp_path: Path) -> None:
    store = opened(tmp_path, cases=2)
    store.submit("case-0001", Decision("accepted", mask_of("ab", 1)))
    path = next((tmp_path / "pending/ab").glob("*.entry"))
    path.write_bytes(path.read_bytes()[:-3] + b"abc")
    store.submit("case-0002", Decision("accepted", mask_of("ab", 2)))
    assert [one["code"] for one in store.settle()] == ["entry-damaged"]
    assert store.annotation("case-0002").status == "accepted" and store.annotation("case-0001") is None
    assert path.with_suffix(".damaged").is_file() and not store.has_submitted


def test_what_macos_lays_beside_an_entry_is_none(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.submit("case-0001", Decision("accepted", mask_of("ab", 1)))
    beside = next((tmp_path / "pending/ab").glob("*.entry"))
    beside = beside.with_name(f"._{beside.name}")
    beside.write_bytes(b"\x00\x05\x16\x07" + bytes(4092))
    assert store.settle() == [] and not store.has_submitted and settle_all(tmp_path) == ()
    assert beside.is_file() and store.annotation("case-0001").status == "accepted"


def test_what_cannot_be_written_down_is_not_said(tmp_path: Path, monkeypatch) -> None:
    store = opened(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ResourceError, match="no space"):
            store.submit("case-0001", Decision("accepted", mask_of("ab", 1)))
    assert store.annotation("case-0001") is None and not store.has_submitted


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_kill_at_any_moment_between_submitting_and_settling_loses_nothing(tmp_path: Path) -> None:
    moments, told = random.Random(9), {}
    for _round in range(6):
        rater = run_rater(tmp_path, "ab", 400, 4, "submits")
        heard = [rater.stdout.readline() for _line in range(moments.randrange(1, 12))]
        os.kill(rater.pid, signal.SIGKILL)
        heard += rater.stdout.read().splitlines()
        rater.wait()
        for words in map(str.split, heard):
            if len(words) == 2 and len(words[1]) == 64:
                told.setdefault(words[0], []).append(words[1])
        store = AnnotationStore(tmp_path, "ab")
        for case, hashes in told.items():
            word = store.annotation(case)
            kept = [
                hashlib.sha256(read_volume(tmp_path / one["mask"]).array.astype(np.uint8).tobytes()).hexdigest()
                for one in (*word.history, word.to_dict())
            ]
            assert set(hashes) <= set(kept)
            assert voxels_sha(store.read_mask(word), SHAPE) == kept[-1]
    assert sum(map(len, told.values())) > 15


def test_lock_is_for_one_at_a_time_and_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = f"""
import sys, time; from pathlib import Path; from radiologycnn.annotation.file_lock import file_lock
with file_lock(Path({str(path)!r})) as held:
    print(held, flush=True); time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline().strip() == "True"
    with file_lock(path) as held:
        assert not held
    other.kill()
    other.communicate()
    with file_lock(path, wait_s=5.0) as held:
        assert held


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_readers_see_what_killed_raters_have_accepted(tmp_path: Path) -> None:
    """Nobody opens the list again: agreement, consensus and what training reads hold every accept all the same."""
    for rater in ("ab", "cd"):
        process = run_rater(tmp_path, rater, 400, 4, "submits")
        for _accept in range(4):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert sorted(path.name for path in (tmp_path / "pending").iterdir()) == ["ab", "cd"]
    (tmp_path / "pending/ab/1.entry").write_bytes(b"torn")

    found = raters_of_dataset(tmp_path)
    assert found.raters == ("ab", "cd") and found.cases == tuple(f"case-000{n}" for n in (1, 2, 3, 4))
    assert "What ab has decided last" in found.notes[0] and "1.entry is damaged" in found.notes[0]
    assert settle_all(tmp_path) == () and len(read_corrections(AnnotationDataset(tmp_path))) == 4
    assert make_consensus(AnnotationDataset(tmp_path))["cases"][0]["raters"] == ["ab", "cd"]
    assert settle_all(tmp_path / "masks") == ()


def test_reader_who_cannot_write_is_told_what_is_missing(tmp_path: Path, monkeypatch) -> None:
    store = opened(tmp_path)
    store.submit("case-0001", Decision("accepted", mask_of("ab", 1)))

    def read_only(self, folder: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", lambda *_arguments, **_names: read_only(None, tmp_path))
        assert settle_all(tmp_path) == (
            "What ab has decided last is not counted yet: "
            f"The folder {tmp_path} cannot be written: Read-only file system.",
        )
    assert store.has_submitted and settle_all(tmp_path) == () and not store.has_submitted


def test_a_folder_that_has_become_read_only_is_said_so(tmp_path: Path, monkeypatch) -> None:
    store = opened(tmp_path)
    store.submit("case-0001", Decision("accepted", mask_of("ab", 1)))
    write = open

    def read_only(path, mode="r", *arguments, **names):
        if set(mode) & set("wax+"):
            raise OSError(errno.EROFS, "Read-only file system")
        return write(path, mode, *arguments, **names)

    message = {"model": "m-1.0.0", "threshold": 0.5, "provenance": {}}
    words = f"The folder {tmp_path} cannot be written: Read-only file system."
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", read_only)
        with pytest.raises(InputError, match="Read-only file system"):
            store.submit_network("case-0001", mask_of("network", 1), message, np.ones((2, 3, 4), np.float32))
        assert [problem["message"] for problem in store.settle()] == [words]
        with pytest.raises(InputError, match="Read-only file system"):
            AnnotationStore(tmp_path, "ab")
    assert store.settle() == [] and store.annotation("case-0001").status == "accepted"


def test_nothing_is_begun_in_the_place_of_a_folder_that_cannot_be_reached(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "drive" / "annotations", tmp_path / "elsewhere"
    store = opened(folder)
    store.submit("case-0001", Decision("accepted", mask_of("ab", 1)))
    folder.parent.rename(elsewhere)
    message = {"model": "m-1.0.0", "threshold": 0.5, "provenance": {"model_sha256": "0"}}
    for write in (
        lambda: store.submit_remark("case-0001", "thin rim", 2.0),
        lambda: store.submit("case-0001", Decision("flagged")),
        lambda: store.submit_network("case-0001", mask_of("network", 1), message),
        lambda: AnnotationStore(folder, "ab", opens=False),  # as the process that makes the files
    ):
        with pytest.raises(InputError, match=r"annotations cannot be reached\."):
            write()
    assert [problem["code"] for problem in store.settle()] == ["dataset-gone"]
    assert not folder.parent.exists()
    elsewhere.rename(folder.parent)
    store.submit_remark("case-0001", "thin rim", 2.0)
    assert store.settle() == [] and store.annotation("case-0001").comment == "thin rim"
    assert store.annotation("case-0001").status == "accepted"
