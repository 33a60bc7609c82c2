"""Training in two real processes that ``torchrun`` starts: the result of one process, one voice, and no hanging."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.train_together import paths_in, settings

from radiologycnn.training.rotatorcuff import trainer
from radiologycnn.training.rotatorcuff.cases import PreparedCase, save_case

REPOSITORY = Path(__file__).parents[2]
TWO = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def start(*arguments: object, expect: int = 0) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    found = subprocess.run(
        [str(one) for one in arguments], env=environment, capture_output=True, text=True, timeout=600
    )
    assert (found.returncode == 0) == (expect == 0), found.stdout + found.stderr
    return found


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
    start(*TWO, REPOSITORY / "Testing/engine/train_together.py", cases, tmp_path, "learn")
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


def test_a_process_that_fails_ends_the_other_one_at_once(cases, tmp_path) -> None:
    started = time.monotonic()
    found = start(*TWO, REPOSITORY / "Testing/engine/train_together.py", cases, tmp_path, "fail", expect=1)
    assert "out of luck" in found.stderr
    assert time.monotonic() - started < 300  # far less than the processes may wait for each other; busy machines too
