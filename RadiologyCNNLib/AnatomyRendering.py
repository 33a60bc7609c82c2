"""AnatomyRendering: the scan itself in 3D, faintly around a result, by a display node of its own."""

import slicer

from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform


def isAvailable() -> bool:
    """Whether this Slicer has volume rendering."""
    return getattr(slicer.modules, "volumerendering", None) is not None


def prepare(display) -> None:
    """Make a new volume rendering display one of ours: in all views, whole, with opacities for a millimetre."""
    display.SetFollowVolumeDisplayNode(0)  # our own ramp, not a copy of the slice views' window
    display.RemoveAllViewNodeIDs()  # in all 3D views, also in those that are opened later
    display.SetCroppingEnabled(0)
    display.SetAndObserveROINodeID(None)
    properties = display.GetVolumePropertyNode().GetVolumeProperty()
    properties.ShadeOff()
    properties.SetInterpolationTypeToLinear()
    properties.SetScalarOpacityUnitDistance(1.0)


class AnatomyRendering:
    """Shows and hides the scan around results of one kind; the display node is made when it is first shown.

    Args:
        role: of the node reference from a result's own node to the display node.
        attribute: that tells the display node from others of the scan, also where Slicer has made it anew.
        look: function (volumeNode, volumePropertyNode) that sets its opacities and colours.
    """

    def __init__(self, role: str, attribute: str, look) -> None:
        self._role = role
        self._attribute = attribute
        self._look = look

    def setVisible(self, owner, volumeNode, visible: bool) -> None:
        """Show or hide a scan around the result whose own node is ``owner``; nothing where it cannot be shown.

        Volume rendering leaves a warp out: a scan under one would be drawn where it is not, and is not shown.

        Args:
            volumeNode: the scan; None where it was removed.
        """
        display = self.displayOf(owner, volumeNode)
        visible = visible and volumeNode is not None and not hasNonlinearTransform(volumeNode)
        if display is None and visible and isAvailable():
            display = self._newDisplay(owner, volumeNode)
        if display is not None:
            display.SetVisibility(bool(visible))

    def displayOf(self, owner, volumeNode):
        """The scan's display node of this result, or None.

        Slicer replaces all of them where the person chooses another way of rendering (CPU, GPU), and keeps attributes
        only.
        """
        display = owner.GetNodeReference(self._role)
        if display is None and volumeNode is not None:
            displays = [volumeNode.GetNthDisplayNode(number) for number in range(volumeNode.GetNumberOfDisplayNodes())]
            display = next((one for one in displays if one is not None and one.GetAttribute(self._attribute)), None)
            if display is not None:
                owner.SetNodeReferenceID(self._role, display.GetID())
        return display

    def nodesOf(self, owner, volumeNode) -> list:
        """What was made for it, to be removed with the result."""
        display = self.displayOf(owner, volumeNode)
        return [] if display is None else [display.GetVolumePropertyNode(), display]

    def _newDisplay(self, owner, volumeNode):
        """Beside one that the person may have made."""
        scene, logic = slicer.mrmlScene, slicer.modules.volumerendering.logic()
        method = logic.GetDefaultRenderingMethod() or "vtkMRMLGPURayCastVolumeRenderingDisplayNode"
        display = scene.AddNewNodeByClass(method, f"{owner.GetName()} anatomy")
        propertyNode = scene.AddNewNodeByClass("vtkMRMLVolumePropertyNode", f"{owner.GetName()} anatomy property")
        display.SetAndObserveVolumePropertyNodeID(propertyNode.GetID())
        display.SetAttribute(self._attribute, "1")
        prepare(display)
        with slicer.util.NodeModify(propertyNode):
            self._look(volumeNode, propertyNode)
        volumeNode.AddAndObserveDisplayNodeID(display.GetID())
        owner.SetNodeReferenceID(self._role, display.GetID())
        return display
