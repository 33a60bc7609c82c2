"""The worker's loop: requests are read in one thread, jobs run in the main thread, messages are never broken.

The real stdout is kept for the protocol and file descriptor 1 is pointed at stderr, so that whatever a library
prints cannot end up inside a message. The reading thread is never busy, so that a cancel is heard while a job runs
and a closed stdin (Slicer has gone) ends the process even in the middle of a job.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from radiologycnn import __version__
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.file_names import use_utf8_file_names
from radiologycnn.worker import protocol
from radiologycnn.worker.process_end import end_now, end_without_dialog

#: After so many seconds without a job the model's memory (a GPU's, too) is given back.
IDLE_UNLOAD_S = 600.0


class Job:
    """A request that waits or runs, and whether the person has cancelled it."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.id: str | None = request.get("job")
        self.cancelled = threading.Event()
        self.is_running = False


class WorkerServer:
    """Serves one client over a pair of byte streams.

    Args:
        requests: binary stream that lines are read from.
        send_line: writes the bytes of one event.
        leave: ends the process with an exit code, at once.
        idle_unload_s: seconds without a job after which the model is unloaded.
    """

    def __init__(
        self,
        requests: BinaryIO,
        send_line: Callable[[bytes], None],
        leave: Callable[[int], None] = end_now,
        idle_unload_s: float = IDLE_UNLOAD_S,
    ) -> None:
        self._requests = requests
        self._send_line = send_line
        self._leave_process = leave
        self._idle_unload_s = idle_unload_s
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._queue: queue.Queue[Job] = queue.Queue()
        self._jobs: dict[str, Job] = {}
        self._running: Job | None = None
        self._unfinished_files: set[Path] = set()

    def send(self, event: dict[str, Any]) -> None:
        """Send one event; the process ends where nobody can receive it any more."""
        line = protocol.encode(event)
        try:
            with self._sending:
                self._send_line(line)
        except (OSError, ValueError):
            self.leave()

    def leave(self, code: int = 0) -> None:
        """End the process now, even in the middle of a job, without a half-written file."""
        for path in list(self._unfinished_files):
            with contextlib.suppress(OSError):
                path.unlink()
        self._leave_process(code)

    def serve(self) -> None:
        """Announce the worker, then run jobs for ever; only the reading thread ends the process."""
        self.send(protocol.ready(__version__))
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        from radiologycnn.worker.jobs import JobRunner

        runner = JobRunner(self._unfinished_files, log=lambda text: self.send(protocol.log(text)))
        while True:
            try:
                job = self._queue.get(timeout=self._idle_unload_s if runner.is_warm else None)
            except queue.Empty:
                runner.unload()
                self.send(protocol.log("The model was unloaded after a while without work."))
                continue
            self._run(job, runner)

    # ---- the reading thread ----------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Read lines until stdin closes, then end the process."""
        try:
            while line := self._requests.readline(protocol.MAXIMUM_LINE_BYTES):
                if not line.endswith(b"\n") and len(line) >= protocol.MAXIMUM_LINE_BYTES:
                    self._skip_rest_of_line()
                    self.send(protocol.error(None, "bad-message", "A line is too long.", "It was left out."))
                elif line.strip():
                    self._receive(line)
        except (OSError, ValueError):
            pass  # a broken pipe says the same as a closed one
        finally:
            self.leave()

    def _skip_rest_of_line(self) -> None:
        while (part := self._requests.readline(protocol.MAXIMUM_LINE_BYTES)) and not part.endswith(b"\n"):
            pass

    def _receive(self, line: bytes) -> None:
        try:
            request = protocol.parse_request(line)
            command = request["cmd"]
            if command == "quit":
                self.leave()
            elif command == "hello":
                self.send(protocol.ready(__version__))
            elif command == "cancel":
                self._cancel(request["job"])
            else:
                self._enqueue(request)
        except InputError as error:
            self.send(protocol.error(protocol.job_of(line), error.code, error.message, error.hint))
        except Exception as error:  # whatever a line does, the worker goes on
            self.send(_failure(protocol.job_of(line), error))

    def _enqueue(self, request: dict[str, Any]) -> None:
        job = Job(request)
        with self._lock:
            if job.id is not None:
                if job.id in self._jobs:
                    raise InputError("duplicate-job", "A job of that name is already waiting or running.")
                self._jobs[job.id] = job
            running = self._running
        if running is not None and job.id is not None:
            reason = "Getting ready" if running.request["cmd"] in ("warm", "prepare") else "Waiting for an earlier job"
            self.send(protocol.progress(job.id, 0.0, reason))
        self._queue.put(job)

    def _cancel(self, job_id: str) -> None:
        """Mark a job; one that only waits ends here. One that is unknown has ended already: nothing to say."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return
            job.cancelled.set()
            waits = not job.is_running
            if waits:
                del self._jobs[job_id]
        if waits:
            self.send(protocol.cancelled(job_id))

    # ---- the main thread -------------------------------------------------------------------------------------------

    def _run(self, job: Job, runner: Any) -> None:
        """Run one job to its one last event."""
        with self._lock:
            if job.cancelled.is_set():
                return
            job.is_running = True
            self._running = job
        outcome = self._outcome(job, runner)
        with self._lock:
            self._running = None
            if job.id is not None:
                self._jobs.pop(job.id, None)
        if outcome is not None:
            self.send(outcome)
        # Whoever has started this process starts another one, which has a GPU again. Not for a failure that nobody has
        # waited for: where each start begins with it, that would not end.
        if outcome is not None and outcome.get("code") == protocol.GPU_FAILED and job.request["cmd"] != "warm":
            self.leave(1)

    def _outcome(self, job: Job, runner: Any) -> dict[str, Any] | None:
        from radiologycnn.worker.progress import JobProgress

        def send_progress(fraction: float, stage: str, remaining_s: float | None) -> None:
            if job.id is not None:
                self.send(protocol.progress(job.id, fraction, stage, remaining_s))

        progress = JobProgress(send_progress, job.cancelled.is_set, runner.durations)
        try:
            fields = runner.run(job.request, progress, job.cancelled.is_set)
            if job.id is None:
                return None
            if job.request["cmd"] == "devices":
                return protocol.devices(job.id, fields["devices"])
            return protocol.result(job.id, **fields)
        except Cancelled:
            return protocol.cancelled(job.id) if job.id is not None else None
        except BaseException as error:  # a library's SystemExit must not end the worker either
            return _failure(job.id, error)


def _failure(job_id: str | None, error: BaseException) -> dict[str, Any]:
    from radiologycnn.worker.failures import failure_event

    return failure_event(job_id, error)


def main() -> None:
    """Take stdin and stdout for the protocol, then serve."""
    requests = os.fdopen(os.dup(0), "rb")
    events = os.dup(1)
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # a child or a library that reads stdin must not eat requests
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    end_without_dialog()
    use_utf8_file_names()
    with contextlib.suppress(Exception):
        faulthandler.enable()  # the last words of a crash go to stderr, which the client keeps
    # Ctrl+C in the terminal that started Slicer reaches the worker as well; Slicer decides what it means
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def send_line(line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(events, rest) :]

    idle_unload_s = float(os.environ.get("RADIOLOGYCNN_IDLE_UNLOAD_S", IDLE_UNLOAD_S))
    WorkerServer(requests, send_line, idle_unload_s=idle_unload_s).serve()
