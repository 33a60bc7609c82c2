"""QtWorkerProcess: the thin adapter between WorkerClient and Qt's process and timer."""

import os
import shutil
import sys

import qt
import slicer

from radiologycnn.worker.process_environment import worker_variables
from radiologycnn.worker.protocol import engine_folder
from RadiologyCNNLib.ProcessKill import killProcess
from RadiologyCNNLib.WorkerClient import WorkerClient

#: Application setting: another Python for the worker, such as an environment with a GPU build of torch.
WORKER_PYTHON_SETTING = "RadiologyCNN/WorkerPython"
#: What belongs to Slicer's Python and would mislead another one.
_SLICER_ONLY_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE")


def workerPython():
    """Path of the Python that runs the worker, and whether the person has chosen it."""
    chosen = str(slicer.util.settingsValue(WORKER_PYTHON_SETTING, "") or "")
    if chosen:
        return chosen, True
    return shutil.which("PythonSlicer") or sys.executable, False


def workerEnvironment(isOtherPython):
    """Environment of the worker: finds the engine, and is not Slicer's where Python is another."""
    if isOtherPython:
        environment = qt.QProcessEnvironment()
        for name, value in slicer.util.startupEnvironment().items():
            if name not in _SLICER_ONLY_VARIABLES:
                environment.insert(name, value)
        inherited = []
    else:
        environment = qt.QProcessEnvironment.systemEnvironment()
        inherited = [path for path in environment.value("PYTHONPATH", "").split(os.pathsep) if path]
    paths = [str(engine_folder()), *inherited]
    environment.insert("PYTHONPATH", os.pathsep.join(paths))
    for name, value in worker_variables(environment.value("GLIBC_TUNABLES", "")).items():
        environment.insert(name, value)
    return environment


class QtTimer:
    """A function that is called once after some seconds, unless it is cancelled."""

    def __init__(self, seconds, function):
        self._function = function
        # a timer of our own: Slicer's replacement of QTimer.singleShot keeps every timer for ever
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._onTimeout)
        self._timer.start(int(seconds * 1000))

    def cancel(self):
        """Never call the function."""
        self._takeFunction()

    def _onTimeout(self):
        function = self._takeFunction()
        if function is not None:
            function()

    def _takeFunction(self):
        """The function, the first time; the timer goes, as this and it hold each other in a circle through Qt."""
        function, self._function = self._function, None
        if function is not None:
            self._timer.stop()
            self._timer.deleteLater()
        return function


class QtScheduler:
    """Makes ``QtTimer``s for WorkerClient."""

    def after(self, seconds, function):
        """Call the function once after so many seconds."""
        return QtTimer(seconds, function)


class _Run:
    """One QProcess, from its start to its end; it is heard only while its owner has not gone on to another one."""

    def __init__(self, owner):
        self._owner = owner
        program, isOtherPython = workerPython()
        self.process = qt.QProcess()
        self.process.setProgram(program)
        self.process.setArguments(["-u", "-m", "radiologycnn.worker"])
        self.process.setProcessEnvironment(workerEnvironment(isOtherPython))
        # Not the engine's: Windows lets nobody remove a folder that a process works in. Another Slicer, which updates
        # the extension at its start, would be left without it. Not Slicer's own: that may be any.
        self.process.setWorkingDirectory(os.path.dirname(program))
        self.process.connect("readyReadStandardOutput()", self._readOutput)
        self.process.connect("readyReadStandardError()", self._readErrors)
        self.process.connect("finished(int,QProcess::ExitStatus)", self._onFinished)
        self.process.connect("errorOccurred(QProcess::ProcessError)", self._onError)

    @property
    def isCurrent(self):
        """Whether the owner still listens to this run."""
        return self._owner.run is self

    def _readOutput(self):
        # until there is nothing left: while a message is handled, perhaps with a dialog, Qt announces no other output
        while self.isCurrent and (data := self.process.readAllStandardOutput().data()):
            self._owner.onBytes(data)

    def _readErrors(self):
        data = self.process.readAllStandardError().data()
        if self.isCurrent and data:
            self._owner.onErrorBytes(data)

    def _onFinished(self, code, status):
        self._readOutput()
        self._readErrors()
        if self.isCurrent:
            self._owner.run = None
            self._owner.onFinished(-1 if status == qt.QProcess.CrashExit else code)
        self.process.deleteLater()

    def _onError(self, error):
        if error == qt.QProcess.FailedToStart:
            # a little later: on Windows it comes before ``start`` returns, when nobody knows the job's name yet
            self._failure = QtTimer(0.0, self._onFailedToStart)

    def _onFailedToStart(self):
        if self.isCurrent:
            self._owner.run = None
            self._owner.onFailedToStart(f"{self.process.program()}: {self.process.errorString()}")
        self.process.deleteLater()


class QtWorkerProcess:
    """The worker as a QProcess: bytes in, bytes out, its end told, killed by its own pid."""

    def __init__(self):
        self.onBytes = self.onErrorBytes = self.onFinished = self.onFailedToStart = None
        self.run = None

    @property
    def isRunning(self):
        """Whether the process has been started and has not ended."""
        return self.run is not None and self.run.process.state() != qt.QProcess.NotRunning

    def start(self):
        """Start ``python -m radiologycnn.worker``; returns at once."""
        self.run = _Run(self)
        self.run.process.start()

    def write(self, data):
        """Send bytes to the worker's stdin."""
        if self.isRunning:
            self.run.process.write(data)
            self.run.process.waitForBytesWritten(0)  # now, not when all that the click has changed is painted

    def closeInput(self):
        """Close the worker's stdin, which ends it."""
        if self.isRunning:
            self.run.process.closeWriteChannel()

    def kill(self, pid):
        """End the worker by force: its own pid first, because PythonSlicer is only a launcher around it."""
        if pid:
            killProcess(pid)
        if self.isRunning:
            self.run.process.kill()

    def waitForFinished(self, milliseconds):
        """Wait for the end, so long at most; whether it has ended."""
        return not self.isRunning or bool(self.run.process.waitForFinished(milliseconds))


def makeClient():
    """A WorkerClient on Qt that stops with the application."""
    client = WorkerClient(QtWorkerProcess(), QtScheduler())
    slicer.app.connect("aboutToQuit()", client.stop)
    return client
