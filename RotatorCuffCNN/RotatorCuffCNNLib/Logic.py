"""Finds the humeral head and runs the rotator cuff network through the background worker; no widgets in here."""

import numpy as np
from slicer.i18n import tr as _

from radiologycnn.errors import InputError
from radiologycnn.tasks import ROTATOR_CUFF_TASK
from RadiologyCNNLib import VolumeExchange
from RadiologyCNNLib.ResultMaps import isMap
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WorkerJob import WorkerJob
from RadiologyCNNLib.WorkerJobs import WorkerJobsLogic
from RotatorCuffCNNLib import CuffPresenter, CuffRoi, ResultValidity
from RotatorCuffCNNLib.ParameterNode import RotatorCuffCNNParameterNode
from RotatorCuffCNNLib.ReaderStudyScene import STUDY_ATTRIBUTE

AUTOMATIC_SIDE = "auto"
NO_REPEATS = "none"


class RotatorCuffCNNLogic(WorkerJobsLogic):
    """Locates, classifies and cancels; says what happens by signals.

    Signals, beside those of WorkerJobsLogic, whose results are CuffResults:
        located(volumeNode, message: dict): where the humeral head is and what kind of series this is: roi, series,
            notes, found.
        locatingFailed(error: WorkerError): it could not be looked for.
        readersCompared(message: dict): a study's comparison (as its JSON file holds it), and page: the report's path.
        comparingFailed(error: WorkerError): there is nothing to compare, or it could not be read or written.
    """

    TASK = ROTATOR_CUFF_TASK
    MAIN_COMMAND = "classify"
    STOPPED_WITH_SCENE = ("locate",)

    def __init__(self, client=None) -> None:
        self.located = Signal("volumeNode", "message")
        self.locatingFailed = Signal("error")
        self.readersCompared = Signal("message")
        self.comparingFailed = Signal("error")
        super().__init__(client)

    def getParameterNode(self) -> RotatorCuffCNNParameterNode:
        return RotatorCuffCNNParameterNode(super().getParameterNode())

    def answers(self) -> dict:
        return {
            **super().answers(),
            "classify": self._presentClassification,
            "locate": self._passOnLocation,
            "compare_readers": self._passOnComparison,
        }

    def failureSignals(self) -> dict:
        return {**super().failureSignals(), "locate": self.locatingFailed, "compare_readers": self.comparingFailed}

    @staticmethod
    def inputProblem(volumeNode) -> str:
        """Why a node cannot be classified, as a sentence for the person; "" where it can be tried."""
        if volumeNode is None:
            return _("Choose a shoulder MRI. Scans are loaded with Add Data or Add DICOM Data.")
        if isMap(volumeNode):
            return _("This is a map of an earlier result. Choose the shoulder MRI itself.")
        if volumeNode.GetAttribute(STUDY_ATTRIBUTE):
            return _("This scan belongs to a reader study.")
        try:
            VolumeExchange.checkVolumeNode(volumeNode)
        except InputError as error:
            return str(error)
        if min(volumeNode.GetImageData().GetDimensions()) < 2:
            return _("This is a single slice. The network needs the whole series: load all slices of the MRI.")
        if VolumeExchange.modalityOf(volumeNode) == "CT":
            return _("This is a CT. The network was made for MRI: choose a shoulder MRI.")
        return ""

    def _checked(self, volumeNode) -> None:
        problem = self.inputProblem(volumeNode)
        if problem:
            raise InputError("unusable-volume", problem)

    # Humeral head

    def isLocating(self, volumeNode) -> bool:
        """Whether the humeral head of a scan is being looked for."""
        return volumeNode is not None and any(
            job.kind == "locate" and job.volumeId == volumeNode.GetID() for job in self._jobs.values()
        )

    def locate(self, volumeNode, model: str = "") -> str:
        """Look for the humeral head in the background; ``located`` or ``locatingFailed`` follows.

        What is still being looked for in other scans is given up.

        Raises:
            InputError: the volume cannot be used.
        """
        self._checked(volumeNode)
        self.stopLocating()
        job = WorkerJob("locate", str(VolumeExchange.temporaryFolder()), volumeNode.GetID())
        return self.requestWithScan(job, volumeNode, model=model or None)

    def stopLocating(self) -> None:
        """Give up looking for a humeral head; no signal follows."""
        self.drop(lambda job: job.kind == "locate")

    def _passOnLocation(self, job, message) -> None:
        volumeNode, _matrix = job.unchangedScan()
        self.forgetJob(job)
        self.located.emit(volumeNode, message)

    # Reader study

    def compareReaders(self, study: str, output: str) -> str:
        """Compare all who have answered in a study's folder; ``readersCompared`` or ``comparingFailed`` follows."""
        return self.request(WorkerJob("compare_readers"), study=study, output=output)

    def _passOnComparison(self, job, message) -> None:
        self.forgetJob(job)
        self.readersCompared.emit(message)

    # Classification

    def classify(
        self,
        volumeNode,
        roiNode=None,
        location=None,
        side=AUTOMATIC_SIDE,
        model="",
        device="auto",
        repeats=None,
    ) -> str:
        """Start a classification and return at once.

        Args:
            volumeNode: the shoulder MRI.
            roiNode: the box around the humeral head; None to have it found.
            location: what the search has said ("confidence") of a box that still lies where it was found; None for a
                box that the person has placed.
            side: "left", "right", or "auto" for what the scan says.
            model: identifier of the model package, "" for the first one.
            device: "auto", "cpu", "cuda:0", ...
            repeats: {"method": "mc_dropout" or "tta", "count": runs}, or None.

        Raises:
            InputError: the volume cannot be classified, or the box lies outside it.
        """
        self._checked(volumeNode)
        problem = CuffRoi.roiProblem(roiNode, volumeNode) if roiNode is not None else ""
        if problem:
            raise InputError("roi-outside", problem)
        self.stopLocating()  # the classification finds the head itself, where nobody has said where it is
        where = self.whereToLook(roiNode, side)
        return self.requestMainJob(
            volumeNode, about=location, model=model or None, device=device, repeats=repeats, **where
        )

    @staticmethod
    def whereToLook(roiNode, side) -> dict:
        """A request's fields on which part of a scan the network is to see, and how; see :meth:`classify`."""
        roi = CuffRoi.roiRequest(roiNode) if roiNode is not None else None
        return {"roi": roi, "side": None if side == AUTOMATIC_SIDE else side}

    def _presentClassification(self, job, message) -> None:
        volumeNode, _matrix = job.unchangedScan()
        maps = np.load(message["maps"], allow_pickle=False)
        if job.about is not None:  # the worker was given the box, and cannot know who has placed it
            region = message["classification"]["roi"]
            region.update(automatic=True, confidence=float(job.about.get("confidence", 1.0)))
        self.isPresenting = True
        try:
            result = CuffPresenter.present(volumeNode, message, maps)
            ResultValidity.remember(result, job.volume)
        finally:
            self.isPresenting = False
        self.forgetJob(job)
        self.finished.emit(result)
