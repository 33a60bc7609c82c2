"""Is this scan a head CT that the network can read? Refuses what certainly is not, warns where in doubt.

The test of the organ is geometric: a head has slices in which a closed ring of bone, of a head's size, surrounds soft
tissue. Nothing else in the body has: ribs and pelvis leave wide gaps, and limbs are too small.
"""

from __future__ import annotations

import re

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.skull import AIR_BELOW_HU, BONE_ABOVE_HU, LEAST_RING_MM, Skull, find_skull
from radiologycnn.images.grid import axes_to_lps, restore_box
from radiologycnn.images.volume import Volume

CHOOSE_HEAD = "Choose a non-contrast CT of the whole head."

# Height over which a closed ring of bone is usually seen, and height of a head, against the widest ring's diameter,
# which is 150 mm in an adult and 85 mm in a newborn. Where an edge of the stack cuts the head off and less of it is
# there, or the whole stack is lower, only a part of a head is there. After a craniectomy fewer rings are closed.
USUAL_RING_SHARE = 0.4
LEAST_EXTENT_SHARE = 0.55

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

# So many voxels that all have the highest value were brighter before a program cut them off: bone, in a head.
CLIPPED_SHARE = 0.005

# Names of scans, in lower case. "W/WO" names an examination with scans of both kinds; what else a text says decides.
_ALWAYS_CONTRAST = re.compile(r"\bct[avp]\b|angio|perfusion")
_BOTH = re.compile(r"\bw(ith)?[ /&+,-]*(and )?(without|w[/ ]?o)\b|\b(without|w[/ ]?o)[ /&+,-]+(and )?w(ith)?\b")
_NO_CONTRAST = re.compile(r"no[nt]?.?(con|enhanced)|\bunenhanced|without|\bw[/ ]?o\b|nativ|plain|\bohne\b")
_CONTRAST = re.compile(
    r"\b(post|with|w).{0,2}(iv )?con(trast)?\b|contrast.?enhanced|\benhanced\b|\bce(ct)?\b|\bc\+|\+c\b|"
    r"venogra|kontrast|\bkm\b"
)
# What stands in the header's field for the agent where there was none.
_NO_AGENT = re.compile(r"n|n/a|c-|non.?contrast|(no|none|without)\b.*|[-0. ]+(ml)?")


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
        cut_off = np.count_nonzero(volume.array == volume.array.max()) > CLIPPED_SHARE * volume.array.size
        raise InputError(
            "not-a-head-ct",
            f"There is no bone in this scan: its values run from {low:g} to {high:g} HU, "
            + ("where they seem to be cut off." if cut_off else "so it cannot show a head."),
            "Choose the original CT, not a windowed image." if cut_off else CHOOSE_HEAD,
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
    cut_off = ("top",) * (skull.top_share > CUT_VERTEX_SHARE) + skull.cut_off
    few_rings = skull.ring_mm < USUAL_RING_SHARE * skull.width_mm
    if height < LEAST_EXTENT_SHARE * skull.width_mm or (few_rings and {"top", "base"} & set(cut_off)):
        warnings.append(
            f"Only part of the head is in this scan ({height:.0f} mm from bottom to top); "
            "what lies outside is not measured."
        )
    elif cut_off:
        parts = " and the ".join(cut_off)
        seems = "seems" if len(cut_off) == 1 else "seem"
        warnings.append(f"The {parts} of the head {seems} to be cut off; a bleed there is not measured.")
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
    agent = str(facts.get("ContrastBolusAgent", "")).strip().lower()
    if agent and not _NO_AGENT.fullmatch(agent):
        return True
    # The protocol is the whole examination's, of which this may be the scan before the contrast medium.
    for texts in ((volume.name, facts.get("SeriesDescription", "")), (facts.get("ProtocolName", ""),)):
        described = _says_contrast(" ".join(map(str, texts)))
        if described is not None:
            return described
    return False


def _says_contrast(text: str) -> bool | None:
    """Whether a name speaks of contrast medium; None where it speaks neither of it nor of its absence."""
    text = text.lower().replace("_", " ")  # which separates words in file names
    if _ALWAYS_CONTRAST.search(text):
        return True
    one_kind = _BOTH.sub(" ", text)
    if _NO_CONTRAST.search(one_kind):
        return False
    return True if one_kind != text or _CONTRAST.search(one_kind) else None


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
    sample = volume.array[::2, ::8, ::8]
    soft, stored = _share(sample, 0, 100), _share(sample, 850, 1250)
    middle = _middle(sample)
    # Stored values begin at 0, apart from what pads the corners: what fills the middle of the image is tissue.
    stored_tissue = _share(middle, 850, 1250)
    if high >= 1500 and stored > 0.1 and (low >= -100 or stored_tissue > max(0.4, _share(middle, 0, 100))):
        raise InputError(
            "not-hounsfield",
            f"This scan is not in Hounsfield units: {stated}. It may be no CT at all (an MRI, say), or its values are "
            "as the scanner stores them before its offset is applied.",
            "Choose a CT; if this is one, apply the rescale intercept (often -1024), or load the original DICOM files.",
        )
    if soft < 0.02 and _share(middle, -1100, -850) > 0.3 and _share(sample, -2200, -1850) > 0.1:
        raise InputError(
            "not-hounsfield",
            f"This scan is not in Hounsfield units: {stated}, with air at about -2000 and hardly any soft tissue. The "
            "scanner's offset seems to have been applied twice.",
            "Apply the rescale intercept (often -1024) once only, or load the original DICOM files.",
        )
    if low > AIR_BELOW_HU:
        raise InputError(
            "not-hounsfield",
            f"This scan is not a CT in Hounsfield units: {stated}, and no air (-1000 HU) is among them.",
            "Choose the original CT, not a mask, an MRI, or a windowed or skull-stripped image.",
        )


def _middle(sample: np.ndarray) -> np.ndarray:
    """The middle half of each of a volume's axes, (K, J, I)."""
    k, j, i = (slice(size // 4, size - size // 4) for size in sample.shape)
    return sample[k, j, i]


def _share(sample: np.ndarray, above: float, below: float) -> float:
    """Share of voxels with a value between two."""
    return float(np.count_nonzero((sample > above) & (sample < below)) / sample.size)
