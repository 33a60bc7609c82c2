"""The case that is open, until it is decided: clock, draft, Accept, Flag and Reject."""

import logging

import qt
from slicer.i18n import tr as _

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
        draftKept(): so is what was drawn or typed so far.

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
        self.notKept = ""  # what was lost or is in danger, by the last draft, as a sentence
        self._keys = DecisionKeys(self.decide)
        self._autosaveTimer = self._timer(AUTOSAVE_MS, lambda: self.saveDraft(isLeaving=False))
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

    def saveDraft(self, isLeaving=True) -> bool:
        """Keep what was drawn and typed so far on the open case, whichever scan is on the screen.

        Args:
            isLeaving: the case is about to be left; else it is only a precaution.

        Returns:
            Whether nothing is left that is not kept; else the person was told, and must not lose it.
        """
        self.notKept = ""
        if not self.cases.caseId:
            return True
        try:
            if self.cases.saveDraft(self.ui.commentLineEdit.text.strip(), keepsTime=isLeaving):
                self.draftKept.emit()
        except RadiologyCNNError as error:
            logging.warning("HemorrhageSeg: the draft of %s was not kept: %s", self.cases.caseId, error)
            text = _("What was drawn or typed on {case} could not be kept: {message}")
            self.notKept = text.format(case=self.cases.caseId, message=error.message)
            hint = _("Undo it, or close the scene, to go on without it.")
            self.panel.showMessage(self.notKept, f"{error.hint} {hint}".strip())
        return not self.notKept

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
            self._tickTimer.start()
        else:
            self.cases.clock.pause()
            self._tickTimer.stop()
        # also while another scan is on the screen, or another module: the mask can be drawn on there
        if not self.cases.caseId:
            self._autosaveTimer.stop()
        elif not self._autosaveTimer.active:
            self._autosaveTimer.start()
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
