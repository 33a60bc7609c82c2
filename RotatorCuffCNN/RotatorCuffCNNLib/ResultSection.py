"""The panel's result part: class, probabilities, map, table and export of the chosen scan's result."""

import qt
import slicer
from slicer.i18n import tr as _

from RadiologyCNNLib.InputWatch import InputWatch
from RadiologyCNNLib.PanelTexts import scaledFont
from RadiologyCNNLib.ResultCleaning import ResultCleaning
from RadiologyCNNLib.ResultFiles import exportAs
from RotatorCuffCNNLib import CuffExport, CuffPresenter, ResultValidity
from RotatorCuffCNNLib.CamSection import CamSection
from RotatorCuffCNNLib.CuffResult import CuffResult
from RotatorCuffCNNLib.CuffTable import hiddenColumns
from RotatorCuffCNNLib.CuffTexts import classText, notesText, repeatsText, tearText
from RotatorCuffCNNLib.ProbabilityBars import ProbabilityBars


class ResultSection:
    """Brings the widgets below the Classify button, the parameter node and the scene's result in line.

    Args:
        ui: the panel's widgets.
        logic: RotatorCuffCNNLogic.
        region: RegionSection, for what the result has to agree with.
        modelCard: function () that gives the chosen model's card for the report, or None.
        showMessage: function (message, hint) that tells the person.
    """

    def __init__(self, ui, logic, region, modelCard, showMessage) -> None:
        self.ui = ui
        self.logic = logic
        self.region = region
        self.isUpdating = False  # while true, changes of parameters are this section's own
        self._modelCard = modelCard
        self._showMessage = showMessage
        self._parameterNode = None
        self.watch = InputWatch(self._onScanModified)
        logic.finished.connect(lambda finished: self.watch.accept(finished.volumeNode))
        self.bars = ProbabilityBars(ui)
        self.cam = CamSection(ui, showMessage)
        ui.predictedLabel.setFont(scaledFont(ui.predictedLabel.font, 1.9, atLeastPoints=16.0))
        ui.tableCollapsibleButton.collapsed = True
        ui.resultTable.verticalHeader().setVisible(False)
        rowHeight = ui.resultTable.fontMetrics().height() + 8  # follows the person's own font
        ui.resultTable.verticalHeader().setDefaultSectionSize(rowHeight)
        ui.resultTable.minimumHeight = ui.resultTable.maximumHeight = 7 * rowHeight + 6  # heading and six rows
        ui.resultTable.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        self._cleaning = ResultCleaning(CuffPresenter.partsOfNode)
        ui.removeResultButton.connect("clicked(bool)", self.onRemoveResultButton)
        ui.exportCsvButton.connect("clicked(bool)", self.onExportCsvButton)
        ui.exportCamButton.connect("clicked(bool)", self.onExportCamButton)
        ui.exportReportButton.connect("clicked(bool)", self.onExportReportButton)

    # What is shown

    @property
    def result(self):
        """The chosen scan's result, or None."""
        return CuffResult.ofNode(self._parameterNode.cam) if self._parameterNode else None

    def setParameterNode(self, parameterNode) -> None:
        """Show the result of this parameter node's scan from now on; None lets go of everything."""
        self._parameterNode = parameterNode
        if parameterNode is None:
            self.watch.forget()
            self._show(None)
        else:
            self.showVolume()

    def showVolume(self, keepViews=False) -> None:
        """Show the result of the chosen scan, where it has one; the parameters follow it.

        Args:
            keepViews: whether a map that was shown before stays in the views as the person has it there now.
        """
        parameters = self._parameterNode
        result = CuffResult.ofVolume(parameters.inputVolume)
        self.isUpdating = True
        try:
            parameters.cam = result.camNode if result else None
            parameters.table = result.tableNode if result else None
        finally:
            self.isUpdating = False
        self.watch.watch(parameters.inputVolume)
        self._show(result, keepViews)

    def followParameters(self) -> None:
        """A parameter was changed, by a widget or by a script."""
        self.cam.followParameters()
        self.showValidity()

    def _onScanModified(self, voxelsChanged) -> None:
        if self.logic.isPresenting:
            return
        self.region.scanMoved()
        result = self.result
        if result is None:
            return
        if voxelsChanged:
            ResultValidity.scanChanged(result)
        self.showValidity()

    def _show(self, result, keepViews=False) -> None:
        """Fill the widgets."""
        ui = self.ui
        for section in (ui.resultCollapsibleButton, ui.camCollapsibleButton):
            if section.enabled != (result is not None):  # once, not against the person's own choice
                section.enabled = result is not None
                section.collapsed = result is None
        ui.tableCollapsibleButton.enabled = result is not None
        if result is None:
            ui.tableCollapsibleButton.collapsed = True
        classification = result.classification if result else None
        ui.predictedLabel.text = classText(classification) if classification else ""
        ui.tearLabel.text = tearText(classification) if classification else ""
        self.bars.show(classification)
        ui.repeatsLabel.text = repeatsText(classification) if classification else ""
        ui.repeatsLabel.visible = bool(ui.repeatsLabel.text)
        saidAlready = (ui.demonstrationBanner.text, *self.region.series.notes)
        ui.notesLabel.text = notesText(result, saidAlready) if result else ""
        ui.notesLabel.visible = bool(ui.notesLabel.text)
        self._showTable(result)
        for button in (ui.exportCsvButton, ui.exportCamButton, ui.exportReportButton, ui.removeResultButton):
            button.enabled = result is not None
        self.cam.show(self._parameterNode, result, keepViews)
        self.showValidity()

    def _showTable(self, result) -> None:
        view = self.ui.resultTable
        view.setMRMLTableNode(result.tableNode if result else None)
        view.horizontalHeader().setMinimumSectionSize(24)  # Slicer's 60 would make the view scroll sideways
        hidden = hiddenColumns(result.classification) if result else ()
        for column in range(result.tableNode.GetNumberOfColumns() if result and result.tableNode else 0):
            view.setColumnHidden(column, column in hidden)

    def showValidity(self) -> None:
        """Say where the result is out of date, or else not to be relied on."""
        result, parameters = self.result, self._parameterNode
        reason = ""
        if result is not None and not self.logic.isRunning:
            reason = ResultValidity.outdatedReason(result, self.region.roiNode, parameters.side)
            reason = reason or ResultValidity.caution(result)
        self.ui.outdatedLabel.text = reason
        self.ui.outdatedLabel.visible = bool(reason)

    def onRemoveResultButton(self, clicked=False) -> None:
        """Take the result out of the scene; where Slicer's undo is switched on, it brings the whole of it back."""
        result = self.result
        if result is None:
            return
        slicer.mrmlScene.SaveStateForUndo()
        self.logic.isPresenting = True  # one change, not one for each node
        try:
            CuffPresenter.remove(result)
        finally:
            self.logic.isPresenting = False
        self.showVolume()
        self._showMessage(_("The result was removed."))

    def cleanup(self) -> None:
        """The panel goes away."""
        self.watch.forget()
        self._cleaning.stop()

    # Export

    def onExportCsvButton(self, clicked=False) -> None:
        self._export(CuffExport.exportCsv, _("Export the table"), {_("Comma-separated values (*.csv)"): ".csv"})

    def onExportCamButton(self, clicked=False) -> None:
        types = {_("NIfTI (*.nii.gz)"): ".nii.gz", _("NRRD (*.nrrd)"): ".nrrd"}
        self._export(CuffExport.exportMap, _("Export the shown map"), types)

    def onExportReportButton(self, clicked=False) -> None:
        def write(result, path):
            return CuffExport.exportReport(result, path, self._modelCard(), self.ui.outdatedLabel.text)

        self._export(write, _("Export a report"), {_("Web page (*.html)"): ".html"})

    def _export(self, write, title, fileTypes) -> None:
        result = self.result
        if result is not None:
            name = CuffExport.suggestedName(result, next(iter(fileTypes.values())))
            exportAs(title, name, fileTypes, lambda path: write(result, path), self._showMessage)
