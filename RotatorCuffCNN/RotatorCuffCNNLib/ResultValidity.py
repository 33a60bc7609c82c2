"""Whether a result still belongs to what is on the screen (same scan, box and side), and can be relied on."""

import numpy as np
from slicer.i18n import tr as _

from radiologycnn.images.volume import LPS_TO_RAS
from radiologycnn.rotatorcuff.caution import caution_code
from RadiologyCNNLib import ScanGeometry
from RotatorCuffCNNLib import CuffRoi
from RotatorCuffCNNLib.CuffResult import CuffResult

#: A box that lies nearer than this to where it was (and is as large) has not been moved.
TOLERANCE_MM = 0.5


def remember(result: CuffResult, volumeField: dict) -> None:
    """Keep with a new result what it was made from.

    Args:
        result: just presented, so that its maps lie on the scan.
        volumeField: what the worker was given as the scan.
    """
    scanIjkToRas = LPS_TO_RAS @ np.array(volumeField["ijk_to_lps"], float)
    mapsIjkToRas = ScanGeometry.ijkToWorld(result.mapsNode)
    result.updateRecord(
        scan_ijk_to_ras=scanIjkToRas.tolist(),
        scan_ijk_to_maps_ijk=(np.linalg.inv(mapsIjkToRas) @ scanIjkToRas).tolist(),
        warped_places=ScanGeometry.warpedPlaces(result.volumeNode),
        scan_changed=False,
    )


def scanChanged(result: CuffResult) -> None:
    """The scan's voxels were changed after the result was made."""
    if not result.record.get("scan_changed"):
        result.updateRecord(scan_changed=True)


def outdatedReason(result: CuffResult, roiNode, side: str) -> str:
    """Why the result no longer says what a new run would say, as a sentence; "" where it still does.

    Args:
        result: of the scan.
        roiNode: the scan's box, or None.
        side: what the person has chosen: "auto", "left" or "right".
    """
    volumeNode, record = result.volumeNode, result.record
    if volumeNode is None or volumeNode.GetImageData() is None or "scan_ijk_to_ras" not in record:
        return ""
    if record.get("scan_changed"):
        return _("The scan was changed after this result. Classify again.")
    bent = ScanGeometry.hasNonlinearTransform(volumeNode)
    nowToRas = ScanGeometry.ijkToWorld(volumeNode) if result.mapsNode is None else _whereItLies(result)
    if nowToRas is None:
        return _("The scan was moved after this result, so that the map no longer fits it. Classify again.")
    classification = result.classification
    if side == "auto":  # what it tells now; the record keeps it also where a person had chosen another
        side = ((record.get("provenance") or {}).get("series") or {}).get("side", classification.side)
    if side != classification.side:
        return _("Another side was chosen after this result. Classify again.")
    if roiNode is not None and not bent and _roiMoved(classification.roi, record, roiNode, nowToRas):
        return _("The box was moved after this result. Classify again.")
    return ""


def caution(result: CuffResult) -> str:
    """Why the answer is not to be relied on, as a sentence; "" where nothing of that kind is known."""
    record = result.record
    code = caution_code(result.classification, record.get("notes") or (), record.get("provenance") or {})
    sentences = {
        "not-a-shoulder": _("By its name this series does not show a shoulder: do not rely on this answer."),
        "not-coronal": _("Not an oblique-coronal series: do not rely on this answer."),
        "t1-weighted": _("A T1-weighted series, but T2- or PD-weighted ones are expected: do not rely on this answer."),
        "head-not-found": _(
            "The humeral head was not found: do not rely on this answer. Drag the box onto it; classify again."
        ),
        "side-unknown": _("Nothing tells which shoulder this is. Choose its side; classify again."),
    }
    return sentences[code] if code else ""


def _whereItLies(result: CuffResult) -> np.ndarray | None:
    """4x4, index in the scan, counted as when the result was made, to RAS now; None where the map no longer fits it.

    Slicer turns a left-handed grid round when it loads a scene: then one axis is counted from its other end.
    """
    volumeNode, record = result.volumeNode, result.record
    nowToRas, places = ScanGeometry.ijkToWorld(volumeNode), record.get("warped_places")
    if places is not None:  # the map lies in the world itself
        return nowToRas if ScanGeometry.liesAt(volumeNode, places) else None
    if ScanGeometry.hasNonlinearTransform(volumeNode):
        return None
    then = np.array(record["scan_ijk_to_maps_ijk"], float)
    candidates = [nowToRas]
    if np.linalg.det(record["scan_ijk_to_ras"]) < 0 < np.linalg.det(nowToRas):
        candidates += [nowToRas @ turn for turn in _turns(volumeNode.GetImageData().GetDimensions())]
    toMaps = np.linalg.inv(ScanGeometry.ijkToWorld(result.mapsNode))
    corners = np.array([[0, 0, 0, 1], *([*corner, 1] for corner in 99 * np.eye(3))]).T
    fits = (one for one in candidates if np.allclose(then @ corners, toMaps @ one @ corners, atol=0.05))
    return next(fits, None)  # a twentieth of a voxel of the map


def _turns(dimensions) -> list:
    """For each axis the 4x4 matrix that counts its indices from the other end."""
    turns = [np.eye(4) for _axis in dimensions]
    for axis, count in enumerate(dimensions):
        turns[axis][axis, axis], turns[axis][axis, 3] = -1.0, count - 1.0
    return turns


def _roiMoved(region, record, roiNode, nowToRas: np.ndarray) -> bool:
    """Compared in the scan's own grid, so that a scan that is moved together with its box has not moved it."""
    now = CuffRoi.roiRequest(roiNode)
    thenToRas = np.array(record["scan_ijk_to_ras"], float)
    thenIjk = np.linalg.inv(thenToRas) @ LPS_TO_RAS @ [*region.centre_lps_mm, 1.0]
    nowIjk = np.linalg.inv(nowToRas) @ LPS_TO_RAS @ [*now["centre_lps_mm"], 1.0]
    distance = np.linalg.norm(nowToRas[:3, :3] @ (nowIjk - thenIjk)[:3])
    return bool(distance > TOLERANCE_MM or abs(now["edge_mm"] - region.edge_mm) > TOLERANCE_MM)
