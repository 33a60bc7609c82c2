"""What of a scan and of a result in the scene enters an annotation dataset: nothing that may name the patient."""

import hashlib

import numpy as np
import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib.MaskOrigin import networkRun
from HemorrhageSegLib.ResultPresenter import KEPT_FIELDS
from radiologycnn.annotation.records import EditStatistics, Mask
from radiologycnn.hemorrhage.mask_values import are_types
from radiologycnn.images.boxes import box_within, common_box, moved_box, whole_box
from radiologycnn.images.volume import LPS_TO_RAS
from RadiologyCNNLib.ScanGeometry import ijkToRas

#: So much of a scan is looked at to know it again.
FINGERPRINT_BYTES = 2_000_000


def networkMessage(result) -> dict:
    """What the worker answered, from what the result keeps of it."""
    record = {**result.record, **networkRun(result.record)}
    message = {field: record.get(field) for field in (*KEPT_FIELDS, "labels", "offset_kji", "shape_kji")}
    message["threshold"] = record["operating_threshold"]
    message["notes"] = []  # they and the input's origin may hold names
    message["provenance"] = {k: v for k, v in (record.get("provenance") or {}).items() if k != "input"}
    message["measurements"] = None  # of whichever mask was shown
    return message


def editsOf(result, network, mask, voxelMl, changes=0) -> EditStatistics:
    """How far a result's mask is from the network's.

    Args:
        result: SceneResult.
        network: Mask, in the labels of the run that the result's probability is of.
        mask: Mask; after Undo of another model's run it has that one's labels, and both are compared as blood.
        voxelMl: volume of a voxel.
        changes: how often the mask was changed.
    """
    if result.labels != result.networkLabels:
        network, mask = (Mask((one.crop != 0).astype(np.uint8), one.offset_kji) for one in (network, mask))
    return EditStatistics.of(network, mask, voxelMl, changes)


def maskInLabelsOf(result, mask, hasTypes) -> tuple:
    """A rater's mask in the labels of the result that it is shown on, and a sentence for the rater; "" for none.

    Args:
        result: SceneResult.
        mask: Mask.
        hasTypes: whether its values stand for types of bleed; else they say blood.
    """
    if hasTypes == are_types(result.labels):
        return mask, ""
    blood = mask.crop != 0
    if hasTypes:
        note = _("Your mask tells types of bleed, this model does not: changed or accepted here, it loses them.")
        return Mask(blood.astype(np.uint8), mask.offset_kji), note
    note = _("Your mask was drawn without types of bleed: they are the network's now. Check them before you accept.")
    return Mask(np.where(blood, _likeliestLabels(result, mask), 0).astype(np.uint8), mask.offset_kji), note


def _likeliestLabels(result, mask) -> np.ndarray:
    """The label that the network finds likeliest in each voxel of a mask's crop; the first where it says nothing."""
    labels = np.full(mask.crop.shape, result.labels[0].value, np.uint8)
    if result.canThreshold:
        found, start = result.networkMask(0.0)
        foundBox = moved_box(whole_box(found.shape), start)
        common = common_box(mask.box, foundBox)
        if common is not None:
            labels[box_within(common, mask.box)] = found[box_within(common, foundBox)]
    return labels


def ijkToLps(volumeNode) -> np.ndarray:
    """Voxel index to LPS, 4x4 in mm, as the scan's file has it: without transforms of the scene."""
    return LPS_TO_RAS @ ijkToRas(volumeNode)


def voxelsFingerprint(volumeNode) -> str:
    """32 hexadecimal digits by which a scan that is loaded anew is the same case again.

    Of geometry, size and rows from all slices, not of every voxel: all scans of the scene are looked at in one click.
    """
    array = slicer.util.arrayFromVolume(volumeNode)
    digest = hashlib.sha256(np.round(ijkToLps(volumeNode), 4).tobytes())
    digest.update(repr((array.shape, array.dtype.str)).encode())
    rows = array.reshape(-1, array.shape[-1])
    step = max(array.nbytes // FINGERPRINT_BYTES, 1)
    digest.update(np.ascontiguousarray(rows[:: _coprime(step, array.shape[1])]).data)
    return digest.hexdigest()[:32]


def _coprime(step, rowsPerSlice) -> int:
    """The next step that does not meet the same rows in every slice."""
    while np.gcd(step, rowsPerSlice) > 1:
        step += 1
    return step
