"""ResultCleaning: when somebody deletes the node that stands for a result, all that belongs to it goes with it."""

import slicer
import vtk
from slicer.util import VTKObservationMixin

from RadiologyCNNLib.ScenePlacement import removeParts


class ResultCleaning(VTKObservationMixin):
    """Watches the scene from its making to :meth:`stop`.

    Nothing is touched while the scene closes or a scene view is restored: then other nodes come and go, too.

    Args:
        parts: function (node) that gives all nodes of the result that a node stands for, itself among them; None where
            it stands for none. It is asked before the node goes, and may take from the views what shows it.
    """

    def __init__(self, parts) -> None:
        VTKObservationMixin.__init__(self)
        self._partsOf = parts
        self._parts = {}  # identifier of a node that is being removed: what belongs to it
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
        if caller.IsClosing() or caller.IsRestoring():
            return
        parts = self._partsOf(node)
        if parts is not None:
            self._parts[node.GetID()] = [part for part in parts if part is not node]

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onRemoved(self, caller, event, node) -> None:
        parts = self._parts.pop(node.GetID(), ())
        if not caller.IsClosing():
            removeParts(parts)
