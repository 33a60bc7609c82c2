"""The segments that a result's labels stand for, with the model's names, colours and terminology."""

import hashlib
import json

import slicer
import vtk

ALGORITHM_TYPE_TAG = "DICOM.SegmentAlgorithmType"
LABELS_TAG = "HemorrhageSeg.Labels"  # which labels the segment is one of; Undo brings it back with the segment
PREFIX = "hemorrhage-"  # of their identifiers; segments that a person adds have others


def present(result) -> None:
    """One segment a label, as the model describes it; segments drawn by the person stay."""
    segmentation = result.segmentationNode.GetSegmentation()
    wanted = {result.segmentId(label) for label in result.labels}
    for segmentId in segmentation.GetSegmentIDs():
        if segmentId.startswith(PREFIX) and segmentId not in wanted:
            segmentation.RemoveSegment(segmentId)
    addMissing(result)
    for label in result.labels:
        _describe(result, label)


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


def describeOrigin(result) -> None:
    """Say for a DICOM SEG whether the mask is the network's own or was corrected by hand, and for Undo its labels.

    No event tells of it: each event of a segment takes Redo away, and this is said after Undo too.
    """
    tags = {ALGORITHM_TYPE_TAG: _algorithmType(result.record), LABELS_TAG: _labelsKey(result.record["labels"])}
    _knownLabels(result)[tags[LABELS_TAG]] = result.record["labels"]
    for label in result.labels:
        segment = result.segmentationNode.GetSegmentation().GetSegment(result.segmentId(label))
        if segment is not None and any(_tag(segment, name) != text for name, text in tags.items()):
            described = slicer.vtkSegment()
            described.DeepCopyMetadata(segment)
            for name, text in tags.items():
                described.SetTag(name, text)
            segment.DeepCopyMetadata(described)


def followLabels(result) -> bool:
    """Give the result the labels that its segments were made for, where Undo or Redo has brought those of another
    model's run back; else a part of the mask would be counted and kept as nothing, or as another type.

    Returns:
        Whether they were others.
    """
    segmentation, known = result.segmentationNode.GetSegmentation(), _knownLabels(result)
    held = [
        _tag(segmentation.GetSegment(one), LABELS_TAG) for one in segmentation.GetSegmentIDs() if one.startswith(PREFIX)
    ]
    now = _labelsKey(result.record["labels"])
    others = [key for key in held if key in known and key != now]
    if others:
        result.updateRecord(labels=known[others[0]])
    return bool(others)


def _knownLabels(result) -> dict:
    """Key -> labels of each run since the scene was opened; Undo goes no further back."""
    return result.remembered("labels", None, dict)


def _labelsKey(labels: list) -> str:
    """A tag cannot hold the labels themselves: their text has the characters that part a saved segment's tags."""
    return hashlib.sha256(json.dumps(labels).encode()).hexdigest()[:16]


def _tag(segment, name: str) -> str:
    text = vtk.mutable("")
    return str(text) if segment.GetTag(name, text) else ""


def _algorithmType(record: dict) -> str:
    """As DICOM has it. MANUAL is none of them: each mask here began as a network's."""
    return "SEMIAUTOMATIC" if record.get("edited") else "AUTOMATIC"


def _algorithmName(record: dict) -> str:
    provenance = record.get("provenance") or {}
    model = provenance.get("model")
    model = model.get("id", "") if isinstance(model, dict) else model
    return f"RadiologyCNN {model}" if model else "RadiologyCNN"
