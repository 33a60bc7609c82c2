"""What the network expects of a case, and how much there is to learn from correcting it (active learning).

The measure. Let p be the network's probability at a voxel, M its mask (p >= threshold), and take each voxel to be blood
with chance p. Then the overlap that the mask may expect with the truth is about

    expected Dice = (2 * sum of p in M + s) / (volume of M + sum of p + s),

the ratio of the expectations, all in mL, and ``uncertainty`` is 1 minus it: 0 where the network is sure, also that
there is no blood, near 1 where its mask rests on low probabilities or where much probability lies outside it. Dividing
by the volume keeps large bleeds from standing first only because their outlines are long. s = 0.1 mL keeps a few
doubtful voxels in an empty scan from counting as much as a whole missed bleed. One pass over the map; no second network
and no repeated runs. ``correction_ml``, the expected volume of voxels to be changed, is kept beside it.

A network that is sure of its errors (a bleed with p near 0 throughout) is not found by this or any other measure of its
own probabilities: ``Testing/benchmarks/active_learning.py`` prints how far the order is better than chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

SMOOTHING_ML = 0.1
LEAST_PROBABILITY = 0.01
"""Lower ones count as 0: a head has millions of such voxels, and results are kept without most of them."""


@dataclass(frozen=True)
class Prediction:
    """A network's word on one case.

    Attributes:
        model: {"id", "sha256"} of the network.
        threshold: probability from which a voxel is in the mask.
        volume_ml: of the mask.
        uncertainty: 0-1, 1 - expected Dice.
        correction_ml: volume of the voxels that are expected to be wrong.
    """

    case: str
    model: Mapping[str, str] = field(default_factory=dict)
    threshold: float = 0.5
    volume_ml: float = 0.0
    uncertainty: float = 0.0
    correction_ml: float = 0.0

    @property
    def expected_dice(self) -> float:
        """Of the mask with the truth, see the module."""
        return 1.0 - self.uncertainty

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Prediction:
        names = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in names})

    @classmethod
    def of(
        cls, case: str, probability: np.ndarray, threshold: float, voxel_ml: float, model: Mapping[str, str]
    ) -> Prediction:
        """Of a probability map.

        Args:
            probability: shape (K, J, I), or (labels, K, J, I) of which the highest counts; the crop with
                all that reaches LEAST_PROBABILITY is enough.
            voxel_ml: volume of a voxel, mL.
        """
        highest = probability.max(axis=0) if probability.ndim == 4 else probability
        inside, some = highest >= threshold, highest >= LEAST_PROBABILITY
        mask_ml = float(np.count_nonzero(inside)) * voxel_ml
        blood_ml = float(highest.sum(dtype=np.float64, where=some)) * voxel_ml
        blood_in_mask_ml = float(highest.sum(dtype=np.float64, where=inside)) * voxel_ml
        expected_dice = (2 * blood_in_mask_ml + SMOOTHING_ML) / (mask_ml + blood_ml + SMOOTHING_ML)
        return cls(
            case,
            dict(model),
            float(threshold),
            mask_ml,
            min(max(1.0 - expected_dice, 0.0), 1.0),
            max(mask_ml + blood_ml - 2 * blood_in_mask_ml, 0.0),
        )
