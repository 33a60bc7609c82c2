"""Brings a case of the list on the screen, a little in each turn of the event loop, and prepares the next one.

Scan files are read by the worker: the panel answers meanwhile. Where the worker fails, the panel reads the file itself.
"""

from HemorrhageSegLib.NextCase import NextCase
from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib.DelayedCall import delayedCall
from RadiologyCNNLib.Signal import Signal

KEEP_MS = 400  # after the next case is on the screen
WRITE_MS = 15  # between two parts of a scan


class CaseOpening:
    """Opens cases: scan first, then the result, which is the kept one, the prepared one or a new one.

    Signals:
        readingStarted(caseId): the case's scan is being read; no case is on the screen until ``scanShown``.
        scanShown(caseId): a case was opened, and its scan is on the screen.
        notShown(caseId): it could not be opened; the person was told.
        resultShown(): so is its mask, or the case's scan has got another one.

    Args:
        ui: the panel's widgets.
        panel: HemorrhageSegWidget: shows scans, runs the network, says messages.
        cases: AnnotationLogic.
        table: CaseTable, which says what comes next.
        writer: AnnotationWriter.
    """

    def __init__(self, ui, panel, cases, table, writer) -> None:
        self.ui, self.panel, self.cases, self.table, self.writer = ui, panel, cases, table, writer
        self.readingStarted, self.scanShown, self.notShown = Signal("caseId"), Signal("caseId"), Signal("caseId")
        self.resultShown = Signal()
        self.nextCase = NextCase(panel.logic)
        self.nextCase.ended.connect(self._onReadingEnded)
        self.readingId = ""  # of the case that is being read to be shown
        self._hasMadeRoom = False
        self._isOpening = False
        self._prepared = None  # of the case that has just been opened, until its result is shown
        self._scanBefore = ("", "")  # identifiers of scan and segmentation that it has taken the place of
        self._beginTimer = delayedCall(0, self._begin)
        self._removeTimer = delayedCall(0, self._removeScanBefore)
        self._keepTimer = delayedCall(KEEP_MS, self._keepNetwork)
        self._writeTimer = delayedCall(WRITE_MS, self._writeScan)

    def release(self) -> None:
        """The scene closes, or the panel goes away."""
        for timer in (self._keepTimer, self._writeTimer, self._beginTimer, self._removeTimer):
            timer.stop()
        self._dropPrepared()
        self._scanBefore, self.readingId = ("", ""), ""
        self._hasMadeRoom = False
        self.nextCase.drop()

    def leaveList(self, hadCase) -> None:
        """Another list is open, or the same one for another rater: of the one before nothing is read, prepared or
        shown any more. Cases of two lists have the same names.

        Args:
            hadCase: whether a case of it was open.
        """
        hadCase = hadCase or bool(self.readingId)
        self._keepTimer.stop()
        self._writeTimer.stop()
        self._finishOpening()
        self.nextCase.drop()
        if hadCase:
            self.panel.showNoScan()
            self.stopNetwork()
        self._scanBefore = self.cases.scans.unload()
        self._removeScanBefore()

    # What is on the screen

    @property
    def volumeNode(self):
        """The scan that is chosen in the panel, or None."""
        return self.panel.parameterNode.inputVolume if self.panel.parameterNode else None

    @property
    def isCaseShown(self) -> bool:
        """Whether the scan on the screen is that of the open case."""
        volumeNode = self.volumeNode
        return (
            bool(self.cases.caseId)
            and not self._isOpening
            and volumeNode is not None
            and volumeNode.GetID() == self.cases.volumeId
        )

    @property
    def result(self):
        """The open case's SceneResult, or None."""
        return self.panel.results.result if self.isCaseShown else None

    # Opening

    def stopNetwork(self) -> None:
        """It runs on a case that is being left."""
        self.panel.logic.abandonJobs()
        self.panel.showIdle()

    def open(self, caseId) -> bool:
        """Show a case and then its mask; whether that worked. What was open is saved already.

        A scan that is not in memory comes when the worker has read it. The mask comes, and the scan before goes, in
        later turns of the event loop: none of them takes long.
        """
        self._finishOpening()
        self._makeRoom()
        path = self.cases.scans.path(caseId)
        if path is None or self.nextCase.isRead(caseId) or not self.panel.installer.isReady:
            return self._show(caseId)
        self.cases.forgetCase()
        self.readingId = caseId
        self.panel.showNoScan()  # nobody shall draw on the case before
        self.nextCase.drop()  # if it is being segmented too, the scan would come late
        self.readingStarted.emit(caseId)
        self.nextCase.prepare(caseId, path, self.cases.scans.missingImage(caseId), isSegmented=False)
        return True

    def canComeBack(self, caseId) -> bool:
        """Whether a case is the open one, left for another scan, so that nothing has to be read."""
        return caseId == self.cases.caseId and self.cases.volumeNode is not None and not self.isCaseShown

    def comeBack(self, caseId) -> bool:
        """Show the open case again, as it was left for another scan, with all that can be undone; whether it was so."""
        if not self.canComeBack(caseId):
            return False
        self.panel.showScan(self.cases.volumeNode)
        self.table.select(caseId)
        if self.panel.results.result is None:  # the network was stopped, or its result was removed
            self._beginTimer.start()
        return True

    def _onReadingEnded(self, caseId) -> None:
        if caseId and caseId == self.readingId:
            self._show(caseId)

    def _show(self, caseId) -> bool:
        self.readingId = ""
        self._scanBefore = self.cases.scans.unload()
        self._isOpening = True
        self._prepared = self.nextCase.take(caseId)
        try:
            volumeNode = self.cases.openCase(caseId, self._prepared, self.panel.parameterNode.brainWindow)
            self.panel.showScan(volumeNode)
        except RadiologyCNNError as error:
            self._finishOpening()
            self._isOpening = False
            self.panel.showNoScan()
            self.panel.showIdle()
            self.panel.showMessage(f"{caseId}: {error.message}", error.hint)
            self.notShown.emit(caseId)
            return False
        finally:
            self._isOpening = False
        self.scanShown.emit(caseId)
        self._beginTimer.start()
        self._writeTimer.start()
        return True

    def _writeScan(self) -> None:
        """Write some of the scan into the dataset, where it is not there yet."""
        try:
            if self.cases.writeMore():
                self._writeTimer.start()
        except RadiologyCNNError as error:
            self.panel.showMessage(error.message, error.hint)

    def _begin(self) -> None:
        """Show the mask of the case that was opened, or have the network make one."""
        try:
            if self.isCaseShown:
                self._beginWithNetwork(self._prepared)
        except RadiologyCNNError as error:
            self.panel.showMessage(f"{self.cases.caseId}: {error.message}", error.hint)
        finally:
            self._dropPrepared()
            self._removeTimer.start()

    def _dropPrepared(self) -> None:
        if self._prepared is not None:
            self._prepared.release()
            self._prepared = None

    def _removeScanBefore(self) -> None:
        before, self._scanBefore = self._scanBefore, ("", "")
        self.panel.removeScan(*before)

    def _finishOpening(self) -> None:
        """Nothing of the case that was opened before is left to be done."""
        self.readingId = ""
        self._beginTimer.stop()
        self._removeTimer.stop()
        self._dropPrepared()
        self._removeScanBefore()

    def _makeRoom(self) -> None:
        """Fold what an annotator seldom needs, so that list, editor and decision are on one screen."""
        if not self._hasMadeRoom:  # once; what the person unfolds then stays so
            self._hasMadeRoom = True
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
        answer = prepared.segmentation if prepared is not None and prepared.isLoaded else None
        if kept is None and answer is not None and model is not None and answer["model"] == model.id:
            kept = (answer, prepared.probability())
        kept = kept or (self.cases.keptNetworkResult() if self.panel.runProblem(self.volumeNode) else None)
        if kept is not None:
            self.panel.presentKept(*kept)
        elif self.ui.segmentButton.enabled and self.panel.installer.isReady:
            self.panel.onRunButton()

    def takeResult(self, result) -> None:
        """The network's result of the open case is in the scene."""
        if not self.isCaseShown:
            return
        try:
            self.panel.results.isUpdating = True
            own = self.cases.takeResult(result, lambda: self._saveForUndo(result))
        except RadiologyCNNError as error:
            self.panel.showMessage(error.message, error.hint)
        else:
            if own:
                self.panel.results.isUpdating = False
                strokes = self.cases.changes
                self.panel.results.onMaskEdited()
                self.cases.changes = strokes  # that was none
        finally:
            self.panel.results.isUpdating = False
        self._keepTimer.start()
        self.resultShown.emit()

    def _saveForUndo(self, result) -> None:
        """A mask that may be the person's own is about to be replaced."""
        self.ui.correctCollapsibleButton.collapsed = False  # where it is folded there is no Undo
        self.panel.correct.editor.saveStateForUndo(result.segmentationNode)

    def _keepNetwork(self) -> None:
        """Have the network's result written down, now that it is on the screen; then get the next case ready."""
        if self._writeTimer.active:
            self._keepTimer.start()
            return
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
        path = self.cases.scans.path(caseId)
        if path is None or not self.cases.store.is_reachable:
            return
        inputs = self.panel.inputs
        model = inputs.currentModel
        isKnown = model is None or self.cases.hasNetworkResult(caseId, model.package.weights_sha256)
        self.nextCase.prepare(
            caseId, path, self.cases.scans.missingImage(caseId), inputs.modelId, inputs.deviceId,
            isSegmented=not (isKnown or inputs.modelProblem),
        )  # fmt: skip
