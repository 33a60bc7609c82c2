"""Who is compared: readers and runs of a network, with what each of them said of the cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from radiologycnn.readers.answers import readers_of
from radiologycnn.readers.study import Study
from radiologycnn.readers.tables import Predictions

NETWORK_GROUP = "Network"
READERS_GROUP = "Readers"


@dataclass(frozen=True)
class Member:
    """A reader, or one run of a network: what he, she or it said of the cases.

    Attributes:
        tear_probability: of a tear of any size, by case; empty for readers and for networks that only name a class.
    """

    name: str
    group: str
    classes: Mapping[str, int]
    seconds: Mapping[str, float]
    tear_probability: Mapping[str, float] = field(default_factory=dict)
    is_network: bool = False


def members_of(study: Study, groups: Mapping[str, str], networks: Sequence[Predictions]) -> list[Member]:
    """Network first, then the readers; groups as in the table, else all readers in one.

    Args:
        study: with the readers' answers.
        groups: reader's id in small letters to group; empty for one group.
        networks: the network's tables.
    """
    members = []
    for one in networks:
        tear = {case: 1.0 - values[0] for case, values in one.probabilities.items()}
        members.append(Member(one.name, NETWORK_GROUP, one.classes, one.seconds, tear, is_network=True))
    for reader, answers in readers_of(study).items():
        group = groups.get(reader.casefold(), "Without a group" if groups else READERS_GROUP)
        members.append(
            Member(
                reader,
                f"{group} (readers)" if group == NETWORK_GROUP else group,
                {case: one.tear_class for case, one in answers.items()},
                {case: one.seconds for case, one in answers.items() if one.seconds is not None},
            )
        )
    return members


def classes_of(table: Mapping[str, int], cases: Sequence[str]) -> np.ndarray:
    """The classes of these cases, shape (cases,)."""
    return np.array([table[case] for case in cases], int)
