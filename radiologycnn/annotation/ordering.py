"""In which order cases are worked on: most to learn first, most to correct first, largest first, or by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from radiologycnn.annotation.predictions import Prediction

MOST_TO_LEARN, MOST_TO_CORRECT, BY_VOLUME, BY_NAME = "most-to-learn", "most-to-correct", "volume", "name"
ORDERS = (MOST_TO_LEARN, MOST_TO_CORRECT, BY_VOLUME, BY_NAME)
_FIGURES = {MOST_TO_LEARN: "uncertainty", MOST_TO_CORRECT: "correction_ml", BY_VOLUME: "volume_ml"}


def order_cases(cases: Iterable[str], predictions: Mapping[str, Prediction], by: str = MOST_TO_LEARN) -> list[str]:
    """Case ids in order; those of which the network has said nothing yet come last, by name.

    Args:
        by: one of ORDERS. "most-to-learn": highest uncertainty first; "most-to-correct": largest volume of expected
            corrections first; "volume": largest predicted volume first.

    Raises:
        ValueError: unknown order.
    """
    if by not in ORDERS:
        raise ValueError(f"There is no order {by!r} (known: {', '.join(ORDERS)}).")
    names = sorted(cases)
    if by == BY_NAME:
        return names
    known = [name for name in names if name in predictions]
    known.sort(key=lambda name: getattr(predictions[name], _FIGURES[by]), reverse=True)  # stable: equals stay by name
    return known + [name for name in names if name not in predictions]
