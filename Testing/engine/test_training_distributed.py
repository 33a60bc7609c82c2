"""Training in two real processes that ``torchrun`` starts: the result of one process, one voice, and no hanging."""

import csv
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.forked import two_processes
from engine.train_together import main, paths_in, settings

from radiologycnn.errors import Cancelled
from radiologycnn.training.best_epoch import NothingTrained
from radiologycnn.training.distributed import Team, joined_team
from radiologycnn.training.rotatorcuff import trainer
from radiologycnn.training.rotatorcuff.cases import PreparedCase, save_case

REPOSITORY = Path(__file__).parents[2]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shoulders")
    for number in range(16):
        rng = np.random.default_rng(number)
        tear_class = number % 5
        mask = np.zeros((20, 20, 20), bool)
        mask[8 : 8 + 2 * tear_class, 8:12, 7:13] = True
        grey = 60 + 120 * mask + rng.normal(0, 5, mask.shape)
        # Every third case has no mask: the map's loss is then a mean over few cases, not the same number in each half.
        known = None if number % 3 == 0 else mask
        save_case(PreparedCase(f"c{number:02d}", grey.astype(np.uint8), tear_class, known), folder)
    return folder


def log_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_two_processes_give_the_weights_of_one_also_when_one_of_them_was_stopped(cases, tmp_path) -> None:
    # Started from nothing: what a process imports, and when, decides whether the group's threads end with it.
    words = [*TORCHRUN, REPOSITORY / "Testing/engine/train_together.py", cases, tmp_path, "learn"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    for head in ("batch", "running"):
        alone = trainer.train(*paths_in(cases), settings(head_norm=head), tmp_path / f"alone-{head}")
        together = torch.load(tmp_path / f"{head}.pt", weights_only=True)
        assert set(together) == set(alone.state_dict)
        for name, tensor in alone.state_dict.items():  # running means and variances among them
            assert torch.allclose(together[name].float(), tensor.float(), rtol=2e-3, atol=2e-4), name
        ours, theirs = log_of(tmp_path / f"alone-{head}"), log_of(tmp_path / head)
        assert [row["epoch"] for row in theirs] == ["1", "2", "3"]
        for name in ("train_loss", "validation_loss"):
            expected = [float(row[name]) for row in ours]
            assert [float(row[name]) for row in theirs] == pytest.approx(expected, rel=1e-3)
    resumed, whole = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("resumed", "batch"))
    assert all(torch.equal(resumed[name], tensor) for name, tensor in whole.items())


@pytest.mark.parametrize(("kind", "says"), [("fail", "out of luck"), ("full", "out of room")])
def test_a_process_that_fails_ends_the_other_one_at_once(cases, tmp_path, kind: str, says: str) -> None:
    started = time.monotonic()
    code, said = two_processes(main, cases, tmp_path, kind, said=tmp_path / "said.txt")
    assert code != 0 and says in said, said
    assert time.monotonic() - started < 300  # far less than the processes may wait for each other; busy machines too


@pytest.mark.parametrize("ending", [Cancelled, NothingTrained])
def test_what_ends_a_work_in_all_processes_leaves_them_together(monkeypatch, ending) -> None:
    done = []

    def work(number: int, **_where: object) -> None:
        done.append(number)
        raise ending

    other, words = Team(1, 2), iter([(work, (1,)), (work, (2,)), None])
    monkeypatch.setattr(other, "_send", lambda _: next(words))
    other.follow(lambda: False)
    assert done == [1, 2]
    leader, said = Team(0, 2), []
    monkeypatch.setattr(leader, "_send", said.append)
    with leader.leading(), suppress(ending), leader.common(work, 1) as summon:
        summon()
        raise ending
    assert said == [(work, (1,)), None]
    with pytest.raises(ValueError), leader.leading(), leader.common(work, 2) as summon:
        summon()
        raise ValueError
    assert said[2:] == [(work, (2,))]  # the others are amid the work and would not hear a word


@pytest.mark.parametrize(("has_nccl", "carried_by"), [(True, "cpu:gloo,cuda:nccl"), (False, "gloo")])
def test_gpus_are_joined_by_what_this_pytorch_has(monkeypatch, has_nccl: bool, carried_by: str) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    asked = []
    for where, stand_ins in {
        torch.cuda: {"device_count": lambda: 2, "set_device": lambda device: asked.append(str(device))},
        torch.distributed: {
            "is_torchelastic_launched": lambda: True,
            "is_nccl_available": lambda: has_nccl,
            "init_process_group": lambda backend, timeout: asked.append(backend),
            "get_rank": lambda: 1,
            "destroy_process_group": lambda: asked.append("destroyed"),
        },
    }.items():
        for name, stand_in in stand_ins.items():
            monkeypatch.setattr(where, name, stand_in)
    with joined_team("auto") as team:
        assert (team.rank, team.size, team.device) == (1, 2, "cuda:1")
    assert asked == ["cuda:1", carried_by, "destroyed"]
