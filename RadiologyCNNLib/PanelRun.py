"""PanelRun: the big button of a panel: what it says, what a click starts or stops, how a run goes on and ends."""

import logging

import qt
from slicer.i18n import tr as _

from radiologycnn.awake_clock import awake_seconds
from radiologycnn.errors import RadiologyCNNError
from radiologycnn.networks.installed import NEEDS_TORCH
from RadiologyCNNLib.ExpectedTime import durationText

RUN_SHORTCUT = "Ctrl+Return"


class PanelRun:
    """The part of PanelWidget that runs the main job."""

    # Texts, set by the panel; they are translated where they are written
    runText = ""  #: on the big button
    runHint = ""  #: its tool tip
    stopHint = ""  #: its tool tip while it stops
    notStartedText = ""  #: with {reason}
    _startTime = 0.0

    # What a panel adds

    @property
    def runButton(self):
        """The big button."""
        raise NotImplementedError

    def startRun(self, volumeNode) -> None:
        """Give the main job to the logic, and show the scan."""
        raise NotImplementedError

    def showFinished(self, result) -> None:
        """A result has come, and ``results`` shows it already."""

    def mayRun(self) -> bool:
        """Asked before a run; False where the person wants to keep what the run would replace."""
        return True

    def runProblem(self, volumeNode) -> str:
        """Why nothing can be started, as a sentence; "" where it can be tried."""
        return self.logic.inputProblem(volumeNode) or self.inputs.modelProblem

    def lockedWhileRunning(self) -> tuple:
        """Widgets that must not be changed during a run."""
        ui = self.ui
        return (ui.inputVolumeSelector, ui.modelSelector, ui.installModelButton, ui.deviceSelector)

    def expectedTimeKey(self) -> tuple[str, str]:
        """What the time of a run depends on: model and device."""
        return self.inputs.modelId, self.inputs.deviceId

    def readyText(self) -> str:
        """What is said beside the button while it can be clicked."""
        return self.expectedTime.text(*self.expectedTimeKey())

    # The button and the run

    def connectRun(self) -> None:
        """Hear the button and the main job."""
        self.runButton.connect("clicked(bool)", self.onRunButton)
        logic = self.logic
        logic.jobStarted.connect(self.onJobStarted)
        logic.progressed.connect(self.onProgressed)
        logic.finished.connect(self.onFinished)
        logic.failed.connect(self.onFailed)
        logic.cancelled.connect(self.onCancelled)

    def _updateButtons(self) -> None:
        button, ui = self.runButton, self.ui
        running = self.logic.isRunning
        problem = self.runProblem(self._parameterNode.inputVolume if self._parameterNode else None)
        text = _("Cancel") if running else self.runText
        button.text = text
        button.accessibleName = text
        button.setShortcut(qt.QKeySequence(RUN_SHORTCUT))  # setting the text has taken it away
        button.enabled = running or not problem
        button.toolTip = f"{self.stopHint if running else problem or self.runHint} ({RUN_SHORTCUT})"
        for widget in self.lockedWhileRunning():
            widget.enabled = not running
        self.inputs.unfoldForProblem()
        if not running:
            self._prepareScanSoon()
            ui.stageLabel.text = problem or self.readyText()

    def onRunButton(self, clicked=False) -> None:
        if self.logic.isRunning:
            self.ui.stageLabel.text = _("Stopping…")
            self.runButton.enabled = False
            self.logic.cancel()
        elif (self.installer.isReady or self._install()) and self.mayRun():
            self._run()

    def _run(self) -> None:
        self.showMessage("")
        try:
            self.startRun(self._parameterNode.inputVolume)
        except RadiologyCNNError as error:
            self.showMessage(error.message, error.hint)
        except Exception as error:
            logging.exception("%s could not start", self.moduleName)
            self.showMessage(self.notStartedText.format(reason=error))

    def onJobStarted(self) -> None:
        self._startTime = awake_seconds()
        self.ui.progressBar.value = 0
        self.ui.progressBar.visible = True
        self._updateButtons()
        self.ui.stageLabel.text = _("Starting…")

    def onProgressed(self, fraction, stage, remaining) -> None:
        self.ui.progressBar.value = round(100 * fraction)
        if not self.runButton.enabled:
            return  # it is being stopped, and says so
        text = stage
        if remaining is not None and remaining >= 1:
            text = _("{stage} · about {time} left").format(stage=stage, time=durationText(remaining))
        self.ui.stageLabel.text = text

    def onFinished(self, result) -> None:
        """Show the result."""
        self.expectedTime.remember(*self.expectedTimeKey(), awake_seconds() - self._startTime)
        self.showIdle()
        if self._parameterNode is None:
            return
        self._parameterNode.inputVolume = result.volumeNode
        self.results.showVolume()
        self.showInViews(result.volumeNode)
        self.showFinished(result)

    def onFailed(self, error) -> None:
        self.showIdle()
        if self._parameterNode is not None:
            self.results.showVolume()
        self.showMessage(error.message, error.hint)
        if error.code == NEEDS_TORCH:
            self._offerTorch()

    def onCancelled(self) -> None:
        self.showIdle()
        self.showMessage(_("Cancelled. Nothing was changed."))

    def showIdle(self) -> None:
        self.ui.progressBar.visible = False
        self.ui.progressBar.value = 0
        self._updateButtons()
