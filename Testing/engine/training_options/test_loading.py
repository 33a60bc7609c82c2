"""Batches loaded in the background, by how many threads, and how far a long epoch says it is."""

import os
import threading

import pytest
import torch
from engine.training_options.tiny import cube_settings, head_settings, same

from radiologycnn.errors import InputError
from radiologycnn.training import run_words
from radiologycnn.training.hemorrhage import trainer as hemorrhage
from radiologycnn.training.loading import MOST_THREADS, in_advance, thread_count
from radiologycnn.training.rotatorcuff import trainer as rotator_cuff


def test_background_loading_changes_no_bit(heads, cubes, tmp_path) -> None:
    for threads in (0, 1, 3):
        wanted = head_settings(loading_threads=threads, epochs=1, batch_size=2)
        head = hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path / f"head{threads}")
        cube = rotator_cuff.train(cubes, [], cube_settings(loading_threads=threads, epochs=1), tmp_path / f"c{threads}")
        if threads == 0:
            first = (head, cube)
        assert same(first[0].state_dict, head.state_dict) and same(first[1].state_dict, cube.state_dict)
    # ... and neither does going on with another number of them.
    hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path / "head0", resume=True)
    with pytest.raises(InputError, match="seed"):
        hemorrhage.train(heads[:3], heads[3:], head_settings(epochs=1, seed=4), tmp_path / "head0", resume=True)


def test_a_gpu_gets_as_many_loading_threads_as_there_are_cores_for_it(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(16)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    wanted = head_settings().loading_threads
    assert thread_count(wanted, "cpu") == 1 and thread_count(wanted, "cuda:1") == MOST_THREADS
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")  # GPUs of one machine share its cores
    assert thread_count(wanted, "cuda") == 3
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "32")
    assert thread_count(wanted, "cuda") == 1
    assert thread_count(0, "cuda") == 0 and thread_count(5, "cpu") == 5


def test_a_long_epoch_tells_in_between_how_far_it_is(heads, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(run_words, "LONGEST_SILENCE_S", -1.0)
    wanted = head_settings(epochs=1, coarse_epochs=1, batch_size=1, coarse_batch_size=2)
    told: list[tuple[float, str]] = []
    hemorrhage.train(heads[:3], heads[3:], wanted, tmp_path, progress=lambda *one: told.append(one))
    coarse = 1 / 8 / (1 + 1 / 8)  # of the work; an eighth of a fine epoch
    parts = [(part, text.partition(": loss ")[0]) for part, text in told if " cases: loss " in text]
    assert [text for _, text in parts] == [
        "Epoch 1 of 2, 2 of 3 cases", "Epoch 2 of 2, 1 of 3 cases", "Epoch 2 of 2, 2 of 3 cases"
    ]  # fmt: skip
    expected = [coarse * 2 / 3, coarse + (1 - coarse) / 3, coarse + (1 - coarse) * 2 / 3]
    assert [part for part, _ in parts] == pytest.approx(expected)
    assert all(float(text.rpartition(" ")[2]) > 0 for _, text in told if " cases: loss " in text)
    assert [part for part, _ in told] == sorted(part for part, _ in told)


def test_next_batches_are_prepared_while_one_is_worked_on() -> None:
    names: list[str] = []
    prepared = threading.Event()

    def prepare(item: int) -> int:
        names.append(threading.current_thread().name)
        if item == 2:
            prepared.set()
        return 10 * item

    cores = torch.get_num_threads()
    batches = in_advance([[0, 1], [2], [3, 4]], prepare, 1)
    assert next(batches) == [0, 10]
    assert prepared.wait(20)  # nobody has asked for the second batch
    assert list(batches) == [[20], [30, 40]]
    assert all(name.startswith("loading") for name in names) and torch.get_num_threads() == cores
    broken = in_advance([[1], [0]], lambda item: 1 / item, 2)
    assert next(broken) == [1.0]
    with pytest.raises(ZeroDivisionError):
        next(broken)
