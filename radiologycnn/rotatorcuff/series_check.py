"""Whether a volume is an MR of a shoulder at all, and whether it is one that the network was made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.results import NOT_A_SHOULDER
from radiologycnn.rotatorcuff.series import describe_series, through_plane_axis
from radiologycnn.rotatorcuff.series_words import (
    ARTHROGRAM,
    SHOULDER,
    acquisition_facts,
    other_organ,
    path_says_shoulder,
    series_words,
    study_words,
    tag_words,
)

CHOOSE_SHOULDER = "Choose an oblique-coronal MR series of a shoulder, best T2- or PD-weighted."
# BodyPartExamined was wrong in 15 % of the images that Gueld 2002 looked at: there must be a way past it.
CHOOSE_OR_RENAME = (
    f"{CHOOSE_SHOULDER} If the header is wrong, rename the scan (its file or folder; in Slicer the volume) so that its "
    "name says shoulder."
)

_FEWEST_SLICES = 6
_EXTENT_MM = (40.0, 110.0, 260.0, 450.0)  # refused below, warned below, warned above, refused above
_THINNEST_MM, _THIN_MM = 25.0, 45.0  # through the slices: less than half a humeral head; less than a whole one
_CT_BELOW = -500.0
_FEWEST_VALUES = 16  # of an MR, however few bits it was stored with


def check_shoulder_mr(volume: Volume) -> list[str]:
    """Warnings for the person, one sentence each; empty when all is well.

    Args:
        volume: finite voxels on a valid grid (``radiologycnn.images.checks`` sees to that first).

    Raises:
        InputError: this is certainly not an MR volume of a shoulder: ``not-an-mr``, ``single-slice``,
            ``too-small-extent``, ``too-large-extent``, ``not-a-shoulder``.
    """
    facts = acquisition_facts(volume)
    _check_mr(volume, facts)
    warnings = _extent_warnings(volume)
    words = f"{series_words(volume, facts)} {study_words(facts)}"
    if not SHOULDER.search(words):
        tagged, named = other_organ(" ".join(tag_words(facts))), other_organ(words)
        if tagged and path_says_shoulder(volume):
            warnings.append(
                f"By its header this series shows {tagged}, but its file or folder is called a shoulder, and that was "
                "believed. Check that it is one."
            )
        elif tagged:
            raise InputError("not-a-shoulder", f"This series shows {tagged}, as its header says.", CHOOSE_OR_RENAME)
        elif named:  # a study may have series of several organs
            warnings.append(f"By its name this series shows {named}{NOT_A_SHOULDER}")
    description = describe_series(volume)
    if description.plane != "coronal":
        warnings.append(
            f"This is {'an' if description.plane == 'axial' else 'a'} {description.plane} series; the network was "
            "made for oblique-coronal ones, so its answer is not to be relied on."
        )
    if description.weighting == "T1":
        warnings.append(
            "This series is T1-weighted, in which fluid in a tear is dark without contrast; a T2- or PD-weighted one "
            "is expected."
        )
    if ARTHROGRAM.search(words):
        warnings.append("By its name this is an MR arthrogram; the network was made for shoulders without contrast.")
    if not volume.modality and not facts.get("Modality"):
        warnings.append("The file does not say that this is an MRI.")
    return warnings


def _check_mr(volume: Volume, facts: Mapping[str, Any]) -> None:
    modality = (volume.modality or str(facts.get("Modality", ""))).upper()
    if modality not in ("", "MR"):
        raise InputError(
            "not-an-mr", f"This scan's modality is {modality}, but an MR of a shoulder is needed.", CHOOSE_SHOULDER
        )
    if min(volume.array.shape) == 1:
        raise InputError("single-slice", "The image is a single slice, not a volume.", "Give the whole series.")
    low = float(volume.array.min())
    # An inversion recovery's real part has such values, too: where the header says MR, it is one.
    if not modality and low < _CT_BELOW and volume.array.max() > -2 * _CT_BELOW / 5:
        raise InputError(
            "not-an-mr",
            f"This scan's values begin at {low:g}, as those of a CT do; an MR of a shoulder is needed.",
            CHOOSE_SHOULDER,
        )
    # of few voxels first, which settles it for an MR; no count is told, as others may hold values that these lack
    if all(len(np.unique(volume.array[:, ::step, ::step])) < _FEWEST_VALUES for step in (16, 4)):
        raise InputError(
            "not-an-mr",
            f"This image holds fewer than {_FEWEST_VALUES} different values, as a mask or a label map does.",
            "Choose the MR that it was drawn on.",
        )


def _extent_warnings(volume: Volume) -> list[str]:
    through = through_plane_axis(volume)
    extent = volume.spacing_mm * volume.array.shape[::-1]
    thickness, (shorter, longer) = extent[through], np.sort(np.delete(extent, through))
    slices = volume.array.shape[2 - through]
    size = f"{longer:.0f} x {shorter:.0f} mm wide and {thickness:.0f} mm deep"
    least, small, large, most = _EXTENT_MM
    if shorter < least or thickness < _THINNEST_MM:
        raise InputError(
            "too-small-extent", f"This scan is only {size}, too small to hold a humeral head.", CHOOSE_SHOULDER
        )
    if longer > most:
        raise InputError(
            "too-large-extent",
            f"This scan is {size}, much more than a shoulder.",
            "Crop it to the shoulder, or choose the shoulder's own series.",
        )
    warnings = []
    if shorter < small:
        warnings.append(f"The image is small ({size}); parts of the shoulder may be missing.")
    if longer > large:
        warnings.append(f"The image is large for a shoulder ({size}); check that the cube lies on the humeral head.")
    if slices < _FEWEST_SLICES or thickness < _THIN_MM:
        warnings.append(f"The scan has {slices} slices over {thickness:.0f} mm, less than a whole humeral head.")
    return warnings
