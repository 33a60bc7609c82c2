"""The HemorrhageSeg panel: what it adds to PanelWidget; the result part is in ResultSection."""

from slicer.i18n import tr as _

from HemorrhageSegLib.Logic import HemorrhageSegLogic
from HemorrhageSegLib.ResultSection import ResultSection
from RadiologyCNNLib import SliceViews
from RadiologyCNNLib.PanelWidget import PanelWidget


class HemorrhageSegWidget(PanelWidget):
    """Inputs, the Segment button, the result."""

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

    def mayRun(self) -> bool:
        return self.results.confirmLossOfCorrections()

    def startRun(self, volumeNode) -> None:
        self.logic.segment(volumeNode, self.inputs.modelId, self.inputs.deviceId)
        SliceViews.showVolume(volumeNode)
        if self._parameterNode.brainWindow:
            self.results.brainWindow.apply(askedFor=False)

    def showFinished(self, result) -> None:
        """Go to the largest bleed."""
        measurements = result.measurements
        if measurements and measurements.lesions:
            SliceViews.jumpTo(measurements.lesions[0].centroid_ras_mm)
