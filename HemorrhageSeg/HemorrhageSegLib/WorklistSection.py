"""The panel's "Case list" part: the list of scans, and Accept, Flag and Reject for the one that is open."""

import logging

import qt
import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib.AnnotationLogic import AnnotationLogic
from HemorrhageSegLib.AnnotationWriter import AnnotationWriter, problemText
from HemorrhageSegLib.CaseOpening import CaseOpening
from HemorrhageSegLib.DecisionKeys import DecisionKeys
from radiologycnn.annotation.records import ACCEPTED, FLAGGED, REJECTED
from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib.CaseTable import OPEN_STATES, CaseTable
from RadiologyCNNLib.RaterSetting import savedRater, saveRater
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WorkClock import clockText

AUTOSAVE_MS = 20_000
TICK_MS = 1_000


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
        self.opening.notShown.connect(lambda _caseId: self._show())
        self.opening.resultShown.connect(self._updateCase)
        self._scans = self._dataset = ""
        self._problems = []  # of the files that were to be made last
        self._openAgain = lambda: False
        self._isPanelShown = False
        self._keys = DecisionKeys(self.decide)
        self._autosaveTimer = self._timer(AUTOSAVE_MS, self._saveDraft)
        self._tickTimer = self._timer(TICK_MS, self._tick)
        ui.worklistCollapsibleButton.collapsed = True
        ui.raterLineEdit.text = savedRater()
        ui.openScansButton.connect("clicked(bool)", self.onOpenScansButton)
        ui.sceneScansButton.connect("clicked(bool)", self.onSceneScansButton)
        ui.datasetButton.connect("clicked(bool)", self.onDatasetButton)
        ui.raterLineEdit.connect("editingFinished()", self.onRaterEdited)
        ui.caseTable.connect("cellDoubleClicked(int,int)", self.onCaseDoubleClicked)
        ui.openCaseButton.connect("clicked(bool)", self.onOpenCaseButton)
        ui.acceptButton.connect("clicked(bool)", lambda: self.decide(ACCEPTED))
        ui.flagButton.connect("clicked(bool)", lambda: self.decide(FLAGGED))
        ui.rejectButton.connect("clicked(bool)", lambda: self.decide(REJECTED))
        self._show()

    @staticmethod
    def _timer(milliseconds, function):
        timer = qt.QTimer()
        timer.setInterval(milliseconds)
        timer.connect("timeout()", function)
        return timer

    # Life

    def enter(self) -> None:
        self._isPanelShown = True
        self._updateCase()

    def exit(self) -> None:
        self._isPanelShown = False
        self._saveDraft()
        self._updateCase()

    def release(self) -> None:
        """The scene closes, or the panel goes away: keep what was drawn, forget the nodes."""
        self._saveDraft()
        self.opening.release()
        self.cases.unload()
        self.cases.forgetCase()
        self.finishWriting()
        self.panel.results.unfoldsResults = True
        self._updateCase()

    # The list

    def onOpenScansButton(self, clicked=False) -> None:
        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Folder of head CTs"), self._scans)
        if folder:
            self.openFolder(str(folder))

    def openFolder(self, scans, dataset="") -> bool:
        """Open a folder of scans as the list; whether that worked."""
        return self._open(scans, lambda **who: self.cases.openFolder(scans, dataset, **who))

    def onSceneScansButton(self, clicked=False) -> None:
        nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        nodes = [node for node in nodes if not self.panel.logic.inputProblem(node)]
        folder = self._dataset or qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Folder for the annotations"), ""
        )
        if folder:
            self._open("", lambda **who: self.cases.openScene(nodes, str(folder), **who))

    def onDatasetButton(self, clicked=False) -> None:
        """Keep the annotations elsewhere from now on; what lies in the folder before stays there."""
        folder = qt.QFileDialog.getExistingDirectory(
            slicer.util.mainWindow(), _("Folder for the annotations"), self._dataset
        )
        if folder and self._scans:
            self.openFolder(self._scans, str(folder))
        elif folder:
            self._dataset = str(folder)

    def onRaterEdited(self) -> None:
        """Another rater has sat down: the list shows their own states."""
        if self.cases.isOpen and self.ui.raterLineEdit.text.strip().lower() != self.cases.store.rater:
            if not self._openAgain():
                self.ui.raterLineEdit.text = self.cases.store.rater  # who it is that decides is never in doubt

    def _open(self, scans, open_) -> bool:
        self._saveDraft()
        self.finishWriting()
        try:
            open_(rater=self.ui.raterLineEdit.text, keepNames=self.ui.keepNamesCheckBox.checked)
        except RadiologyCNNError as error:
            self.panel.showMessage(error.message, error.hint)
            if error.code == "bad-rater":
                self.ui.raterLineEdit.setFocus()
            return False
        self.panel.showMessage("")
        self.writer.start()
        self._problems = self.cases.store.problems
        self._scans, self._dataset = scans, str(self.cases.store.folder)
        self._openAgain = lambda: self._open(scans, open_)
        self.ui.raterLineEdit.text = self.cases.store.rater
        saveRater(self.cases.store.rater)
        self._show()
        self.table.select(self.table.nextOpen(""))
        return True

    def _show(self) -> None:
        ui, rows = self.ui, self.cases.rows()
        self.table.show(rows)
        isOpen = self.cases.isOpen
        for widget in (ui.caseTable, ui.caseFilterSelector, ui.caseOrderSelector, ui.openCaseButton):
            widget.enabled = isOpen
        self._showStatus(rows)
        self._updateCase()
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
        ui.datasetButton.toolTip = _("Annotations are kept in {folder}").format(folder=self._dataset)

    def finishWriting(self) -> None:
        """Make all files of what was decided now: another process is about to read them."""
        self.writer.finish(self.cases.store)

    def _onSettled(self, problems) -> None:
        self._problems = problems
        if self.cases.isOpen:
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
        """Save what is open, show a case; whether that worked."""
        if not caseId:
            return False
        if self.panel.logic.isRunning:
            self._stopNetwork()
        self._saveDraft()
        return self.opening.open(caseId)

    def _onReadingStarted(self, caseId) -> None:
        self.panel.showMessage("")
        self.ui.commentLineEdit.text = ""
        self._show()
        self.table.select(caseId)

    def _onScanShown(self, caseId) -> None:
        self._show()
        self.ui.commentLineEdit.text = self.cases.store.annotation(caseId).comment
        self.table.select(caseId)

    def _stopNetwork(self) -> None:
        """It runs on a case that is being left."""
        self.panel.logic.abandonJobs()
        self.panel.showIdle()

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

    def noteChange(self, result=None) -> None:
        """The mask was changed."""
        if self.opening.isCaseShown:
            self.cases.changes += 1

    def decide(self, status) -> bool:
        """Say the word, then open the next case; whether it holds."""
        isRunning = self.panel.logic.isRunning
        if not self.opening.isCaseShown or (isRunning and status == ACCEPTED):
            return False
        if isRunning:
            self._stopNetwork()
        self.panel.results.finishEdit()
        caseId = self.cases.caseId
        try:
            self.cases.decide(self.result, status, self.ui.commentLineEdit.text.strip())
        except RadiologyCNNError as error:
            self.panel.showMessage(error.message, error.hint)
            return False
        self.writer.settle(self.cases.store)
        following = self.table.nextOpen(caseId)
        if following:
            self.openCase(following)
        else:
            self._show()
            self.panel.showMessage(_("All cases of the list are decided."))
        return True

    def _saveDraft(self) -> None:
        if self.cases.caseId and self.result is not None:
            try:
                if self.cases.saveDraft(self.result, self.ui.commentLineEdit.text.strip()):
                    self.writer.settle(self.cases.store)
                    self.table.show(self.cases.rows())
            except RadiologyCNNError as error:
                logging.warning("HemorrhageSeg: the draft of %s was not kept: %s", self.cases.caseId, error)
                self.panel.showMessage(error.message, error.hint)

    # Buttons, keys, clock

    def _updateCase(self) -> None:
        ui = self.ui
        shown = self.opening.isCaseShown
        ui.decisionFrame.visible = shown or bool(self.opening.readingId)
        ui.caseNotesLabel.text = "\n".join(self.cases.notes) if shown else ""
        ui.caseNotesLabel.visible = bool(ui.caseNotesLabel.text)
        ui.acceptButton.enabled = shown and self.result is not None and not self.panel.logic.isRunning
        for widget in (ui.flagButton, ui.rejectButton, ui.commentLineEdit):
            widget.enabled = shown
        # a case can be flagged or rejected without a mask
        ui.correctCollapsibleButton.enabled = shown or self.panel.results.result is not None
        isWorking = shown and self._isPanelShown
        if isWorking:
            self.cases.clock.resume()
            self._autosaveTimer.start()
            self._tickTimer.start()
            self._keys.take()
        else:
            self.cases.clock.pause()
            self._autosaveTimer.stop()
            self._tickTimer.stop()
            self._keys.release()
        self._tick()
        self.shownCaseChanged.emit()

    def caseChanged(self) -> None:
        """Another scan or result is on the screen, or the network has begun or ended."""
        self._updateCase()

    def _tick(self) -> None:
        text = ""
        if self.opening.readingId:
            text = self.opening.readingId
        elif self.opening.isCaseShown:
            text = f"{self.cases.caseId} · {clockText(self.cases.clock.seconds)}"
        self.ui.caseStatusLabel.text = text
