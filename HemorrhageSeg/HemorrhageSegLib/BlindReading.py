"""Raters read without seeing each other's masks: what one has drawn in the scene is gone before another one reads."""

import contextlib

from slicer.i18n import tr as _

from HemorrhageSegLib import ResultPresenter
from HemorrhageSegLib.SceneResult import RECORD_ATTRIBUTE
from radiologycnn.annotation.records import EditStatistics, Mask
from radiologycnn.errors import InputError
from RadiologyCNNLib.ScenePlacement import removeParts, withDisplaysAndStorages

_RATER = "rater"  # in the result's record


def noteRater(result, rater) -> None:
    """A rater works on this result from now on; a saved scene keeps that."""
    result.updateRecord(**{_RATER: rater})


def takeAway(result, store, caseId, remove) -> str:
    """Where another rater has worked on a result, take it off its scan: the case begins with the network's mask.

    It is removed, with all that is in its Undo. Strokes that the dataset does not hold, as of a scene from elsewhere,
    stay as a segmentation of their own that is not shown.

    Args:
        result: SceneResult, or None.
        store: AnnotationStore of the rater who is about to read.
        caseId: of the scan.
        remove: function (SceneResult) that takes a result out of the scene.

    Returns:
        The name of the segmentation that stays; "" for none.
    """
    if result is None or result.record.get(_RATER, store.rater) == store.rater:
        return ""
    if _holdsNothingNew(result, store, caseId):
        remove(result)
        return ""
    node, rater = result.segmentationNode, result.record[_RATER]
    parts, own = ResultPresenter.partsOf(result), withDisplaysAndStorages([node])
    node.RemoveAttribute(RECORD_ATTRIBUTE)
    removeParts([part for part in parts if part not in own])
    node.SetName(_("{segmentation} by {rater}").format(segmentation=node.GetName(), rater=rater))
    if node.GetDisplayNode() is not None:
        node.GetDisplayNode().SetVisibility(False)
    return node.GetName()


def _holdsNothingNew(result, store, caseId) -> bool:
    """Whether the mask is the network's, or the dataset holds it as its rater's."""
    mask, found = Mask(*result.maskCrop()), result.networkMask(result.record["threshold"])
    if found is not None and _areSame(Mask(*found), mask):
        return True
    word = store.annotation(caseId, result.record[_RATER])
    with contextlib.suppress(InputError):  # its file is damaged
        kept = store.read_mask(word) if word is not None else None
        return kept is not None and _areSame(kept, mask)
    return False


def _areSame(one, other) -> bool:
    edits = EditStatistics.of(one, other, 1.0)
    return not (edits.added_ml or edits.removed_ml or edits.relabelled_ml)
