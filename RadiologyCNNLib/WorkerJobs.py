"""WorkerJobs: the bookkeeping between a panel's logic and the worker; a panel only adds what its jobs mean."""

import itertools
import logging

from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from RadiologyCNNLib import ScanPreparation, VolumeExchange
from RadiologyCNNLib.PartwiseCall import PartwiseCall
from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WarpedScan import warpedScan
from RadiologyCNNLib.WorkerClient import WorkerClient
from RadiologyCNNLib.WorkerJob import WorkerJob, workerError
from RadiologyCNNLib.WorkerListener import WorkerListener

_WAITING = "waiting-"  #: begins the name of a job that the worker has not got yet


class WorkerJobsLogic(ScriptedLoadableModuleLogic, WorkerListener):
    """Base of the panels' logics: sends requests, remembers the jobs, and sees that each ends in exactly one answer.

    A subclass sets ``TASK`` and ``MAIN_COMMAND`` and, with :meth:`answers` and :meth:`failureSignals`, says who takes
    the answers of its own commands.

    Signals:
        jobStarted(): the main job is under way; its end is one of the next three.
        finished(result), failed(error: WorkerError), cancelled().
        progressed(fraction: float, stage: str, remaining_s: float or None): of the main job.
        devicesListed(devices: list of {"id", "name"}).
        modelInstalled(model: dict), modelInstallFailed(error: WorkerError).

    Args:
        client: who talks to the worker; None for the one that all panels share.
    """

    TASK = ""  #: task of the models that this logic uses
    MAIN_COMMAND = ""  #: the command behind the panel's big button
    HEARD = ("progress", *WorkerListener.HEARD)
    STOPPED_WITH_SCENE = ()  #: further commands that the worker shall stop when nobody waits for them any more

    def __init__(self, client=None) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.jobStarted = Signal()
        self.finished = Signal("result")
        self.failed = Signal("error")
        self.cancelled = Signal()
        self.progressed = Signal("fraction", "stage", "remaining_s")
        self.devicesListed = Signal("devices")
        self.modelInstalled = Signal("model")
        self.modelInstallFailed = Signal("error")
        self.isPresenting = False  # while true, changes of the scene are this logic's own
        self._jobs = {}
        self._early = None
        self._waitingNumbers = itertools.count(1)
        self.preparation = ScanPreparation.ScanPreparation(
            self._requestPreparation,
            stop=lambda: self.drop(lambda job: job.kind == ScanPreparation.KIND, mayKill=False),
            client=lambda: self.client,
            jobs=lambda: self._jobs.values(),
        )
        WorkerListener.__init__(self, client)

    def answers(self) -> dict:
        """Command -> function (job, message) that takes its result; an exception in it becomes a failure."""
        return {
            "devices": lambda _job, message: self.devicesListed.emit(message["devices"]),
            "install_model": lambda _job, message: self.modelInstalled.emit(message.get("model")),
            ScanPreparation.KIND: lambda _job, _message: None,
        }

    def failureSignals(self) -> dict:
        """Command -> signal that tells its failure; others are logged only."""
        return {self.MAIN_COMMAND: self.failed, "install_model": self.modelInstallFailed}

    # The worker's client

    def _makeClient(self):
        return WorkerClient.shared()

    def _leaveClient(self) -> None:
        self.abandonJobs()

    def warmUp(self, model: str = "", device: str = "auto") -> None:
        """Start the worker and load the network now, so that the click finds both ready."""
        self.client.start()
        self.client.request("warm", model=model or None, task=self.TASK, device=device)

    def listDevices(self) -> None:
        self.request(WorkerJob("devices"))

    def installModel(self, source: str) -> None:
        """Install a model package from a file, folder or https URL; ``modelInstalled`` or its failure follows."""
        self.request(WorkerJob("install_model"), source=str(source), sha256=None)

    def disconnect(self) -> None:
        """Cancel what runs and leave the client: the panel goes away."""
        self.client = None

    # Jobs

    @property
    def isRunning(self) -> bool:
        """Whether the main job is under way."""
        return any(job.kind == self.MAIN_COMMAND for job in self._jobs.values())

    def request(self, job: WorkerJob, **fields) -> str:
        """Send a request and remember its job; a failure that comes before the client returns is not lost."""
        self._early = {}
        job.rememberScan()
        try:
            name = self.client.request(job.kind, **fields)
        finally:
            early, self._early = self._early, None
        self._jobs[name] = job
        if job.kind == self.MAIN_COMMAND and job.hardening is None:
            self.jobStarted.emit()
        if name in early:
            self._onFailed(name, early[name])
        return name

    def requestMainJob(self, volumeNode, about=None, **fields) -> str:
        """Send the main request on a scan as it is now, with a folder for its answer; returns the job's name.

        Raises:
            RadiologyCNNError: the scan cannot be exported.
        """
        written = self.preparation.written(volumeNode)
        if written is not None:
            job = self._mainJob(volumeNode, written, about)
            name = self.request(job, volume=written, output=job.folder, **fields)
            # The worker is busy with it meanwhile: voxels can be changed without VTK's being told.
            if VolumeExchange.sameVoxels(volumeNode, written["array"]):
                return name
            self.drop(lambda other: other is job, mayKill=False)
        self.preparation.release()
        job = self._mainJob(volumeNode, None, about)
        return self.requestWithScan(job, volumeNode, output=job.folder, **fields)

    def _mainJob(self, volumeNode, written, about) -> WorkerJob:
        folder = str(VolumeExchange.temporaryFolder())
        return WorkerJob(self.MAIN_COMMAND, folder, volumeNode.GetID(), volume=written, about=about)

    def requestWithScan(self, job: WorkerJob, volumeNode, **fields) -> str:
        """Send a request on a scan as it is now, with the scan written into the job's folder.

        It is sent at once, but for a scan under a warp that was not resampled yet: that is done between the events
        first, and what goes wrong then is told as any failure of the job.

        Raises:
            RadiologyCNNError: the scan cannot be exported; the folder does not stay behind.
        """
        try:
            warped = warpedScan(volumeNode) if hasNonlinearTransform(volumeNode) else None
            if warped is None or warped.isDone:
                return self._sendWithScan(job, volumeNode, fields)
        except Exception:
            VolumeExchange.removeFolder(job.folder)
            raise
        name = f"{_WAITING}{next(self._waitingNumbers)}"
        self._jobs[name] = job
        job.hardening = PartwiseCall(
            lambda: warped.step(volumeNode), lambda error: self._onHardened(name, volumeNode, fields, error)
        )
        if job.kind == self.MAIN_COMMAND:
            self.jobStarted.emit()
            self.progressed.emit(0.0, _("Resampling the scan…"), None)
        return name

    def _sendWithScan(self, job, volumeNode, fields) -> str:
        job.volume = VolumeExchange.exportVolume(volumeNode, job.folder)
        return self.request(job, volume=job.volume, **fields)

    def _onHardened(self, name, volumeNode, fields, error) -> None:
        job = self._jobs.pop(name)
        try:
            if error is not None:
                raise error
            self._sendWithScan(job, volumeNode, fields)
        except Exception as failure:
            VolumeExchange.removeFolder(job.folder)
            self._reportFailure(job, workerError(failure))

    def _requestPreparation(self, volumeNode, written, **fields) -> None:
        job = WorkerJob(ScanPreparation.KIND, "", volumeNode.GetID(), volume=written)
        self.request(job, task=self.TASK, volume=written, **fields)

    def cancel(self) -> None:
        """Ask the main job to stop; ``cancelled`` follows within two seconds."""
        for name, job in list(self._jobs.items()):
            if job.kind != self.MAIN_COMMAND:
                continue
            if name.startswith(_WAITING):
                self.forget(name)
                self.cancelled.emit()
            else:
                self.client.cancel(name)

    def abandonJobs(self) -> None:
        """Stop everything and forget it at once: the scene closes, or the panel goes away. No signal follows."""
        self.preparation.release()
        for name, job in list(self._jobs.items()):
            self.forget(name)
            if job.kind in (self.MAIN_COMMAND, *self.STOPPED_WITH_SCENE) and self._client is not None:
                self._client.cancel(name)

    def drop(self, isUnwanted, mayKill=True) -> None:
        """Stop and forget the jobs for which the function says so; no signal follows.

        Args:
            mayKill: whether a worker that does not stop in time is started anew; False where that would cost more.
        """
        for name, job in list(self._jobs.items()):
            if isUnwanted(job):
                self.forget(name)
                self.client.cancel(name, mayKill)

    def forget(self, name):
        """Drop a job and its temporary folder."""
        job = self._jobs.pop(name, None)
        if job is not None:
            if job.hardening is not None:
                job.hardening.stop()
            VolumeExchange.removeFolder(job.folder)
            self.preparation.removeFiles()
        return job

    def forgetJob(self, wanted: WorkerJob) -> None:
        """Drop a job whose answer has been taken, before telling of it: who hears of it may start the next."""
        for name, job in list(self._jobs.items()):
            if job is wanted:
                self.forget(name)

    # Answers

    def _onProgress(self, name, fraction, stage, remaining) -> None:
        job = self._jobs.get(name)
        if job is not None and job.kind == self.MAIN_COMMAND:
            self.progressed.emit(fraction, stage, remaining)

    def _onResult(self, name, message) -> None:
        job = self._jobs.get(name)
        if job is None:
            return
        try:
            self.answers()[job.kind](job, message)
        except Exception as error:  # whatever it is, the panel has to become usable again
            logging.exception("%s could not show the worker's answer", self.moduleName)
            self.forget(name)
            self._reportFailure(job, workerError(error))
        finally:
            self.forget(name)

    def _onFailed(self, name, error) -> None:
        if name in self._jobs:
            self._reportFailure(self.forget(name), error)
        elif self._early is not None:
            self._early[name] = error

    def _onCancelled(self, name) -> None:
        if name in self._jobs and self.forget(name).kind == self.MAIN_COMMAND:
            self.cancelled.emit()

    def _reportFailure(self, job, error) -> None:
        if error.details:
            logging.error("RadiologyCNN worker: %s\n%s", error.code, error.details)
        signals = self.failureSignals()
        if job.kind in signals:
            signals[job.kind].emit(error)
