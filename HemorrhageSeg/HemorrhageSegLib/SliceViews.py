"""What the panel does to the views: show the scan, jump to a place, set the brain window."""

import slicer

BRAIN_WINDOW_HU = 80.0
BRAIN_LEVEL_HU = 40.0


def showVolume(volumeNode) -> None:
    """Put the scan behind the segmentation where no slice view shows it yet; other layers stay as they are."""
    if slicer.app.layoutManager() is None:  # started without a main window
        return
    shown = [node.GetBackgroundVolumeID() for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")]
    if volumeNode.GetID() not in shown:
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)


def jumpTo(positionRas) -> None:
    """Move every slice view to a point (RAS, mm), without changing zoom or pan."""
    sliceNode = slicer.vtkMRMLSliceNode
    sliceNode.JumpAllSlices(slicer.mrmlScene, *(float(c) for c in positionRas), sliceNode.OffsetJumpSlice)


class BrainWindow:
    """Shows a scan with W 80, L 40 HU, and gives back what was set before.

    A window that the person has set by hand is left alone until they ask for the brain window themselves.
    """

    def __init__(self) -> None:
        self._previous = {}

    @staticmethod
    def isShown(volumeNode) -> bool:
        """Whether the scan is shown with the brain window now, whoever set it."""
        display = volumeNode.GetScalarVolumeDisplayNode() if volumeNode is not None else None
        if display is None or display.GetAutoWindowLevel():
            return False
        return (display.GetWindow(), display.GetLevel()) == (BRAIN_WINDOW_HU, BRAIN_LEVEL_HU)

    def apply(self, volumeNode, askedFor: bool) -> None:
        """Set the brain window; unless it was asked for, only where Slicer chose the present window by itself."""
        display = _displayNode(volumeNode)
        if display is None or self.isShown(volumeNode) or not (askedFor or display.GetAutoWindowLevel()):
            return
        previous = (display.GetAutoWindowLevel(), display.GetWindow(), display.GetLevel())
        self._previous[volumeNode.GetID()] = previous
        with slicer.util.NodeModify(display):
            display.SetAutoWindowLevel(False)
            display.SetWindowLevel(BRAIN_WINDOW_HU, BRAIN_LEVEL_HU)

    def restore(self, volumeNode) -> None:
        """Give the scan the window back that it had before :meth:`apply`."""
        display = _displayNode(volumeNode)
        if display is None:
            return
        automatic, window, level = self._previous.pop(volumeNode.GetID(), (True, 0.0, 0.0))
        if automatic:
            display.SetAutoWindowLevel(True)
        else:
            display.SetWindowLevel(window, level)

    def forget(self) -> None:
        """Drop what is remembered: the scene was closed, and its identifiers will be used again."""
        self._previous.clear()


def _displayNode(volumeNode):
    if volumeNode is None:
        return None
    if volumeNode.GetDisplayNode() is None:
        volumeNode.CreateDefaultDisplayNodes()
    return volumeNode.GetScalarVolumeDisplayNode()
