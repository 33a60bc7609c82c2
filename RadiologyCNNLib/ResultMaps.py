"""ResultMaps: the volumes that belong to a result of either panel, so that none of them is taken for a scan.

They are not hidden from the editors, as Slicer's save dialog leaves hidden nodes out of a saved scene.
"""

import slicer
import vtk
from slicer.util import VTKObservationMixin

#: On each map, with the name of its scan.
PROBABILITY_ATTRIBUTE = "HemorrhageSeg.ProbabilityOf"
ACTIVATION_ATTRIBUTE = "RotatorCuffCNN.MapOf"


def isMap(node) -> bool:
    """Whether a node is the map of a result, made by whichever panel."""
    return any(node.GetAttribute(name) is not None for name in (PROBABILITY_ATTRIBUTE, ACTIVATION_ATTRIBUTE))


def addMap(className: str, name: str, attribute: str, volumeNode):
    """A new node for a map; it is known as one before anybody hears of it.

    Args:
        attribute: one of this module's.
        volumeNode: the scan that the map is of.
    """
    node = slicer.mrmlScene.CreateNodeByClass(className)
    node.UnRegister(None)  # CreateNodeByClass counts one reference too many for Python
    node.SetName(name)
    node.SetAttribute(attribute, volumeNode.GetName() or "")
    return slicer.mrmlScene.AddNode(node)


class MapHiding(VTKObservationMixin):
    """Keeps the scene's maps out of a list of scans, from its making to :meth:`stop`.

    Args:
        selector: qMRMLNodeComboBox.
    """

    def __init__(self, selector) -> None:
        VTKObservationMixin.__init__(self)
        self._selector = selector
        scene = slicer.mrmlScene
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            self.addObserver(scene, event, self._onNode)
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self._update)
        self._update()

    def stop(self) -> None:
        """The list goes away."""
        self.removeObservers()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNode(self, caller, event, node) -> None:
        if node.IsA("vtkMRMLScalarVolumeNode"):
            self._update()

    def _update(self, caller=None, event=None) -> None:
        nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        # by identifier: an attribute filter of Slicer's lists asks for an attribute, never for its absence
        self._selector.sortFilterProxyModel().hiddenNodeIDs = [node.GetID() for node in nodes if isMap(node)]
