"""WorkerClient: the panels' end of the worker, as plain Python; process and timer are handed in.

It starts the worker when it is needed, gives each request a job id, tells by signals how the jobs go on, and sees to
it that every job ends in exactly one of result, failed and cancelled, also where the worker dies or does not answer.
"""

import itertools
import os
import sys
import time
import types
from collections import deque
from dataclasses import dataclass

from radiologycnn.worker import protocol
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WorkerError import WorkerError
from RadiologyCNNLib.WorkerOutput import WorkerOutput

#: A job that is cancelled has this long to stop by itself; then the worker's own pid is killed. With the killing it
#: is over within two seconds.
CANCEL_GRACE_SECONDS = 1.5
#: A worker that has not said "ready" by then never will.
START_SECONDS = 90.0
#: A worker that dies more often than this within a minute is not started again by itself.
RESTARTS_PER_MINUTE = 2

_SHARED_NAME = "_RadiologyCNNShared"


@dataclass
class _Job:
    """A request that has no answer yet."""

    line: bytes
    command: str
    isCancelled: bool = False
    #: Runs from the cancel to the killing of a worker that does not obey; None where none runs.
    graceTimer: object = None

    def stopGraceTimer(self):
        if self.graceTimer is not None:
            self.graceTimer.cancel()
            self.graceTimer = None


