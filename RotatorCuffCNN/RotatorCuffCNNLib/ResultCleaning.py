"""ResultCleaning: when somebody deletes a shown map, the rest of its result goes with it: raw maps, tables, display."""

import slicer
import vtk
from slicer.util import VTKObservationMixin

from RotatorCuffCNNLib import CamDisplay, CuffPresenter
from RotatorCuffCNNLib.CuffResult import CuffResult


class ResultCleaning(VTKObservationMixin):
    """Watches the scene from its making to :meth:`stop`.

    Nothing is touched while the scene closes or a scene view is restored: then other nodes come and go, too.
    """

    def __init__(self) -> None:
        VTKObservationMixin.__init__(self)
        self._parts = {}  # identifier of a map that is being removed: what belongs to it
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._onAboutToBeRemoved)
        self.addObserver(scene, scene.NodeRemovedEvent, self._onRemoved)

    def stop(self) -> None:
        """Watch no longer."""
        self.removeObservers()
        self._parts.clear()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onAboutToBeRemoved(self, caller, event, node) -> None:
        """The node still knows its parts, which it does not once it is gone."""
        result = CuffResult.ofNode(node) if node.IsA("vtkMRMLScalarVolumeNode") else None
        if result is None or caller.IsClosing() or caller.IsRestoring():
            return
        self._parts[node.GetID()] = [part for part in CuffPresenter.partsOf(result) if part is not node]
        CamDisplay.hideAll(result)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onRemoved(self, caller, event, node) -> None:
        parts = self._parts.pop(node.GetID(), ())
        if not caller.IsClosing():
            CuffPresenter.removeParts(parts)
