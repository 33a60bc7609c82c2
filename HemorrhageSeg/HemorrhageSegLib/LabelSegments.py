"""The segments that a result's labels stand for, with the model's names, colours and terminology."""

import re

#: Of their identifiers, before the label's value. Segments that a person adds have others, as "hemorrhage-1_1", which
#: Slicer makes of one that is copied from another result.
PREFIX = "hemorrhage-"
_PATTERN = re.compile(rf"{PREFIX}\d+")


def isOfLabel(segmentId) -> bool:
    """Whether a segment is a label's, by its identifier."""
    return _PATTERN.fullmatch(segmentId) is not None


def present(result) -> None:
    """One segment a label, as the model describes it; segments drawn by the person stay."""
    segmentation = result.segmentationNode.GetSegmentation()
    wanted = {result.segmentId(label) for label in result.labels}
    for segmentId in segmentation.GetSegmentIDs():
        if result.isOwnSegment(segmentId) and segmentId not in wanted:
            segmentation.RemoveSegment(segmentId)
    addMissing(result)
    for label in result.labels:
        _describe(result, label)


def namesOfOthers(result) -> list:
    """Names of the segments that a person has added; they are neither measured nor kept as a mask."""
    segmentation = result.segmentationNode.GetSegmentation()
    measured = {result.segmentId(label) for label in result.labels}
    ids = [one for one in segmentation.GetSegmentIDs() if one not in measured]
    return [segmentation.GetSegment(one).GetName() for one in ids]


def addMissing(result) -> None:
    """Give each label whose segment somebody has removed an empty one: Slicer writes no mask into a missing one."""
    segmentation = result.segmentationNode.GetSegmentation()
    for number, label in enumerate(result.labels):
        segmentId = result.segmentId(label)
        if segmentation.GetSegment(segmentId) is None:
            segmentation.AddEmptySegment(segmentId, label.name, label.color_rgb)
            segmentation.SetSegmentIndex(segmentId, number)  # keys choose the segments in their order
            _describe(result, label)


def _describe(result, label) -> None:
    segment = result.segmentationNode.GetSegmentation().GetSegment(result.segmentId(label))
    segment.SetName(label.name)
    segment.SetColor(*label.color_rgb)
    segment.SetTag(segment.GetTerminologyEntryTagName(), label.terminology())
    # what a DICOM SEG says about who drew it
    segment.SetTag("DICOM.SegmentAlgorithmName", _algorithmName(result.record))


def _algorithmName(record: dict) -> str:
    provenance = record.get("provenance") or {}
    model = provenance.get("model")
    model = model.get("id", "") if isinstance(model, dict) else model
    return f"RadiologyCNN {model}" if model else "RadiologyCNN"
