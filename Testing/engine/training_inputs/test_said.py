"""What a training says: what it does, how long it takes, and what is wrong in its command or its output folder."""

import shutil
import subprocess
import sys

import pytest
from engine.terminal import output_of
from engine.training_inputs.newcomer import SETTINGS
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.errors import InputError
from radiologycnn.terminal import TimeLeft
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.task import ModelName


def test_a_training_is_not_overwritten_and_says_what_it_does(own, tmp_path) -> None:
    said = []
    task = HemorrhageTask(SETTINGS, own, device="cpu")
    task.run(tmp_path / "run", ModelName("first"), progress=lambda part, text: said.append((part, text)))
    warned, begun, trained = said[-3:]
    assert warned == (0, warned[1]) and warned[1].startswith("Only 1 case to validate on: chance decides")
    assert begun[0] == 0 and begun[1].startswith("Cases: 2 to train on, 1 to validate on; ")
    assert trained[0] == 1 and trained[1].startswith("Epoch 1 of 1: ")
    before = (tmp_path / "run" / "log.csv").read_text()
    with pytest.raises(InputError, match="holds a training already"):
        task.run(tmp_path / "run", ModelName("second"))
    assert (tmp_path / "run" / "log.csv").read_text() == before
    shutil.rmtree(tmp_path / "run" / "cases")
    with pytest.raises(InputError, match=r"no checkpoint\.pt"):
        task.run(tmp_path / "other", ModelName("third"), resume=True)
    assert not (tmp_path / "other").exists()  # nothing was prepared for it


def test_an_output_that_cannot_be_made_is_said_in_words(own, tmp_path) -> None:
    (tmp_path / "file").write_text("no folder")
    command = [sys.executable, "-m", "radiologycnn", "train", "hemorrhage", "--data", str(own), "--device", "cpu"]
    for output, words in (("file", "A folder is needed for the results"), ("n" * 300, "File name too long")):
        done = subprocess.run([*command, "-o", str(tmp_path / output)], capture_output=True, text=True)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert "Error:" in done.stderr and words in done.stderr


def test_time_left_is_that_of_the_work_since_its_first_report() -> None:
    now = 0.0
    left = TimeLeft(lambda: now)
    assert left.words(0.5) == ""  # what was done before an interruption took no time
    now = 60.0
    assert left.words(0.75) == ", about 60 s left"
    now = 70.0
    assert left.words(0.0) == ""  # something new
    now = 670.0
    assert left.words(0.1) == ", about 90 min left"
    now = 7270.0
    assert left.words(0.99) == ", about 73 s left"
    assert left.words(0.999) == left.words(1.0) == ""


@pytest.mark.parametrize(
    "command", [("train", "hemorrhage"), ("train", "rotator-cuff"), ("improve", "annotations"), ("simulate", "head-ct")]
)
def test_a_negative_seed_is_refused_as_it_is_written(command, tmp_path) -> None:
    done = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "out"), "--seed", "-1"])
    assert done.exit_code == 2 and "seed" in done.output
    assert not (tmp_path / "out").exists()


def test_mistakes_on_the_command_line_are_told_before_anything_is_written(own, tmp_path) -> None:
    small = ("--grid", "64,64,32", "--base-filters", "4", "--device", "cpu")
    fixed = tmp_path / "fixed.json"
    fixed.write_text('{"settings": {"frozen": "features"}}')
    for words, message in (
        (("--settings", str(fixed)), "can only stay fixed in a model"),
        (("--settings", str(fixed), "--folds", "2"), "can only stay fixed in a model"),
        (("--search", "frozen=none,features"), "can only stay fixed in a model"),
        (("--start-from", "hemorrhage-demo"), r"hemorrhage-demo-.* is another network \(.*base filters"),
        (("--start-from", "no-such-model"), "no-such-model"),
        (("--folds", "1"), "1 is no number of folds"),
    ):
        with pytest.raises(InputError, match=message):
            output_of("train", "hemorrhage", "--data", own, "-o", tmp_path / "run", *small, *words)
        assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="There is no folder"):
        HemorrhageTask(SETTINGS, tmp_path / "nowhere", device="cpu").prepare(tmp_path / "run")
