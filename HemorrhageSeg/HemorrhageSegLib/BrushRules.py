"""What a stroke of the brush may change: other types stay, a range of HU holds. Applied as soon as a stroke is drawn.

The editor's own masks say the same before a stroke, but are made of the whole scan for each one: on 512 x 512 x 160
voxels that is felt as waiting. Here only the box that the stroke has changed is looked at.
"""

import numpy as np
import slicer
from slicer.util import VTKObservationMixin

from HemorrhageSegLib.Labelmaps import changeSegment, labelmapOf, voxelsOf
from radiologycnn.images.boxes import (
    bounding_box,
    box_shape,
    box_start,
    box_within,
    common_box,
    moved_box,
    union_box,
    whole_box,
)


class BrushRules(VTKObservationMixin):
    """Takes back what a stroke in one segment must not change. It is the editor's same undo step.

    Attributes:
        staysOutside: the other segments keep their voxels.
        changesOnlyLabel: the stroke takes what is in other segments, and nothing else.
        rangeHu: (least, greatest) HU of the voxels that a stroke may add or take away; None for all.

    Args:
        isOwnChange: called without arguments: whether the program is what changes the mask now.
    """

    def __init__(self, isOwnChange) -> None:
        VTKObservationMixin.__init__(self)
        self.staysOutside = self.changesOnlyLabel = False
        self.rangeHu = None
        self._isOwnChange = isOwnChange
        self._node = self._volume = None
        self._segmentId = ""
        self._before = self._state = None
        self._isApplying = False

    def hold(self, segmentationNode, volumeNode, segmentId) -> None:
        """Watch the strokes in this segment from now on; its grid is the scan's."""
        if segmentationNode is not self._node:
            self.letGo()
            segmentation = segmentationNode.GetSegmentation()
            # a stroke is the first event and never the second alone; Undo and Redo are only the second
            self.addObserver(segmentation, segmentation.SourceRepresentationModified, self._onVoxels)
            self.addObserver(segmentation, segmentation.SegmentModified, self._look)
        self._node, self._volume, self._segmentId = segmentationNode, volumeNode, segmentId
        self._look()

    def letGo(self) -> None:
        """Whatever is drawn from now on stays."""
        self.removeObservers()
        self._node = self._volume = self._before = self._state = None

    def _onVoxels(self, caller=None, event=None) -> None:
        if self._isApplying:
            return
        before = self._before
        self._look()
        if before is None or self._before is None or self._isOwnChange():
            return
        self._isApplying = True
        try:
            self._apply(before, self._before)
        finally:
            self._isApplying = False
        self._look()

    def _look(self, caller=None, event=None) -> None:
        """Remember the segment as it is, where it is another one than was remembered."""
        image, value = labelmapOf(self._node.GetSegmentation(), self._segmentId)
        state = (image, image.GetMTime(), value) if image is not None else None
        if state is None or state != self._state:
            self._state = state
            box, labels = voxelsOf(image) if image is not None else (None, None)
            self._before = (box, labels == value) if image is not None else None

    def _apply(self, before, after) -> None:
        held = [box for box, _voxels in (before, after) if all(box_shape(box))]
        box = union_box(held) if held else whole_box((0, 0, 0))
        old, new = (_inBox(box, *mask) for mask in (before, after))
        changed = bounding_box(old ^ new)
        if changed is None:
            return
        old, new, box = old[changed], new[changed], moved_box(changed, box_start(box))
        others = self._others(box)
        taken = np.logical_or.reduce([*others.values(), np.zeros_like(old)])
        added, removed = new & ~old, old & ~new
        kept, regained = added, np.zeros_like(removed)
        if self.rangeHu is not None:
            voxels = slicer.util.arrayFromVolume(self._volume)[box]
            isInRange = (voxels >= self.rangeHu[0]) & (voxels <= self.rangeHu[1])
            kept, regained = kept & isInRange, removed & ~isInRange
        if self.changesOnlyLabel:
            kept = kept & taken
        elif self.staysOutside:
            kept = kept & ~taken
        changeSegment(self._node, self._segmentId, added & ~kept, box, isAdded=False)
        changeSegment(self._node, self._segmentId, regained, box, isAdded=True)
        if self.changesOnlyLabel:
            for segmentId, voxels in others.items():
                changeSegment(self._node, segmentId, voxels & kept, box, isAdded=False)

    def _others(self, box) -> dict:
        """Segment identifier -> its voxels in a box, bool (K, J, I), of each other segment that has an image."""
        segmentation = self._node.GetSegmentation()
        images = {other: labelmapOf(segmentation, other) for other in segmentation.GetSegmentIDs()}
        images.pop(self._segmentId)
        return {other: _inBox(box, *voxelsOf(image), value) for other, (image, value) in images.items() if image}


def _inBox(box, labelsBox, labels, value=True) -> np.ndarray:
    """Where labels have a value, in a box of the grid that need not be theirs: bool (K, J, I)."""
    found = np.zeros(box_shape(box), bool)
    common = common_box(box, labelsBox)
    if common is not None:
        found[box_within(common, box)] = labels[box_within(common, labelsBox)] == value
    return found
