"""The panel's "Case list" part: the list of scans, and which of them is opened; its decision is in CaseDecision."""

import qt
import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib.AnnotationLogic import AnnotationLogic
from HemorrhageSegLib.AnnotationWriter import AnnotationWriter, problemText
from HemorrhageSegLib.CaseDecision import CaseDecision
from HemorrhageSegLib.CaseOpening import CaseOpening
from radiologycnn.annotation.records import FLAGGED
from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib.CaseTable import OPEN_STATES, CaseTable
from RadiologyCNNLib.RaterSetting import savedRater, saveRater
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WorkClock import clockText


class WorklistSection:
    """Leads through a list of cases.

    Signals:
        listChanged(): another list is open, or a case of it was decided.
        shownCaseChanged(): another case, or none, is on the screen.

    Args:
        ui: the panel's widgets.
        panel: HemorrhageSegWidget: shows scans, runs the network, says messages.
    """

    def __init__(self, ui, panel) -> None:
        self.ui, self.panel = ui, panel
        self.listChanged = Signal()
        self.shownCaseChanged = Signal()
        self.cases = AnnotationLogic()
        self.writer = AnnotationWriter()
        self.writer.settled.connect(self._onSettled)
        self.table = CaseTable(ui.caseTable, ui.caseFilterSelector, ui.caseOrderSelector)
        self.opening = CaseOpening(ui, panel, self.cases, self.table, self.writer)
        self.opening.readingStarted.connect(self._onReadingStarted)
        self.opening.scanShown.connect(self._onScanShown)
        self.opening.notShown.connect(self._onNotShown)
        self.opening.resultShown.connect(self.caseChanged)
        self.decision = CaseDecision(ui, panel, self.cases, self.opening)
        self.decision.decided.connect(self._onDecided)
        self.decision.draftKept.connect(self._onDraftKept)
        self._scans = ""  # folder of the open list's; "" for those of the scene
        self._dataset = ""  # folder that the person has chosen for the annotations; "" for the usual one
        self._problems = []  # of the files that were to be made last
        ui.worklistCollapsibleButton.collapsed = True
        ui.raterLineEdit.text = savedRater()
        ui.openScansButton.connect("clicked(bool)", self.onOpenScansButton)
        ui.sceneScansButton.connect("clicked(bool)", self.onSceneScansButton)
        ui.datasetButton.connect("clicked(bool)", self.onDatasetButton)
        ui.raterLineEdit.connect("editingFinished()", self.onRaterEdited)
        ui.caseTable.connect("cellDoubleClicked(int,int)", self.onCaseDoubleClicked)
        ui.openCaseButton.connect("clicked(bool)", self.onOpenCaseButton)
        self._show()

    # Life

    def enter(self) -> None:
        self.decision.showPanel(True)
        self.caseChanged()

    def exit(self) -> None:
        self.decision.showPanel(False)
        self.decision.saveDraft()
        self.caseChanged()

    def release(self) -> str:
        """The scene closes, or the panel goes away: keep what was drawn, forget the nodes.

        Returns:
            What could not be kept, as a sentence; "" where all is.
        """
        self.decision.saveDraft()
        self.opening.release()
        self.cases.scans.unload()
        self.cases.forgetCase()
        self.cases.scans.sceneClosed()
        self.finishWriting()
        self.panel.results.unfoldsResults = True
        self.caseChanged()
        return self.decision.notKept

    # The list

    def onOpenScansButton(self, clicked=False) -> None:
        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Folder of head CTs"), self._scans)
        if folder:
            self.openFolder(str(folder))

    def openFolder(self, scans, dataset="") -> bool:
        """Open a folder of scans as the list; whether that worked."""
        dataset = dataset or self._dataset
        return self._open(scans, lambda **who: self.cases.openFolder(scans, dataset, **who))

    def onSceneScansButton(self, clicked=False) -> None:
        nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        nodes = [node for node in nodes if not self.panel.logic.inputProblem(node)]
        folder = self._dataset or self._openDataset or self._askForDataset()
        if folder:
            self._openScene(nodes, folder)

    def _openScene(self, nodes, dataset) -> bool:
        return self._open("", lambda **who: self.cases.openScene(nodes, dataset, **who))

    @property
    def _openDataset(self) -> str:
        """Where the annotations of the open list are kept; "" without a list."""
        return str(self.cases.store.folder) if self.cases.isOpen else ""

    def _askForDataset(self) -> str:
        title, before = _("Folder for the annotations"), self._dataset or self._openDataset
        return str(qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title, before) or "")

    def onDatasetButton(self, clicked=False) -> None:
        """Keep the annotations elsewhere from now on; what lies in the folder before stays there."""
        folder = self._askForDataset()
        if folder and (not self.cases.isOpen or self._openAgain(folder)):
            self._dataset = folder
            self._showDataset()

    def onRaterEdited(self) -> None:
        """Another rater has sat down: the list shows their own states."""
        if self.cases.isOpen and self.ui.raterLineEdit.text.strip().lower() != self.cases.store.rater:
            if not self._openAgain(self._openDataset):
                self.ui.raterLineEdit.text = self.cases.store.rater  # who it is that decides is never in doubt

    def _openAgain(self, dataset) -> bool:
        """Open the same scans once more, for another rater or with another folder for the annotations."""
        if self._scans:
            return self.openFolder(self._scans, dataset)
        return self._openScene(list(self.cases.scans.sceneNodes().values()), dataset)

    def _open(self, scans, open_) -> bool:
        """Make another list of scans; whether that worked. Without what is drawn being safe, the one before stays."""
        if not self.decision.saveDraft():
            return False
        hadCase = bool(self.cases.caseId)
        self.finishWriting()
        try:
            open_(rater=self.ui.raterLineEdit.text, keepNames=self.ui.keepNamesCheckBox.checked)
        except RadiologyCNNError as error:
            self.panel.showMessage(error.message, error.hint)
            if error.code == "bad-rater":
                self.ui.raterLineEdit.setFocus()
            return False
        self.opening.leaveList(hadCase)
        self.ui.commentLineEdit.text = ""
        self._tellOfHidden(self.cases.takeOthersAway(self.panel.logic.removeResult))
        self.panel.results.showVolume()  # a result that was taken away may have been on the screen
        self.writer.start()
        self._problems = self.cases.store.problems
        self._scans = scans
        self.ui.raterLineEdit.text = self.cases.store.rater
        saveRater(self.cases.store.rater)
        self._show()
        self.table.select(self.table.nextOpen(""))
        return True

    def _tellOfHidden(self, names) -> None:
        """Of other raters' masks that are in the scene, but not in the dataset."""
        text = _("Hidden, because raters read without seeing each other's masks: {names}.")
        hint = _("The folder for the annotations does not hold them: save the scene to keep them.")
        self.panel.showMessage(text.format(names=", ".join(names)) if names else "", hint if names else "")

    def _show(self) -> None:
        ui, rows = self.ui, self.cases.rows()
        self.table.show(rows)
        isOpen = self.cases.isOpen
        for widget in (ui.caseTable, ui.caseFilterSelector, ui.caseOrderSelector, ui.openCaseButton):
            widget.enabled = isOpen
        self._showStatus(rows)
        self.caseChanged()
        self.listChanged.emit()

    def _showStatus(self, rows) -> None:
        """How far the list is, and what could not be written yet, until it is."""
        ui = self.ui
        if not self.cases.isOpen:
            ui.listStatusLabel.text = _("Give your rater id, then open a folder of head CTs.")
            return
        decided = [row for row in rows if row.state not in OPEN_STATES]
        flagged = sum(row.state == FLAGGED for row in rows)
        text = _("{done} of {count} decided, {flagged} flagged").format(
            done=len(decided), count=len(rows), flagged=flagged
        )
        if decided:
            median = sorted(row.seconds for row in decided)[len(decided) // 2]
            text += " · " + _("{time} a case").format(time=clockText(median))
        if self._problems:
            text += "\n" + " ".join(problemText(self._problems[0]))
        ui.listStatusLabel.text = text
        self._showDataset()

    def _showDataset(self) -> None:
        folder = self._openDataset or self._dataset
        self.ui.datasetButton.toolTip = _("Annotations are kept in {folder}").format(folder=folder)

    def finishWriting(self) -> None:
        """Make all files of what was decided now: another process is about to read them."""
        self.writer.finish(self.cases.store)

    def _onSettled(self, store, problems) -> None:
        if store is self.cases.store:  # else it is of the list before
            self._problems = problems
            rows = self.cases.rows()
            self.table.show(rows)
            self._showStatus(rows)
            self.listChanged.emit()

    def showRows(self) -> None:
        """What the network says of the cases has changed."""
        self.table.show(self.cases.rows())

    # The case

    def onCaseDoubleClicked(self, row, column) -> None:
        self.openCase(self.table.idOfRow(row))

    def onOpenCaseButton(self, clicked=False) -> None:
        self.openCase(self.table.selectedId or self.table.nextOpen(""))

    def openCase(self, caseId) -> bool:
        """Save what is open, show a case; whether that worked.

        Where what is open cannot be saved, or the other case's annotations cannot be reached, it stays open.
        """
        if not caseId or not self.decision.saveDraft():
            return False
        if not self.opening.canComeBack(caseId):
            try:
                self.cases.store.check_reachable()
            except RadiologyCNNError as error:
                self.panel.showMessage(error.message, error.hint)
                return False
        if self.panel.logic.isRunning:
            self.opening.stopNetwork()
        return self.opening.comeBack(caseId) or self.opening.open(caseId)

    def _onReadingStarted(self, caseId) -> None:
        self.panel.showMessage("")
        self.ui.commentLineEdit.text = ""
        self._show()
        self.table.select(caseId)

    def _onScanShown(self, caseId) -> None:
        self._show()
        self.ui.commentLineEdit.text = self.cases.store.annotation(caseId).comment
        self.table.select(caseId)

    def _onNotShown(self, caseId) -> None:
        word = self.cases.store.annotation(caseId)
        self.ui.commentLineEdit.text = word.comment if word is not None else ""
        self._show()
        self.table.select(caseId)

    def takeResult(self, result) -> None:
        """The network's result is in the scene, perhaps that of the open case."""
        self.opening.takeResult(result)

    @property
    def result(self):
        """The open case's SceneResult, or None."""
        return self.opening.result

    @property
    def isCaseDecided(self) -> bool:
        """Whether the open case is one that this rater has decided."""
        if self.result is None:
            return False
        word = self.cases.store.annotation(self.cases.caseId)
        return word is not None and word.is_decided

    def noteChange(self, result) -> None:
        """A mask was changed by hand."""
        if self.cases.isOfCase(result):
            self.cases.changes += 1

    def beforeMaskChange(self, segmentationNode) -> None:
        """The network's answer is about to replace a mask: strokes of the time that it took are kept first."""
        result = self.cases.result
        if result is None or result.segmentationNode is not segmentationNode or self.panel.results.isUpdating:
            return
        if self.panel.logic.isRunning:
            self.decision.saveDraft(isLeaving=False)

    def _onDecided(self, caseId) -> None:
        self.writer.settle(self.cases.store)
        following = self.table.nextOpen(caseId)
        if following:
            self.openCase(following)
        else:
            self._show()
            self.panel.showMessage(_("All cases of the list are decided."))

    def _onDraftKept(self) -> None:
        self.writer.settle(self.cases.store)
        self.table.show(self.cases.rows())

    def caseChanged(self) -> None:
        """Another scan or result is on the screen, or the network has begun or ended."""
        # a case can be flagged or rejected without a mask
        self.ui.correctCollapsibleButton.enabled = self.decision.isOpen or self.panel.results.result is not None
        self.decision.update()
        self.shownCaseChanged.emit()
