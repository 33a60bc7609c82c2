"""Runs the hemorrhage network through the background worker and keeps the scene's results; no widgets in here."""

import logging
import os
from dataclasses import dataclass

import numpy as np
import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from HemorrhageSegLib import ResultPresenter
from HemorrhageSegLib.ParameterNode import HemorrhageSegParameterNode
from HemorrhageSegLib.SceneResult import VOLUME_ATTRIBUTE, SceneResult
from radiologycnn.errors import InputError, RadiologyCNNError
from radiologycnn.images.volume import LPS_TO_RAS
from RadiologyCNNLib import VolumeExchange
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WorkerClient import WorkerClient, WorkerError

TASK = "hemorrhage-segmentation"


@dataclass
class _Job:
    """A request under way. Nodes are held by identifier: the scene may be closed before the answer comes."""

    kind: str
    volumeId: str
    segmentationId: str
    folder: str
    volume: dict | None = None


class HemorrhageSegLogic(ScriptedLoadableModuleLogic):
    """Segments, cancels, thresholds and measures; says what happens by signals.

    Signals:
        jobStarted(): a segmentation is under way; its end is one of the next three.
        finished(result: SceneResult), failed(error: WorkerError), cancelled().
        progressed(fraction: float, stage: str, remaining_s: float or None).
        measured(result: SceneResult): the table belongs to the mask again.
        measuringFailed(error: WorkerError): it does not.
        devicesListed(devices: list of {"id", "name"}).
        modelInstalled(model: dict), modelInstallFailed(error: WorkerError).

    Args:
        client: who talks to the worker; None for the one that both panels share.
    """

    def __init__(self, client=None) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.jobStarted = Signal()
        self.finished = Signal()
        self.failed = Signal()
        self.cancelled = Signal()
        self.progressed = Signal()
        self.measured = Signal()
        self.measuringFailed = Signal()
        self.devicesListed = Signal()
        self.modelInstalled = Signal()
        self.modelInstallFailed = Signal()
        self._jobs = {}
        self._early = None
        self._client = None
        self.isPresenting = False  # while true, changes of the mask are this logic's own
        if client is not None:
            self.client = client

    def getParameterNode(self) -> HemorrhageSegParameterNode:
        return HemorrhageSegParameterNode(super().getParameterNode())

    # Worker

    @property
    def client(self) -> WorkerClient:
        """The worker's client, made and connected at first use."""
        if self._client is None:
            self.client = WorkerClient.shared()
        return self._client

    @client.setter
    def client(self, client) -> None:
        """Talk to another client from now on; None to leave the present one."""
        if self._client is not None:
            self.abandonJobs()
        for signalName in ("progress", "result", "failed", "cancelled"):
            slot = getattr(self, f"_on{signalName.capitalize()}")
            if self._client is not None:
                getattr(self._client, signalName).disconnect(slot)
            if client is not None:
                getattr(client, signalName).connect(slot)
        self._client = client

    def warmUp(self, model: str = "", device: str = "auto") -> None:
        """Start the worker and load the network now, so that the click finds both ready."""
        self.client.start()
        self.client.request("warm", model=model or None, task=TASK, device=device)

    def listDevices(self) -> None:
        self._request(_Job("devices", "", "", ""), "devices")

    def installModel(self, source: str) -> None:
        """Install a model package from a file, folder or https URL; ``modelInstalled`` or its failure follows."""
        self._request(_Job("install_model", "", "", ""), "install_model", source=str(source), sha256=None)

    def _request(self, job, command, **fields) -> str:
        """Send a request and remember its job; a failure that comes before ``request`` returns is not lost."""
        self._early = {}
        try:
            name = self.client.request(command, **fields)
        finally:
            early, self._early = self._early, None
        self._jobs[name] = job
        if job.kind == "segment":
            self.jobStarted.emit()
        if name in early:
            self._onFailed(name, early[name])
        return name

    def disconnect(self) -> None:
        """Cancel what runs and leave the client: the panel goes away."""
        self.client = None

    # Segmentation

    @property
    def isSegmenting(self) -> bool:
        return any(job.kind == "segment" for job in self._jobs.values())

    @staticmethod
    def inputProblem(volumeNode) -> str:
        """Why a node cannot be segmented, as a sentence for the person; "" where it can be tried."""
        if volumeNode is None:
            return _("Choose a head CT. Scans are loaded with Add Data or Add DICOM Data.")
        if volumeNode.GetAttribute(VOLUME_ATTRIBUTE):
            return _("This is the probability map of an earlier result. Choose the head CT itself.")
        try:
            VolumeExchange.checkVolumeNode(volumeNode)
        except InputError as error:
            return str(error)
        if min(volumeNode.GetImageData().GetDimensions()) < 2:
            return _("This is a single slice. The volume of a bleed needs the whole head: load all slices of the CT.")
        return ""

    def segment(self, volumeNode, model: str = "", device: str = "auto") -> str:
        """Start a segmentation and return at once.

        Raises:
            InputError: the volume cannot be segmented.
        """
        problem = self.inputProblem(volumeNode)
        if problem:
            raise InputError("unusable-volume", problem)
        folder = VolumeExchange.temporaryFolder()
        try:
            exported = VolumeExchange.exportVolume(volumeNode, folder)
        except Exception:
            VolumeExchange.removeFolder(folder)
            raise
        return self._request(
            _Job("segment", volumeNode.GetID(), "", folder, exported),
            "segment",
            volume=exported,
            model=model or None,
            device=device,
            threshold=None,
            output=folder,
        )

    def cancel(self) -> None:
        """Ask the running segmentation to stop; ``cancelled`` follows within two seconds."""
        for name, job in list(self._jobs.items()):
            if job.kind == "segment":
                self.client.cancel(name)

    def abandonJobs(self) -> None:
        """Stop everything and forget it at once: the scene closes, or the panel goes away. No signal follows."""
        for name, job in list(self._jobs.items()):
            self._forget(name)
            if job.kind in ("segment", "measure") and self._client is not None:
                self._client.cancel(name)

    # Threshold and table

    def applyThreshold(self, result: SceneResult, threshold: float) -> float:
        """Set the mask from the kept probability; the old measurements are dropped. Returns the total in mL."""
        totalMl = result.applyThreshold(threshold)
        self.maskChanged(result)
        return totalMl

    def maskChanged(self, result: SceneResult) -> None:
        """The mask is another one: numbers of the old one are taken away, answers on their way are not wanted."""
        self._dropMeasuring(result)
        if result.record.get("measurements") is not None:
            result.updateRecord(measurements=None)
            ResultPresenter.updateTable(result)

    def _dropMeasuring(self, result: SceneResult) -> None:
        for name, job in list(self._jobs.items()):
            if job.kind == "measure" and job.segmentationId == result.segmentationNode.GetID():
                self._forget(name)
                self.client.cancel(name)

    def measure(self, result: SceneResult) -> None:
        """Have the worker measure the mask as it is now; ``measured`` or ``measuringFailed`` follows."""
        volumeNode = result.volumeNode
        if volumeNode is None:
            self.measuringFailed.emit(
                WorkerError("no-volume", _("The scan of this result is no longer there."), _("Load it again."), "")
            )
            return
        folder = VolumeExchange.temporaryFolder()
        try:
            mask, offset = result.maskCrop()
            path = os.path.join(folder, "mask.npy")
            np.save(path, mask)
            exported = VolumeExchange.exportVolume(volumeNode, folder)
        except (OSError, RadiologyCNNError) as error:
            VolumeExchange.removeFolder(folder)
            self.measuringFailed.emit(_workerError(error))
            return
        record = result.record
        self._request(
            _Job("measure", volumeNode.GetID(), result.segmentationNode.GetID(), folder, exported),
            "measure",
            mask=path,
            offset_kji=list(offset),
            volume=exported,
            labels=record["labels"],
            model=record.get("model"),
        )

    # Answers

    def _onProgress(self, name, fraction, stage, remaining) -> None:
        job = self._jobs.get(name)
        if job is not None and job.kind == "segment":
            self.progressed.emit(fraction, stage, remaining)

    def _onResult(self, name, message) -> None:
        job = self._jobs.get(name)
        if job is None:
            return
        answer = {
            "segment": self._presentSegmentation,
            "measure": self._presentMeasurements,
            "devices": lambda _job, found: self.devicesListed.emit(found["devices"]),
            "install_model": lambda _job, found: self.modelInstalled.emit(found.get("model")),
        }[job.kind]
        try:
            answer(job, message)
        except Exception as error:  # whatever it is, the panel has to become usable again
            logging.exception("HemorrhageSeg could not show the worker's answer")
            self._forget(name)
            self._reportFailure(job, _workerError(error))
        finally:
            self._forget(name)

    def _presentSegmentation(self, job, message) -> None:
        volumeNode = slicer.mrmlScene.GetNodeByID(job.volumeId)
        if volumeNode is None or volumeNode.GetImageData() is None:
            raise InputError("volume-removed", _("The scan was removed while it was being segmented."))
        ijkToWorld = LPS_TO_RAS @ np.array(job.volume["ijk_to_lps"], float)
        # a warped scan is sent on a grid of its own, which says nothing about the scan's present place
        if not VolumeExchange.hasNonlinearTransform(volumeNode) and (
            volumeNode.GetImageData().GetDimensions()[::-1] != tuple(message["shape_kji"])
            or not np.allclose(VolumeExchange.ijkToWorld(volumeNode), ijkToWorld, atol=1e-4)
        ):
            raise InputError(
                "volume-changed",
                _("The scan was changed or moved while it was being segmented, so the result no longer fits it."),
                _("Segment it again."),
            )
        probability = np.load(message["probability"], allow_pickle=False)
        self.isPresenting = True
        try:
            result = ResultPresenter.present(volumeNode, message, probability, ijkToWorld)
        finally:
            self.isPresenting = False
        self._dropMeasuring(result)  # of the mask before
        self._forgetJob(job)
        self.finished.emit(result)

    def _presentMeasurements(self, job, message) -> None:
        result = SceneResult.ofSegmentation(slicer.mrmlScene.GetNodeByID(job.segmentationId))
        if result is None:
            return
        result.updateRecord(measurements=message["measurements"])
        ResultPresenter.updateTable(result)
        self._forgetJob(job)
        self.measured.emit(result)

    def _onFailed(self, name, error) -> None:
        if name in self._jobs:
            self._reportFailure(self._forget(name), error)
        elif self._early is not None:
            self._early[name] = error

    def _onCancelled(self, name) -> None:
        if name in self._jobs:
            job = self._forget(name)
            if job.kind == "segment":
                self.cancelled.emit()

    def _reportFailure(self, job, error) -> None:
        if error.details:
            logging.error("RadiologyCNN worker: %s\n%s", error.code, error.details)
        signals = {
            "segment": self.failed,
            "measure": self.measuringFailed,
            "install_model": self.modelInstallFailed,
        }
        if job.kind in signals:
            signals[job.kind].emit(error)

    def _forget(self, name):
        """Drop a job and its temporary folder."""
        job = self._jobs.pop(name, None)
        if job is not None:
            VolumeExchange.removeFolder(job.folder)
        return job

    def _forgetJob(self, wanted) -> None:
        for name, job in list(self._jobs.items()):
            if job is wanted:
                self._forget(name)


def _workerError(error: Exception) -> WorkerError:
    """Any failure on this side as the worker would have told it."""
    if isinstance(error, RadiologyCNNError):
        return WorkerError(error.code, error.message, error.hint, "")
    return WorkerError(
        "panel-error",
        _("The result could not be shown: {reason}").format(reason=str(error) or type(error).__name__),
        _("The application log holds the details."),
        "",
    )
