"""EditWatch: notices where a segmentation is changed by hand, in the Segment Editor or by a script."""

from slicer.util import VTKObservationMixin

from RadiologyCNNLib.DelayedCall import delayedCall

EDIT_DELAY_MS = 100  # a stroke's end, not each of its points; below what is felt as waiting


class EditWatch(VTKObservationMixin):
    """Watches one segmentation at a time.

    Args:
        edited: function () that is called once a change is over.
        isOwnChange: function () that says whether what changes the mask now is the panel itself.
    """

    def __init__(self, edited, isOwnChange) -> None:
        VTKObservationMixin.__init__(self)
        self._edited, self._isOwnChange = edited, isOwnChange
        self._segmentation = None
        self._timer = delayedCall(EDIT_DELAY_MS, edited)

    def watch(self, segmentationNode) -> None:
        """Watch this node's segmentation from now on; None for none. A change of the one before that was not told of
        yet is forgotten."""
        segmentation = segmentationNode.GetSegmentation() if segmentationNode is not None else None
        if segmentation is self._segmentation:
            return
        self.removeObservers()
        self._timer.stop()
        self._segmentation = segmentation
        if segmentation is not None:
            for event in (
                segmentation.SourceRepresentationModified,
                segmentation.SegmentModified,  # Undo replaces the whole segment; so do a new name and a new colour
                segmentation.SegmentAdded,
                segmentation.SegmentRemoved,
            ):
                self.addObserver(segmentation, event, self._onModified)

    def finish(self) -> None:
        """Tell now of a change just before."""
        if self._timer.active:
            self._timer.stop()
            self._edited()

    def _onModified(self, caller=None, event=None) -> None:
        if not self._isOwnChange():
            self._timer.start()
