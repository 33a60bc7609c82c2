"""Cases to validate on are made ready in the background as those to train on are, and no figure changes by it."""

import csv
import threading
from pathlib import Path

import pytest
import torch
from engine.training_options.tiny import cube_settings, head_settings

from radiologycnn.errors import Cancelled
from radiologycnn.networks.architectures import build_network
from radiologycnn.training.hemorrhage import trainer as hemorrhage
from radiologycnn.training.improvement import finetune
from radiologycnn.training.rotatorcuff import trainer as rotator_cuff


class LoadingThreads:
    """Names of the threads in which cases were read, by case."""

    def __init__(self, monkeypatch, module) -> None:
        self.names: dict[str, set[str]] = {}
        read = module.load_case

        def noted(path: Path):
            self.names.setdefault(path.stem, set()).add(threading.current_thread().name.partition("_")[0])
            return read(path)

        monkeypatch.setattr(module, "load_case", noted)


def log_of(folder: Path) -> list[dict[str, str]]:
    """The figures of each epoch, without its time."""
    with (folder / "log.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_heads_are_read_while_the_network_validates(heads, tmp_path, monkeypatch, threads) -> None:
    told = LoadingThreads(monkeypatch, hemorrhage)
    wanted = head_settings(epochs=1, coarse_epochs=1, loading_threads=threads)
    hemorrhage.train(heads[:1], heads[1:], wanted, tmp_path / "run")
    assert all(told.names[path.stem] == {"loading" if threads else "MainThread"} for path in heads[1:])


@pytest.mark.parametrize("threads", [0, 2])
def test_cubes_are_read_while_the_network_validates(cubes, tmp_path, monkeypatch, threads) -> None:
    told = LoadingThreads(monkeypatch, rotator_cuff)
    wanted = cube_settings(epochs=1, loading_threads=threads, batch_size=2, calibrate=False)
    rotator_cuff.train(cubes[:2], cubes[2:], wanted, tmp_path / "run")
    assert all(told.names[path.stem] == {"loading" if threads else "MainThread"} for path in cubes[2:])


def test_heads_held_out_of_an_improvement_are_read_while_others_are_judged(heads, monkeypatch) -> None:
    told = LoadingThreads(monkeypatch, finetune)
    network = build_network(hemorrhage.architecture_of(head_settings()))
    scores = {n: finetune.dice_by_case(network, heads, 0.5, "cpu", threads=n) for n in (0, 2)}
    assert scores[0] == scores[2] and list(scores[0]) == [path.stem for path in heads]
    assert all(names == {"MainThread", "loading"} for names in told.names.values())
    with pytest.raises(Cancelled):
        finetune.dice_by_case(network, heads, 0.5, "cpu", lambda: True)


def test_figures_are_the_same_however_many_threads_load(heads, cubes, tmp_path) -> None:
    results = {}
    for threads in (0, 1, 3):
        head, cube = tmp_path / f"h{threads}", tmp_path / f"c{threads}"
        head_run = hemorrhage.train(
            heads[:2], heads[2:], head_settings(epochs=1, coarse_epochs=1, loading_threads=threads), head
        )
        cube_run = rotator_cuff.train(cubes[:3], cubes[3:], cube_settings(epochs=1, loading_threads=threads), cube)
        results[threads] = (log_of(head), log_of(cube), head_run.figures, cube_run.figures)
    assert results[0] == results[1] == results[3]


def test_a_case_that_cannot_be_read_ends_the_validation_and_its_threads(heads, tmp_path) -> None:
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(b"no archive")
    cores = torch.get_num_threads()
    with pytest.raises(ValueError, match="pickled"):
        hemorrhage.train(heads[:1], [*heads[1:], damaged], head_settings(epochs=1), tmp_path / "run")
    assert torch.get_num_threads() == cores
    assert not [one for one in threading.enumerate() if one.name.startswith("loading")]
