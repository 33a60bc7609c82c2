"""One mask from several raters' masks: majority vote (Arab 2020), STAPLE, union, intersection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiologycnn.images.boxes import bounding_box, grown_box
from radiologycnn.images.masks import marked

STAPLE_MARGIN_KJI = (5, 5, 5)  #: voxels of background around all raters' masks that STAPLE looks at
METHODS = ("majority", "staple", "union", "intersection")


def consensus(masks: Sequence[np.ndarray], method: str = "majority") -> np.ndarray:
    """Combine binary masks of one scan.

    Args:
        masks: one a rater, all of shape (K, J, I); what is inside: :func:`.masks.marked`.
        method: "majority": inside where more than half of the raters say so (with two raters: both). "staple": voxels
            that are more likely inside than not, with each rater weighted by the sensitivity and specificity that the
            others' masks suggest (Warfield 2004). "union", "intersection".

    Returns:
        uint8, shape (K, J, I).

    Raises:
        ValueError: no masks, different shapes, or an unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"There is no consensus {method!r} (known: {', '.join(METHODS)}).")
    if not masks or any(np.shape(m) != np.shape(masks[0]) for m in masks):
        raise ValueError("A consensus needs at least one mask, all of the same shape.")
    inside = [marked(np.asarray(mask)) for mask in masks]
    votes = np.sum(inside, axis=0, dtype=np.uint16)
    if method == "staple":
        return _staple(inside, votes)
    least = {"majority": len(masks) // 2 + 1, "union": 1, "intersection": len(masks)}[method]
    return (votes >= least).astype(np.uint8)


def common_label(agreed: np.ndarray, labels: Sequence[np.ndarray]) -> np.ndarray:
    """The label that most raters give each voxel of a consensus, such as the type of a bleed.

    Where as many say one as another, it is the one that all raters together use more; where none of them says any, the
    one that they use most.

    Args:
        agreed: consensus, 0 or 1, shape (K, J, I).
        labels: label values of each rater, 0 for nothing, of the same shape.

    Returns:
        uint8, shape (K, J, I), 0 outside the consensus.
    """
    voxels = np.nonzero(agreed)
    chosen = np.array([one[voxels] for one in labels], np.uint8)
    used = np.bincount(np.concatenate([one[one != 0] for one in labels]), minlength=2)
    values = sorted(np.flatnonzero(used), key=lambda value: -used[value]) or [1]
    votes = np.array([(chosen == value).sum(axis=0) for value in values])
    result = np.zeros(agreed.shape, np.uint8)
    result[voxels] = np.array(values, np.uint8)[votes.argmax(axis=0)]
    return result


def _staple(inside: list[np.ndarray], votes: np.ndarray) -> np.ndarray:
    """STAPLE within the raters' common box and some voxels around it.

    Over a whole head the background would make every rater's specificity 1, and the estimate close to the union.
    """
    import SimpleITK as sitk

    result = np.zeros(votes.shape, np.uint8)
    if votes.max() in (0, len(inside)) and votes.min() == votes.max():
        return (votes > 0).astype(np.uint8)
    around = bounding_box(votes)
    if around is None:
        return result
    box = grown_box(around, STAPLE_MARGIN_KJI, votes.shape)
    images = [sitk.GetImageFromArray(mask[box].astype(np.uint8)) for mask in inside]
    probability = sitk.GetArrayFromImage(sitk.STAPLE(images, 1.0))
    result[box] = probability > 0.5
    return result
