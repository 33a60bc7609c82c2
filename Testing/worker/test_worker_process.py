"""The worker as a real process: what it survives, how it stops, and that it says why."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from worker.process_state import is_running

SCRIPTED = str(Path(__file__).with_name("scripted_worker.py"))


@pytest.fixture
def scripted(start_worker: Callable) -> object:
    """The real worker with scripted jobs, ready."""
    worker = start_worker([SCRIPTED])
    worker.ready = worker.wait_for("ready")
    return worker


def test_first_line_says_ready_with_the_workers_own_pid(scripted) -> None:
    assert json.loads(scripted.lines[0]) == scripted.ready
    assert scripted.ready["pid"] == scripted.process.pid
    assert scripted.ready["protocol"] == 1


def test_ready_comes_before_anything_heavy_is_imported(scripted) -> None:
    scripted.send(cmd="devices", job="look")
    assert scripted.wait_for("devices", "look")["devices"][0]["torch"] is False


@pytest.mark.parametrize(
    "line",
    [
        b"garbage\n",
        b"{\n",
        b"[1, 2]\n",
        b'{"cmd": "fly"}\n',
        b'{"cmd": 5}\n',
        b'{"cmd": "segment", "job": "a"}\n',
        b'{"cmd": "segment", "job": 7}\n',
        b"\xff\xfe\x00\n",
        b'{"cmd": "cancel"}\n',
        b"[" * 100_000 + b"\n",
        b"x" * (3 << 20) + b"\n",
        b'{"cmd": "segment", "job": "a", "volume": {}, "output": "", "threshold": true}\n',
    ],
    ids=lambda line: line[:24].decode("latin-1"),
)
def test_a_malformed_line_is_answered_and_survived(line: bytes, scripted) -> None:
    scripted.send_bytes(line)
    error = scripted.wait_until(lambda message: message["event"] == "error")
    assert error["code"] in ("bad-message", "bad-request")
    assert error["message"]
    scripted.send(cmd="devices", job="after")
    scripted.wait_for("devices", "after")


def test_empty_lines_are_no_messages(scripted) -> None:
    scripted.send_bytes(b"\n  \n\r\n")
    scripted.send(cmd="devices", job="after")
    scripted.wait_for("devices", "after")
    assert len(scripted.lines) == 2


def test_what_libraries_print_never_reaches_the_messages(scripted) -> None:
    scripted.send(cmd="devices", job="chatty")
    scripted.wait_for("devices", "chatty")
    messages = [json.loads(line) for line in scripted.lines]
    assert {message["event"] for message in messages} == {"ready", "progress", "devices"}
    scripted.wait_for_errors("from a child", "from C", "by the original name", "straight to")


def test_running_job_is_cancelled(scripted) -> None:
    scripted.send(cmd="devices", job="slow")
    scripted.wait_for("progress", "slow")
    scripted.send(cmd="cancel", job="slow")
    scripted.wait_for("cancelled", "slow")


def test_queued_job_is_cancelled_while_another_one_runs(scripted) -> None:
    scripted.send(cmd="devices", job="slow")
    scripted.send(cmd="devices", job="second")
    scripted.wait_for("progress", "slow")
    scripted.send(cmd="cancel", job="second")
    scripted.wait_for("cancelled", "second")
    scripted.send(cmd="cancel", job="slow")
    scripted.wait_for("cancelled", "slow")
    scripted.send(cmd="devices", job="third")
    scripted.wait_for("devices", "third")
    told = [json.loads(line) for line in scripted.lines if b'"job": "second"' in line]
    waits = [message for message in told if message["event"] == "progress"]
    assert {message["stage"] for message in waits} <= {"Waiting for an earlier job"}, "it may say that it waits"
    assert [message["event"] for message in told if message not in waits] == ["cancelled"]


def test_jobs_run_one_after_another_in_their_order(scripted) -> None:
    for name in ("short-1", "short-2", "last"):
        scripted.send(cmd="devices", job=name)
    scripted.wait_for("devices", "last")
    messages = [json.loads(line) for line in scripted.lines[1:]]
    assert [m["job"] for m in messages if m["event"] == "devices"] == ["short-1", "short-2", "last"]
    ended = [m["event"] for m in messages].index("devices")
    early = {m["stage"] for m in messages[:ended] if m["job"] == "short-2"}
    assert early <= {"Waiting for an earlier job"}, "one at a time"


def test_a_job_name_that_is_taken_is_refused(scripted) -> None:
    scripted.send(cmd="devices", job="slow")
    scripted.send(cmd="devices", job="slow")
    error = scripted.wait_until(lambda message: message["event"] == "error")
    assert (error["job"], error["code"]) == ("slow", "duplicate-job")


def test_cancelling_what_has_ended_says_nothing(scripted) -> None:
    scripted.send(cmd="cancel", job="never")
    scripted.send(cmd="hello")
    scripted.wait_for("ready")
    assert len(scripted.lines) == 2


@pytest.mark.parametrize(
    ("job", "code", "words"),
    [
        ("memory", "out-of-memory", "not enough memory"),
        ("disk", "disk-full", "disk is full: /some/folder"),
        ("held", "file-in-use", "virus scanner, holds /some/folder/file.npy"),
        ("package", "missing-package", "a_package_that_nobody_has is missing"),
        ("surprise", "internal", "Something went wrong"),
        ("exit", "internal", "Something went wrong"),
    ],
)
def test_failures_are_sentences_and_the_worker_goes_on(job: str, code: str, words: str, scripted) -> None:
    scripted.send(cmd="devices", job=job)
    error = scripted.wait_until(lambda message: message["event"] == "error")
    assert (error["job"], error["code"]) == (job, code)
    assert words in error["message"]
    assert error["hint"]
    assert "Traceback" not in error["message"] + error["hint"]
    assert "Traceback" in error["details"]
    scripted.send(cmd="devices", job="after")
    scripted.wait_for("devices", "after")


def test_gpu_that_fails_is_told_and_ends_the_process_that_has_lost_it(scripted) -> None:
    scripted.send(cmd="warm", job="early", task="gpu")  # nobody waits for it, and each process begins with it
    assert scripted.wait_for("error", "early")["code"] == "gpu-failed"
    scripted.send(cmd="devices", job="gpu")
    error = scripted.wait_for("error", "gpu")
    assert "GPU stopped answering" in error["message"] and "Try again" in error["hint"]
    assert scripted.wait_for_exit() == 1


@pytest.mark.parametrize("job", ["idle", "slow", "deaf"])
def test_closing_stdin_ends_the_worker_even_in_the_middle_of_a_job(job: str, scripted) -> None:
    if job != "idle":
        scripted.send(cmd="devices", job=job)
        scripted.wait_for("progress", job)
    scripted.close_input()
    assert scripted.wait_for_exit() == 0


def test_quit_ends_the_worker_in_the_middle_of_a_job(scripted) -> None:
    scripted.send(cmd="devices", job="deaf")
    scripted.wait_for("progress", "deaf")
    scripted.send(cmd="quit")
    assert scripted.wait_for_exit() == 0


def test_leaving_in_the_middle_of_writing_leaves_no_half_file(start_worker, tmp_path: Path) -> None:
    half = tmp_path / "half.npy"
    worker = start_worker([SCRIPTED], SCRIPTED_FILE=str(half))
    worker.send(cmd="devices", job="writing")
    worker.wait_for("progress", "writing")
    assert half.exists()
    worker.close_input()
    worker.wait_for_exit()
    assert not half.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_death_of_the_client_leaves_no_orphan(tmp_path: Path, repository: Path) -> None:
    """The client is killed without a chance to say anything, as in a crash of Slicer, with a job under way."""
    client = (
        "import subprocess, sys, time\n"
        f"worker = subprocess.Popen([sys.executable, {SCRIPTED!r}], stdin=-1, stdout=-1)\n"
        'worker.stdin.write(b\'{"cmd": "devices", "job": "slow"}\\n\'); worker.stdin.flush()\n'
        "worker.stdout.readline(); worker.stdout.readline()\n"
        "print(worker.pid, flush=True); time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    process = subprocess.Popen([sys.executable, "-c", client], stdout=subprocess.PIPE, env=environment)
    worker_pid = int(process.stdout.readline())
    assert is_running(worker_pid)
    process.kill()
    process.communicate()
    end = time.monotonic() + 20
    while is_running(worker_pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_running(worker_pid)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_in_slicers_terminal_does_not_end_the_worker(scripted) -> None:
    scripted.send(cmd="devices", job="short")
    scripted.wait_for("progress", "short")
    os.kill(scripted.process.pid, signal.SIGINT)
    scripted.wait_for("devices", "short")


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
def test_full_disk_is_said_and_leaves_nothing_behind(start_worker, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as folder:
        worker = start_worker([SCRIPTED], SCRIPTED_FILE=str(folder / "array.npy"))
        worker.send(cmd="devices", job="array")
        error = worker.wait_until(lambda message: message["event"] == "error")
        assert error["code"] == "disk-full"
        assert str(folder) in error["message"]
        assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX resource limits")
def test_file_size_limit_is_said_like_a_full_disk(start_worker, tmp_path: Path) -> None:
    """A quota that every user may set for himself: the same sentence, without being root."""
    limited = (
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        f"runpy.run_path({SCRIPTED!r}, run_name='__main__')\n"
    )
    worker = start_worker(["-c", limited], SCRIPTED_FILE=str(tmp_path / "array.npy"))
    worker.send(cmd="devices", job="array")
    error = worker.wait_until(lambda message: message["event"] == "error")
    assert error["code"] == "disk-full"
    assert list(tmp_path.iterdir()) == []
