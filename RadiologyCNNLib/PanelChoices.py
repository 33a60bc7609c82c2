"""PanelChoices: what the person chooses in a panel, scan, model and device, and has installed for them."""

import logging

import qt
import slicer
from packaging.requirements import Requirement
from slicer.i18n import tr as _

#: A person who goes through the list of scans has stopped at one by then.
PREPARE_DELAY_MS = 300


class PanelChoices:
    """The part of PanelWidget that hears the lists and buttons above the big one, and gets the worker ready."""

    _warmKey = None
    _preparationTimer = None

    def connectChoices(self) -> None:
        """Hear the lists, the buttons, and what the worker says of devices and models."""
        self._preparationTimer = qt.QTimer()
        self._preparationTimer.setSingleShot(True)
        self._preparationTimer.setInterval(PREPARE_DELAY_MS)
        self._preparationTimer.connect("timeout()", self._prepareScan)
        ui, logic = self.ui, self.logic
        ui.inputVolumeSelector.connect("nodeActivated(vtkMRMLNode*)", self.onVolumeChosen)
        ui.modelSelector.connect("currentIndexChanged(int)", self.onModelChosen)
        ui.deviceSelector.connect("currentIndexChanged(int)", self.onDeviceChosen)
        ui.installButton.connect("clicked(bool)", self.onInstallButton)
        ui.installModelButton.connect("clicked(bool)", self.onInstallModelButton)
        logic.devicesListed.connect(self.onDevicesListed)
        logic.modelInstalled.connect(self.onModelInstalled)
        logic.modelInstallFailed.connect(self.onModelInstallFailed)

    # Scan, model and device

    def onVolumeChosen(self, volumeNode) -> None:
        """The person picked a scan in the list: show it; what was said of the one before does not hold for it."""
        if not self.logic.isRunning:
            self.showMessage("")
        if volumeNode is not None and not self.logic.inputProblem(volumeNode):
            self.showInViews(volumeNode)

    def onModelChosen(self, index) -> None:
        self.inputs.showCard()
        if self._parameterNode is not None:
            self._parameterNode.model = self.inputs.modelId
        self._inputsChosen()

    def onDeviceChosen(self, index) -> None:
        if self._parameterNode is not None:
            self._parameterNode.device = self.inputs.deviceId
        self._inputsChosen()

    def _inputsChosen(self) -> None:
        self._updateButtons()
        if self.isEntered:
            self._prepareWorker()

    def onDevicesListed(self, devices) -> None:
        self.inputs.showDevices(devices)
        if self._parameterNode is not None:
            self.inputs.selectDevice(self._parameterNode.device)
        self._updateButtons()

    def onInstallModelButton(self, clicked=False) -> None:
        path = qt.QFileDialog.getOpenFileName(
            slicer.util.mainWindow(), _("Install a model"), "", _("Model packages (*.zip)")
        )
        if path:
            self.ui.installModelButton.enabled = False
            self.showMessage(_("Installing the model…"))
            self.logic.installModel(path)

    def onModelInstalled(self, model) -> None:
        identifier = model["id"]
        self.inputs.refreshModels(identifier)
        self.onModelChosen(self.ui.modelSelector.currentIndex)
        self.showMessage(_("The model {name} is installed.").format(name=identifier))

    def onModelInstallFailed(self, error) -> None:
        self._updateButtons()
        self.showMessage(error.message, error.hint)

    # The worker and its packages

    def _prepareWorker(self) -> None:
        """Have the worker ready before the click, where it can start; else offer the installation."""
        missing = self.installer.missing()
        self.ui.installFrame.visible = bool(missing)
        if missing:
            text = _("The network needs Python packages that are not installed yet: {names}.")
            names = (Requirement(one).name for one in missing)  # versions stand in the question before the download
            self.ui.installLabel.text = text.format(names=", ".join(names))
            return
        warmKey = (self.inputs.modelId, self.inputs.deviceId)
        if self.inputs.modelProblem or (warmKey == self._warmKey and self.logic.client.state != "stopped"):
            return
        self._warmKey = warmKey
        self.logic.warmUp(*warmKey)
        self.logic.listDevices()

    def _prepareScanSoon(self) -> None:
        """Something that the answer depends on may have changed."""
        if self._preparationTimer is not None:
            self._preparationTimer.start()

    def _prepareScan(self) -> None:
        """Have the chosen scan ready before the click, where the panel is shown and the click would start something."""
        volumeNode = self._parameterNode.inputVolume if self._parameterNode is not None else None
        if self.logic.isRunning:
            return
        wanted = self.isEntered and not self.runProblem(volumeNode)
        fields = self.preparationFields(volumeNode) if wanted else None
        if fields is None:
            self.logic.preparation.release()
        else:
            model, device = self.inputs.modelId, self.inputs.deviceId
            self.logic.preparation.prepare(volumeNode, model=model or None, device=device, **fields)

    def _stopPreparing(self) -> None:
        if self._preparationTimer is not None:
            self._preparationTimer.stop()
        self.logic.preparation.release()

    def preparationFields(self, volumeNode) -> dict | None:
        """What of a run's request is known before the click, beside model and device; None for not preparing it."""
        return {}

    def onInstallButton(self, clicked=False) -> None:
        self._install()

    def _install(self) -> bool:
        """Install what is missing, with consent; whether all is there."""
        outcome = self.installer.ensure()
        self.showMessage("" if outcome.isReady else outcome.message, outcome.hint)
        if outcome.details:
            logging.info("RadiologyCNN installation:\n%s", outcome.details)
        self._prepareWorker()
        return outcome.isReady

    def _offerTorch(self, toTrain=False) -> None:
        """What the person asked for needs PyTorch, or what training needs beside it; the networks do without."""
        outcome = self.installer.ensure(withTorch=True, toTrain=toTrain)
        if outcome.isReady:
            self.showMessage(_("What was missing is installed."), _("Try again."))
            self.logic.listDevices()  # with PyTorch there are others
        elif not outcome.wasDeclined:
            self.showMessage(outcome.message, outcome.hint)
