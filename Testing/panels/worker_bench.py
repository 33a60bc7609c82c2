"""A worker client on a bench: a process that only remembers, timers that the test moves, and all that was told."""

import json

from RadiologyCNNLib.WorkerClient import WorkerClient


class FakeProcess:
    """A process that only remembers what it was told."""

    def __init__(self):
        self.starts = 0
        self.killed = []
        self.written = []
        self.isRunning = False
        self.inputIsClosed = False
        self.obeysQuit = True

    def start(self):
        self.starts += 1
        self.isRunning = True
        self.written = []

    def write(self, data):
        self.written.append(json.loads(data))

    def closeInput(self):
        self.inputIsClosed = True

    def kill(self, pid):
        self.killed.append(pid)
        self.isRunning = False

    def waitForFinished(self, milliseconds):
        self.isRunning = self.isRunning and not self.obeysQuit
        return not self.isRunning


class FakeScheduler:
    """Timers that run when the test lets time pass."""

    def __init__(self):
        self.now = 0.0
        self.timers = []

    def after(self, seconds, function):
        timer = FakeTimer(self.now + seconds, function)
        self.timers.append(timer)
        return timer

    def passTime(self, seconds):
        self.now += seconds
        for timer in list(self.timers):
            if timer.function is not None and timer.due <= self.now:
                function, timer.function = timer.function, None
                function()


class FakeTimer:
    def __init__(self, due, function):
        self.due = due
        self.function = function

    def cancel(self):
        self.function = None


class Bench:
    """A client on a fake process, with all that it has told."""

    def __init__(self):
        self.process = FakeProcess()
        self.scheduler = FakeScheduler()
        self.client = WorkerClient(self.process, self.scheduler, clock=lambda: self.scheduler.now)
        self.told = []
        self.states = []
        for name in ("result", "failed", "cancelled", "progress"):
            getattr(self.client, name).connect(lambda *arguments, name=name: self.told.append((name, *arguments)))
        self.client.stateChanged.connect(self.states.append)

    def say(self, **message):
        self.process.onBytes(json.dumps(message).encode() + b"\n")

    def sayReady(self, pid=4711):
        self.say(event="ready", pid=pid, version="0", protocol=1)

    def ends(self, job):
        return [told[0] for told in self.told if told[1] == job and told[0] != "progress"]

    def commands(self):
        return [request["cmd"] for request in self.process.written]
