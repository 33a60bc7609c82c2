"""The panel's result part: total, threshold, table and display of the chosen scan's result."""

import contextlib

import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib import MaskOrigin, ResultValidity
from HemorrhageSegLib.BrainWindow import BrainWindow
from HemorrhageSegLib.EditWatch import EditWatch
from HemorrhageSegLib.LesionTable import LesionTable
from HemorrhageSegLib.MaskDisplay import MaskDisplay
from HemorrhageSegLib.ResultActions import ResultActions
from HemorrhageSegLib.ResultTexts import measuredText, notesText, volumeText
from HemorrhageSegLib.ReversedScan import followReversedScan
from HemorrhageSegLib.SceneResult import SceneResult
from RadiologyCNNLib.DelayedCall import delayedCall
from RadiologyCNNLib.InputWatch import InputWatch
from RadiologyCNNLib.PanelTexts import scaledFont
from RadiologyCNNLib.Signal import Signal

MEASURE_DELAY_MS = 350  # long enough for a slider's drag to be over, short enough to seem immediate
# The slider shows two digits; a model's operating threshold may have more, and showing it must not change the mask.
THRESHOLD_TOLERANCE = 0.0051


class ResultSection:
    """Brings the widgets below the Segment button, the parameter node and the scene's result in line.

    Signals:
        resultShown(result: SceneResult or None): the chosen scan's result is shown, perhaps for the first time.
        maskShown(result): its mask has changed, by whomever, and its volume is shown.
        maskEdited(result): its mask was changed by hand.

    Args:
        ui: the panel's widgets.
        logic: HemorrhageSegLogic.
        showMessage: function (message, hint) that tells the person.
    """

    def __init__(self, ui, logic, showMessage) -> None:
        self.ui = ui
        self.logic = logic
        self.brainWindow = BrainWindow(ui.brainWindowCheckBox)
        self.resultShown, self.maskShown, self.maskEdited = Signal("result"), Signal("result"), Signal("result")
        self.unfoldsResults = True  # an annotator needs the room for the editor
        self.canTakeBack = lambda: False  # whether a mask that is replaced can be had back with Undo
        self.isUpdating = False  # while true, changes of parameters and mask are this section's own
        self._parameterNode = None
        self._editWatch = EditWatch(self.onMaskEdited, lambda: self.isUpdating or logic.isPresenting)
        self._measureTimer = delayedCall(MEASURE_DELAY_MS, self._measure)
        self.watch = InputWatch(self._onScanModified)
        logic.finished.connect(lambda finished: self.watch.accept(finished.volumeNode))
        self.actions = ResultActions(ui, self, showMessage)
        self._table = LesionTable(ui.lesionTable, lambda: self.result)
        self.display = MaskDisplay(lambda: (self.result, self._parameterNode), self._ownChange, ui.showSkullCheckBox)
        # 36 points and more can be read from two metres
        ui.totalLabel.setFont(scaledFont(ui.totalLabel.font, 4.0, atLeastPoints=36.0))
        ui.abcLabel.setFont(scaledFont(ui.abcLabel.font, 1.25, isBold=False))
        ui.resetThresholdButton.connect("clicked(bool)", self.onResetThresholdButton)
        ui.brainWindowCheckBox.connect("clicked(bool)", self.onBrainWindowClicked)
        logic.measured.connect(self.onMeasured)
        logic.measuringFailed.connect(self.onMeasuringFailed)

    @contextlib.contextmanager
    def _ownChange(self):
        self.isUpdating = True
        try:
            yield
        finally:
            self.isUpdating = False

    # What is shown

    @property
    def result(self):
        """The chosen scan's result, or None."""
        return SceneResult.ofSegmentation(self._parameterNode.segmentation) if self._parameterNode else None

    def setParameterNode(self, parameterNode) -> None:
        """Show the result of this parameter node's scan from now on; None lets go of everything."""
        self._parameterNode = parameterNode
        if parameterNode is None:
            self._measureTimer.stop()
            self.display.forget()
            self._editWatch.watch(None)
            self.watch.forget()
            self.brainWindow.forget()
            self._show(None)
            self.resultShown.emit(None)
        else:
            self.showVolume()

    def showVolume(self) -> None:
        """Show the result of the chosen scan, where it has one; the parameters follow it."""
        self.finishEdit()
        parameters = self._parameterNode
        volumeNode = parameters.inputVolume
        result = SceneResult.ofVolume(volumeNode)
        if result is not None:
            followReversedScan(result)
        isEdited = result is not None and self._noteMask(result)
        if result is not None and ResultValidity.wasMovedWithScan(result):
            self.logic.maskChanged(result)
        with self._ownChange():
            parameters.segmentation = result.segmentationNode if result else None
            parameters.table = result.tableNode if result else None
            nodes = result.probabilityNodes if result else []
            parameters.probability = nodes[0] if nodes else None
            if result is not None:
                parameters.threshold = _onSlider(result.record["threshold"])
        self._editWatch.watch(result.segmentationNode if result else None)
        self.display.turnTo(volumeNode)
        self.watch.watch(volumeNode)
        self.brainWindow.setVolume(volumeNode)
        if result is None or result.measurements is not None:
            self._measureTimer.stop()
            self._show(result)
        else:  # the mask was changed while it was not watched, or just before the scene was saved
            self._show(result, result.totalMl())
            self._measureTimer.start()
        self.display.update()
        self.resultShown.emit(result)
        if isEdited:
            self.maskEdited.emit(result)

    def followParameters(self) -> None:
        """A parameter was changed, by a widget or by a script."""
        result = self.result
        if result is None:
            return
        threshold = self._parameterNode.threshold
        if result.canThreshold and abs(result.record["threshold"] - threshold) > THRESHOLD_TOLERANCE:
            self._applyThreshold(result, threshold)
        self.display.update()

    def _show(self, result, provisionalMl=None) -> None:
        """Fill the widgets.

        Args:
            result: SceneResult or None.
            provisionalMl: total of a mask whose measurements are not back yet.
        """
        ui = self.ui
        measurements = result.measurements if result else None
        self._table.show(result)
        if ui.resultCollapsibleButton.enabled != (result is not None):  # once, not against the person's own choice
            ui.resultCollapsibleButton.enabled = result is not None
            ui.resultCollapsibleButton.collapsed = result is None or not self.unfoldsResults
        for widget in (ui.lesionTable, ui.showFillCheckBox, ui.showOutlineCheckBox, ui.show3DCheckBox):
            widget.enabled = result is not None
        ui.opacitySlider.enabled = result is not None
        self.actions.show(result)
        ui.resetThresholdButton.enabled = result is not None and result.canThreshold
        ui.thresholdSlider.enabled = ui.resetThresholdButton.enabled and not result.record.get("edited")
        if measurements is not None:
            ui.totalLabel.text = volumeText(measurements.total_volume_ml)
            ui.abcLabel.text = measuredText(measurements, result.labels)
        elif provisionalMl is not None:
            ui.totalLabel.text = volumeText(provisionalMl)
            ui.abcLabel.text = ""
        else:
            ui.totalLabel.text = ui.abcLabel.text = ""
        self._showNotes(result)
        self._showTableStatus("" if result is None or measurements else _("The table is being updated…"))
        self.showValidity()

    def _showNotes(self, result) -> None:
        label = self.ui.notesLabel
        label.text = notesText(result, saidAlready=self.ui.demonstrationBanner.text)
        label.visible = bool(label.text)

    def _onScanModified(self, voxelsChanged) -> None:
        result = self.result
        if result is None or self.logic.isPresenting:
            return
        if voxelsChanged:
            ResultValidity.scanChanged(result)
        self._followMove(result)
        self.showValidity()

    def _followMove(self, result) -> None:
        """Where scan and mask were moved together, the bleeds lie elsewhere: their places are measured anew."""
        if ResultValidity.wasMovedWithScan(result):
            self.logic.maskChanged(result)
            self._show(result, result.totalMl())
            self._measureTimer.start()

    def showValidity(self) -> None:
        """Say where the result is out of date."""
        result = self.result
        reason = ResultValidity.outdatedReason(result) if result is not None and not self.logic.isRunning else ""
        self.ui.outdatedLabel.text = reason
        self.ui.outdatedLabel.visible = bool(reason)

    def _showTableStatus(self, text: str) -> None:
        self.ui.tableStatusLabel.text = text
        self.ui.tableStatusLabel.visible = bool(text)

    # Threshold and measurements

    def _applyThreshold(self, result, threshold) -> None:
        hadSurface, labels = result.hasSurface, result.record["labels"]
        with self._ownChange():
            result.removeSurface()  # it would be built anew at each move of the slider
            totalMl = self.logic.applyThreshold(result, threshold)
        if result.record["labels"] != labels:  # Undo had brought those of another model back
            self.resultShown.emit(result)
        self._show(result, totalMl)
        self.maskShown.emit(result)
        self._measureTimer.start()
        if hadSurface or self._parameterNode.show3D:
            self.display.buildSurfaceSoon()

    def onResetThresholdButton(self, clicked=False) -> None:
        if self.confirmLossOfCorrections():
            self.backToNetwork()

    def backToNetwork(self) -> None:
        """Show the network's own mask at its own threshold."""
        result = self.result
        if result is None or not result.canThreshold:
            return
        threshold = result.record["operating_threshold"]
        self._applyThreshold(result, threshold)
        self._parameterNode.threshold = _onSlider(threshold)

    def confirmLossOfCorrections(self, canTakeBack=None) -> bool:
        """Ask before a mask that was corrected by hand goes; True where there is nothing to lose.

        Args:
            canTakeBack: whether it can be had back with Undo; None for what the editor says of a replaced mask.
        """
        self.finishEdit()
        result = self.result
        canTakeBack = self.canTakeBack() if canTakeBack is None else canTakeBack
        if result is None or not result.record.get("edited") or canTakeBack:
            return True
        question = _("The mask was corrected by hand. Discard the corrections?")
        return bool(slicer.util.confirmOkCancelDisplay(question, _("HemorrhageSeg")))

    def _noteMask(self, result) -> bool:
        """Whether somebody else has changed the mask: its numbers are then no longer those of the table."""
        isChanged = MaskOrigin.noteMask(result)
        if isChanged:
            self.logic.maskChanged(result)
        return isChanged

    def finishEdit(self) -> None:
        """Take note now of a mask that was changed by hand just before."""
        self._editWatch.finish()

    def onMaskEdited(self) -> None:
        """A segment was changed, which may be no more than its name."""
        result = self.result
        if result is None or slicer.mrmlScene.IsClosing():
            return
        result.orientSurface()  # the editor makes it anew with each stroke
        labels = result.record["labels"]
        if not self._noteMask(result):
            self._showNotes(result)  # a segment may have been added
            return
        if result.record["labels"] != labels:  # Undo has brought the mask of another model back
            self.resultShown.emit(result)
        if not result.record["edited"]:  # Undo has brought the network's mask at an earlier threshold back
            with self._ownChange():
                self._parameterNode.threshold = _onSlider(result.record["threshold"])
        self._measureTimer.start()
        self._show(result, result.totalMl())
        self.maskEdited.emit(result)
        self.maskShown.emit(result)

    def _measure(self) -> None:
        result = self.result
        if result is not None and not slicer.mrmlScene.IsClosing():
            self.logic.measure(result)

    def onMeasured(self, result) -> None:
        shown = self.result
        if shown is not None and result.segmentationNode is shown.segmentationNode:
            self._show(result)

    def onMeasuringFailed(self, error) -> None:
        text = _("The table could not be updated: {message} {hint}").format(message=error.message, hint=error.hint)
        self._showTableStatus(text)

    # Display

    def onBrainWindowClicked(self, checked) -> None:
        """The person's wish; it also holds for the next scans."""
        if self._parameterNode is not None:
            self._parameterNode.brainWindow = checked
        if checked:
            self.brainWindow.apply(askedFor=True)
        else:
            self.brainWindow.restore()


def _onSlider(threshold: float) -> float:
    """The nearest value that the slider has."""
    return min(max(threshold, 0.01), 0.99)
