"""The buttons below a result: write its table or its mask to a file, or take it out of the scene."""

import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib import Export, ResultPresenter
from RadiologyCNNLib.ResultCleaning import ResultCleaning
from RadiologyCNNLib.ResultFiles import exportAs


class ResultActions:
    """Hears the buttons; also takes the rest of a result away where somebody deletes its segmentation.

    Args:
        ui: the panel's widgets.
        results: ResultSection.
        showMessage: function (message, hint) that tells the person.
    """

    def __init__(self, ui, results, showMessage) -> None:
        self.ui, self.results = ui, results
        self._showMessage = showMessage
        self._cleaning = ResultCleaning(ResultPresenter.partsOfNode)
        ui.exportCsvButton.connect("clicked(bool)", self.onExportCsvButton)
        ui.exportSegmentationButton.connect("clicked(bool)", self.onExportSegmentationButton)
        ui.removeResultButton.connect("clicked(bool)", self.onRemoveResultButton)

    def cleanup(self) -> None:
        """The panel goes away."""
        self._cleaning.stop()

    def show(self, result) -> None:
        """Which buttons can be used for this result; None for no result."""
        self.ui.exportSegmentationButton.enabled = self.ui.removeResultButton.enabled = result is not None
        self.ui.exportCsvButton.enabled = result is not None and result.measurements is not None

    def onExportCsvButton(self, clicked=False) -> None:
        self._export(Export.exportCsv, _("Export the table"), ".csv", _("Comma-separated values (*.csv)"))

    def onExportSegmentationButton(self, clicked=False) -> None:
        title, words = _("Export the segmentation"), _("Segmentation (*.seg.nrrd)")
        self._export(Export.exportSegmentation, title, ".seg.nrrd", words)

    def _export(self, write, title, suffix, words) -> None:
        result = self.results.result
        if result is not None:
            name = Export.suggestedName(result, suffix)
            exportAs(title, name, {words: suffix}, lambda path: write(result, path), self._showMessage)

    def onRemoveResultButton(self, clicked=False) -> None:
        """Take the result out of the scene; where Slicer's undo is switched on, it brings the whole of it back."""
        result = self.results.result
        if result is not None and self.results.confirmLossOfCorrections(canTakeBack=False):
            self.results.resultShown.emit(None)  # lets go of the mask that is being edited
            slicer.mrmlScene.SaveStateForUndo()
            self.results.logic.removeResult(result)
            self.results.showVolume()
            self._showMessage(_("The result was removed."), "")
