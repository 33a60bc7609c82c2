"""MaskOrigin: where a result's mask comes from: which run of a network, at which threshold, or a person's hand.

The record (see ``SceneResult``) tells of the mask. Undo may bring that of an earlier run back, whose probability maps
are gone: the record then names that run again, and ``network_run`` in it the one that the maps are of.
"""

import hashlib
import json

import numpy as np
import slicer
import vtk

from radiologycnn.images.boxes import bounding_box

ALGORITHM_TYPE_TAG = "DICOM.SegmentAlgorithmType"
RUN_TAG = "HemorrhageSeg.Run"  # which run the segment is of; Undo brings it back with the segment
#: What a record says of the run that its mask is of.
RUN_FIELDS = ("labels", "model", "notes", "provenance", "device", "device_name", "seconds")


def maskKey(result) -> str:
    """A short text that is the same for the same mask, whatever crop it is held in; a saved scene's masks keep it."""
    return result.remembered("key", result.maskState(), lambda: cropKey(*result.maskCrop()))


def cropKey(mask: np.ndarray, offsetKji: tuple[int, int, int]) -> str:
    """The same of a mask as label values (K, J, I) that start at voxel ``offsetKji``; "" of an empty one."""
    box = bounding_box(mask)
    if box is None:
        return ""
    place = [(part.start + offset, part.stop + offset) for part, offset in zip(box, offsetKji)]
    return hashlib.sha256(repr(place).encode() + np.ascontiguousarray(mask[box]).tobytes()).hexdigest()


# Threshold or hand


def isAsApplied(result) -> bool:
    """Whether the mask is still what a threshold has made it."""
    return not result.record.get("edited") and result.record.get("mask_key") == maskKey(result)


def rememberThreshold(result) -> None:
    """Undo may bring the mask that the record tells of back; which threshold it was of is not in the mask."""
    key = result.record.get("mask_key")
    if key and not result.record.get("edited"):  # an empty mask is that of many thresholds, and of an eraser
        result.remembered("thresholds", None, dict)[key] = result.record["threshold"]


def noteMask(result) -> bool:
    """Take note of the mask as it is now; whether it is another one than the record tells of.

    Its key is saved with the scene: a mask may be changed where nobody watches it.
    """
    rememberThreshold(result)
    isOfOtherRun = _followRun(result)
    key, known, before = maskKey(result), result.record.get("mask_key"), result.record["threshold"]
    isChanged = key != known or isOfOtherRun
    if isChanged:
        threshold = _thresholdOfMask(result)
        if known is None and (threshold == before or result.record.get("edited") or not result.canThreshold):
            result.updateRecord(mask_key=key)  # of an earlier version's scene, which tells nothing else
            isChanged = False
        else:
            isEdited = threshold is None
            result.updateRecord(mask_key=key, edited=isEdited, threshold=before if isEdited else threshold)
    describe(result)
    return isChanged


def _thresholdOfMask(result) -> float | None:
    """The threshold at which the mask is exactly what the network says, of those that it was shown at."""
    record, key = result.record, maskKey(result)
    earlier = result.remembered("thresholds", None, dict).get(key, record["threshold"])
    for threshold in dict.fromkeys((record["threshold"], earlier, record["operating_threshold"])):
        found = result.networkMask(threshold)
        if found is not None and cropKey(*found) == key:
            return threshold
    return None


# Which run


def networkRun(record: dict) -> dict:
    """``RUN_FIELDS`` of the run that the probability maps are of."""
    return record.get("network_run") or {field: record.get(field) for field in RUN_FIELDS}


def takeNetworkRun(result) -> None:
    """The mask is made from the probability maps again: the record tells of their run."""
    if result.record.get("network_run"):
        result.updateRecord(**networkRun(result.record), network_run=None)


def describe(result) -> None:
    """Say for a DICOM SEG whether the mask is the network's own or was corrected by hand, and for Undo its run.

    No event tells of it: each event of a segment takes Redo away, and this is said after Undo too.
    """
    run = {field: result.record.get(field) for field in RUN_FIELDS}
    tags = {ALGORITHM_TYPE_TAG: _algorithmType(result.record), RUN_TAG: _runKey(run)}
    _knownRuns(result)[tags[RUN_TAG]] = run
    for label in result.labels:
        segment = result.segmentationNode.GetSegmentation().GetSegment(result.segmentId(label))
        if segment is not None:
            setTagsSilently(segment, tags)


def setTagsSilently(segment, tags: dict) -> None:
    """Set tags (name -> text) of a segment without the event that would take Redo away."""
    if any(_tag(segment, name) != text for name, text in tags.items()):
        described = slicer.vtkSegment()
        described.DeepCopyMetadata(segment)
        for name, text in tags.items():
            described.SetTag(name, text)
        segment.DeepCopyMetadata(described)


def _followRun(result) -> bool:
    """Have the record name the run whose mask Undo or Redo has brought back, with its labels; else a part of the mask
    would be counted and kept as nothing, or as another type.

    Returns:
        Whether it was another run.
    """
    segmentation, known = result.segmentationNode.GetSegmentation(), _knownRuns(result)
    own = (segmentation.GetSegment(one) for one in segmentation.GetSegmentIDs() if result.isOwnSegment(one))
    record = result.record
    now = _runKey({field: record.get(field) for field in RUN_FIELDS})
    other = next((key for key in (_tag(segment, RUN_TAG) for segment in own) if key in known and key != now), None)
    if other is None:
        return False
    network = networkRun(record)
    result.updateRecord(**known[other], network_run=None if _runKey(network) == other else network)
    return True


def _knownRuns(result) -> dict:
    """Key -> fields of each run since the scene was opened; Undo goes no further back."""
    return result.remembered("runs", None, dict)


def _runKey(run: dict) -> str:
    """A tag cannot hold the fields themselves: their text has the characters that part a saved segment's tags."""
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()[:16]


def _tag(segment, name: str) -> str:
    text = vtk.mutable("")
    return str(text) if segment.GetTag(name, text) else ""


def _algorithmType(record: dict) -> str:
    """As DICOM has it. MANUAL is none of them: each mask here began as a network's."""
    return "SEMIAUTOMATIC" if record.get("edited") else "AUTOMATIC"
