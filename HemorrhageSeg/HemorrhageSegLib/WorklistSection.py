"""The panel's "Case list" part: the list of scans, and Accept, Flag and Reject for the one that is open."""

import logging

import qt
import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib.AnnotationLogic import AnnotationLogic
from HemorrhageSegLib.AnnotationWriter import AnnotationWriter, problemText
from HemorrhageSegLib.NextCase import NextCase
from radiologycnn.annotation.records import ACCEPTED, FLAGGED, REJECTED
from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib.CaseTable import OPEN_STATES, CaseTable
from RadiologyCNNLib.RaterSetting import savedRater, saveRater
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WorkClock import clockText

ACCEPT_KEY, FLAG_KEY, REJECT_KEY = "A", "Shift+F", "Shift+X"
AUTOSAVE_MS = 20_000
TICK_MS = 1_000
KEEP_MS = 400  # after the next case is on the screen


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
        self.nextCase = NextCase(panel.logic)
        self.writer = AnnotationWriter()
        self.writer.settled.connect(self._onSettled)
        self.table = CaseTable(ui.caseTable, ui.caseFilterSelector, ui.caseOrderSelector)
        self._scans = self._dataset = ""
        self._openAgain = lambda: False
        self._isPanelShown = self._isOpening = False
        self._shortcuts = []
        self._autosaveTimer = self._timer(AUTOSAVE_MS, self._saveDraft)
        self._tickTimer = self._timer(TICK_MS, self._tick)
        self._keepTimer = self._timer(KEEP_MS, self._keepNetwork)
        self._keepTimer.setSingleShot(True)
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
        self._keepTimer.stop()
        self.nextCase.drop()
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
        self._tellProblems(self.cases.store.problems)
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
        if isOpen:
            decided = [row for row in rows if row.state not in OPEN_STATES]
            flagged = sum(row.state == FLAGGED for row in rows)
            text = _("{done} of {count} decided, {flagged} flagged").format(
                done=len(decided), count=len(rows), flagged=flagged
            )
            if decided:
                median = sorted(row.seconds for row in decided)[len(decided) // 2]
                text += " · " + _("{time} a case").format(time=clockText(median))
            ui.listStatusLabel.text = text
            ui.datasetButton.toolTip = _("Annotations are kept in {folder}").format(folder=self._dataset)
        else:
            ui.listStatusLabel.text = _("Give your rater id, then open a folder of head CTs.")
        self._updateCase()
        self.listChanged.emit()

    def finishWriting(self) -> None:
        """Make all files of what was decided now: another process is about to read them."""
        self.writer.finish(self.cases.store)

    def _onSettled(self, problems) -> None:
        self._tellProblems(problems)
        if self.cases.isOpen:
            self.showRows()
            self.listChanged.emit()

    def _tellProblems(self, problems) -> None:
        if problems:
            self.panel.showMessage(*problemText(problems[0]))

    def showRows(self) -> None:
        """What the network says of the cases has changed."""
        self.table.show(self.cases.rows())

    # The case

    def onCaseDoubleClicked(self, row, column) -> None:
        self.openCase(self.table.idOfRow(row))

    def onOpenCaseButton(self, clicked=False) -> None:
        self.openCase(self.table.selectedId or self.table.nextOpen(""))

    def openCase(self, caseId) -> bool:
        """Save what is open, show a case and its mask; whether that worked."""
        if not caseId:
            return False
        if self.panel.logic.isRunning:
            self._stopNetwork()
        self._saveDraft()
        before = self.cases.unload()
        self._makeRoom()
        self._isOpening = True
        prepared = self.nextCase.take(caseId)
        try:
            volumeNode = self.cases.openCase(caseId, prepared, self.panel.parameterNode.brainWindow)
            self.panel.showScan(volumeNode)
            self.panel.removeScan(before)
            self._isOpening = False
            self._show()
            self.ui.commentLineEdit.text = self.cases.store.annotation(caseId).comment
            self.table.select(caseId)
            self._beginWithNetwork(prepared)
        except RadiologyCNNError as error:
            self.panel.removeScan(before)
            self.panel.showMessage(f"{caseId}: {error.message}", error.hint)
            return False
        finally:
            self._isOpening = False
            if prepared is not None:
                prepared.release()
        self._updateCase()
        return True

    def _stopNetwork(self) -> None:
        """It runs on a case that is being left."""
        self.panel.logic.abandonJobs()
        self.panel.showIdle()

    def _makeRoom(self) -> None:
        """Fold what an annotator seldom needs, so that list, editor and decision are on one screen."""
        if not self.cases.caseId:  # once; what the person unfolds then stays so
            self.ui.inputsCollapsibleButton.collapsed = True
            self.ui.resultCollapsibleButton.collapsed = True
            self.ui.correctCollapsibleButton.collapsed = False
        self.panel.results.unfoldsResults = self.ui.resultCollapsibleButton.collapsed is False

    def _beginWithNetwork(self, prepared=None) -> None:
        """Show the network's result that is kept, of whichever rater's run, or prepared; else run it now, if it can."""
        if self.panel.results.result is not None:
            self.takeResult(self.panel.results.result)
            return
        model = self.panel.inputs.currentModel
        kept = self.cases.keptNetworkResult(model.package.weights_sha256 if model else "")
        answer = prepared.segmentation if prepared is not None else None
        if kept is None and answer is not None and model is not None and answer["model"] == model.id:
            kept = (answer, prepared.probability())
        kept = kept or (self.cases.keptNetworkResult() if self.panel.runProblem(self._volumeNode) else None)
        if kept is not None:
            self.panel.presentKept(*kept)
        elif self.ui.segmentButton.enabled and self.panel.installer.isReady:
            self.panel.onRunButton()

    @property
    def _volumeNode(self):
        return self.panel.parameterNode.inputVolume if self.panel.parameterNode else None

    def takeResult(self, result) -> None:
        """The network's result of the open case is in the scene."""
        if not self._isCaseShown():
            return
        try:
            self.panel.results.isUpdating = True
            own = self.cases.takeResult(result)
        except RadiologyCNNError as error:
            self.panel.showMessage(error.message, error.hint)
        else:
            if own:
                self.panel.results.isUpdating = False
                self.panel.results.onMaskEdited()
                self.cases.changes -= 1  # that was no stroke
        finally:
            self.panel.results.isUpdating = False
        self._keepTimer.start()
        self._updateCase()

    def _keepNetwork(self) -> None:
        """Have the network's result written down, now that it is on the screen; then get the next case ready."""
        try:
            self.cases.keepNetwork()
        except RadiologyCNNError as error:
            self.panel.showMessage(error.message, error.hint)
        self.writer.settle(self.cases.store)
        self._prepareNext()

    def _prepareNext(self) -> None:
        """Have the case that Accept will open read and segmented meanwhile."""
        if self.result is None or self.panel.logic.isRunning or not self.panel.installer.isReady:
            return
        caseId = self.table.nextOpen(self.cases.caseId)
        path = self.cases.scanPath(caseId)
        if path is None:
            return
        inputs = self.panel.inputs
        model = inputs.currentModel
        isKnown = model is None or self.cases.hasNetworkResult(caseId, model.package.weights_sha256)
        self.nextCase.prepare(
            caseId, path, self.cases.missingImage(caseId), inputs.modelId, inputs.deviceId,
            isSegmented=not (isKnown or inputs.modelProblem),
        )  # fmt: skip

    def _isCaseShown(self) -> bool:
        """Whether the scan on the screen is that of the open case."""
        volumeNode = self._volumeNode
        return (
            bool(self.cases.caseId)
            and not self._isOpening
            and volumeNode is not None
            and volumeNode.GetID() == self.cases.volumeId
        )

    @property
    def result(self):
        """The open case's SceneResult, or None."""
        return self.panel.results.result if self._isCaseShown() else None

    @property
    def isCaseDecided(self) -> bool:
        """Whether the open case is one that this rater has decided."""
        if self.result is None:
            return False
        word = self.cases.store.annotation(self.cases.caseId)
        return word is not None and word.is_decided

    def noteChange(self, result=None) -> None:
        """The mask was changed."""
        if self._isCaseShown():
            self.cases.changes += 1

    def decide(self, status) -> bool:
        """Say the word, then open the next case; whether it holds."""
        isRunning = self.panel.logic.isRunning
        if not self._isCaseShown() or (isRunning and status == ACCEPTED):
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
        self._show()
        following = self.table.nextOpen(caseId)
        if not following:
            self.panel.showMessage(_("All cases of the list are decided."))
            self._updateCase()
        return not following or self.openCase(following) or True

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
        shown = self._isCaseShown()
        ui.decisionFrame.visible = shown
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
            self._makeShortcuts()
        else:
            self.cases.clock.pause()
            self._autosaveTimer.stop()
            self._tickTimer.stop()
            self._dropShortcuts()
        self._tick()
        self.shownCaseChanged.emit()

    def caseChanged(self) -> None:
        """Another scan or result is on the screen, or the network has begun or ended."""
        self._updateCase()

    def _tick(self) -> None:
        text = ""
        if self._isCaseShown():
            text = f"{self.cases.caseId} · {clockText(self.cases.clock.seconds)}"
        self.ui.caseStatusLabel.text = text

    def _makeShortcuts(self) -> None:
        if self._shortcuts or slicer.util.mainWindow() is None:
            return
        for keys, status in ((ACCEPT_KEY, ACCEPTED), (FLAG_KEY, FLAGGED), (REJECT_KEY, REJECTED)):
            shortcut = qt.QShortcut(qt.QKeySequence(keys), slicer.util.mainWindow())
            shortcut.connect("activated()", self._decider(status))
            self._shortcuts.append(shortcut)

    def _decider(self, status):
        return lambda: self.decide(status)

    def _dropShortcuts(self) -> None:
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []
