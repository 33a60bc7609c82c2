"""Is this scan a head CT that the network can read? Refuses what certainly is not, warns where in doubt.

The test of the organ is geometric: a head has slices in which a closed ring of bone, of a head's size, surrounds soft
tissue. Nothing else in the body has: ribs and pelvis leave wide gaps, and limbs are too small.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.skull import AIR_BELOW_HU, BONE_ABOVE_HU, LEAST_RING_MM, Skull, find_skull
from radiologycnn.images.grid import axes_to_lps, restore_box
from radiologycnn.images.volume import Volume

CHOOSE_HEAD = "Choose a non-contrast CT of the whole head."

# Height over which a closed ring of bone is usually seen; below it only a part of a head is there.
USUAL_RING_MM = 60.0

LEAST_EXTENT_MM = 80.0
MOST_EXTENT_MM = 280.0
IMPOSSIBLE_EXTENT_MM = 400.0
WIDEST_FIELD_MM = 350.0
THICKEST_SLICE_MM = 6.0

# Cross-section of the uppermost slice against the largest one, from which on the vertex must be missing.
CUT_VERTEX_SHARE = 0.35

# Brighter than enamel and the densest bone, and wider than the edge that a sharp kernel draws along a bone. Looked for
# as far below the top of the box around the brain as the brain reaches, so that fillings of teeth do not count.
METAL_ABOVE_HU = 2900
LEAST_METAL_MM = 2.0
LEAST_METAL_MM3 = 5.0
TALLEST_BRAIN_MM = 140.0

_CONTRAST = re.compile(
    r"\bcta\b|angio|perfusion|venogra|post.?contrast|with contrast|contrast.?enhanced|\bctv\b|\+c\b|\bkm\b"
)
_NO_CONTRAST = re.compile(r"non.?contrast|without|\bw/?o\b|no contrast|nativ|plain|\bohne\b")
# What stands in the header's field for the agent where there was none.
_NO_AGENT = re.compile(r"n|n/a|non.?contrast|(no|none|without)\b.*|[-0. ]+(ml)?")


def check_head_ct(volume: Volume, skull: Skull | None = None, cropped: bool = False) -> list[str]:
    """Warnings for the person, one sentence each; empty when all is well.

    Args:
        volume: finite voxels on a valid grid (``radiologycnn.images.checks`` sees to that first).
        skull: of this volume, where it is known; found here where left out.
        cropped: the network is shown the head alone, so that what lies beside it takes nothing from its picture.

    Raises:
        InputError: this is certainly not a head CT in Hounsfield units.
    """
    check_hounsfield_units(volume)
    low, high = float(volume.array.min()), float(volume.array.max())
    if high < BONE_ABOVE_HU:
        raise InputError(
            "not-a-head-ct",
            f"There is no bone in this scan: its values run from {low:g} to {high:g} HU, so it cannot show a head.",
            CHOOSE_HEAD,
        )
    (to_left, to_back, to_head), _ = axes_to_lps(volume.ijk_to_lps)
    spacing_mm, size = volume.spacing_mm, volume.array.shape[::-1]
    extent = [float(spacing_mm[axis] * size[axis]) for axis in (to_left, to_back)]
    height = float(abs(volume.ijk_to_lps[2, to_head]) * size[to_head])
    if height > IMPOSSIBLE_EXTENT_MM:
        raise InputError(
            "too-large-extent",
            f"This scan covers {height:.0f} mm from bottom to top, much more than a head.",
            "Crop it to the head, or choose the head's own series.",
        )
    skull = skull or find_skull(volume)
    if skull.ring_mm < LEAST_RING_MM:
        raise InputError(
            "not-a-head-ct",
            "No skull was found in this scan: no slices in which bone surrounds soft tissue at a head's size.",
            CHOOSE_HEAD,
        )

    warnings = []
    if skull.ring_mm < USUAL_RING_MM or height < LEAST_EXTENT_MM:
        warnings.append(
            f"Only part of the head is in this scan ({height:.0f} mm from bottom to top); "
            "what lies outside is not measured."
        )
    elif skull.top_share > CUT_VERTEX_SHARE:
        warnings.append("The top of the head seems to be cut off; a bleed there is not measured.")
    if height > MOST_EXTENT_MM and not cropped:
        warnings.append(
            f"This scan covers {height:.0f} mm from bottom to top, more than a head; "
            "crop it to the head for the network to see the head larger."
        )
    if max(extent) > WIDEST_FIELD_MM and not cropped:
        warnings.append(
            f"The image is {extent[0]:.0f} x {extent[1]:.0f} mm wide, so the network sees the head small; "
            "a reconstruction with a smaller field of view would be better."
        )
    if spacing_mm[to_head] > THICKEST_SLICE_MM:
        warnings.append(f"The slices are {spacing_mm[to_head]:.1f} mm apart; volumes of small bleeds are uncertain.")
    if _has_contrast(volume):
        warnings.append(
            "This scan seems to have been made with contrast medium, which looks like blood; "
            "the network was made for scans without."
        )
    if _has_metal(volume, skull):
        warnings.append("There is metal in or on the head; its streaks can look like blood, or hide it.")
    if not volume.modality:
        warnings.append("The file does not say that this is a CT; its values look like Hounsfield units.")
    return warnings


def _has_contrast(volume: Volume) -> bool:
    """Whether the name or the DICOM header speaks of contrast medium."""
    facts = volume.provenance.get("acquisition") or {}
    texts = [volume.name, *(facts.get(key, "") for key in ("SeriesDescription", "ProtocolName"))]
    described = " ".join(map(str, texts)).lower().replace("_", " ")  # which separates words in file names
    agent = str(facts.get("ContrastBolusAgent", "")).strip().lower()
    if agent and not _NO_AGENT.fullmatch(agent):
        return True
    return bool(_CONTRAST.search(described)) and not _NO_CONTRAST.search(described)


def _has_metal(volume: Volume, skull: Skull) -> bool:
    if skull.box is None:
        return False
    tall, wide_j, wide_i = skull.box
    step_mm = float(volume.spacing_mm[axes_to_lps(volume.ijk_to_lps)[0][2]])
    brain = slice(max(tall.start, tall.stop - int(TALLEST_BRAIN_MM / step_mm)), tall.stop)
    bright = volume.array[restore_box((brain, wide_j, wide_i), volume)] > METAL_ABOVE_HU
    if bright.any():
        for axis, step in ((2, volume.spacing_mm[0]), (1, volume.spacing_mm[1])):
            apart = min(int(np.ceil(LEAST_METAL_MM / step)), bright.shape[axis] - 1)
            bright = np.swapaxes(bright, 0, axis)
            bright = np.swapaxes(bright[apart:] & bright[: len(bright) - apart], 0, axis)
    return bool(np.count_nonzero(bright) * volume.voxel_volume_mm3 >= LEAST_METAL_MM3)


def check_hounsfield_units(volume: Volume) -> None:
    """Raises InputError where this is certainly no CT in Hounsfield units, whatever it shows."""
    if volume.modality not in ("", "CT"):
        raise InputError(
            "not-a-ct", f"This scan's modality is {volume.modality}, but a head CT is needed.", CHOOSE_HEAD
        )
    low, high = float(volume.array.min()), float(volume.array.max())
    stated = f"its values run from {low:g} to {high:g}"
    if low >= -100 and high >= 1500 and _share(volume, lambda hu: (hu > 850) & (hu < 1250)) > 0.1:
        raise InputError(
            "not-hounsfield",
            f"This scan is not in Hounsfield units: {stated}. It may be no CT at all (an MRI, say), or its values are "
            "as the scanner stores them before its offset is applied.",
            "Choose a CT; if this is one, apply the rescale intercept (often -1024), or load the original DICOM files.",
        )
    if low > AIR_BELOW_HU:
        raise InputError(
            "not-hounsfield",
            f"This scan is not a CT in Hounsfield units: {stated}, and no air (-1000 HU) is among them.",
            "Choose the original CT, not a mask, an MRI, or a windowed or skull-stripped image.",
        )


def _share(volume: Volume, condition: Callable[[np.ndarray], np.ndarray]) -> float:
    sample = volume.array[::2, ::8, ::8]
    return float(np.count_nonzero(condition(sample)) / sample.size)
