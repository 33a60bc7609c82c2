"""PanelWidget: what both panels do alike: their life with the scene, the big button, messages, models, installation."""

import logging
import sys
import time

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib import SliceViews
from RadiologyCNNLib.ExpectedTime import ExpectedTime, durationText
from RadiologyCNNLib.InputsSection import InputsSection
from RadiologyCNNLib.Installer import Installer
from RadiologyCNNLib.PanelTexts import messageHtml, scaledFont

RUN_SHORTCUT = "Ctrl+Return"
#: The worker's code for a job that only PyTorch can do.
NEEDS_TORCH = "needs-torch"


class PanelWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Shows what the parameter node and the scene hold, and passes on what the person does.

    A panel gives its texts, says how its logic and its sections are made, and what a run starts with and ends in (the
    methods under "What a panel adds"). Its ``.ui`` has the widgets inputVolumeSelector, modelSelector,
    installModelButton, deviceSelector, modelCardGroupBox, modelCardLabel, demonstrationBanner, installFrame,
    installLabel, installButton, stageLabel, progressBar and messageLabel; its parameter node has inputVolume, model
    and device.
    """

    # Texts, set by the panel; they are translated where they are written
    runText = ""  #: on the big button
    runHint = ""  #: its tool tip
    stopHint = ""  #: its tool tip while it stops
    notStartedText = ""  #: with {reason}
    #: Nodes of these kinds may be a scan or a part of a result.
    RESULT_NODE_CLASSES = ("vtkMRMLScalarVolumeNode", "vtkMRMLTableNode")

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.results = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._volumeId = None
        self._warmKey = None
        self._startTime = 0.0

    # What a panel adds

    def makeLogic(self):
        """The panel's WorkerJobsLogic."""
        raise NotImplementedError

    @property
    def runButton(self):
        """The big button."""
        raise NotImplementedError

    def setupSections(self) -> None:
        """Make ``self.results`` (setParameterNode, showVolume, followParameters, isUpdating) and connect the rest."""
        raise NotImplementedError

    def startRun(self, volumeNode) -> None:
        """Give the main job to the logic, and show the scan."""
        raise NotImplementedError

    def showFinished(self, result) -> None:
        """A result has come, and ``results`` shows it already."""

    def showInViews(self, volumeNode) -> None:
        """Bring a scan into the slice views: the person has chosen it, or its result has come."""
        SliceViews.showVolume(volumeNode)

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

    def volumeChanged(self, volumeNode) -> None:
        """Another scan (or None) stands in the parameter node."""

    # Life of the panel

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)

        self.logic = self.makeLogic()
        self.installer = Installer()
        self.expectedTime = ExpectedTime(self.moduleName)
        self.inputs = InputsSection(self.ui, self.logic.TASK)
        self.setupSections()
        self.runButton.setFont(scaledFont(self.runButton.font, 1.4))

        self._connect()
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEnd)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEnd)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)

        self.ui.installFrame.visible = False
        self.inputs.refreshModels("")
        self.showMessage("")
        self.showIdle()
        self.initializeParameterNode()
        if self.isEntered:  # after a reload Slicer does not call it for the new panel
            self.enter()

    def _connect(self) -> None:
        ui = self.ui
        ui.inputVolumeSelector.connect("nodeActivated(vtkMRMLNode*)", self.onVolumeChosen)
        self.runButton.connect("clicked(bool)", self.onRunButton)
        ui.installButton.connect("clicked(bool)", self.onInstallButton)
        ui.installModelButton.connect("clicked(bool)", self.onInstallModelButton)
        ui.modelSelector.connect("currentIndexChanged(int)", self.onModelChosen)
        ui.deviceSelector.connect("currentIndexChanged(int)", self.onDeviceChosen)
        logic = self.logic
        logic.jobStarted.connect(self.onJobStarted)
        logic.progressed.connect(self.onProgressed)
        logic.finished.connect(self.onFinished)
        logic.failed.connect(self.onFailed)
        logic.cancelled.connect(self.onCancelled)
        logic.devicesListed.connect(self.onDevicesListed)
        logic.modelInstalled.connect(self.onModelInstalled)
        logic.modelInstallFailed.connect(self.onModelInstallFailed)

    def cleanup(self) -> None:
        """The panel goes away: at a reload of the module, or with the application."""
        if self.logic is not None:
            self.logic.disconnect()
            self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        self.initializeParameterNode()
        if not self.logic.isRunning:
            self.inputs.refreshModels(self._parameterNode.model)
            self._prepareWorker()
            self._updateButtons()

    def exit(self) -> None:
        """Another module is shown: a panel stops here what must not go on unseen."""

    def onReload(self) -> None:
        """Read the panel's own packages anew before Slicer reads the module's file anew."""
        # forgotten rather than reloaded one by one: the next import then reads each once, in the order of their needs
        own = (f"{self.moduleName}Lib", "RadiologyCNNLib")
        for name in [n for n in sys.modules if n.split(".")[0] in own]:
            del sys.modules[name]
        super().onReload()

    @property
    def isEntered(self) -> bool:
        """Whether the panel is the one that is shown."""
        return bool(getattr(self.parent, "isEntered", False))

    def _prepareWorker(self) -> None:
        """Have the worker ready before the click, where it can start; else offer the installation."""
        missing = self.installer.missing()
        self.ui.installFrame.visible = bool(missing)
        if missing:
            text = _("The network needs Python packages that are not installed yet: {names}.")
            self.ui.installLabel.text = text.format(names=", ".join(missing))
            return
        warmKey = (self.inputs.modelId, self.inputs.deviceId)
        if self.inputs.modelProblem or (warmKey == self._warmKey and self.logic.client.state != "stopped"):
            return
        self._warmKey = warmKey
        self.logic.warmUp(*warmKey)
        self.logic.listDevices()

    # Scene and parameter node

    def onSceneStartClose(self, caller=None, event=None) -> None:
        """The nodes are about to go: let go of them, and of the job that works on them."""
        wasRunning = self.logic.isRunning
        SliceViews.turnBack()
        self.logic.abandonJobs()
        self.setParameterNode(None)
        self.showIdle()
        self.showMessage(_("Stopped, because the scene was closed.") if wasRunning else "")

    def onSceneEnd(self, caller=None, event=None) -> None:
        """After a close or a load there may be another parameter node with other values."""
        if self.isEntered:
            self.initializeParameterNode()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller, event, node) -> None:
        """A part of the result, or its scan, may be gone."""
        if self._parameterNode is None or slicer.mrmlScene.IsClosing() or self.logic.isPresenting:
            return
        if any(node.IsA(name) for name in self.RESULT_NODE_CLASSES):
            self.results.showVolume()
            self._updateButtons()

    def initializeParameterNode(self) -> None:
        """Use the scene's parameter node; choose the first scan where none is chosen."""
        parameterNode, known = self.logic.getParameterNode(), self._parameterNode
        if known is not None and known.parameterNode is parameterNode.parameterNode:
            parameterNode = known  # each wrapper of a node observes it as long as the observers' list lives
        self.setParameterNode(parameterNode)
        if self._parameterNode.inputVolume is None:
            volumeNodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            usable = [node for node in volumeNodes if not self.logic.inputProblem(node)]
            if usable:
                self._parameterNode.inputVolume = usable[0]

    def setParameterNode(self, parameterNode) -> None:
        """Connect to a parameter node, or with None to none."""
        modified = vtk.vtkCommand.ModifiedEvent
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self._parameterNodeGuiTag = None
            if self.hasObserver(self._parameterNode, modified, self.onParametersChanged):
                self.removeObserver(self._parameterNode, modified, self.onParametersChanged)
        self._parameterNode = parameterNode
        # before the widgets are connected: what the result says is what they have to show
        self.results.setParameterNode(parameterNode)
        if parameterNode is not None:
            self._volumeId = parameterNode.inputVolume.GetID() if parameterNode.inputVolume else None
            self.volumeChanged(parameterNode.inputVolume)
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, modified, self.onParametersChanged)
            self.onParametersChanged()
        else:
            self._volumeId = None
            self.volumeChanged(None)
        self._updateButtons()

    def onParametersChanged(self, caller=None, event=None) -> None:
        """Bring scene and widgets in line with the parameter node."""
        parameters = self._parameterNode
        if parameters is None or self.results.isUpdating or slicer.mrmlScene.IsImporting():
            return  # of a scene that is being loaded, what the parameters refer to may not be there yet
        volumeId = parameters.inputVolume.GetID() if parameters.inputVolume else None
        if volumeId != self._volumeId:
            self._volumeId = volumeId
            self.results.showVolume()
            self.volumeChanged(parameters.inputVolume)
        else:
            self.results.followParameters()
        if parameters.model and parameters.model != self.inputs.modelId:
            self.inputs.selectModel(parameters.model)
        if parameters.device != self.inputs.deviceId:
            self.inputs.selectDevice(parameters.device)
        self._updateButtons()

    # The big button

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
        if not running:
            ui.stageLabel.text = problem or self.expectedTime.text(*self.expectedTimeKey())

    def expectedTimeKey(self) -> tuple[str, str]:
        """What the time of a run depends on: model and device."""
        return self.inputs.modelId, self.inputs.deviceId

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
        self._startTime = time.monotonic()
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
        self.expectedTime.remember(*self.expectedTimeKey(), time.monotonic() - self._startTime)
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

    def _offerTorch(self) -> None:
        """What the person asked for needs PyTorch, which the networks otherwise do without."""
        outcome = self.installer.ensure(withTorch=True)
        if outcome.isReady:
            self.showMessage(_("PyTorch is installed."), _("Try again."))
        elif not outcome.wasDeclined:
            self.showMessage(outcome.message, outcome.hint)

    def onCancelled(self) -> None:
        self.showIdle()
        self.showMessage(_("Cancelled. Nothing was changed."))

    def showIdle(self) -> None:
        self.ui.progressBar.visible = False
        self.ui.progressBar.value = 0
        self._updateButtons()

    def showMessage(self, message, hint="") -> None:
        """A sentence for the person, what to do about it behind it; "" takes it away."""
        self.ui.messageLabel.text = messageHtml(message, hint)
        self.ui.messageLabel.visible = bool(message)

    # Scan, model, device, installation

    def onVolumeChosen(self, volumeNode) -> None:
        """The person picked a scan in the list: show it."""
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
