"""Improving a model in the background: progress with loss and Dice, a kill that costs one epoch, the model listed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from engine.improvable import OLD_HU, corrected_folder, small_model


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_killed_in_the_middle_it_goes_on_and_ends_in_a_listed_model(
    start_worker: Callable, made_once: Callable, tmp_path: Path
) -> None:
    models = shutil.copytree(made_once("small-model", small_model) / "models", tmp_path / "models")
    model = models / "small-0.2.1"
    corrected_folder(tmp_path / "data", 12, OLD_HU)
    environment = {"RADIOLOGYCNN_MODELS": str(model.parent), "OMP_NUM_THREADS": "1"}
    settings = {"epochs": 6, "learning_rate": 2e-3, "simulated": 0}
    request = {"cmd": "improve", "dataset": str(tmp_path / "data"), "model": "small-0.2.1", "settings": settings}

    def epoch_of(message: dict) -> str:
        return message.get("stage", "") if message.get("stage", "").startswith("Epoch") else ""

    first = start_worker(**environment)
    first.send(job="1", device="cpu", **request)
    shown = epoch_of(first.wait_until(lambda message: epoch_of(message) > "Epoch 2", "second epoch"))
    assert "loss" in shown and "held-out Dice" in shown
    os.kill(first.process.pid, signal.SIGKILL)
    first.wait_for_exit()
    assert not (model.parent / "small-0.3.0").exists()

    second = start_worker(**environment)
    second.send(job="2", device="cpu", **request)
    begun = epoch_of(second.wait_until(lambda message: bool(epoch_of(message)), "an epoch"))
    assert not begun.startswith("Epoch 1"), "it went on from the checkpoint"
    answer = second.wait_for("result", "2")
    assert answer["accepted"] and answer["after"]["dice"] > answer["before"]["dice"]
    assert Path(answer["path"]) == model.parent / "small-0.3.0"
    second.send(cmd="models", job="3", task="hemorrhage-segmentation")
    listed = {one["id"] for one in second.wait_for("result", "3")["models"]}
    assert {"small-0.2.1", "small-0.3.0"} <= listed
    second.send(job="4", device="cpu", **{**request, "settings": {"epochs": -1}})
    refused = second.wait_until(lambda message: message["event"] == "error", "error")
    assert refused["code"] == "bad-settings"
