"""Which type of bleed a value in a folder's masks stands for.

``dataset_description.json`` beside the masks, or in the folder above where that of the masks has no manifest of its own
(such as annotations that were made beside an imported data set), says so, as ``datasets import`` writes it:
``{"MaskValues": {"1": "edh", "2": "iph"}}``. Without it values are those of :data:`..labels.BLEED_TYPES`, which
``simulate`` and models of five types write: 1 to 5 for iph, ivh, sdh, edh and sah.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.labels import BLEED_TYPES, LabelDefinition

DESCRIPTION_NAME = "dataset_description.json"
VALUES_KEY = "MaskValues"
_MANIFEST_NAME = "cases.csv"  # as radiologycnn.training.case_files has it


def stated_values(folder: Path) -> dict[int, str] | None:
    """Types by value as the folder, or the one above, states them; None where neither does.

    Raises:
        InputError: the file is damaged or names an unknown type.
    """
    above = [] if (folder / _MANIFEST_NAME).is_file() else [folder.parent / DESCRIPTION_NAME]
    for path in (folder / DESCRIPTION_NAME, *above):
        if not path.is_file():
            continue
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            values = record.get(VALUES_KEY) if isinstance(record, dict) else None
            if values is None:
                continue
            found = {int(value): str(kind) for value, kind in values.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(
                "damaged-file", f"{path} cannot be read.", f'It holds JSON such as {{"{VALUES_KEY}": {{"1": "iph"}}}}.'
            ) from error
        unknown = sorted(set(found.values()) - BLEED_TYPES.keys())
        if unknown:
            raise InputError(
                "unknown-type",
                f"{path} names the type “{unknown[0]}”, which is unknown.",
                f"Use {', '.join(BLEED_TYPES)}.",
            )
        return found
    return None


def values_of_mask(mask: Path, data: Path | None = None) -> dict[int, str] | None:
    """Types by value in one mask file, as its data folder states them, or else what lies beside it.

    Args:
        data: folder whose ``cases.csv`` names the mask; None for none.

    Raises:
        InputError: as :func:`stated_values`.
    """
    stated = None if data is None else stated_values(data)
    return stated_values(mask.parent) if stated is None else stated


def standard_labels(array: np.ndarray, values: Mapping[int, str] | None = None) -> np.ndarray:
    """A mask as read from a file as uint8 label map of the same shape, in the values of :data:`..labels.BLEED_TYPES`.

    Args:
        array: not 0 where there is blood, see :func:`radiologycnn.images.masks.marked`.
        values: types by value, of :func:`stated_values`; a value that they lack becomes 255. None keeps values as they
            are, up to 255.
    """
    labels = np.clip(np.rint(array), 0, 255).astype(np.uint8)
    if values is None:
        return labels
    table = np.full(256, 255, np.uint8)
    table[0] = 0
    for value, kind in values.items():
        if 0 < value < 256:
            table[value] = BLEED_TYPES[kind].value
    return table[labels]


def types_in(labels: np.ndarray) -> tuple[str, ...] | None:
    """Types that a label map of standard values, any shape, holds; None where it holds any other value."""
    held = np.flatnonzero(np.bincount(labels.ravel(), minlength=1)).tolist()
    known = {label.value: kind for kind, label in BLEED_TYPES.items()}
    return None if set(held) - known.keys() - {0} else tuple(known[value] for value in held if value)


def types_text(labels: np.ndarray) -> str:
    """What :func:`types_in` says, as a manifest's column ``types`` has it: "iph+ivh", "none"."""
    return "+".join(types_in(labels) or ()) or "none"


def are_types(labels: Sequence[LabelDefinition]) -> bool:
    """Whether a model with these labels tells the types of bleed apart, and its masks hold standard values."""
    return [(one.value, one.name) for one in labels] == [(one.value, one.name) for one in BLEED_TYPES.values()]
