"""A small scripted module, written as for real Slicer: the host's own tests load it."""

import enum
import json
import sys
from typing import Annotated

import ctk
import numpy
import qt
import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTableNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class Look(enum.Enum):
    Fill = "fill"
    Outline = "outline"


class HostSample(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Host Sample")
        self.parent.categories = ["Testing"]
        self.parent.contributors = ["RadiologyCNN contributors"]


@parameterNodeWrapper
class HostSampleParameters:
    inputVolume: vtkMRMLScalarVolumeNode
    threshold: Annotated[float, WithinRange(0, 100)] = 60.0
    look: Look = Look.Fill
    invert: bool = False
    result: vtkMRMLSegmentationNode
    table: vtkMRMLTableNode


class HostSampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.parameters = None
        self.guiTag = None
        self.calls = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/HostSample.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = HostSampleLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.ui.tableView.connect("selectionChanged()", self.onRow)
        self.process = qt.QProcess()
        self.process.connect("readyReadStandardOutput()", self.onOutput)
        self.process.connect("finished(int,QProcess::ExitStatus)", self.onFinished)
        self.lines = []
        self.calls.append("setup")
        self.initialize()

    def initialize(self):
        self.setParameters(self.logic.getParameterNode())

    def setParameters(self, parameters):
        if self.parameters is not None:
            self.parameters.disconnectGui(self.guiTag)
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self.onModified)
        self.parameters = parameters
        if parameters is not None:
            self.guiTag = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self.onModified)
            self.onModified()

    def onModified(self, caller=None, event=None):
        self.ui.applyButton.enabled = self.parameters.inputVolume is not None

    def onSceneStartClose(self, caller, event):
        self.setParameters(None)

    def onSceneEndClose(self, caller, event):
        if self.parent.isEntered:
            self.initialize()

    def enter(self):
        self.calls.append("enter")
        self.initialize()

    def exit(self):
        self.calls.append("exit")
        self.setParameters(None)

    def cleanup(self):
        self.calls.append("cleanup")
        self.removeObservers()

    def onApply(self, checked=False):
        with slicer.util.tryWithErrorDisplay(_("Failed to compute results."), waitCursor=True):
            segmentation, table, volume = self.logic.process(self.parameters)
        self.ui.resultLabel.text = _("{volume} mL").format(volume=f"{volume:.1f}")
        self.ui.segmentsTable.setSegmentationNode(segmentation)
        self.ui.show3DButton.setSegmentationNode(segmentation)
        self.ui.tableView.setMRMLTableNode(table)

    def onRow(self):
        rows = {index.row() for index in self.ui.tableView.selectedIndexes()}
        self.calls.append(("row", sorted(rows)))

    def startProcess(self):
        program = "import json; print(json.dumps({'event': 'ready'}), flush=True); print(input())"
        self.process.setProgram(sys.executable)
        self.process.setArguments(["-u", "-c", program])
        self.process.start()
        self.process.write(b'{"event": "echo"}\n')

    def onOutput(self):
        while self.process.canReadLine():  # a line may come in pieces
            self.lines.append(json.loads(self.process.readLine().data())["event"])

    def onFinished(self, exitCode, exitStatus):
        self.lines.append((exitCode, exitStatus == qt.QProcess.NormalExit))


class HostSampleLogic(ScriptedLoadableModuleLogic):
    def getParameterNode(self):
        return HostSampleParameters(super().getParameterNode())

    def process(self, parameters):
        volume = parameters.inputVolume
        mask = (slicer.util.arrayFromVolume(volume) > parameters.threshold).astype("uint8")
        segmentation = parameters.result
        if segmentation is None:
            segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Bright")
            segmentation.CreateDefaultDisplayNodes()
            segmentation.GetSegmentation().AddEmptySegment("bright", "Bright", (0.87, 0.2, 0.15))
            parameters.result = segmentation
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, "bright", volume)
        segmentation.CreateClosedSurfaceRepresentation()
        segmentation.GetDisplayNode().SetPreferredDisplayRepresentationName2D("Binary labelmap")
        spacing = volume.GetSpacing()
        millilitres = float(mask.sum()) * spacing[0] * spacing[1] * spacing[2] / 1000.0
        table = parameters.table
        if table is None:
            table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Bright table")
            parameters.table = table
        slicer.util.updateTableFromArray(
            table, numpy.array([[1.0, millilitres], [2.0, 0.5]]), ["Component", "Volume (mL)"]
        )
        table.SetUseColumnTitleAsColumnHeader(True)
        slicer.util.infoDisplay(_("Done"))
        return segmentation, table, millilitres


class HostSampleTest(ScriptedLoadableModuleTest):
    def runTest(self):
        self.setUp()
        self.test_labels()

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_labels(self):
        self.assertEqual(ctk.ctkCollapsibleButton("A").text, "A")
        self.delayDisplay("Test passed")
