"""Raters write in one annotation folder at once, and processes are killed at any moment: nothing accepted is lost."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from engine.annotation_rater import lines_of, mask_of, run_rater, whole_of

from radiologycnn.annotation.records import Mask
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.images import read_volume


def check_words(folder: Path, told: dict[str, list[str]], rater: str) -> None:
    """Every accept that had returned is there, byte for byte, or a later one of the same rater in its place."""
    store = AnnotationStore(folder, rater)
    for case, hashes in told.items():
        word = store.annotation(case)
        assert word.status == "accepted"
        ever = [one["mask_sha256"] for one in (*word.history, word.to_dict())]
        assert set(hashes) <= set(ever)
        for one in (*word.history, word.to_dict()):
            assert hashlib.sha256((folder / one["mask"]).read_bytes()).hexdigest() == one["mask_sha256"]
        assert store.read_mask(word) is not None
        shown = folder / "masks" / rater / f"{case}.nii.gz"
        assert hashlib.sha256(shown.read_bytes()).hexdigest() == word.mask_sha256
    rows = {row["id"]: row for row in lines_of(folder)}
    for case in told:
        assert rater in rows[case]["accepted_by"].split()
        volume, mask = read_volume(folder / rows[case]["image"]), read_volume(folder / rows[case]["mask"])
        assert volume.array.shape == mask.array.shape


def told_by(rater: subprocess.Popen, lines: int, told: dict[str, list[str]], delay_s: float) -> None:
    """Listen to a rater for some accepts, kill it a moment later, and write down all that it had said."""
    heard = [rater.stdout.readline() for _line in range(lines)]
    time.sleep(delay_s)
    os.kill(rater.pid, signal.SIGKILL)
    heard += rater.stdout.read().splitlines()
    rater.wait()
    for words in map(str.split, heard):
        if len(words) == 2 and len(words[1]) == 64:  # the last line may be cut off
            told.setdefault(words[0], []).append(words[1])


def killed_raters(folder: Path, rounds: int, seed: int, lines: int, *how) -> Iterator[dict[str, list[str]]]:
    """After each rater who was killed at a random moment: all that had been said by then, by case."""
    moments = random.Random(seed)
    told: dict[str, list[str]] = {}
    for _round in range(rounds):
        rater = run_rater(folder, "ab", 400, *how)
        told_by(rater, moments.randrange(1, lines), told, moments.random() * 0.01)
        yield told


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_kill_at_any_moment_loses_nothing(tmp_path) -> None:
    folder = tmp_path / "data"
    for told in killed_raters(folder, 8, 6, 9, 5):
        check_words(folder, told, "ab")
    assert sum(map(len, told.values())) > 20
    assert not list(folder.rglob("annotations/ab/.*.part"))


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_kill_while_something_is_drawn_keeps_every_accepted_mask(tmp_path) -> None:
    """The word may be a draft by then; what was accepted before is in its history, and every file that is named is."""
    folder = tmp_path / "data"
    for told in killed_raters(folder, 5, 7, 6, 3, "drafts"):
        store = AnnotationStore(folder, "ab")
        for case, hashes in told.items():
            word = store.annotation(case)
            assert store.read_mask(word) is not None
            accepted = [one for one in (*word.history, word.to_dict()) if one["status"] == "accepted"]
            assert set(hashes) <= {one["mask_sha256"] for one in accepted}
            for one in accepted:
                assert hashlib.sha256((folder / one["mask"]).read_bytes()).hexdigest() == one["mask_sha256"]
            shown = folder / "masks" / "ab" / f"{case}.nii.gz"
            assert shown.is_file() == (word.status == "accepted")
            assert (case in {row["id"] for row in lines_of(folder)}) == (word.status == "accepted")
    assert sum(map(len, told.values())) >= 5


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_kill_while_a_consensus_is_made_leaves_lines_that_training_can_read(tmp_path) -> None:
    """Another process makes consensus after consensus while a rater accepts; both are killed at any moment."""
    from radiologycnn.annotation.consensus import refresh_consensus
    from radiologycnn.annotation.dataset import AnnotationDataset

    folder = tmp_path / "data"
    run_rater(folder, "cd", 6).communicate()
    program = (
        "import sys; from radiologycnn.annotation.consensus import make_consensus\n"
        "from radiologycnn.annotation.dataset import AnnotationDataset\n"
        "while True:\n"
        "    for method in ('majority', 'union'):\n"
        "        make_consensus(AnnotationDataset(sys.argv[1]), method, use_for_training=True)\n"
        "        print(method, flush=True)\n"
    )
    moments = random.Random(8)
    told: dict[str, list[str]] = {}
    for _round in range(3):
        maker = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
        rater = run_rater(folder, "ab", 400, 6)
        maker.stdout.readline()
        told_by(rater, moments.randrange(3, 9), told, moments.random() * 0.01)
        time.sleep(moments.random() * 0.05)
        maker.kill()
        maker.communicate()
        check_words(folder, told, "ab")
        for row in lines_of(folder).copy():
            content = (folder / row["mask"]).read_bytes()
            assert hashlib.sha256(content).hexdigest()[:16] == Path(row["mask"]).name.split(".")[1]
    dataset = AnnotationDataset(folder)
    refresh_consensus(dataset)
    assert dataset.stale_consensus() == []
    assert {row["rater"] for row in lines_of(folder)} == {"consensus"}


@pytest.mark.parametrize("count", [200])
def test_two_raters_at_once_do_not_mix(tmp_path, count) -> None:
    """Each accepts so many masks, and both open the same scans in a folder that is new to both."""
    folder, cases = tmp_path / "data", count // 2
    raters = {name: run_rater(folder, name, count, cases) for name in ("ab", "cd")}
    told = {name: [line.split() for line in process.communicate()[0].splitlines()] for name, process in raters.items()}
    assert all(process.returncode == 0 for process in raters.values())
    store = AnnotationStore(folder, "ab")
    assert len({case.source for case in store.cases()}) == len(store.cases()) == cases
    for name, words in told.items():
        assert len(words) == count
        for number, (case, sha) in enumerate(words):
            assert int(store.case(case).source, 16) == number % cases
            word = store.annotation(case, name)
            ever = {one["mask_sha256"]: one["mask"] for one in (*word.history, word.to_dict())}
            assert hashlib.sha256((folder / ever[sha]).read_bytes()).hexdigest() == sha
            if number >= cases:  # the last word on the case
                assert word.mask_sha256 == sha
                expected = Mask.of_whole(whole_of(mask_of(name, number)))
                assert np.array_equal(store.read_mask(word).crop, expected.crop)
    rows = lines_of(folder)
    assert len(rows) == cases
    assert all(sorted(row["accepted_by"].split()) == ["ab", "cd"] for row in rows)
