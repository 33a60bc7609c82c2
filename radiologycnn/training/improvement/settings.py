"""The choices of an improvement; few and careful, as a model that works is changed by a handful of cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from radiologycnn.errors import InputError

MOST_LOST_DICE = 0.05
"""By so much the Dice on simulated scans, where some are mixed in, may fall without the model being refused."""

NEW_SHARES = (1.0, 0.5)
"""How far from the old weights to the new ones: the whole way, and half of it where the whole way forgets.

Weights between those of a network and of its fine-tuned copy keep most of what either knows (Wortsman et al., Robust
fine-tuning of zero-shot models, CVPR 2022). Which of them is taken, the simulated scans decide, not the held-out cases.
"""


@dataclass(frozen=True)
class ImprovementSettings:
    """How a model is fine-tuned.

    Attributes:
        epochs: passes over the corrections.
        learning_rate: of Adam at its highest; it falls to 1 % over the run. A fifth of a training from the start.
        held_out_share: of the cases, on which the new model is compared with the old one.
        simulated: scans of the simulator mixed in, against forgetting; a third of them is only for checking that.
            None: 12 for a model that was trained on simulated scans, else none.
        seed: decides order, augmentation and the simulated scans.
    """

    epochs: int = 8
    learning_rate: float = 3e-4
    held_out_share: float = 0.25
    simulated: int | None = None
    seed: int = 0

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> ImprovementSettings:
        """The defaults with these changes; None changes nothing.

        Raises:
            InputError: an unknown setting, or an impossible value.
        """
        unknown = set(record) - {f.name for f in fields(cls)}
        settings = cls(**{name: value for name, value in record.items() if value is not None and name not in unknown})
        problems = [f"{name} is unknown" for name in sorted(unknown)] + settings._problems()
        if problems:
            raise InputError("bad-settings", f"The settings cannot be used: {'; '.join(problems)}.", "Correct them.")
        return settings

    def _problems(self) -> list[str]:
        found = []
        if not _is_whole(self.epochs) or self.epochs < 1:
            found.append("epochs is at least 1")
        if not 0 < self.learning_rate <= 0.01:
            found.append("the learning rate lies between 0 and 0.01")
        if not 0 < self.held_out_share < 1:
            found.append("the held-out share lies between 0 and 1")
        if self.simulated is not None and (not _is_whole(self.simulated) or self.simulated < 0):
            found.append("simulated is a number of scans")
        if not _is_whole(self.seed) or self.seed < 0:
            found.append("the seed is a whole number that is not negative")
        return found

    def simulated_scans(self, model_is_simulated: bool) -> tuple[int, int]:
        """Simulated scans to mix in, and further ones to check with."""
        count = self.simulated if self.simulated is not None else 12 * model_is_simulated
        check = round(count / 3)
        return count - check, check

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
