"""PanelSelfTest: what the self tests of both panels do alike, in a real Slicer as in the stand-in."""

import contextlib
import sys
import time
import types

import numpy as np
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest

from RadiologyCNNLib.AnswerlessClient import AnswerlessClient
from RadiologyCNNLib.Installer import Installer
from RadiologyCNNLib.ModelSelector import modelChoices

WORKER_SECONDS = 240
OWN = ("radiologycnn", "RadiologyCNNLib", "HemorrhageSegLib", "RotatorCuffCNNLib")


class PanelSelfTest(ScriptedLoadableModuleTest):
    """Each method ``test_...`` has an empty scene and leaves one; what this Slicer lacks is left out, and said."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def tearDown(self) -> None:
        slicer.mrmlScene.Clear()

    def test_torchIsNotInThisProcess(self) -> None:
        """Another extension may have loaded it; nothing of ours has."""
        own = [module for name, module in sys.modules.items() if name.split(".")[0] in OWN]
        self.assertEqual([module.__name__ for module in own if hasattr(module, "torch")], [])

    def leftOut(self, what) -> None:
        print(f"{self.panelName} self test, left out: {what}")

    @property
    def panelName(self) -> str:
        """Of the module that is tested."""
        return type(self).__name__.removesuffix("Test")

    def isWindowMissing(self) -> bool:
        """Whether there is no window to show the panel in; it is said."""
        isMissing = slicer.util.mainWindow() is None
        if isMissing:
            self.leftOut("the panel in its window: Slicer runs without a main window")
        return isMissing

    def sliceNodes(self) -> list:
        """Nodes of the slice views, whatever a layout calls them; where there are none, that is said."""
        nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode")
        if not nodes:
            self.leftOut("the slice views: there are none")
        return nodes

    @staticmethod
    def distanceToSlice(sliceNode, placeRas) -> float:
        """How far a place lies from a view's plane, in mm."""
        matrix = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())
        return float(abs((np.array(placeRas) - matrix[:3, 3]) @ matrix[:3, 2]))

    def openedPanel(self, needsModel=True):
        """The panel's widget object, with the panel shown; None where there is no window, or no model for it."""
        if self.isWindowMissing():
            return None
        slicer.util.selectModule(self.panelName)
        widget = getattr(slicer.modules, f"{self.panelName}Widget")
        if needsModel and widget.inputs.modelProblem:
            self.leftOut("the panel's buttons: no model is installed")
            return None
        return widget

    @staticmethod
    @contextlib.contextmanager
    def answeredHere(widget):
        """For a ``with`` block the panel's worker says what the test tells it, nothing is installed, and the time that
        a run takes is not remembered; the scene is empty afterwards."""
        before, installer, expectedTime = widget.logic._client, widget.installer, widget.expectedTime
        widget.logic.client = client = AnswerlessClient()
        widget.installer = types.SimpleNamespace(isReady=True, missing=list)
        widget.expectedTime = types.SimpleNamespace(remember=lambda *_run: None, text=expectedTime.text)
        try:
            yield client
        finally:
            slicer.mrmlScene.Clear()
            widget.logic.client, widget.installer, widget.expectedTime = before, installer, expectedTime

    @staticmethod
    def addScan(scan, name):
        """A volume node of a synthetic scan (``array`` of shape (K, J, I), ``ijkToRas``)."""
        volume = slicer.util.addVolumeFromArray(scan.array, ijkToRAS=scan.ijkToRas, name=name)
        volume.CreateDefaultDisplayNodes()
        return volume

    def hasWorkerFor(self, task) -> bool:
        """Whether the worker can run here; where not, it is said why it is left out."""
        missing = Installer().missing()
        if missing:
            self.leftOut(f"the worker: not installed are {', '.join(missing)}")
        elif all(choice.problem for choice in modelChoices(task)):
            self.leftOut("the worker: no model is installed")
        else:
            return True
        return False

    def endOf(self, logic, start, meanwhile=None) -> str:
        """How a job ends: "finished", "cancelled", or "failed: " and why.

        Args:
            start: called without arguments, starts the job.
            meanwhile: called right after that.
        """
        ends = []
        tellers = {
            logic.finished: lambda result: ends.append("finished"),
            logic.failed: lambda error: ends.append(f"failed: {error.message} {error.details}"),
            logic.cancelled: lambda: ends.append("cancelled"),
        }
        for signal, teller in tellers.items():
            signal.connect(teller)
        start()
        if meanwhile is not None:
            meanwhile()
        self.waitFor(lambda: ends)
        for signal, teller in tellers.items():
            signal.disconnect(teller)
        return ends[0]

    def waitFor(self, condition) -> None:
        end = time.monotonic() + WORKER_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), end, "the worker did not answer")
            slicer.app.processEvents()
            time.sleep(0.02)
