"""The HemorrhageSeg panel: what it adds to PanelWidget; the result part is in ResultSection."""

import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib import ResultPresenter
from HemorrhageSegLib.AgreementSection import AgreementSection
from HemorrhageSegLib.CorrectSection import CorrectSection
from HemorrhageSegLib.DatasetJobs import DatasetJobs
from HemorrhageSegLib.ImproveSection import ImproveSection
from HemorrhageSegLib.Logic import HemorrhageSegLogic
from HemorrhageSegLib.RankList import RankList
from HemorrhageSegLib.ResultSection import ResultSection
from HemorrhageSegLib.SceneResult import SceneResult
from HemorrhageSegLib.WorklistSection import WorklistSection
from RadiologyCNNLib import SliceViews
from RadiologyCNNLib.PanelWidget import PanelWidget
from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform, ijkToWorld
from RadiologyCNNLib.ScenePlacement import removeWhole
from RadiologyCNNLib.WarpedScan import warpedScan


class HemorrhageSegWidget(PanelWidget):
    """Inputs, the Segment button, the result; for annotators the Segment Editor on it and a list of cases."""

    RESULT_NODE_CLASSES = ("vtkMRMLSegmentationNode", "vtkMRMLScalarVolumeNode", "vtkMRMLTableNode")

    def setup(self) -> None:
        self.runText = _("Segment")
        self.runHint = _("Find the bleed in the chosen head CT")
        self.stopHint = _("Stop the segmentation")
        self.notStartedText = _("The segmentation could not be started: {reason}")
        super().setup()

    def makeLogic(self) -> HemorrhageSegLogic:
        return HemorrhageSegLogic()

    @property
    def runButton(self):
        return self.ui.segmentButton

    def setupSections(self) -> None:
        self.results = ResultSection(self.ui, self.logic, self.showMessage)
        self.correct = CorrectSection(self.ui, self.logic, self.results)
        self.results.canTakeBack = lambda: self.correct.isActive
        self.worklist = WorklistSection(self.ui, self)
        self.logic.canBeHadBack = self._canBeHadBack
        self.results.maskEdited.connect(self.worklist.noteChange)
        self.logic.maskAboutToChange.connect(self.worklist.beforeMaskChange)
        self._setupDatasetParts()
        for signal in (self.results.resultShown, self.logic.failed):
            signal.connect(lambda _what: self.worklist.caseChanged())
        for signal in (self.logic.jobStarted, self.logic.cancelled):
            signal.connect(self.worklist.caseChanged)

    def _setupDatasetParts(self) -> None:
        """What is done with a whole list of cases: rank it, compare its raters, learn from it."""
        widget = slicer.util.loadUI(self.resourcePath("UI/HemorrhageSegDataset.ui"))
        self.ui.datasetPartsLayout.addWidget(widget)
        self.datasetUi = ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        ui.agreementCollapsibleButton.collapsed = ui.improveCollapsibleButton.collapsed = True
        self.jobs = DatasetJobs(beforeStart=self.worklist.finishWriting)
        self.ranking = RankList(self.ui, self.jobs, self.worklist, self.inputs)
        self.agreement = AgreementSection(ui, self.jobs, self.worklist)
        self.improvement = ImproveSection(
            ui, self.jobs, self.worklist, self.inputs, self._takeImprovedModel, self._offerTorch
        )
        for part in (self.ranking, self.agreement, self.improvement):
            self.worklist.listChanged.connect(part.update)
        self.worklist.listChanged.connect(self._leaveOtherDatasets)
        self.worklist.shownCaseChanged.connect(self.agreement.caseChanged)

    def _leaveOtherDatasets(self) -> None:
        if self.worklist.cases.isOpen:
            self.jobs.leaveOthers(str(self.worklist.cases.store.folder))

    def _takeImprovedModel(self, modelId) -> None:
        """A better model was made from this one: choose it; the old one stays in the list."""
        self.inputs.refreshModels(modelId)
        self.onModelChosen(self.ui.modelSelector.currentIndex)

    def _inputsChosen(self) -> None:
        super()._inputsChosen()
        for part in (self.ranking, self.improvement):
            part.update()

    def enter(self) -> None:
        super().enter()
        self.ranking.update()
        self.improvement.update()
        self.correct.enter()
        self.worklist.enter()

    def exit(self) -> None:
        super().exit()
        self.correct.exit()
        self.worklist.exit()

    def onSceneStartClose(self, caller=None, event=None) -> None:
        lost = self.worklist.release()
        self.correct.release()
        super().onSceneStartClose(caller, event)
        if lost:  # nothing can stop a scene from closing
            self.showMessage(lost)
        self.agreement.sceneClosed()
        self.improvement.sceneClosed()

    def cleanup(self) -> None:
        if self.logic is not None:
            self.results.actions.cleanup()
            self.worklist.release()
            self.worklist.writer.stop()
            self.correct.cleanup()
            self.jobs.abandon()
        super().cleanup()

    def _canBeHadBack(self, result) -> bool:
        """Whether a corrected mask that is replaced is in Undo, or in the dataset as that of the open case."""
        return self.correct.editor.holds(result.segmentationNode) or self.worklist.cases.isOfCase(result)

    def isScreenKept(self) -> bool:
        return super().isScreenKept() or bool(self.worklist.opening.readingId)

    def runProblem(self, volumeNode) -> str:
        caseId = self.worklist.opening.readingId
        return _("Reading the scan of {case}…").format(case=caseId) if caseId else super().runProblem(volumeNode)

    def preparationFields(self, volumeNode) -> dict | None:
        """A case of the list comes with its mask, or the network runs at once: its key waits for nothing else."""
        return None if self.worklist.opening.isCaseShown else super().preparationFields(volumeNode)

    def mayRun(self) -> bool:
        """What was drawn on a case is kept first: it is laid over the network's answer."""
        return self.results.confirmLossOfCorrections() and self.worklist.decision.saveDraft(isLeaving=False)

    def startRun(self, volumeNode) -> None:
        self.logic.segment(volumeNode, self.inputs.modelId, self.inputs.deviceId)
        SliceViews.showVolume(volumeNode)
        if self._parameterNode.brainWindow:
            self.results.brainWindow.apply(askedFor=False)

    def showFinished(self, result) -> None:
        """Go to the largest bleed."""
        measurements = result.measurements
        if measurements and measurements.lesions:
            SliceViews.jumpTo(measurements.lesions[0].place_ras_mm)
        self.worklist.takeResult(result)

    # What the case list needs

    @property
    def parameterNode(self):
        return self._parameterNode

    def showScan(self, volumeNode) -> None:
        """Choose a scan as if the person had."""
        self._parameterNode.inputVolume = volumeNode
        volumeNode.CreateDefaultDisplayNodes()
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)
        if self._parameterNode.brainWindow:
            self.results.brainWindow.apply(askedFor=False)

    def showNoScan(self) -> None:
        """No scan is chosen, and none is on the slices, until the next one is there."""
        self._parameterNode.inputVolume = None
        self.results.display.turnAway()
        slicer.util.setSliceViewerLayers(background=None, fit=False)

    def removeScan(self, volumeId, segmentationId="") -> None:
        """Take a scan and its result out of the scene; of a scan that somebody has deleted, the result."""
        volumeNode = slicer.mrmlScene.GetNodeByID(volumeId) if volumeId else None
        if volumeNode is None:
            segmentationNode = slicer.mrmlScene.GetNodeByID(segmentationId) if segmentationId else None
            result = SceneResult.ofSegmentation(segmentationNode)
            if result is not None and result.volumeNode is None:
                self.logic.removeResult(result)
            return
        result = SceneResult.ofVolume(volumeNode)
        # of a scan that is no longer shown: nothing has to be shown anew for each of its nodes
        self.logic.isPresenting = self._parameterNode is not None and self._parameterNode.inputVolume is not volumeNode
        try:
            if result is not None:
                ResultPresenter.remove(result)
            removeWhole(volumeNode)
        finally:
            self.logic.isPresenting = False

    def presentKept(self, message, probability) -> None:
        """Show a network's result that was kept, as if it had just come."""
        volumeNode = self._parameterNode.inputVolume
        # under a warp the network was given the resampled scan
        isWarped = hasNonlinearTransform(volumeNode)
        matrix = warpedScan(volumeNode).ijkToRas if isWarped else ijkToWorld(volumeNode)
        result = self.logic.present(volumeNode, message, probability, matrix)
        self.results.showVolume()
        self.showFinished(result)
