"""The comparison in the panel: made by the worker; tables, figures, report, export of answers."""

import qt
import slicer
from slicer.i18n import tr as _

from radiologycnn.errors import RadiologyCNNError
from radiologycnn.readers.answers import AnswerFile, readers_of, write_answers
from radiologycnn.readers.study import COMPARISON_FOLDER
from RadiologyCNNLib import SceneFigures
from RadiologyCNNLib.ChoiceSelector import ChoiceSelector
from RadiologyCNNLib.PanelTexts import linesHtml, messageHtml
from RadiologyCNNLib.ResultFiles import exportAs
from RotatorCuffCNNLib import ReaderStudyPlots, ReaderStudyTables


class ReaderStudyResults:
    """The widgets below the Start button.

    Args:
        ui: the study's widgets.
        logic: RotatorCuffCNNLogic.
    """

    def __init__(self, ui, logic) -> None:
        self.ui = ui
        self.logic = logic
        self.comparison = None
        self.page = ""
        self._study = None
        self._reader = ""
        self._isComparing = False
        self.tables = ChoiceSelector(ui.comparisonTableSelector, lambda value: self._showTable(value))
        self.figures = ChoiceSelector(ui.figureSelector, lambda value: None)
        ui.comparisonTable.verticalHeader().setVisible(False)
        ui.comparisonTable.verticalHeader().setDefaultSectionSize(22)
        ui.comparisonTable.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        ui.compareButton.connect("clicked(bool)", self.onCompareButton)
        ui.exportAnswersButton.connect("clicked(bool)", self.onExportAnswersButton)
        ui.showFigureButton.connect("clicked(bool)", self.onShowFigureButton)
        ui.openComparisonButton.connect("clicked(bool)", self.onOpenReportButton)
        logic.readersCompared.connect(self.onCompared)
        logic.comparingFailed.connect(self.onFailed)

    def setStudy(self, study, reader: str) -> None:
        """Offer what can be done with this study and this reader's answers; None for no study."""
        if study is None or self._study is None or study.folder != self._study.folder:
            self.comparison, self.page = None, ""
            self._say("")
        self._study, self._reader = study, reader
        self.update()

    def update(self) -> None:
        """Show what there is."""
        ui = self.ui
        ui.comparisonFrame.visible = self._study is not None
        problem = self._problem()
        ui.compareButton.enabled = not problem and not self._isComparing
        ui.compareButton.toolTip = problem or _("Compare all who have answered, and the network, with the truth.")
        ui.exportAnswersButton.enabled = bool(self._answers())
        isThere = self.comparison is not None
        for widget in (ui.comparisonTableSelector, ui.comparisonTable, ui.figureSelector):
            widget.visible = isThere
        for button in (ui.showFigureButton, ui.openComparisonButton):
            button.visible = isThere
        ui.showFigureButton.enabled = SceneFigures.canShowCharts()

    def _problem(self) -> str:
        """Why nothing can be compared; "" where it can be tried."""
        if self._study is None:
            return _("Choose a study first.")
        if self._study.truth is None:
            return _("The study has no truth.csv to compare with.")
        try:
            return "" if readers_of(self._study) else _("Nobody has answered yet.")
        except RadiologyCNNError as error:
            return str(error)

    def _answers(self) -> list:
        if self._study is None or not self._reader:
            return []
        try:
            return list(AnswerFile(self._study, self._reader).answers.values())
        except RadiologyCNNError:
            return []

    def _say(self, message, hint="") -> None:
        self.ui.comparisonLabel.text = messageHtml(message, hint)
        self.ui.comparisonLabel.visible = bool(message)

    # Comparison

    def onCompareButton(self, clicked=False) -> None:
        self._isComparing = True
        self._say(_("Comparing…"))
        self.update()
        folder = self._study.folder
        self.logic.compareReaders(str(folder), str(folder / COMPARISON_FOLDER))

    def onCompared(self, message) -> None:
        """The comparison has come: put it into the scene."""
        self._isComparing = False
        self.comparison, self.page = message["comparison"], message["page"]
        self.tables.setChoices([(node.GetID(), name) for name, node in ReaderStudyTables.updateTables(self.comparison)])
        self.figures.setChoices([(node.GetID(), name) for name, node in ReaderStudyPlots.updateCharts(self.comparison)])
        notes = linesHtml(self.comparison["notes"])
        self.ui.comparisonLabel.text = notes
        self.ui.comparisonLabel.visible = bool(notes)
        self.update()
        self._showTable(self.tables.value)

    def onFailed(self, error) -> None:
        self._isComparing = False
        self._say(error.message, error.hint)
        self.update()

    def _showTable(self, nodeId) -> None:
        self.ui.comparisonTable.setMRMLTableNode(slicer.mrmlScene.GetNodeByID(nodeId) if nodeId else None)

    def sceneClosed(self) -> None:
        """The tables went with the scene."""
        self.comparison, self._isComparing = None, False
        self.ui.comparisonTable.setMRMLTableNode(None)
        self.update()

    def onShowFigureButton(self, clicked=False) -> None:
        chart = slicer.mrmlScene.GetNodeByID(self.figures.value or "")
        if chart is not None:
            SceneFigures.showChart(chart)

    def onOpenReportButton(self, clicked=False) -> None:
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(self.page))

    # Export

    def onExportAnswersButton(self, clicked=False) -> None:
        exportAs(
            _("Export the answers"),
            f"{self._study.folder.name}-{self._reader}.csv",
            {_("Comma-separated values (*.csv)"): ".csv"},
            lambda path: write_answers(path, self._answers()),
            self._say,
        )
