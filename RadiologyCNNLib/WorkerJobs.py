"""WorkerJobs: the bookkeeping between a panel's logic and the worker; a panel only adds what its jobs mean."""

import logging
from dataclasses import dataclass

import numpy as np
import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from radiologycnn.errors import InputError, RadiologyCNNError
from radiologycnn.images.volume import LPS_TO_RAS
from RadiologyCNNLib import InputWatch, ScanPreparation, VolumeExchange
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WorkerClient import WorkerClient, WorkerError
from RadiologyCNNLib.WorkerListener import WorkerListener


@dataclass
class WorkerJob:
    """A request under way. Nodes are held by identifier: the scene may be closed before the answer comes.

    kind: the command, which also chooses who takes the answer.
    folder: temporary folder that goes when the job ends; "" for none.
    volumeId: identifier of the scan that it works on.
    nodeId: identifier of the result node that it is about.
    volume: what the worker was given as the scan.
    about: what else its answer has to be judged by.
    voxelsTime: VTK's count of changes to the scan's voxels when the worker was given them; set with the request.
    """

    kind: str
    folder: str = ""
    volumeId: str = ""
    nodeId: str = ""
    volume: dict | None = None
    about: dict | None = None
    voxelsTime: int = 0


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
        job.voxelsTime = InputWatch.voxelsTime(slicer.mrmlScene.GetNodeByID(job.volumeId))
        try:
            name = self.client.request(job.kind, **fields)
        finally:
            early, self._early = self._early, None
        self._jobs[name] = job
        if job.kind == self.MAIN_COMMAND:
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
            job = self._mainJob(volumeNode, VolumeExchange.temporaryFolder(), written, about)
            name = self.request(job, volume=written, output=job.folder, **fields)
            # The worker is busy with it meanwhile: voxels can be changed without VTK's being told.
            if InputWatch.sameVoxels(volumeNode, written["array"]):
                return name
            self.drop(lambda other: other is job, mayKill=False)
        self.preparation.release()
        job = self._mainJob(volumeNode, *self.exported(volumeNode), about)
        return self.request(job, volume=job.volume, output=job.folder, **fields)

    def _mainJob(self, volumeNode, folder, volume, about) -> WorkerJob:
        return WorkerJob(self.MAIN_COMMAND, folder, volumeNode.GetID(), volume=volume, about=about)

    def _requestPreparation(self, volumeNode, written, **fields) -> None:
        job = WorkerJob(ScanPreparation.KIND, "", volumeNode.GetID(), volume=written)
        self.request(job, task=self.TASK, volume=written, **fields)

    def exported(self, volumeNode) -> tuple[str, dict]:
        """A new temporary folder with the scan in it for the worker, and the request's ``volume`` field.

        Raises:
            RadiologyCNNError: it cannot be exported; no folder stays behind.
        """
        folder = VolumeExchange.temporaryFolder()
        try:
            return folder, VolumeExchange.exportVolume(volumeNode, folder)
        except Exception:
            VolumeExchange.removeFolder(folder)
            raise

    def cancel(self) -> None:
        """Ask the main job to stop; ``cancelled`` follows within two seconds."""
        for name, job in list(self._jobs.items()):
            if job.kind == self.MAIN_COMMAND:
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
            VolumeExchange.removeFolder(job.folder)
            self.preparation.removeFiles()
        return job

    def forgetJob(self, wanted: WorkerJob) -> None:
        """Drop a job whose answer has been taken, before telling of it: who hears of it may start the next."""
        for name, job in list(self._jobs.items()):
            if job is wanted:
                self.forget(name)

    # Answers

    @staticmethod
    def unchangedScan(job: WorkerJob, shapeKji=None):
        """The scan of a job and the matrix from its voxel index to world RAS (4x4, mm) as the worker was given it.

        Args:
            job: whose scan.
            shapeKji: voxels as (slices, rows, columns) that the worker worked on; None for those of the exported file.

        Raises:
            InputError: the scan was removed, or is no longer what the worker was given.
        """
        volumeNode = slicer.mrmlScene.GetNodeByID(job.volumeId)
        if volumeNode is None or volumeNode.GetImageData() is None:
            raise InputError("volume-removed", _("The scan was removed while the network worked on it."))
        ijkToWorld = LPS_TO_RAS @ np.array(job.volume["ijk_to_lps"], float)
        if shapeKji is None:
            shapeKji = np.load(job.volume["array"], mmap_mode="r", allow_pickle=False).shape
        # a warped scan is sent on a grid of its own, which says nothing about the scan's present place
        isWarped = VolumeExchange.hasNonlinearTransform(volumeNode)
        if not isWarped and (
            volumeNode.GetImageData().GetDimensions()[::-1] != tuple(shapeKji)
            or not np.allclose(VolumeExchange.ijkToWorld(volumeNode), ijkToWorld, atol=1e-4)
        ):
            raise InputError(
                "volume-changed",
                _("The scan was changed or moved while the network worked on it, so the result no longer fits it."),
                _("Start again."),
            )
        if InputWatch.voxelsTime(volumeNode) != job.voxelsTime and (
            isWarped or not InputWatch.sameVoxels(volumeNode, job.volume["array"])
        ):
            raise InputError(
                "voxels-changed",
                _("The scan's voxels were changed while the network worked on it: its answer is of the old ones."),
                _("Start again."),
            )
        return volumeNode, ijkToWorld

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


def workerError(error: Exception) -> WorkerError:
    """Any failure on this side as the worker would have told it."""
    if isinstance(error, RadiologyCNNError):
        return WorkerError(error.code, error.message, error.hint, "")
    return WorkerError(
        "panel-error",
        _("The result could not be shown: {reason}").format(reason=str(error) or type(error).__name__),
        _("The application log holds the details."),
        "",
    )