class WorkerClient:
    """One worker process and its jobs.

    Args:
        process: object with ``start()``, ``write(bytes)``, ``closeInput()``, ``kill(pid)``, ``waitForFinished(ms)``
            and ``isRunning``; it calls ``onBytes``, ``onErrorBytes``, ``onFinished`` and ``onFailedToStart`` here.
        scheduler: object with ``after(seconds, function)`` that gives an object with ``cancel()``.
        clock: seconds, monotonic.

    Signals:
        ready(dict): the worker's ready message.
        progress(job, fraction, stage, remainingSeconds or None), result(job, message dict),
        failed(job, WorkerError), cancelled(job), logged(text), stateChanged("stopped|starting|ready|busy").
    """

    def __init__(self, process, scheduler, clock=time.monotonic):
        self.ready = Signal("message")
        self.progress = Signal("job", "fraction", "stage", "remainingSeconds")
        self.result = Signal("job", "message")
        self.failed = Signal("job", "error")
        self.cancelled = Signal("job")
        self.logged = Signal("text")
        self.stateChanged = Signal("state")

        self.state = "stopped"
        self.pid = None
        self._process = process
        self._scheduler = scheduler
        self._clock = clock
        self._numbers = itertools.count(1)
        self._jobs = {}
        self._output = WorkerOutput(self._onMessage, self.logged.emit)
        self._startTimer = None
        self._lastWarm = None
        self._deaths = deque()
        self._isStopping = False
        self._hasLostGpu = False  # then it leaves by itself, and what waits is the next one's
        process.onBytes = self._output.addBytes
        process.onErrorBytes = self._output.addErrorBytes
        process.onFinished = self.onFinished
        process.onFailedToStart = self.onFailedToStart

    @staticmethod
    def shared():
        """The one client of this Slicer session, made with Qt's process on the first call.

        It is kept outside this module, so that a panel's reload neither starts a second worker nor cools the first;
        after a reload it takes the reloaded class's code.
        """
        registry = sys.modules.setdefault(_SHARED_NAME, types.ModuleType(_SHARED_NAME))
        client = getattr(registry, "client", None)
        if client is None:
            from RadiologyCNNLib.QtWorkerProcess import makeClient

            registry.client = client = makeClient()
        elif client.__class__ is not WorkerClient:
            client.__class__ = WorkerClient
        return client

    # ---- what panels call ------------------------------------------------------------------------------------------

    @property
    def isBusy(self):
        """Whether a job waits or runs."""
        return bool(self._jobs)

    @property
    def errorLog(self):
        """The worker's last lines on stderr, as one text."""
        return self._output.errorText

    def start(self):
        """Start the worker where none runs; returns at once."""
        if self.state != "stopped":
            return
        self._output.clear()
        self._isStopping = self._hasLostGpu = False
        self.pid = None
        self._setState("starting")
        self._startTimer = self._scheduler.after(START_SECONDS, self._onNotReady)
        self._process.start()

    def request(self, cmd, **fields):
        """Send a request, starting the worker where none runs; returns the job's id.

        The job waits in line behind earlier ones, and ends in one of the signals result, failed and cancelled.
        """
        job = f"{os.getpid()}-{next(self._numbers)}"
        line = protocol.encode({"cmd": cmd, "job": job, **fields})
        if cmd == "warm":
            self._lastWarm = fields
        self._jobs[job] = _Job(line, cmd)
        if self.state in ("ready", "busy"):
            self._setState("busy")
            self._process.write(line)
        else:
            self.start()  # what waits is sent as soon as the worker is ready
        return job

    def cancel(self, job, mayKill=True):
        """Ask the job to stop; a worker that does not obey in time is killed and started anew, unless told not to."""
        pending = self._jobs.get(job)
        if pending is None or pending.isCancelled:
            return
        pending.isCancelled = True
        if self.state not in ("ready", "busy"):
            self._end(job, self.cancelled)
            return
        if mayKill:
            pending.graceTimer = self._scheduler.after(CANCEL_GRACE_SECONDS, lambda: self._onCancelOverdue(job))
        self._process.write(protocol.encode({"cmd": "cancel", "job": job}))

    def stop(self, milliseconds=1500):
        """End the worker: politely, then by force. Waits for it no longer than twice the time given."""
        self._isStopping = True
        self._stopStartTimer()
        for job in list(self._jobs):
            self._end(job, self.cancelled)
        if self._process.isRunning:
            self._process.write(protocol.encode({"cmd": "quit"}))
            self._process.closeInput()
            if not self._process.waitForFinished(milliseconds):
                self._process.kill(self.pid)
                self._process.waitForFinished(milliseconds)
        self.pid = None
        self._setState("stopped")

    # ---- what the process calls ------------------------------------------------------------------------------------

    def onFinished(self, code):
        """The worker has ended. Where nobody asked for that, say so for every job, and start anew within reason.

        Jobs that waited behind one whose GPU failed are given to the new worker.
        """
        self._output.end()
        self._stopStartTimer()
        wasReady, hasLostGpu = self.pid is not None, self._hasLostGpu
        self.pid = None
        self._setState("stopped")
        if self._isStopping:
            return
        error = WorkerError.ofDeath(code, wasReady, self.errorLog)
        self.logged.emit(f"{error.message} Exit code {code}.")
        mayRestart = wasReady and self._mayRestart()
        for job, pending in list(self._jobs.items()):
            if pending.isCancelled:
                self._end(job, self.cancelled)
            elif not (hasLostGpu and mayRestart):
                self._end(job, self.failed, error)
        if mayRestart and self.state == "stopped":
            self.start()
            self._warmAgain()

    def onFailedToStart(self, reason):
        """The program could not be started at all."""
        self._stopStartTimer()
        self.pid = None
        self._setState("stopped")
        error = WorkerError.ofStart(reason)
        for job in list(self._jobs):
            self._end(job, self.failed, error)

    # ---- inside ----------------------------------------------------------------------------------------------------

    def _onMessage(self, message):
        event, job = message.get("event"), message.get("job")
        if event == "ready":
            self._onReady(message)
        elif event == "log":
            self.logged.emit(str(message.get("text", "")))
        elif event == "error" and job is None:
            self.logged.emit(f"{message.get('message')} {message.get('hint', '')}".strip())
        elif job not in self._jobs:
            return  # it has ended here already, by a cancel that was faster
        elif event == "progress":
            if not self._jobs[job].isCancelled:
                self.progress.emit(job, message["fraction"], message["stage"], message.get("remaining_s"))
        elif event == "cancelled" or self._jobs[job].isCancelled:
            self._end(job, self.cancelled)
        elif event == "error":
            error = WorkerError.ofMessage(message)
            self._hasLostGpu |= error.code == protocol.GPU_FAILED and self._jobs[job].command != "warm"
            if error.details:
                self.logged.emit(error.details)
            self._end(job, self.failed, error)
        elif event in ("result", "devices"):
            self._end(job, self.result, message)

    def _onReady(self, message):
        if self.state != "starting":
            return  # the answer to a "hello"
        self._stopStartTimer()
        self.pid = message["pid"]
        self._setState("busy" if self._jobs else "ready")
        for pending in list(self._jobs.values()):
            self._process.write(pending.line)
        self.ready.emit(message)

    def _onNotReady(self):
        """The worker did not say that it is ready: end it; ``onFinished`` tells the jobs."""
        self._startTimer = None
        if self.state == "starting":
            self.logged.emit(f"The background process was not ready after {START_SECONDS:.0f} s.")
            self._process.kill(None)

    def _onCancelOverdue(self, job):
        """The job does not stop by itself: kill the worker, start another, and give it the jobs that only waited."""
        if job not in self._jobs:
            return
        self.logged.emit("The job did not stop by itself; the background process is started anew.")
        pid, self.pid = self.pid, None
        self._process.kill(pid)
        given = [name for name, pending in self._jobs.items() if pending.isCancelled]
        for name in given:
            self._jobs.pop(name).stopGraceTimer()
        self._setState("stopped")
        self.start()
        for name in given:
            self.cancelled.emit(name)
        self._warmAgain()

    def _warmAgain(self):
        """Have the new worker load the network that the last one had, unless that is asked for already."""
        if not any(pending.command == "warm" for pending in self._jobs.values()) and self._lastWarm is not None:
            self.request("warm", **self._lastWarm)

    def _mayRestart(self):
        now = self._clock()
        self._deaths.append(now)
        while now - self._deaths[0] > 60.0:
            self._deaths.popleft()
        return len(self._deaths) <= RESTARTS_PER_MINUTE

    def _end(self, job, endSignal, *arguments):
        """Forget the job, then tell its end; whoever hears of it may ask for the next one at once."""
        pending = self._jobs.pop(job, None)
        if pending is None:
            return
        pending.stopGraceTimer()
        if not self._jobs and self.state == "busy":
            self._setState("ready")
        endSignal.emit(job, *arguments)

    def _stopStartTimer(self):
        if self._startTimer is not None:
            self._startTimer.cancel()
            self._startTimer = None

    def _setState(self, state):
        if state != self.state:
            self.state = state
            self.stateChanged.emit(state)
