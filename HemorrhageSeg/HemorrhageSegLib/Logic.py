"""Runs the hemorrhage network through the background worker and keeps the scene's results; no widgets in here."""

import numpy as np
import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib import ResultPresenter
from HemorrhageSegLib.MaskOrigin import isAsApplied, maskKey
from HemorrhageSegLib.ParameterNode import HemorrhageSegParameterNode
from HemorrhageSegLib.ResultValidity import fitsVoxelsOfScan, measuredAt
from HemorrhageSegLib.SceneResult import SceneResult
from radiologycnn.errors import InputError, RadiologyCNNError
from radiologycnn.tasks import HEMORRHAGE_TASK
from radiologycnn.worker.array_files import write_array
from RadiologyCNNLib import VolumeExchange
from RadiologyCNNLib.ResultMaps import isMap
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WorkerClient import WorkerError
from RadiologyCNNLib.WorkerJob import WorkerJob, workerError
from RadiologyCNNLib.WorkerJobs import WorkerJobsLogic


class HemorrhageSegLogic(WorkerJobsLogic):
    """Segments, cancels, thresholds and measures; says what happens by signals.

    Signals, beside those of WorkerJobsLogic, whose results are SceneResults:
        measured(result: SceneResult): the table belongs to the mask again.
        measuringFailed(error: WorkerError): it does not.
        maskAboutToChange(segmentationNode): this logic is about to replace the mask; now is the time to save a state
            for Undo.
    """

    TASK = HEMORRHAGE_TASK
    MAIN_COMMAND = "segment"
    STOPPED_WITH_SCENE = ("measure",)

    def __init__(self, client=None) -> None:
        self.measured = Signal("result")
        self.measuringFailed = Signal("error")
        self.maskAboutToChange = Signal("segmentationNode")
        self.canBeHadBack = lambda result: False  # whether a mask that is replaced is kept, by Undo or in a dataset
        super().__init__(client)

    def getParameterNode(self) -> HemorrhageSegParameterNode:
        return HemorrhageSegParameterNode(super().getParameterNode())

    def answers(self) -> dict:
        return {
            **super().answers(),
            "segment": self._presentSegmentation,
            "measure": self._presentMeasurements,
        }

    def failureSignals(self) -> dict:
        return {
            **super().failureSignals(),
            "measure": self.measuringFailed,
        }

    # Segmentation

    @property
    def isSegmenting(self) -> bool:
        return self.isRunning

    @staticmethod
    def inputProblem(volumeNode) -> str:
        """Why a node cannot be segmented, as a sentence for the person; "" where it can be tried."""
        if volumeNode is None:
            return _("Choose a head CT. Scans are loaded with Add Data or Add DICOM Data.")
        if isMap(volumeNode):
            return _("This is a map of an earlier result. Choose the head CT itself.")
        try:
            VolumeExchange.checkVolumeNode(volumeNode)
        except InputError as error:
            return str(error)
        if min(volumeNode.GetImageData().GetDimensions()) < 2:
            return _("This is a single slice. The volume of a bleed needs the whole head: load all slices of the CT.")
        if VolumeExchange.modalityOf(volumeNode) == "MR":
            return _("This is an MRI. The network was made for CT: choose a non-contrast head CT.")
        return ""

    def segment(self, volumeNode, model: str = "", device: str = "auto") -> str:
        """Start a segmentation and return at once.

        Raises:
            InputError: the volume cannot be segmented.
        """
        problem = self.inputProblem(volumeNode)
        if problem:
            raise InputError("unusable-volume", problem)
        about = {"mask_key": _keyOfMask(volumeNode)}
        return self.requestMainJob(volumeNode, about, model=model or None, device=device, threshold=None)

    # Threshold and table

    def applyThreshold(self, result: SceneResult, threshold: float) -> float:
        """Set the mask from the kept probability; the old measurements are dropped. Returns the total in mL."""
        self.maskAboutToChange.emit(result.segmentationNode)
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
        segmentationId = result.segmentationNode.GetID()
        self.drop(lambda job: job.kind == "measure" and job.nodeId == segmentationId)

    def measure(self, result: SceneResult) -> None:
        """Have the worker measure the mask as it is now; ``measured`` or ``measuringFailed`` follows."""
        volumeNode = result.volumeNode
        if volumeNode is None:
            self.measuringFailed.emit(
                WorkerError("no-volume", _("The scan of this result is no longer there."), _("Load it again."), "")
            )
            return
        if not fitsVoxelsOfScan(result):
            text = _("The scan has other slices, rows or columns than when it was segmented.")
            self.measuringFailed.emit(WorkerError("other-voxels", text, _("Segment again."), ""))
            return
        folder = VolumeExchange.temporaryFolder()
        job = WorkerJob("measure", str(folder), volumeNode.GetID(), result.segmentationNode.GetID())
        record = result.record
        try:
            result.updateRecord(measured_at=measuredAt(result))
            mask, offset = result.maskCrop()
            self.requestWithScan(
                job,
                volumeNode,
                mask=str(write_array(folder / "mask.npy", mask)),
                offset_kji=list(offset),
                labels=record["labels"],
                model=record.get("model"),
            )
        except (OSError, RadiologyCNNError) as error:
            VolumeExchange.removeFolder(folder)
            self.measuringFailed.emit(workerError(error))

    # Answers

    def _presentSegmentation(self, job, message) -> None:
        volumeNode, ijkToWorld = job.unchangedScan(message["shape_kji"])
        self._checkMask(volumeNode, job.about["mask_key"])
        probability = np.load(message["probability"], allow_pickle=False)
        result = self.present(volumeNode, message, probability, ijkToWorld)
        self.forgetJob(job)
        self.finished.emit(result)

    def _checkMask(self, volumeNode, keyBefore) -> None:
        """Raise an InputError where somebody has corrected the mask since the click, and would lose that."""
        result = SceneResult.ofVolume(volumeNode)
        if result is None or maskKey(result) == keyBefore or isAsApplied(result) or self.canBeHadBack(result):
            return
        raise InputError(
            "mask-corrected",
            _("The mask was corrected by hand while the network worked, so it was not replaced."),
            _("Segment again to replace it."),
        )

    def present(self, volumeNode, message, probability, ijkToWorld) -> SceneResult:
        """Show a network's answer in the scene, of this run or a kept one; no signal follows."""
        earlier = SceneResult.ofVolume(volumeNode)
        if earlier is not None:
            self.maskAboutToChange.emit(earlier.segmentationNode)
        self.isPresenting = True
        try:
            result = ResultPresenter.present(volumeNode, message, probability, ijkToWorld)
        finally:
            self.isPresenting = False
        self._dropMeasuring(result)  # of the mask before
        return result

    def removeResult(self, result: SceneResult) -> None:
        """Take a result out of the scene; no signal follows."""
        self._dropMeasuring(result)
        self.isPresenting = True  # one change, not one for each node
        try:
            ResultPresenter.remove(result)
        finally:
            self.isPresenting = False

    def _presentMeasurements(self, job, message) -> None:
        result = SceneResult.ofSegmentation(slicer.mrmlScene.GetNodeByID(job.nodeId))
        if result is None:
            return
        result.updateRecord(measurements=message["measurements"])
        ResultPresenter.updateTable(result)
        self.forgetJob(job)
        self.measured.emit(result)


def _keyOfMask(volumeNode) -> str | None:
    """That of a scan's present mask; None without a result."""
    result = SceneResult.ofVolume(volumeNode)
    return None if result is None else maskKey(result)
