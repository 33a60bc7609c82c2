"""Slicer's own status of the segments, by a rater's word on the case; Slicer's segment lists show it."""

import slicer

from HemorrhageSegLib.MaskOrigin import setTagsSilently
from radiologycnn.annotation.records import ACCEPTED, FLAGGED, REJECTED


def showStatus(result, status, keepsRedo=False) -> None:
    """Give a result's segments the status that stands for a word on the case.

    Args:
        result: SceneResult.
        status: IN_PROGRESS, or a decision.
        keepsRedo: nobody is told, as each event of a segment takes Redo away; the lists show it at the next event.
    """
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    shown = {ACCEPTED: logic.Completed, FLAGGED: logic.Flagged, REJECTED: logic.Flagged}.get(status, logic.InProgress)
    for label in result.labels:
        segment = result.segmentationNode.GetSegmentation().GetSegment(result.segmentId(label))
        if segment is not None and keepsRedo:
            setTagsSilently(segment, {logic.GetStatusTagName(): logic.GetSegmentStatusAsMachineReadableString(shown)})
        elif segment is not None:
            logic.SetSegmentStatus(segment, shown)
