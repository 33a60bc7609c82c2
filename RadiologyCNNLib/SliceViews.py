"""SliceViews: what the panels do to the slice views: show the scan, jump to a place."""

import slicer


def showVolume(volumeNode) -> None:
    """Put the scan behind what is drawn on it where no slice view shows it yet; other layers stay as they are."""
    if slicer.app.layoutManager() is None:  # started without a main window
        return
    shown = [node.GetBackgroundVolumeID() for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")]
    if volumeNode.GetID() not in shown:
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)


def jumpTo(positionRas) -> None:
    """Move every slice view to a point (RAS, mm), without changing zoom or pan."""
    sliceNode = slicer.vtkMRMLSliceNode
    sliceNode.JumpAllSlices(slicer.mrmlScene, *(float(c) for c in positionRas), sliceNode.OffsetJumpSlice)
