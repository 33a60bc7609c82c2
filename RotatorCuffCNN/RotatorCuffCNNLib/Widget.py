"""The RotatorCuffCNN panel: what it adds to PanelWidget; box, result and map are in sections of their own."""

import slicer
import vtk
from slicer.i18n import tr as _

from RadiologyCNNLib import SliceViews
from RadiologyCNNLib.ChoiceSelector import ChoiceSelector
from RadiologyCNNLib.PanelWidget import PanelWidget
from RotatorCuffCNNLib.Logic import NO_REPEATS, RotatorCuffCNNLogic
from RotatorCuffCNNLib.ReaderStudyScene import STUDY_ATTRIBUTE
from RotatorCuffCNNLib.ReaderStudySection import ReaderStudySection
from RotatorCuffCNNLib.RegionSection import RegionSection
from RotatorCuffCNNLib.ResultSection import ResultSection


class RotatorCuffCNNWidget(PanelWidget):
    """Inputs, the humeral head, the Classify button, the result, the map."""

    RESULT_NODE_CLASSES = (*PanelWidget.RESULT_NODE_CLASSES, "vtkMRMLVectorVolumeNode", "vtkMRMLMarkupsROINode")

    def setup(self) -> None:
        self.runText = _("Classify")
        self.runHint = _("Sort the chosen shoulder MRI into one of five classes of rotator cuff tears")
        self.stopHint = _("Stop the classification")
        self.notStartedText = _("The classification could not be started: {reason}")
        super().setup()

    def makeLogic(self) -> RotatorCuffCNNLogic:
        return RotatorCuffCNNLogic()

    @property
    def runButton(self):
        return self.ui.classifyButton

    def setupSections(self) -> None:
        ui = self.ui
        # here, because the .ui sets it before there is anything to hide
        ui.repeatsGroupBox.collapsed = True
        self.region = RegionSection(ui, self.logic, self.onRegionMoved, self.onRegionChanged)
        self.results = ResultSection(ui, self.logic, self.region, self._modelCard, self.showMessage)
        studyUi = self.resourcePath("UI/RotatorCuffReaderStudy.ui")
        self.readerStudy = ReaderStudySection(ui, self.layout, studyUi, self.logic, self.onStudyEnded)
        self.repeats = ChoiceSelector(ui.repeatsSelector, self.onRepeatsChosen)
        self.repeats.setChoices(
            [
                (NO_REPEATS, _("No repeats")),
                ("mc_dropout", _("Monte Carlo dropout")),
                ("tta", _("Test-time augmentation")),
            ]
        )

    def showInViews(self, volumeNode) -> None:
        """Shoulders are scanned obliquely: the acquired slices, and the map on them, are seen in their own planes."""
        isComing = not SliceViews.isShown(volumeNode)
        super().showInViews(volumeNode)
        SliceViews.turnTo(volumeNode)
        result = self.results.result
        if isComing and result is not None and result.volumeNode is volumeNode:
            self.results.cam.showAgain()

    def resultNodeRemoved(self) -> None:
        self.results.showVolume(keepViews=True)

    def _modelCard(self):
        """The chosen model's card, where it is the one that made the result."""
        choice, result = self.inputs.currentModel, self.results.result
        if choice is None or result is None or choice.id != result.record.get("model"):
            return None
        return choice.package.card()

    def cleanup(self) -> None:
        self.readerStudy.cleanup()
        self.results.cleanup()
        super().cleanup()

    # Scan and box

    def exit(self) -> None:
        """Another module is shown: a reader's clock does not run there, and the case is not to be seen."""
        self.readerStudy.pause()
        super().exit()

    def onSceneStartClose(self, caller=None, event=None) -> None:
        self.readerStudy.sceneClosing()
        super().onSceneStartClose(caller, event)

    def onSceneEnd(self, caller=None, event=None) -> None:
        super().onSceneEnd(caller, event)
        self.readerStudy.sceneLoaded()

    def onStudyEnded(self) -> None:
        """What was not done while the case alone was to be seen; a search that the study has stopped goes on."""
        self.enter()

    def enter(self) -> None:
        if self.readerStudy.isReading:
            return  # map and box of an earlier result would come into the reader's views
        super().enter()
        self._findHead()

    def isScreenKept(self) -> bool:
        return self.readerStudy.isReading or super().isScreenKept()

    def volumeChanged(self, volumeNode) -> None:
        self.region.setVolume(self._parameterNode, volumeNode)
        if self._parameterNode is not None:
            self.results.showValidity()
            self._findHead()

    def _findHead(self) -> None:
        """Look for the humeral head in the background, where the panel is shown and the worker can start."""
        if self.readerStudy.isReading or not self.isEntered or self._parameterNode is None:
            return
        if not self.logic.isRunning and self.installer.isReady:
            self.region.findWhereUnknown(self.inputs.modelId)

    def onModelChosen(self, index) -> None:
        """Another model may want a box of another size: look again, where the person has not placed it."""
        super().onModelChosen(index)
        if self.isEntered and self.installer.isReady and not self.inputs.modelProblem:
            self.region.findAgain(self.inputs.modelId)

    def onRegionMoved(self) -> None:
        """The box is being dragged."""
        self.results.showValidity()
        self._prepareScanSoon()

    def onRegionChanged(self) -> None:
        """The box was found, or can be used (or not) after a drag."""
        self.results.showValidity()
        self._updateButtons()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller, event, node) -> None:
        if node.GetAttribute(STUDY_ATTRIBUTE):
            return  # else the shown result would be laid over the reader's next case
        super().onNodeRemoved(caller, event, node)
        isRoi = node.IsA("vtkMRMLMarkupsROINode")
        if isRoi and self._parameterNode is not None and not slicer.mrmlScene.IsClosing():
            self.region.setVolume(self._parameterNode, self._parameterNode.inputVolume)

    def onParametersChanged(self, caller=None, event=None) -> None:
        super().onParametersChanged(caller, event)
        if self._parameterNode is None or self.results.isUpdating or slicer.mrmlScene.IsImporting():
            return
        self.region.followParameters()
        self.repeats.select(self._parameterNode.repeats)
        self.ui.repeatCountSpinBox.enabled = self._parameterNode.repeats != NO_REPEATS

    def onRepeatsChosen(self, method) -> None:
        if self._parameterNode is not None:
            self._parameterNode.repeats = method

    # Classify

    def runProblem(self, volumeNode) -> str:
        return super().runProblem(volumeNode) or self.region.problem()

    def readyText(self) -> str:
        if self.region.hasFailed:
            return _("Not ready: see the message above.")
        return super().readyText()

    def lockedWhileRunning(self) -> tuple:
        return (*super().lockedWhileRunning(), self.ui.sideSelector, self.ui.repeatsSelector)

    def expectedTimeKey(self) -> tuple[str, str]:
        model, device = super().expectedTimeKey()
        request = self._repeatsRequest()
        return (f"{model}-{request['method']}-{request['count']}" if request else model), device

    def preparationFields(self, volumeNode) -> dict | None:
        if self.readerStudy.isReading or self.logic.isLocating(volumeNode):
            return None  # the search ends in a box, and with it the scan is prepared
        return self.logic.whereToLook(self.region.usableRoiNode, self._parameterNode.side)

    def _prepareScan(self) -> None:
        if self.region.wasLeftBehind:
            self._findHead()
        super()._prepareScan()

    def _repeatsRequest(self):
        parameters = self._parameterNode
        if parameters is None or parameters.repeats == NO_REPEATS:
            return None
        return {"method": parameters.repeats, "count": parameters.repeatCount}

    def _updateButtons(self) -> None:
        super()._updateButtons()
        self.region.setLocked(self.logic.isRunning)
        self.region.update()

    def startRun(self, volumeNode) -> None:
        parameters = self._parameterNode
        self.logic.classify(
            volumeNode,
            roiNode=self.region.usableRoiNode,
            location=self.region.location,
            side=parameters.side,
            model=self.inputs.modelId,
            device=self.inputs.deviceId,
            repeats=self._repeatsRequest(),
        )
        self.showInViews(volumeNode)

    def onCancelled(self) -> None:
        """The search that Classify has stopped goes on."""
        super().onCancelled()
        self._findHead()

    def showFinished(self, result) -> None:
        """Show the predicted class's map where it is strongest; the box is in the way now, and can be shown again."""
        self._parameterNode.target = "predicted"
        self._parameterNode.showRoi = False
        record = result.record
        series = (record.get("provenance") or {}).get("series")
        self.region.series.noteClassification(series, record.get("notes") or ())
        if self.region.usableRoiNode is None:
            region = result.classification.roi
            self.region.place(result.volumeNode, {**region.to_dict(), "found": region.is_placed})
        self.results.cam.goToPeak()
