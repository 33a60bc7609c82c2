"""WorkerClient with the real worker at its other end: cancel, kill, death and stop leave the panel usable."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from worker.process_state import is_running

from RadiologyCNNLib.ProcessKill import killProcess
from RadiologyCNNLib.WorkerClient import WorkerClient

SCRIPTED = str(Path(__file__).resolve().parents[1] / "worker" / "scripted_worker.py")
PATIENCE_SECONDS = 60.0


class PipeProcess:
    """What QtWorkerProcess is in Slicer, without Qt: events wait in a queue until the test's loop hands them on."""

    def __init__(self, repository):
        self._environment = {**os.environ, "PYTHONPATH": str(repository)}
        self._events = queue.Queue()
        self._process = None

    @property
    def isRunning(self):
        return self._process is not None and self._process.poll() is None

    def start(self):
        command = [sys.executable, "-u", SCRIPTED]
        process = subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, env=self._environment)
        self._process = process
        readers = [
            threading.Thread(target=self._read, args=(process, process.stdout, "onBytes"), daemon=True),
            threading.Thread(target=self._read, args=(process, process.stderr, "onErrorBytes"), daemon=True),
        ]
        for reader in readers:
            reader.start()
        threading.Thread(target=self._awaitEnd, args=(process, readers), daemon=True).start()

    def write(self, data):
        if self.isRunning:
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def closeInput(self):
        self._process.stdin.close()

    def kill(self, pid):
        if pid:
            killProcess(pid)
        if self.isRunning:
            self._process.kill()

    def waitForFinished(self, milliseconds):
        try:
            self._process.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            return False
        return True

    def handOn(self):
        """Tell the client what has come, as Qt's event loop does."""
        while not self._events.empty():
            process, name, value = self._events.get()
            if process is self._process:
                getattr(self, name)(value)

    def _read(self, process, stream, name):
        while data := stream.read1(7):  # odd pieces on purpose
            self._events.put((process, name, data))

    def _awaitEnd(self, process, readers):
        for reader in readers:
            reader.join()
        self._events.put((process, "onFinished", process.wait()))


class RealTimers:
    """Timers that the test's loop fires."""

    def __init__(self):
        self._timers = []

    def after(self, seconds, function):
        timer = _Timer(time.monotonic() + seconds, function)
        self._timers.append(timer)
        return timer

    def handOn(self):
        for timer in list(self._timers):
            if timer.function is not None and timer.due <= time.monotonic():
                function, timer.function = timer.function, None
                function()


class _Timer:
    def __init__(self, due, function):
        self.due, self.function = due, function

    def cancel(self):
        self.function = None


class Bench:
    def __init__(self, repository):
        self.process = PipeProcess(repository)
        self.timers = RealTimers()
        self.client = WorkerClient(self.process, self.timers)
        self.ends = {}
        self.seen = []
        self.client.result.connect(lambda job, message: self.ends.setdefault(job, []).append("result"))
        self.client.failed.connect(lambda job, error: self.ends.setdefault(job, []).append(error))
        self.client.cancelled.connect(lambda job: self.ends.setdefault(job, []).append("cancelled"))
        self.client.progress.connect(lambda job, *_: self.seen.append(job))

    def run(self, script):
        """Start a scripted job; returns its id."""
        return self.client.request("models", task=script)

    def wait(self, until):
        end = time.monotonic() + PATIENCE_SECONDS
        while not until():
            assert time.monotonic() < end, (self.ends, self.client.state, self.client.errorLog)
            self.process.handOn()
            self.timers.handOn()
            time.sleep(0.01)


@pytest.fixture
def bench(repository):
    bench = Bench(repository)
    yield bench
    bench.client.stop()


def test_two_jobs_queue_and_both_end(bench):
    first, second = bench.run("short"), bench.run("now")
    bench.wait(lambda: len(bench.ends) == 2)
    assert bench.ends == {first: ["result"], second: ["result"]}
    assert list(bench.ends) == [first, second]


def test_cancel_of_a_job_that_listens_keeps_the_worker(bench):
    job = bench.run("slow")
    bench.wait(lambda: job in bench.seen)
    pid = bench.client.pid
    bench.client.cancel(job)
    bench.wait(lambda: job in bench.ends)
    assert bench.ends[job] == ["cancelled"]
    assert bench.client.pid == pid


def test_cancel_of_a_job_that_is_deaf_gives_a_new_worker(bench):
    job = bench.run("deaf")
    waiting = bench.run("now")
    bench.wait(lambda: job in bench.seen)
    pid = bench.client.pid
    bench.client.cancel(job)
    bench.wait(lambda: waiting in bench.ends)
    assert bench.ends == {job: ["cancelled"], waiting: ["result"]}
    assert bench.client.pid != pid
    bench.wait(lambda: not is_running(pid))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_worker_killed_from_outside_in_the_middle_of_a_job(bench):
    job = bench.run("slow")
    bench.wait(lambda: job in bench.seen)
    pid = bench.client.pid
    os.kill(pid, signal.SIGKILL)
    bench.wait(lambda: job in bench.ends and bench.client.state == "ready")
    [error] = bench.ends[job]
    assert error.code == "worker-died"
    assert error.hint
    again = bench.run("now")
    bench.wait(lambda: again in bench.ends)
    assert bench.ends[again] == ["result"]


def test_worker_that_crashes_leaves_its_last_words(bench):
    job = bench.run("crash")
    bench.wait(lambda: job in bench.ends)
    [error] = bench.ends[job]
    assert error.code == "worker-died"
    assert "Fatal Python error: Aborted" in error.details


def test_chatty_library_breaks_no_message(bench):
    logged = []
    bench.client.logged.connect(logged.append)
    job = bench.run("chatty")
    bench.wait(lambda: job in bench.ends)
    assert bench.ends[job] == ["result"]
    bench.wait(lambda: any("from a child" in text for text in logged))  # stderr may come after the result


def test_failure_in_a_job_reaches_the_panel_and_the_worker_stays(bench):
    job = bench.run("disk")
    bench.wait(lambda: job in bench.ends)
    pid = bench.client.pid
    [error] = bench.ends[job]
    assert error.message == "The disk is full: /some/folder has no room left."
    again = bench.run("now")
    bench.wait(lambda: again in bench.ends)
    assert bench.client.pid == pid


def test_stop_in_the_middle_of_a_deaf_job_leaves_nothing_running(bench):
    job = bench.run("deaf")
    bench.wait(lambda: job in bench.seen)
    pid = bench.client.pid
    bench.client.stop()
    assert bench.ends[job] == ["cancelled"]
    assert not is_running(pid)
    assert bench.client.state == "stopped"


def test_kill_ends_a_process_by_its_id():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    assert killProcess(process.pid)
    assert process.wait(20) != 0
    assert not killProcess(process.pid)


@pytest.mark.parametrize("taskkill", [PermissionError(13, "blocked by group policy"), 1, 0])
def test_kill_on_windows_needs_no_program_that_may_be_forbidden(taskkill, monkeypatch):
    killed = []

    def run(command, **options):
        if isinstance(taskkill, OSError):
            raise taskkill
        return subprocess.CompletedProcess(command, taskkill)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "CREATE_NO_WINDOW", 0, raising=False)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    assert killProcess(4711)
    assert killed == ([] if taskkill == 0 else [(4711, signal.SIGTERM)])
