"""The case that is open, until it is decided: clock, draft, Accept, Flag and Reject."""

import logging

import qt

from HemorrhageSegLib.DecisionKeys import DecisionKeys
from radiologycnn.annotation.records import ACCEPTED, FLAGGED, REJECTED
from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WorkClock import clockText

AUTOSAVE_MS = 20_000
TICK_MS = 1_000


class CaseDecision:
    """Buttons, keys, comment and clock.

    Signals:
        decided(caseId): the rater's word is on the disk.
        draftKept(): so is what was drawn so far.

    Args:
        ui: the panel's widgets.
        panel: HemorrhageSegWidget: says messages.
        cases: AnnotationLogic.
        opening: CaseOpening.
    """

    def __init__(self, ui, panel, cases, opening) -> None:
        self.ui, self.panel, self.cases, self.opening = ui, panel, cases, opening
        self.decided, self.draftKept = Signal("caseId"), Signal()
        self._isPanelShown = False
        self._keys = DecisionKeys(self.decide)
        self._autosaveTimer = self._timer(AUTOSAVE_MS, self.saveDraft)
        self._tickTimer = self._timer(TICK_MS, self._tick)
        ui.acceptButton.connect("clicked(bool)", lambda: self.decide(ACCEPTED))
        ui.flagButton.connect("clicked(bool)", lambda: self.decide(FLAGGED))
        ui.rejectButton.connect("clicked(bool)", lambda: self.decide(REJECTED))

    @staticmethod
    def _timer(milliseconds, function):
        timer = qt.QTimer()
        timer.setInterval(milliseconds)
        timer.connect("timeout()", function)
        return timer

    def showPanel(self, isShown) -> None:
        """The panel is shown or hidden; :meth:`update` follows."""
        self._isPanelShown = isShown

    @property
    def isOpen(self) -> bool:
        """Whether a word can be said: the case is on the screen, or its scan cannot be read."""
        return self.opening.isCaseShown or (self.cases.isUnreadable and self.opening.volumeNode is None)

    def decide(self, status) -> bool:
        """Say the word; whether it holds."""
        isRunning = self.panel.logic.isRunning
        if not self.isOpen or (isRunning and status == ACCEPTED):
            return False
        if isRunning:
            self.opening.stopNetwork()
        self.panel.results.finishEdit()
        caseId = self.cases.caseId
        try:
            self.cases.decide(self.opening.result, status, self.ui.commentLineEdit.text.strip())
        except RadiologyCNNError as error:
            self.panel.showMessage(error.message, error.hint)
            return False
        self.decided.emit(caseId)
        return True

    def saveDraft(self) -> None:
        """Keep what was drawn so far, where it has not been kept."""
        result = self.opening.result
        if self.cases.caseId and result is not None:
            try:
                if self.cases.saveDraft(result, self.ui.commentLineEdit.text.strip()):
                    self.draftKept.emit()
            except RadiologyCNNError as error:
                logging.warning("HemorrhageSeg: the draft of %s was not kept: %s", self.cases.caseId, error)
                self.panel.showMessage(error.message, error.hint)

    def update(self) -> None:
        """Bring buttons, keys and clock in line with what is on the screen."""
        ui, isOpen, isShown = self.ui, self.isOpen, self.opening.isCaseShown
        hasResult = self.opening.result is not None
        ui.decisionFrame.visible = isOpen or bool(self.opening.readingId)
        ui.caseNotesLabel.text = "\n".join(self.cases.notes) if isShown else ""
        ui.caseNotesLabel.visible = bool(ui.caseNotesLabel.text)
        ui.acceptButton.enabled = isShown and hasResult and not self.panel.logic.isRunning
        for widget in (ui.flagButton, ui.rejectButton, ui.commentLineEdit):  # these need no mask
            widget.enabled = isOpen
        if isShown and self._isPanelShown:
            self.cases.clock.resume()
            self._autosaveTimer.start()
            self._tickTimer.start()
        else:
            self.cases.clock.pause()
            self._autosaveTimer.stop()
            self._tickTimer.stop()
        if isOpen and self._isPanelShown:
            self._keys.take()
        else:
            self._keys.release()
        self._tick()

    def _tick(self) -> None:
        text = self.opening.readingId
        if self.isOpen:
            text = f"{self.cases.caseId} · {clockText(self.cases.clock.seconds)}"
        self.ui.caseStatusLabel.text = text
