"""PanelScreen: the scan of a panel is the one that was just loaded, which Slicer shows at once."""

import slicer
import vtk
from slicer.util import VTKObservationMixin

from RadiologyCNNLib import OtherResults, SliceViews
from RadiologyCNNLib.DelayedCall import delayedCall

_CLASS = "vtkMRMLSliceCompositeNode"  # what lies in a slice view
_PANELS = ("HemorrhageSeg", "RotatorCuffCNN")


class BackgroundWatch(VTKObservationMixin):
    """Watches which scans lie behind what the slice views draw, from its making to :meth:`stop`.

    Args:
        changed: function () that is called when others lie there, once all views have them.
    """

    def __init__(self, changed) -> None:
        VTKObservationMixin.__init__(self)
        self._backgrounds = {}  # identifier of a view's node: that of its scan
        self._timer = delayedCall(0, changed)
        for node in slicer.util.getNodesByClass(_CLASS):
            self._watch(node)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeAddedEvent, self._onNodeAdded)

    def stop(self) -> None:
        """Watch no longer."""
        self._timer.stop()
        self.removeObservers()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeAdded(self, caller, event, node) -> None:
        if node.IsA(_CLASS):
            self._watch(node)

    def _watch(self, node) -> None:
        self._backgrounds[node.GetID()] = node.GetBackgroundVolumeID()
        if not self.hasObserver(node, vtk.vtkCommand.ModifiedEvent, self._onModified):
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onModified)

    def _onModified(self, node, event) -> None:
        background = node.GetBackgroundVolumeID()
        if background != self._backgrounds.get(node.GetID()):
            self._backgrounds[node.GetID()] = background
            self._timer.start()


class PanelScreen:
    """The part of a PanelWidget that chooses a scan which was loaded since the panel was shown, or while it was not.

    Else its answer on the scan before would stand beside the new one. A scan that was there already, and that the
    person brings into the views, is left there: another series of the same examination may be looked at under a map.
    """

    _knownScans = frozenset()
    _backgroundWatch = None

    def watchScreen(self) -> None:
        """Begin; the panel's logic is there."""
        self._backgroundWatch = BackgroundWatch(self.followScreen)
        for signal in (self.logic.failed, self.logic.cancelled):  # the scan of a run stays chosen until then
            signal.connect(lambda *_what: self.followScreen(keepsMessage=True))

    def stopWatchingScreen(self) -> None:
        """The panel goes away."""
        if self._backgroundWatch is not None:
            self._backgroundWatch.stop()

    def isScreenKept(self) -> bool:
        """Whether the chosen scan stays so for now, whatever is on the screen."""
        return self.logic.isRunning

    def noteScans(self) -> None:
        """The scans that there are now are no longer new."""
        self._knownScans = frozenset(node.GetID() for node in _scans())

    def followScreen(self, keepsMessage=False) -> None:
        """Choose the scan on the screen where it is a new one and the chosen one is not seen.

        Args:
            keepsMessage: whether the panel goes on to say what it says, as of the run that has just failed.
        """
        parameters = self._parameterNode
        if parameters is None or not self.isEntered or slicer.mrmlScene.IsImporting() or self.isScreenKept():
            return
        known = self._knownScans
        self.noteScans()
        if parameters.inputVolume is not None and SliceViews.isShown(parameters.inputVolume):
            return
        new = [node for node in _scans() if node.GetID() not in known and SliceViews.isShown(node)]
        usable = (node for node in new if not self.logic.inputProblem(node) and not isChosenBeside(parameters, node))
        volumeNode = next(usable, None)
        if volumeNode is not None:
            parameters.inputVolume = volumeNode
            if not keepsMessage:
                self.showMessage("")  # what was said of the scan before does not hold for this one
            OtherResults.giveWayTo(volumeNode)
            self.showInViews(volumeNode)


def _scans() -> list:
    return slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")


def isChosenBeside(parameters, volumeNode) -> bool:
    """Whether a scan is the one of the other panel.

    Args:
        parameters: this panel's parameter node.
        volumeNode: the scan.
    """
    nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
    others = [node for node in nodes if node.GetSingletonTag() in _PANELS and node is not parameters.parameterNode]
    return any(node.GetNodeReferenceID("inputVolume") == volumeNode.GetID() for node in others)
