"""InputWatch: whether a scan's voxels are still those that were read, during a run and after it."""

import slicer
import vtk
from slicer.util import VTKObservationMixin


def voxelsTime(volumeNode) -> int:
    """When the voxels were last changed, as VTK counts: another number after each change. 0 without voxels."""
    image = volumeNode.GetImageData() if volumeNode is not None else None
    scalars = image.GetPointData().GetScalars() if image is not None else None
    return scalars.GetMTime() if scalars is not None else 0


class InputWatch(VTKObservationMixin):
    """Watches one scan at a time, and remembers of the others which voxels they had when it looked away.

    Args:
        modified: function (voxelsChanged: bool) that is called when the watched scan was changed: True where its
            voxels are no longer those that are known, False for all else, as its place or its transform.
    """

    EVENTS = (
        vtk.vtkCommand.ModifiedEvent,
        slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,
        slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
    )

    def __init__(self, modified) -> None:
        VTKObservationMixin.__init__(self)
        self._modified = modified
        self._volumeNode = None
        self._known = {}  # scan's identifier: time of the voxels that are known of it

    def watch(self, volumeNode) -> None:
        """Watch this scan from now on, None for none; says at once where its voxels were changed meanwhile."""
        if volumeNode is self._volumeNode:
            return
        self.removeObservers()
        self._volumeNode = volumeNode
        if volumeNode is None:
            return
        for event in self.EVENTS:
            self.addObserver(volumeNode, event, self._onModified)
        if self._known.setdefault(volumeNode.GetID(), voxelsTime(volumeNode)) != voxelsTime(volumeNode):
            self._onModified()

    def accept(self, volumeNode) -> None:
        """The scan's voxels as they are now are the known ones: a result was just made from them."""
        self._known[volumeNode.GetID()] = voxelsTime(volumeNode)

    def forget(self) -> None:
        """Watch nothing and know nothing: the scene closes, and its identifiers will be given anew."""
        self.watch(None)
        self._known.clear()

    def _onModified(self, caller=None, event=None) -> None:
        if slicer.mrmlScene.IsClosing():
            return
        known, now = self._known.get(self._volumeNode.GetID()), voxelsTime(self._volumeNode)
        self._known[self._volumeNode.GetID()] = now
        self._modified(now != known)
