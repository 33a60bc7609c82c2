"""ScreenWatch: notices which scans are on the slice views, as after Slicer has loaded one and shows it at once."""

import slicer
import vtk
from slicer.util import VTKObservationMixin

from RadiologyCNNLib.DelayedCall import delayedCall

_CLASS = "vtkMRMLSliceCompositeNode"  # what lies in a slice view


class ScreenWatch(VTKObservationMixin):
    """Watches all slice views, also those that come later, from its making to :meth:`stop`.

    Args:
        changed: function () that is called once other scans lie behind what is drawn, when all views have them.
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
