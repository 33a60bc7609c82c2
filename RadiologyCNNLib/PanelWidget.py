"""PanelWidget: what both panels do alike: their life with Slicer and the scene, and what they show of it."""

import sys

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from RadiologyCNNLib import SliceViews
from RadiologyCNNLib.ExpectedTime import ExpectedTime
from RadiologyCNNLib.InputsSection import InputsSection
from RadiologyCNNLib.Installer import Installer
from RadiologyCNNLib.PanelChoices import PanelChoices
from RadiologyCNNLib.PanelRun import PanelRun
from RadiologyCNNLib.PanelScreen import PanelScreen, isChosenBeside
from RadiologyCNNLib.PanelTexts import messageHtml, scaledFont
from RadiologyCNNLib.ResultMaps import MapHiding


class PanelWidget(PanelRun, PanelChoices, PanelScreen, ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Shows what the parameter node and the scene hold, and passes on what the person does.

    A panel says how its logic and its sections are made (the methods under "What a panel adds"), and what a run starts
    with and ends in (PanelRun). Its ``.ui`` has the widgets inputVolumeSelector, modelCollapsibleButton, modelSelector,
    installModelButton, deviceSelector, modelCardGroupBox, modelCardLabel, demonstrationBanner, installFrame,
    installLabel, installButton, stageLabel, progressBar and messageLabel; its parameter node has inputVolume, model
    and device.
    """

    #: Nodes of these kinds may be a scan or a part of a result.
    RESULT_NODE_CLASSES = ("vtkMRMLScalarVolumeNode", "vtkMRMLTableNode")

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.results = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._guiObservers = []
        self._volumeId = None

    # What a panel adds

    def makeLogic(self):
        """The panel's WorkerJobsLogic."""
        raise NotImplementedError

    def setupSections(self) -> None:
        """Make ``self.results`` (setParameterNode, showVolume, followParameters, isUpdating) and connect the rest."""
        raise NotImplementedError

    def showInViews(self, volumeNode) -> None:
        """Bring a scan into the slice views: the person has chosen it, or its result has come."""
        SliceViews.showVolume(volumeNode)

    def volumeChanged(self, volumeNode) -> None:
        """Another scan (or None) stands in the parameter node."""

    def resultNodeRemoved(self) -> None:
        """A node that may be a part of the result, or its scan, was removed."""
        self.results.showVolume()

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

        self.connectRun()
        self.connectChoices()
        self.mapHiding = MapHiding(self.ui.inputVolumeSelector)
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
        self.watchScreen()

    def cleanup(self) -> None:
        """The panel goes away: at a reload of the module, or with the application."""
        self.stopWatchingScreen()
        if self.logic is not None:
            self.mapHiding.stop()
            self.logic.disconnect()
            self.setParameterNode(None)
            # last: each change of the buttons starts the timer anew, and at exit Slicer deletes the widgets, then lets
            # the timers go on
            self._stopPreparing()
        self.removeObservers()

    def enter(self) -> None:
        self.followScreen()  # first: the scan that was chosen comes back into the views
        self.initializeParameterNode()
        if not self.logic.isRunning:
            self.inputs.refreshModels(self._parameterNode.model)
            self._prepareWorker()
            self._updateButtons()

    def exit(self) -> None:
        """Another module is shown: a panel stops here what must not go on unseen."""
        self._stopPreparing()
        self.noteScans()

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
        self.noteScans()  # what the scene has on the screen was put there beside what it has chosen

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller, event, node) -> None:
        """A part of the result, or its scan, may be gone."""
        if self._parameterNode is None or slicer.mrmlScene.IsClosing() or self.logic.isPresenting:
            return
        if any(node.IsA(name) for name in self.RESULT_NODE_CLASSES):
            self.resultNodeRemoved()
            self._updateButtons()

    def initializeParameterNode(self) -> None:
        """Use the scene's parameter node; where no scan is chosen, choose the one on the screen, or else the first."""
        # A new one: of a scene that is loaded the one before has remembered the nodes that were there half-way.
        self.setParameterNode(self.logic.getParameterNode())
        if self._parameterNode.inputVolume is None:
            volumeNodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            usable = [node for node in volumeNodes if not self.logic.inputProblem(node)]
            usable = [node for node in usable if not isChosenBeside(self._parameterNode, node)] or usable
            if usable:
                self._parameterNode.inputVolume = next(filter(SliceViews.isShown, usable), usable[0])

    def setParameterNode(self, parameterNode) -> None:
        """Connect to a parameter node, or with None to none."""
        modified = vtk.vtkCommand.ModifiedEvent
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self._parameterNodeGuiTag = None
            node = self._parameterNode.parameterNode
            for tag in self._guiObservers:  # Slicer 5.12 has removed them
                node.RemoveObserver(tag)
            if self.hasObserver(node, modified, self.onParametersChanged):
                self.removeObserver(node, modified, self.onParametersChanged)
        self._parameterNode = parameterNode
        # before the widgets are connected: what the result says is what they have to show
        self.results.setParameterNode(parameterNode)
        if parameterNode is not None:
            self._volumeId = parameterNode.inputVolume.GetID() if parameterNode.inputVolume else None
            self.volumeChanged(parameterNode.inputVolume)
            self._connectGui(parameterNode)
            # The node itself: the list of observers never forgets what it was given, and a wrapper that lives on reads
            # every parameter anew whenever one changes.
            self.addObserver(parameterNode.parameterNode, modified, self.onParametersChanged)
            self.onParametersChanged()
        else:
            self._volumeId = None
            self.volumeChanged(None)
        self._updateButtons()

    def _connectGui(self, parameterNode) -> None:
        """Bind the widgets, and note the observers that this makes: Slicer 5.10 never removes them, and each would keep
        its wrapper alive."""
        self._guiObservers = tags = []
        addObserver = parameterNode.AddObserver
        parameterNode.AddObserver = lambda *arguments: tags.append(addObserver(*arguments)) or tags[-1]
        try:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
        finally:
            del parameterNode.AddObserver

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

    def showMessage(self, message, hint="") -> None:
        """A sentence for the person, what to do about it behind it; "" takes it away."""
        self.ui.messageLabel.text = messageHtml(message, hint)
        self.ui.messageLabel.visible = bool(message)
