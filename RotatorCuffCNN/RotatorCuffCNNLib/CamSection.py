"""The panel's part about where the network looked: which map, how it is shown, and its place in words."""

from slicer.i18n import tr as _

from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib.ChoiceSelector import ChoiceSelector
from RotatorCuffCNNLib import CamColors, CamDisplay, CamRendering
from RotatorCuffCNNLib.CuffTexts import evidenceText, methodChoices, targetChoices


class CamSection:
    """Shows the chosen map of a result as the parameter node says.

    Args:
        ui: the panel's widgets.
        showMessage: function (message, hint) that tells the person.
    """

    def __init__(self, ui, showMessage) -> None:
        self.ui = ui
        self._showMessage = showMessage
        self._parameterNode = None
        self._result = None
        self._applied = None
        self._centredOn = None  # the node of the map that the 3D views were last turned to
        self.target = ChoiceSelector(ui.targetSelector, lambda value: self._setParameter("target", value))
        self.method = ChoiceSelector(ui.methodSelector, lambda value: self._setParameter("method", value))
        self.color = ChoiceSelector(ui.colorSelector, lambda value: self._setParameter("colorNodeId", value))
        self.target.setChoices(targetChoices(None))
        self.method.setChoices(methodChoices(None))
        ui.peakButton.connect("clicked(bool)", self.onPeakButton)

    def _setParameter(self, name, value) -> None:
        if self._parameterNode is not None:
            setattr(self._parameterNode, name, value)

    def show(self, parameterNode, result, keepViews=False) -> None:
        """Show the maps of this result from now on; None for none. What an earlier one has in the views goes.

        Args:
            keepViews: whether one that was shown before stays in the views as the person has it there now.
        """
        self._parameterNode = parameterNode
        before = self._result
        isOther = before is None or result is None or before.camNode is not result.camNode
        if before is not None and isOther:
            self._takeAway(before)
        self._result = result
        if isOther or not keepViews:
            self._applied = None
        if parameterNode is None:
            self._centredOn = None
        self.target.setChoices(targetChoices(result))
        self.method.setChoices(methodChoices(result))
        self._enable()
        if result is not None:
            self.color.setChoices([(node.GetID(), node.GetName()) for node in CamColors.availableColorNodes()])
            self.followParameters()
        else:
            self.ui.evidenceLabel.text = ""

    def showAgain(self) -> None:
        """The scan is on the screen again: its map comes with it, at its strongest place."""
        self._applied = None
        self.followParameters()
        if self._result is not None:
            CamDisplay.goToPeak(self._result)
            if CamRendering.isVisible(self._result):
                CamRendering.centre()

    @staticmethod
    def _takeAway(result) -> None:
        if result.camNode.GetScene() is not None and not result.camNode.GetScene().IsClosing():
            CamDisplay.hideAll(result)

    def _enable(self) -> None:
        ui, result = self.ui, self._result
        isThere = result is not None
        ui.camCollapsibleButton.enabled = isThere
        canSwitch = isThere and result.canSwitch
        ui.targetSelector.enabled = ui.methodSelector.enabled = ui.peakButton.enabled = canSwitch

    def wantedTarget(self):
        """What the map shall explain: class index or "tear_versus_none"."""
        target = self._parameterNode.target
        if target == "predicted":
            return self._result.classification.predicted
        return int(target) if target.isdigit() else target

    def _wantedMap(self) -> tuple:
        """(target, method) of the map to show: what was chosen, as far as this result has it."""
        result, target, method = self._result, self.wantedTarget(), self._parameterNode.method
        if not result.canSwitch:
            return result.shownTarget, result.shownMethod
        return (
            target if target in result.targets else result.shownTarget,
            method if method in result.methods else result.shownMethod,
        )

    def _nameMap(self, target, method) -> None:
        """The lists say which map is shown."""
        if target == self.wantedTarget():
            self.target.select(self._parameterNode.target)
        else:
            self.target.select("predicted" if target == self._result.classification.predicted else str(target))
        self.method.select(method)

    def followParameters(self) -> None:
        """Bring the views and the widgets in line with the parameter node."""
        parameters, result = self._parameterNode, self._result
        if parameters is None or result is None:
            return
        colorNodeId = parameters.colorNodeId or CamColors.colorNode().GetID()
        target, method = self._wantedMap()
        self._nameMap(target, method)
        self.color.select(colorNodeId)
        wanted = (
            target, method, parameters.showOverlay, parameters.opacity, parameters.threshold,
            colorNodeId, parameters.showLegend, parameters.show3D, parameters.showAnatomy,
        )  # fmt: skip
        self.ui.showAnatomyCheckBox.enabled = parameters.show3D
        if wanted == self._applied:
            return  # another parameter was changed: what the person did to the views meanwhile stays
        isComing = self._applied is None  # with its scan, not by a check box of the panel
        self._applied = wanted
        try:
            self._apply(result, isComing, *wanted)
        except RadiologyCNNError as error:
            self._showMessage(error.message, error.hint)
        self._showEvidence()

    def _apply(
        self, result, isComing, target, method, overlay, opacity, threshold, colorNodeId, legend, rendering, anatomy
    ) -> None:
        if (result.shownTarget, result.shownMethod) != (target, method):
            CamDisplay.showMap(result, target, method)
        wasIn3D = CamRendering.isVisible(result)
        CamDisplay.setOverlay(result, overlay, opacity, threshold, colorNodeId)
        CamDisplay.setLegend(result, legend and overlay)
        # a 3D view that the person has turned stays so where she only switches the same map on and off
        mayCentre = not wasIn3D and (isComing or self._centredOn is not result.camNode)
        if not CamDisplay.setVolumeRendering(result, rendering, anatomy) and rendering:
            self._showMessage(_("This Slicer has no volume rendering."), "")
        if rendering:
            self._centredOn = result.camNode
            if mayCentre:
                CamRendering.centre()

    def _showEvidence(self) -> None:
        result = self._result
        evidence = result.classification.evidence_for(result.shownTarget, result.shownMethod)
        peakRas = result.peakRas() if result.canSwitch else evidence and evidence.peak_ras_mm
        self.ui.evidenceLabel.text = evidenceText(evidence, peakRas)
        self.ui.peakButton.enabled = result.canSwitch and peakRas is not None

    def onPeakButton(self, clicked=False) -> None:
        self.goToPeak()

    def goToPeak(self) -> None:
        """Move the slices to the strongest evidence."""
        if self._result is not None and not CamDisplay.goToPeak(self._result):
            self._showMessage(_("No place in the box speaks for this."), "")
