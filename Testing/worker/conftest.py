"""A real worker process to talk to, and a tiny network for it to run."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
#: Without a word. Generous, because a loaded machine imports torch slowly; nothing waits so long unless it is wrong.
PATIENCE_S = 180.0


class WorkerProcess:
    """The worker as its client sees it: lines in, events out."""

    def __init__(self, program: list[str] | None = None, **environment: str) -> None:
        command = program or ["-m", "radiologycnn.worker"]
        self.process = subprocess.Popen(
            [sys.executable, "-u", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        )
        self.lines: list[bytes] = []
        self.errors = bytearray()
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def send(self, **request: Any) -> None:
        self.send_bytes(json.dumps(request).encode() + b"\n")

    def send_bytes(self, line: bytes) -> None:
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def close_input(self) -> None:
        self.process.stdin.close()

    def forget(self) -> None:
        """Drop all that was heard so far."""
        while not self._events.empty():
            self._events.get()
        self.lines.clear()
        self.errors.clear()

    def wait_for(self, event: str, job: str | None = None) -> dict[str, Any]:
        """The next event of that kind (and job); others before it are dropped, an unexpected error fails the test."""
        return self.wait_until(lambda m: m["event"] == event and (job is None or m.get("job") == job), event)

    def wait_until(self, accept: Callable[[dict[str, Any]], bool], what: str = "") -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                message = self._events.get(timeout=1.0)
            except queue.Empty:
                assert self.process.poll() is None, f"the worker ended: {self.errors.decode()}"
                continue
            end = time.monotonic() + PATIENCE_S  # it works, and says so
            if accept(message):
                return message
            assert message["event"] != "error", f"waiting for {what!r}: {message}"
        raise AssertionError(f"no {what!r} came; stderr: {self.errors.decode()}")

    def wait_for_errors(self, *texts: str) -> None:
        """Until all of these stand in stderr: by another pipe, they may come after the event that followed them."""
        end = time.monotonic() + PATIENCE_S
        while missing := [text for text in texts if text.encode() not in self.errors]:
            assert time.monotonic() < end, f"no {missing} in stderr: {self.errors.decode()}"
            time.sleep(0.01)

    def wait_for_exit(self, timeout_s: float = 20.0) -> int:
        return self.process.wait(timeout_s)

    def last_words(self) -> bytes:
        """End it as its client does; all that it has written to stderr, none of which is still on its way then."""
        self.close_input()
        self.wait_for_exit(PATIENCE_S)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        return bytes(self.errors)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except OSError:
                pass

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line)
            self._events.put(json.loads(line))

    def _read_errors(self) -> None:
        for line in self.process.stderr:
            self.errors += line


@pytest.fixture
def start_worker(tiny_model: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts real workers that know the tiny model; all of them are ended after the test."""
    workers: list[WorkerProcess] = []

    def start(program: list[str] | None = None, **environment: str) -> WorkerProcess:
        workers.append(WorkerProcess(program, **{"RADIOLOGYCNN_MODELS": str(tiny_model.parent), **environment}))
        return workers[-1]

    yield start
    for worker in workers:
        worker.end()


@pytest.fixture(scope="session")
def shared_worker(tiny_model: Path) -> Iterator[WorkerProcess]:
    """One real worker for all tests that leave it as they found it: it imports torch only once."""
    started = WorkerProcess(RADIOLOGYCNN_MODELS=str(tiny_model.parent))
    started.wait_for("ready")
    yield started
    started.end()


@pytest.fixture
def worker(shared_worker: WorkerProcess) -> WorkerProcess:
    """A real worker that is ready, with nothing said so far."""
    shared_worker.forget()
    return shared_worker


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole-head network small enough to run in a second, with random weights."""
    from engine.hand_made import tiny_package

    return tiny_package(tmp_path_factory.mktemp("models") / "tiny-1.0.0").path


@pytest.fixture(scope="session")
def head_volume(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A ball of brain in a shell of bone in air, 32 x 96 x 96 voxels, as a request's ``volume`` field."""
    k, j, i = np.meshgrid(np.arange(32) * 5.0 - 77.5, *(np.arange(96) * 2.0 - 95.0,) * 2, indexing="ij")
    radius = np.sqrt((k / 72) ** 2 + (j / 88) ** 2 + (i / 72) ** 2)
    array = np.full(radius.shape, -1000, np.int16)
    array[radius < 1.0] = 1000
    array[radius < 0.92] = 35
    array[np.hypot(np.hypot(k, j - 10), i - 20) < 15] = 70
    path = tmp_path_factory.mktemp("volume") / "head.npy"
    np.save(path, array)
    matrix = [[2, 0, 0, -95], [0, 2, 0, -95], [0, 0, 5, -77.5], [0, 0, 0, 1]]
    return {"array": str(path), "ijk_to_lps": matrix, "modality": "CT", "name": "Head"}
