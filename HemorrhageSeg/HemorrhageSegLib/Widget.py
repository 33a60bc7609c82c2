"""The HemorrhageSeg panel: its life, its inputs, the Segment button; the result part is in ResultSection."""

import html
import logging
import time

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from HemorrhageSegLib import SliceViews
from HemorrhageSegLib.InputsSection import ExpectedTime, InputsSection, durationText
from HemorrhageSegLib.Logic import TASK, HemorrhageSegLogic
from HemorrhageSegLib.ResultSection import ResultSection
from HemorrhageSegLib.ResultTexts import scaledFont
from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib.Installer import Installer

SEGMENT_SHORTCUT = "Ctrl+Return"


class HemorrhageSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Shows what the parameter node and the scene hold, and passes on what the person does."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._isEntered = False
        self._volumeId = None
        self._warmKey = None
        self._startTime = 0.0

    # Life of the panel

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/HemorrhageSeg.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)

        self.logic = HemorrhageSegLogic()
        self.installer = Installer()
        self.expectedTime = ExpectedTime()
        self.inputs = InputsSection(self.ui, TASK)
        self.results = ResultSection(self.ui, self.logic, self._showMessage)
        self.ui.segmentButton.setFont(scaledFont(self.ui.segmentButton.font, 1.4))

        self._connect()
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEnd)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEnd)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)

        self.ui.installFrame.visible = False
        self.inputs.refreshModels("")
        self._showMessage("")
        self._showIdle()
        self.initializeParameterNode()

    def _connect(self) -> None:
        ui = self.ui
        ui.inputVolumeSelector.connect("nodeActivated(vtkMRMLNode*)", self.onVolumeChosen)
        ui.segmentButton.connect("clicked(bool)", self.onSegmentButton)
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
        self._isEntered = True
        self.initializeParameterNode()
        if not self.logic.isSegmenting:
            self.inputs.refreshModels(self._parameterNode.model)
            self._prepareWorker()
            self._updateButtons()

    def exit(self) -> None:
        self._isEntered = False

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
        wasSegmenting = self.logic.isSegmenting
        self.logic.abandonJobs()
        self.setParameterNode(None)
        self._showIdle()
        self._showMessage(_("Stopped, because the scene was closed.") if wasSegmenting else "")

    def onSceneEnd(self, caller=None, event=None) -> None:
        """After a close or a load there may be another parameter node with other values."""
        if self._isEntered:
            self.initializeParameterNode()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller, event, node) -> None:
        """A part of the result, or its scan, may be gone."""
        if self._parameterNode is None or slicer.mrmlScene.IsClosing() or self.logic.isPresenting:
            return
        if any(node.IsA(f"vtkMRML{kind}Node") for kind in ("Segmentation", "ScalarVolume", "Table")):
            self.results.showVolume()
            self._updateButtons()

    def initializeParameterNode(self) -> None:
        """Use the scene's parameter node; choose the first scan where none is chosen."""
        self.setParameterNode(self.logic.getParameterNode())
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
        # before the widgets are connected: the result's threshold is what the slider has to show
        self.results.setParameterNode(parameterNode)
        if parameterNode is not None:
            self._volumeId = parameterNode.inputVolume.GetID() if parameterNode.inputVolume else None
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
            self.addObserver(parameterNode, modified, self.onParametersChanged)
            self.onParametersChanged()
        self._updateButtons()

    def onParametersChanged(self, caller=None, event=None) -> None:
        """Bring scene and widgets in line with the parameter node."""
        parameters = self._parameterNode
        if parameters is None or self.results.isUpdating:
            return
        volumeId = parameters.inputVolume.GetID() if parameters.inputVolume else None
        if volumeId != self._volumeId:
            self._volumeId = volumeId
            self.results.showVolume()
        else:
            self.results.followParameters()
        if parameters.model and parameters.model != self.inputs.modelId:
            self.inputs.selectModel(parameters.model)
        if parameters.device != self.inputs.deviceId:
            self.inputs.selectDevice(parameters.device)
        self._updateButtons()

    # Segment and cancel

    def _updateButtons(self) -> None:
        ui = self.ui
        running = self.logic.isSegmenting
        volumeNode = self._parameterNode.inputVolume if self._parameterNode else None
        problem = self.logic.inputProblem(volumeNode) or self.inputs.modelProblem
        text = _("Cancel") if running else _("Segment")
        ui.segmentButton.text = text
        ui.segmentButton.accessibleName = text
        ui.segmentButton.setShortcut(qt.QKeySequence(SEGMENT_SHORTCUT))  # setting the text has taken it away
        ui.segmentButton.enabled = running or not problem
        hint = _("Stop the segmentation") if running else problem or _("Find the bleed in the chosen head CT")
        ui.segmentButton.toolTip = f"{hint} ({SEGMENT_SHORTCUT})"
        for widget in (ui.inputVolumeSelector, ui.modelSelector, ui.installModelButton, ui.deviceSelector):
            widget.enabled = not running
        if not running:
            ui.stageLabel.text = problem or self.expectedTime.text(self.inputs.modelId, self.inputs.deviceId)

    def onSegmentButton(self, clicked=False) -> None:
        if self.logic.isSegmenting:
            self.ui.stageLabel.text = _("Stopping…")
            self.ui.segmentButton.enabled = False
            self.logic.cancel()
        elif (self.installer.isReady or self._install()) and self.results.confirmLossOfCorrections():
            self._segment()

    def _segment(self) -> None:
        self._showMessage("")
        volumeNode = self._parameterNode.inputVolume
        try:
            self.logic.segment(volumeNode, self.inputs.modelId, self.inputs.deviceId)
        except RadiologyCNNError as error:
            self._showMessage(error.message, error.hint)
            return
        except Exception as error:
            logging.exception("HemorrhageSeg could not start the segmentation")
            self._showMessage(_("The segmentation could not be started: {reason}").format(reason=error))
            return
        SliceViews.showVolume(volumeNode)
        if self._parameterNode.brainWindow:
            self.results.brainWindow.apply(askedFor=False)

    def onJobStarted(self) -> None:
        self._startTime = time.monotonic()
        self.ui.progressBar.value = 0
        self.ui.progressBar.visible = True
        self._updateButtons()
        self.ui.stageLabel.text = _("Starting…")

    def onProgressed(self, fraction, stage, remaining) -> None:
        self.ui.progressBar.value = round(100 * fraction)
        if not self.ui.segmentButton.enabled:
            return  # it is being stopped, and says so
        text = stage
        if remaining is not None and remaining >= 1:
            text = _("{stage} · about {time} left").format(stage=stage, time=durationText(remaining))
        self.ui.stageLabel.text = text

    def onFinished(self, result) -> None:
        """Show the result and its largest bleed."""
        self.expectedTime.remember(self.inputs.modelId, self.inputs.deviceId, time.monotonic() - self._startTime)
        self._showIdle()
        if self._parameterNode is None:
            return
        self._parameterNode.inputVolume = result.volumeNode
        self.results.showVolume()
        SliceViews.showVolume(result.volumeNode)
        measurements = result.measurements
        if measurements and measurements.lesions:
            SliceViews.jumpTo(measurements.lesions[0].centroid_ras_mm)

    def onFailed(self, error) -> None:
        self._showIdle()
        if self._parameterNode is not None:
            self.results.showVolume()
        self._showMessage(error.message, error.hint)

    def onCancelled(self) -> None:
        self._showIdle()
        self._showMessage(_("Cancelled. Nothing was changed."))

    def _showIdle(self) -> None:
        self.ui.progressBar.visible = False
        self.ui.progressBar.value = 0
        self._updateButtons()

    def _showMessage(self, message, hint="") -> None:
        """A sentence for the person, what to do about it behind it; "" takes it away."""
        text = f"<b>{html.escape(message)}</b> {html.escape(hint or '')}".strip() if message else ""
        self.ui.messageLabel.text = text
        self.ui.messageLabel.visible = bool(text)

    # Scan, model, device, installation

    def onVolumeChosen(self, volumeNode) -> None:
        """The person picked a scan in the list: show it."""
        if volumeNode is not None and not self.logic.inputProblem(volumeNode):
            SliceViews.showVolume(volumeNode)

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
        if self._isEntered:
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
        self._showMessage("" if outcome.isReady else outcome.message, outcome.hint)
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
            self._showMessage(_("Installing the model…"))
            self.logic.installModel(path)

    def onModelInstalled(self, model) -> None:
        identifier = model["id"]
        self.inputs.refreshModels(identifier)
        self.onModelChosen(self.ui.modelSelector.currentIndex)
        self._showMessage(_("The model {name} is installed.").format(name=identifier))

    def onModelInstallFailed(self, error) -> None:
        self._updateButtons()
        self._showMessage(error.message, error.hint)
