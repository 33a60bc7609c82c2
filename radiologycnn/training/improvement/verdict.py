"""Whether an improved model is kept: better on the cases held out, and nothing forgotten."""

from __future__ import annotations

from collections.abc import Mapping

from radiologycnn.training.improvement.settings import MOST_LOST_DICE


def has_forgotten(earlier: Mapping[str, float]) -> bool:
    """Whether the Dice on scans such as the model knew fell by more than may be."""
    return earlier["after"] < earlier["before"] - MOST_LOST_DICE


def verdict(before: float, after: float, held_out: int, earlier: Mapping[str, float] | None) -> tuple[bool, str]:
    """Whether a new model is kept, and why, in one sentence with the numbers.

    Args:
        before, after: mean Dice of the held-out cases.
        held_out: how many these are.
        earlier: ``before`` and ``after`` on simulated scans, such as the model knew; None where none were mixed in.
    """
    numbers = f"Dice on {held_out} held-out cases {after:.3f}, before {before:.3f}"
    if after <= before:
        return False, f"The new model is not better and was not kept: {numbers}."
    if earlier and has_forgotten(earlier):
        lost = f"{earlier['after']:.3f}, before {earlier['before']:.3f}"
        forgot = "The new model has forgotten what it knew and was not kept"
        return False, f"{forgot}: on simulated scans {lost} ({numbers})."
    return True, f"The new model is better: {numbers}."
