"""What a training leaves on the disk when that is full, the program is killed, or another program holds a file."""

import csv
import errno
import os
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from radiologycnn import cli
from radiologycnn.cli import app
from radiologycnn.commands import train as train_commands
from radiologycnn.errors import InputError, ResourceError
from radiologycnn.training.case_files import run_jobs
from radiologycnn.training.checkpoints import CHECKPOINT_NAME, append_log, load_checkpoint, save_checkpoint
from radiologycnn.training.run_files import RunFiles
from radiologycnn.training.shortages import shortages_in_words


def record(epoch: int) -> dict[str, object]:
    return {"epoch": epoch, "train_loss": f"{1 / epoch:.5f}"}


def logged(folder: Path) -> list[tuple[str, str]]:
    with (folder / "log.csv").open(newline="", encoding="utf-8") as file:
        return [(row["epoch"], row["train_loss"]) for row in csv.DictReader(file)]


def after(folder: Path, epoch: int) -> RunFiles:
    """As a run that goes on finds them."""
    files = RunFiles(folder, writes=True)
    assert files.last_state()["epoch"] == epoch
    files.begin(epoch, tensorboard=False)
    return files


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
def test_a_full_disk_is_told_and_the_last_checkpoint_stays(tmp_path) -> None:
    import resource

    save_checkpoint(tmp_path, {"weights": torch.zeros(10)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ResourceError, match=r"no space left for checkpoint\.pt .* go on from the last whole epoch"):
            save_checkpoint(tmp_path, {"weights": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert load_checkpoint(tmp_path)["weights"].shape == (10,)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_NAME]  # what was half written takes no room


def test_a_checkpoint_that_was_cut_short_is_refused_in_words(tmp_path) -> None:
    save_checkpoint(tmp_path, {"weights": torch.zeros(1000)})
    whole = (tmp_path / CHECKPOINT_NAME).read_bytes()
    for part in (b"", whole[:100], whole[: len(whole) // 2], whole[:-1], b"no checkpoint at all"):
        (tmp_path / CHECKPOINT_NAME).write_bytes(part)
        with pytest.raises(InputError, match="cut short or damaged"):
            load_checkpoint(tmp_path)


def test_an_epoch_whose_line_was_not_written_is_logged_when_the_run_goes_on(tmp_path, monkeypatch) -> None:
    files = RunFiles(tmp_path, writes=True)
    files.begin(0, tensorboard=False)
    files.add({"epoch": 1}, record(1))
    with monkeypatch.context() as patch:  # killed between the two files
        patch.setattr("radiologycnn.training.run_files.append_log", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            files.add({"epoch": 2}, record(2))
    assert logged(tmp_path) == [("1", "1.00000")]
    after(tmp_path, 2).add({"epoch": 3}, record(3))
    assert logged(tmp_path) == [("1", "1.00000"), ("2", "0.50000"), ("3", "0.33333")]
    after(tmp_path, 3)
    assert len(logged(tmp_path)) == 3  # said once


def test_a_log_that_another_program_holds_stops_no_training(tmp_path, monkeypatch) -> None:
    files = RunFiles(tmp_path, writes=True)
    files.begin(0, tensorboard=False)
    files.add({"epoch": 1}, record(1))
    replace = os.replace

    def locked(source: Path, target: Path) -> None:
        if Path(target).name == "log.csv":
            raise PermissionError(errno.EACCES, "in use", str(target))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", locked)
        for epoch in (2, 3):
            files.add({"epoch": epoch}, record(epoch))
        assert load_checkpoint(tmp_path)["epoch"] == 3 and len(logged(tmp_path)) == 1
    files.add({"epoch": 4}, record(4))
    assert [epoch for epoch, _ in logged(tmp_path)] == ["1", "2", "3", "4"]


def test_a_new_run_forgets_the_log_of_an_old_one(tmp_path) -> None:
    append_log(tmp_path, [record(1), record(2)])
    files = RunFiles(tmp_path, writes=True)
    files.begin(0, tensorboard=False)
    files.add({"epoch": 1}, record(1))
    assert logged(tmp_path) == [("1", "1.00000")]


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (
            OSError(errno.ENOSPC, "full", "x.npz"),
            "disk-full",
            "no space left for x.npz. Free some space, then go on.",
        ),
        (ResourceError("disk-full", "Full.", "Save again."), "disk-full", "Full. Free some space, then go on."),
        (
            torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has\nmore"),
            "out-of-memory",
            r"not enough memory to train \(CUDA out of memory\). Take less.",
        ),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "out-of-memory", "not enough memory to train"),
        (MemoryError(), "out-of-memory", "not enough memory to train. Take less."),
    ],
)
def test_shortages_are_said_in_words(error, code, says) -> None:
    with pytest.raises(ResourceError, match=says) as caught, shortages_in_words("Take less.", "go on"):
        raise error
    assert caught.value.code == code


@pytest.mark.parametrize(
    "error", [OSError(errno.EACCES, "no"), RuntimeError("shape"), ResourceError("other", "Other.")]
)
def test_other_errors_stay_what_they_are(error) -> None:
    with pytest.raises(type(error)) as caught, shortages_in_words("Take less.", "go on"):
        raise error
    assert caught.value is error


def test_train_tells_that_memory_ended(monkeypatch, tmp_path) -> None:
    def ends(*_arguments: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(train_commands, "_run", ends)
    arguments = ["train", "rotator-cuff", "--simulate", "4", "-o", str(tmp_path), "--device", "cpu"]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, ResourceError) and "smaller --batch-size" in done.exception.hint


def ends_the_process(number: int) -> int:
    if number == 1:
        os._exit(9)  # as the system does where memory runs out
    return number


def test_a_process_that_is_ended_from_outside_is_told() -> None:
    with pytest.raises(ResourceError, match=r"ended from outside, most likely because memory ran out.* fewer --jobs"):
        list(run_jobs(ends_the_process, [0, 1, 2], 2))


def test_a_disk_that_fills_up_under_an_open_file_is_told_by_every_command(monkeypatch, capsys) -> None:
    monkeypatch.setattr(cli, "app", lambda: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    assert capsys.readouterr().err.splitlines() == [
        "Error: There is no space left on the disk.", "  Free some space, then run the command again."
    ]  # fmt: skip
