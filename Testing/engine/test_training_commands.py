"""``radiologycnn train`` as people start it: killed twice, by ``torchrun``, in folds of simulated scans, its logs."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.forked import command, run_command, two_processes
from engine.hand_made import head_phantom
from engine.head_folder import TINY_HEADS, write_head_folder
from engine.terminal import output_of

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.models.package import load_package
from radiologycnn.models.weights import load_network
from radiologycnn.training.checkpoints import load_checkpoint
from radiologycnn.training.hemorrhage import cases as head_cases
from radiologycnn.training.hemorrhage.settings import TrainingSettings

REPOSITORY = Path(__file__).parents[2]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")


def train(*arguments: object) -> list[str]:
    return ["train", "hemorrhage", *map(str, arguments), "--device", "cpu"]


def run(*arguments: object) -> str:
    return output_of(*train(*arguments))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_head_folder(tmp_path_factory.mktemp("heads") / "data", ("a", "b", "c", "d", "e", "f"))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.json"
    # Without dropout, whose draws differ between one process and two, and in float32.
    path.write_text(json.dumps({"settings": {**TINY_HEADS, "dropout": 0.0, "autocast": False}}))
    return path


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_killed_twice_ends_in_the_bits_of_a_run_that_was_not(data, settings, tmp_path) -> None:
    arguments = ("--data", data, "--settings", settings, "--epochs", 8, "--batch-size", 2)
    run(*arguments, "-o", tmp_path / "whole")
    assert load_checkpoint(tmp_path / "whole")["settings"]["batch_size"] == 2
    for number, resume in enumerate(((), ("--resume",))):
        said = tmp_path / f"said-{number}"
        process = command(*train(*arguments, "-o", tmp_path / "cut", *resume), said=said)
        while said.read_text(encoding="utf-8").count("Epoch") < 2:
            assert process.exitcode is None, said.read_text(encoding="utf-8")
            time.sleep(0.01)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert 4 <= load_checkpoint(tmp_path / "cut")["epoch"] < 8
    run(*arguments, "-o", tmp_path / "cut", "--resume")
    ours, theirs = (load_package(tmp_path / name / "hemorrhage-0.1.0") for name in ("cut", "whole"))
    assert ours.weights_sha256 == theirs.weights_sha256
    assert ours.operating_threshold == theirs.operating_threshold
    assert [row["train_loss"] for row in lines_of(tmp_path / "cut" / "log.csv")] == [
        row["train_loss"] for row in lines_of(tmp_path / "whole" / "log.csv")
    ]


def test_torchrun_gives_the_model_of_one_process_and_speaks_once(data, settings, tmp_path) -> None:
    arguments = ("--data", data, "--settings", settings, "--batch-size", 2)
    alone = run(*arguments, "-o", tmp_path / "one")
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    words = [*TORCHRUN, "radiologycnn", *train(*arguments, "-o", tmp_path / "two")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    together = done.stdout
    for output in (alone, together):
        assert output.count("Epoch 1 of 2") == 1 and output.count("Model hemorrhage-0.1.0") == 1
    for row, other in zip(*(lines_of(tmp_path / name / "log.csv") for name in ("one", "two")), strict=True):
        assert float(other["train_loss"]) == pytest.approx(float(row["train_loss"]), rel=1e-3)
        assert float(other["validation_loss"]) == pytest.approx(float(row["validation_loss"]), rel=1e-2)
    image = torch.rand(1, 1, 16, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        answers = [
            torch.sigmoid(load_network(load_package(tmp_path / name / "hemorrhage-0.1.0"))(image))
            for name in ("one", "two")
        ]
    # Adam makes steps of equal size of gradients that are nothing but rounding, so single weights may differ.
    assert (answers[0] - answers[1]).abs().mean() < 0.01


def test_folds_and_search_run_under_torchrun(data, settings, tmp_path) -> None:
    def together(name: str, *more: object) -> tuple[int, str]:
        words = train(*arguments, "-o", tmp_path / name, *more)
        return two_processes(run_command, *words, said=tmp_path / f"{name}.txt")

    arguments = ("--data", data, "--settings", settings, "--epochs", 1, "--batch-size", 2)
    code, said = together("folds", "--folds", 2)
    assert code == 0 and said.count("Table: ") == 1, said
    assert len(lines_of(tmp_path / "folds" / "out-of-fold.csv")) == 6
    code, said = together("search", "--search", "learning_rate=0.002,0.0005")
    assert code == 0, said
    rows = lines_of(tmp_path / "search" / "results.csv")
    assert [row["point"] for row in rows] == ["1", "2"] and {row["rank"] for row in rows} == {"1", "2"}
    code, said = together("bad", "--preset", "paper")
    assert code != 0 and said.count("cannot go together") == 1


def test_folds_of_simulated_scans(settings, tmp_path, monkeypatch) -> None:
    def phantom(case_id: str, types: bool = False):
        number = int(case_id.rsplit("-", 1)[1])
        place = tuple(np.random.default_rng(number).uniform(-30, 30, 3))
        volume, bleed = head_phantom((32, 52, 52), np.diag([4.0, 4.5, 5.8]), place, 22.0)
        return volume, bleed.astype(np.uint8)

    from radiologycnn.training.hemorrhage import run as head_run

    for module in (head_cases, head_run):
        monkeypatch.setattr(module, "simulated_scan", phantom)
    arguments = ("--simulate", 4, "--folds", 2, "--settings", settings, "--epochs", 1, "-o", tmp_path / "run")
    printed = run(*arguments)
    rows = lines_of(tmp_path / "run" / "out-of-fold.csv")
    assert sorted(row["case"] for row in rows) == [f"sim-3-{number:05d}" for number in range(4)]
    assert "pooled" in printed and not any(row["problem"] for row in rows)
    card = load_package(tmp_path / "run" / "fold-1" / "hemorrhage-0.1.0")
    assert card.simulated and "fold 1 of 2 held out" in card.training_data
    with pytest.raises(InputError, match="their own cases"):
        run(*arguments[:-1], tmp_path / "other", "--test", 2)


def test_logs_for_tensorboard_go_on_where_a_run_was_cut(data, settings, tmp_path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from radiologycnn.training.events import EpochEvents

    run("--data", data, "--settings", settings, "-o", tmp_path / "run", "--tensorboard")

    def scalars(name: str) -> list[tuple[int, float]]:
        found = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
        assert "stage" not in found.Tags()["scalars"]
        return [(event.step, event.value) for event in found.Scalars(name)]

    logged = lines_of(tmp_path / "run" / "log.csv")
    assert scalars("train_loss") == [
        (int(row["epoch"]), pytest.approx(float(row["train_loss"]), abs=1e-5)) for row in logged
    ]
    # A process that was killed after its log and before its checkpoint has said too much.
    resumed = EpochEvents(tmp_path / "run", done=1)
    resumed.add({**logged[1], "train_loss": "-5.0"})
    resumed.close()
    assert scalars("train_loss")[1:] == [(2, -5.0)]


def test_tensorboard_is_refused_without_its_package_before_anything_is_trained(
    data, settings, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ResourceError, match="not installed"):
        run("--data", data, "--settings", settings, "-o", tmp_path / "run", "--tensorboard")
    assert not (tmp_path / "run" / "log.csv").exists()
    plain = TrainingSettings()
    assert plain.differing({**plain.to_dict(), "tensorboard": True}) == []  # a run may go on with or without
