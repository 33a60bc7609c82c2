"""Two masks of one rater on one scan: the dataset's, and the scene's, which may be corrected without the case list.

The result's record knows which mask both had last in common: whichever is another one now is newer.
"""

from HemorrhageSegLib.MaskOrigin import cropKey, maskKey

_COMMON = "kept_mask"  # in the result's record


def noteKept(result) -> None:
    """The dataset has the result's mask now, or the result that of the dataset; a saved scene knows that."""
    result.updateRecord(**{_COMMON: maskKey(result)})


def isNewerInScene(result, kept) -> bool:
    """Whether the result was corrected by hand since the dataset got its mask (Mask), and the dataset's was not."""
    return _isCorrected(result) and result.record.get(_COMMON) == keyOfKept(kept) != maskKey(result)


def isLostWith(result, kept) -> bool:
    """Whether the result holds corrections that went into no mask of the dataset, so far as the scene knows."""
    return _isCorrected(result) and maskKey(result) not in (result.record.get(_COMMON), keyOfKept(kept))


def keyOfKept(kept) -> str:
    """As MaskOrigin.maskKey, of the dataset's mask."""
    return cropKey(kept.crop, kept.offset_kji)


def _isCorrected(result) -> bool:
    return bool(result.record.get("edited"))
