"""The HemorrhageSeg panel: connects the widgets of HemorrhageSeg.ui, the parameter node and the logic."""

import html
import logging
import time

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from HemorrhageSegLib import Export, SliceViews
from HemorrhageSegLib.InputsSection import ExpectedTime, InputsSection, durationText
from HemorrhageSegLib.Logic import TASK, HemorrhageSegLogic
from HemorrhageSegLib.ResultSection import ResultSection, scaledFont
from HemorrhageSegLib.SceneResult import SceneResult
from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib.Installer import Installer

SEGMENT_SHORTCUT = "Ctrl+Return"
MEASURE_DELAY_MS = 350  # long enough for a slider's drag to be over, short enough to seem immediate
SURFACE_DELAY_MS = 250
# The slider shows two digits; a model's operating threshold may have more, and showing it must not change the mask.
THRESHOLD_TOLERANCE = 0.0051


class HemorrhageSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Shows what the parameter node and the scene hold, and passes on what the person does."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._isUpdating = False
        self._isEntered = False
        self._volumeId = None
        self._segmentation = None
        self._display = None
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
        self.inputs = InputsSection(self.ui, TASK)
        self.results = ResultSection(self.ui)
        self.brainWindow = SliceViews.BrainWindow()
        self.expectedTime = ExpectedTime()
        self._measureTimer = self._timer(MEASURE_DELAY_MS, self._measure)
        self._surfaceTimer = self._timer(SURFACE_DELAY_MS, self._rebuildSurface)
        self.ui.segmentButton.setFont(scaledFont(self.ui.segmentButton.font, 1.4))

        self._connectWidgets()
        self._connectLogic()
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEnd)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEnd)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)

        self.inputs.refreshModels("")
        self._showMessage("")
        self._showIdle()
        self.initializeParameterNode()

    def _timer(self, milliseconds, function):
        timer = qt.QTimer()
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.connect("timeout()", function)
        return timer

    def _connectWidgets(self) -> None:
        ui = self.ui
        ui.segmentButton.connect("clicked(bool)", self.onSegmentButton)
        ui.installButton.connect("clicked(bool)", self.onInstallButton)
        ui.installModelButton.connect("clicked(bool)", self.onInstallModelButton)
        ui.modelSelector.connect("currentIndexChanged(int)", self.onModelChosen)
        ui.deviceSelector.connect("currentIndexChanged(int)", self.onDeviceChosen)
        ui.resetThresholdButton.connect("clicked(bool)", self.onResetThresholdButton)
        ui.lesionTable.connect("selectionChanged()", self.onLesionChosen)
        ui.lesionTable.connect("clicked(QModelIndex)", self.onLesionClicked)
        ui.brainWindowCheckBox.connect("clicked(bool)", self.onBrainWindowClicked)
        ui.exportCsvButton.connect("clicked(bool)", self.onExportCsvButton)
        ui.exportSegmentationButton.connect("clicked(bool)", self.onExportSegmentationButton)

    def _connectLogic(self) -> None:
        logic = self.logic
        logic.jobStarted.connect(self.onJobStarted)
        logic.progressed.connect(self.onProgressed)
        logic.finished.connect(self.onFinished)
        logic.failed.connect(self.onFailed)
        logic.cancelled.connect(self.onCancelled)
        logic.measured.connect(self.onMeasured)
        logic.measuringFailed.connect(self.onMeasuringFailed)
        logic.devicesListed.connect(self.onDevicesListed)
        logic.modelInstalled.connect(self.onModelInstalled)
        logic.modelInstallFailed.connect(self.onModelInstallFailed)

    def cleanup(self) -> None:
        """The panel goes away: at a reload of the module, or with the application."""
        self._measureTimer.stop()
        self._surfaceTimer.stop()
        self.logic.disconnect()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        self._isEntered = True
        self.initializeParameterNode()
        if self.logic.isSegmenting:
            return
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
        self._measureTimer.stop()
        self._surfaceTimer.stop()
        self.logic.abandonJobs()
        self.setParameterNode(None)
        self.brainWindow.forget()
        self._showMessage("")
        self._showIdle()
        if wasSegmenting:
            self._showMessage(_("Stopped, because the scene was closed."))

    def onSceneEnd(self, caller=None, event=None) -> None:
        """After a close or a load there may be another parameter node with other values."""
        if self._isEntered and not slicer.mrmlScene.IsClosing() and not slicer.mrmlScene.IsImporting():
            self.initializeParameterNode()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller, event, node) -> None:
        if self._parameterNode is None or slicer.mrmlScene.IsClosing():
            return
        if node.IsA("vtkMRMLSegmentationNode") or node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLTableNode"):
            self._showVolume()

    def initializeParameterNode(self) -> None:
        self.setParameterNode(self.logic.getParameterNode())
        if self._parameterNode.inputVolume is None:
            for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
                if not self.logic.inputProblem(node):
                    self._parameterNode.inputVolume = node
                    break

    def setParameterNode(self, parameterNode) -> None:
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self._parameterNodeGuiTag = None
            if self.hasObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged):
                self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged)
        self._parameterNode = parameterNode
        self._volumeId = None
        if parameterNode is None:
            self._observeSegmentation(None)
            self._observeDisplay(None)
            self.results.show(None)
            self._updateButtons()
            return
        # the result's threshold first, so that connecting the slider changes nothing
        self._showVolume(isNew=True)
        self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
        self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged)
        self.onParametersChanged()

    def onParametersChanged(self, caller=None, event=None) -> None:
        """Bring scene and widgets in line with the parameter node."""
        if self._isUpdating or self._parameterNode is None:
            return
        parameters = self._parameterNode
        volumeId = parameters.inputVolume.GetID() if parameters.inputVolume else None
        if volumeId != self._volumeId:
            self._showVolume(isNew=True)
            return
        result = self.result
        if result is not None:
            if result.canThreshold and abs(result.record["threshold"] - parameters.threshold) > THRESHOLD_TOLERANCE:
                self._applyThreshold(result, parameters.threshold)
            self._applyDisplay(result)
        if parameters.model and parameters.model != self.inputs.modelId:
            self.inputs.selectModel(parameters.model)
        if parameters.device != self.inputs.deviceId:
            self.inputs.selectDevice(parameters.device)
        self._updateButtons()

    @property
    def result(self):
        """The shown result, or None."""
        return SceneResult.ofSegmentation(self._parameterNode.segmentation) if self._parameterNode else None

    def _showVolume(self, isNew=False) -> None:
        """Show the result of the chosen scan; the parameters follow it."""
        parameters = self._parameterNode
        volumeNode = parameters.inputVolume
        result = SceneResult.ofVolume(volumeNode)
        self._isUpdating = True
        try:
            self._volumeId = volumeNode.GetID() if volumeNode else None
            parameters.segmentation = result.segmentationNode if result else None
            parameters.table = result.tableNode if result else None
            nodes = result.probabilityNodes if result else []
            parameters.probability = nodes[0] if nodes else None
            if result is not None:
                parameters.threshold = min(max(result.record["threshold"], 0.01), 0.99)
        finally:
            self._isUpdating = False
        self._observeSegmentation(result)
        self._observeDisplay(volumeNode)
        self._showResult(result)
        if isNew and result is not None:
            self._applyDisplay(result)
        self._updateButtons()

    def _showResult(self, result, provisionalMl=None) -> None:
        """Show a result; one without measurements (changed just before the scene was saved) is measured anew."""
        if result is not None and provisionalMl is None and result.measurements is None:
            provisionalMl = result.totalMl()
            self._measureTimer.start()
        self.results.show(result, provisionalMl)

    def _observeSegmentation(self, result) -> None:
        """Notice corrections by hand, in the Segment Editor or by a script."""
        event = slicer.vtkSegmentation.SourceRepresentationModified
        segmentation = result.segmentationNode.GetSegmentation() if result else None
        if segmentation is self._segmentation:
            return
        if self._segmentation is not None and self.hasObserver(self._segmentation, event, self.onMaskEdited):
            self.removeObserver(self._segmentation, event, self.onMaskEdited)
        self._segmentation = segmentation
        if segmentation is not None:
            self.addObserver(segmentation, event, self.onMaskEdited)

    # Segment and cancel

    def _updateButtons(self) -> None:
        ui = self.ui
        running = self.logic.isSegmenting
        volumeNode = self._parameterNode.inputVolume if self._parameterNode else None
        problem = self.logic.inputProblem(volumeNode) or self.inputs.modelProblem
        text = _("Cancel") if running else _("Segment")
        if ui.segmentButton.text != text:
            ui.segmentButton.text = text
            ui.segmentButton.accessibleName = text
        # setting a button's text takes its shortcut away
        ui.segmentButton.setShortcut(qt.QKeySequence(SEGMENT_SHORTCUT))
        ui.segmentButton.enabled = running or not problem
        hint = _("Stop the segmentation") if running else _("Find the bleed in the chosen head CT")
        ui.segmentButton.toolTip = f"{problem or hint} ({SEGMENT_SHORTCUT})"
        for widget in (ui.inputVolumeSelector, ui.modelSelector, ui.installModelButton, ui.deviceSelector):
            widget.enabled = not running
        if not running:
            expected = self.expectedTime.text(self.inputs.modelId, self.inputs.deviceId)
            ui.stageLabel.text = problem or expected

    def onSegmentButton(self, clicked=False) -> None:
        if self.logic.isSegmenting:
            self.ui.stageLabel.text = _("Stopping…")
            self.ui.segmentButton.enabled = False
            self.logic.cancel()
            return
        if not self.installer.isReady and not self._install():
            return
        result = self.result
        if (
            result is not None
            and result.record.get("edited")
            and not slicer.util.confirmOkCancelDisplay(
                _("The mask was corrected by hand. Replace it by a new segmentation?"), _("HemorrhageSeg")
            )
        ):
            return
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
            self.brainWindow.apply(volumeNode, askedFor=False)
        self._observeDisplay(volumeNode)

    def onJobStarted(self) -> None:
        self._startTime = time.monotonic()
        self.ui.progressBar.visible = True
        self.ui.progressBar.value = 0
        self._updateButtons()
        self.ui.stageLabel.text = _("Starting…")

    def onProgressed(self, fraction, stage, remaining) -> None:
        self.ui.progressBar.value = round(100 * fraction)
        if not self.ui.segmentButton.enabled:
            return  # it is being stopped
        text = stage
        if remaining is not None and remaining >= 1:
            text = _("{stage} · about {time} left").format(stage=stage, time=durationText(remaining))
        self.ui.stageLabel.text = text

    def onFinished(self, result) -> None:
        seconds = time.monotonic() - self._startTime
        self.expectedTime.remember(self.inputs.modelId, self.inputs.deviceId, seconds)
        self._showIdle()
        if self._parameterNode is None:
            return
        volumeNode = result.volumeNode
        self._isUpdating = True
        try:
            self._parameterNode.inputVolume = volumeNode
        finally:
            self._isUpdating = False
        self._showVolume(isNew=True)
        self.ui.resultCollapsibleButton.collapsed = False
        SliceViews.showVolume(volumeNode)
        measurements = result.measurements
        if measurements and measurements.lesions:
            SliceViews.jumpTo(measurements.lesions[0].centroid_ras_mm)

    def onFailed(self, error) -> None:
        self._showIdle()
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

    # Threshold, table, display

    def _applyThreshold(self, result, threshold) -> None:
        # a surface would be built anew at each move
        hadSurface = result.hasSurface
        self._isUpdating = True
        try:
            result.removeSurface()
            totalMl = self.logic.applyThreshold(result, threshold)
        finally:
            self._isUpdating = False
        self._showResult(result, totalMl)
        self._measureTimer.start()
        if hadSurface or self._parameterNode.show3D:
            self._surfaceTimer.start()

    def onResetThresholdButton(self, clicked=False) -> None:
        result = self.result
        if result is None:
            return
        if result.record.get("edited"):
            question = _("Discard the corrections and go back to the network's own mask?")
            if not slicer.util.confirmOkCancelDisplay(question, _("HemorrhageSeg")):
                return
        threshold = result.record["operating_threshold"]
        self._applyThreshold(result, threshold)
        self._parameterNode.threshold = min(max(threshold, 0.01), 0.99)

    def onMaskEdited(self, caller=None, event=None) -> None:
        """Somebody else changed the mask: its numbers are no longer those of the table."""
        result = self.result
        if self._isUpdating or self.logic.isPresenting or result is None:
            return
        result.updateRecord(edited=True)
        self.logic.maskChanged(result)
        self._measureTimer.start()
        self.results.show(result, result.totalMl())

    def _measure(self) -> None:
        result = self.result
        if result is not None and not slicer.mrmlScene.IsClosing():
            self.logic.measure(result)

    def onMeasured(self, result) -> None:
        if self.result is not None and result.segmentationNode is self.result.segmentationNode:
            self.results.show(result)

    def onMeasuringFailed(self, error) -> None:
        self.results.showTableStatus(
            _("The table could not be updated: {message} {hint}").format(message=error.message, hint=error.hint)
        )

    def _applyDisplay(self, result) -> None:
        parameters = self._parameterNode
        display = result.segmentationNode.GetDisplayNode()
        if display is None:
            return
        with slicer.util.NodeModify(display):
            display.SetVisibility2DFill(parameters.showFill)
            display.SetVisibility2DOutline(parameters.showOutline)
            display.SetOpacity(parameters.opacity)
            display.SetVisibility3D(parameters.show3D)
        if parameters.show3D and not result.hasSurface and not self._surfaceTimer.active:
            self._surfaceTimer.start()

    def _rebuildSurface(self) -> None:
        """Build the surface once the mask has come to rest."""
        result = self.result
        if result is None or not self._parameterNode.show3D or slicer.mrmlScene.IsClosing():
            return
        self._isUpdating = True
        try:
            with slicer.util.tryWithErrorDisplay(_("The surface could not be built."), waitCursor=True):
                result.buildSurface()
        finally:
            self._isUpdating = False
        if slicer.app.layoutManager() is not None:
            slicer.util.resetThreeDViews()

    def onBrainWindowClicked(self, checked) -> None:
        """The person's wish; it also holds for the next scans."""
        if self._parameterNode is None:
            return
        self._parameterNode.brainWindow = checked
        volumeNode = self._parameterNode.inputVolume
        if volumeNode is None:
            return
        if checked:
            self.brainWindow.apply(volumeNode, askedFor=True)
        else:
            self.brainWindow.restore(volumeNode)

    def _observeDisplay(self, volumeNode) -> None:
        """Keep the check box true when somebody else changes the window, such as a mouse in a slice view."""
        display = volumeNode.GetDisplayNode() if volumeNode is not None else None
        if display is not self._display:
            event = vtk.vtkCommand.ModifiedEvent
            if self._display is not None and self.hasObserver(self._display, event, self.onWindowChanged):
                self.removeObserver(self._display, event, self.onWindowChanged)
            self._display = display
            if display is not None:
                self.addObserver(display, event, self.onWindowChanged)
        self.onWindowChanged()

    def onWindowChanged(self, caller=None, event=None) -> None:
        volumeNode = self._parameterNode.inputVolume if self._parameterNode else None
        self.ui.brainWindowCheckBox.enabled = volumeNode is not None
        self.ui.brainWindowCheckBox.checked = self.brainWindow.isShown(volumeNode)

    def onLesionChosen(self) -> None:
        self.onLesionClicked(self.ui.lesionTable.currentIndex())

    def onLesionClicked(self, index) -> None:
        result = self.result
        measurements = result.measurements if result else None
        if measurements and 0 <= index.row() < len(measurements.lesions):
            SliceViews.jumpTo(measurements.lesions[index.row()].centroid_ras_mm)

    # Model, device, installation

    def onModelChosen(self, index) -> None:
        self.inputs.showCard()
        if self._parameterNode is not None:
            self._parameterNode.model = self.inputs.modelId
        self._updateButtons()
        if self._isEntered:
            self._prepareWorker()

    def onDeviceChosen(self, index) -> None:
        if self._parameterNode is not None:
            self._parameterNode.device = self.inputs.deviceId
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
        identifier = model["id"] if isinstance(model, dict) else str(model or "")
        self.inputs.refreshModels(identifier)
        self.onModelChosen(self.ui.modelSelector.currentIndex)
        self._showMessage(_("The model {name} is installed.").format(name=identifier))

    def onModelInstallFailed(self, error) -> None:
        self._updateButtons()
        self._showMessage(error.message, error.hint)

    # Export

    def onExportCsvButton(self, clicked=False) -> None:
        self._export(Export.exportCsv, _("Export the table"), ".csv", _("Comma-separated values (*.csv)"))

    def onExportSegmentationButton(self, clicked=False) -> None:
        self._export(
            Export.exportSegmentation, _("Export the segmentation"), ".seg.nrrd", _("Segmentation (*.seg.nrrd)")
        )

    def _export(self, write, title, suffix, filter) -> None:
        result = self.result
        if result is None:
            return
        suggested = Export.suggestedName(result, suffix)
        path = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, suggested, filter)
        if not path:
            return
        path = str(path) if str(path).endswith(suffix) else f"{path}{suffix}"
        try:
            written = write(result, path)
        except RadiologyCNNError as error:
            self._showMessage(error.message, error.hint)
        else:
            self._showMessage(_("Written: {file}").format(file=written.name))
